"""Signing in: what is guessed too often, sessions and their ends, the second factor, links that work once."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, PASSWORD, SignedIn, application, on_both_databases, settings_for
from flask import Flask
from flask.testing import FlaskClient
from flask_security.proxies import _security
from large import LARGE, tried
from peewee import Database
from playwright.sync_api import Page, expect
from samples import World

from accounts import people, throttle
from accounts.access import SCAN, may
from accounts.models import ApiToken, AttemptCount, PersonLink, User, UserSession
from accounts.people import Belonging, create_token, create_user, invite, new_link, set_role
from accounts.sessions import open_sessions
from app import create_app
from database import db as proxy
from database import utc_now

OTHER = "another long password"


def csrf(page: str) -> str:
    found = re.search(r'name="csrf_token" (?:type="hidden" )?value="([^"]+)"', page) or re.search(
        r'name="csrf-token" content="([^"]+)"', page
    )
    assert found
    return found[1]


def send(client: FlaskClient, path: str, data: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    """What a browser sends: the page, then its form."""
    page = client.get(path)
    if page.status_code not in (200, 422):
        page = client.get("/profile" if path == "/logout" else "/login")
    return client.post(path, data={"csrf_token": csrf(page.get_data(as_text=True)), **(data or {})}, **kwargs)


def sign_in(client: FlaskClient, username: str, password: str, **kwargs: Any) -> Any:
    return send(client, "/login", {"username": username, "password": password}, **kwargs)


def wrong(client: FlaskClient, token: str, username: str, **kwargs: Any) -> int:
    """One wrong password in a browser that has the login page open."""
    form = {"csrf_token": token, "username": username, "password": "wrong password"}
    return client.post("/login", data=form, **kwargs).status_code


# ---- guessing


def test_S8_a_thousand_wrong_passwords_over_ten_accounts_are_slowed_and_lock_nobody_out_of_his_own_device(
    app: Flask, anonymous: FlaskClient
) -> None:
    """From one address, with X-Forwarded-For forged for each guess. Nearly all are refused without a look at the
    password; who signed in before on a browser of his own still comes in from there, and only from there."""
    with app.app_context():
        names = [f"person.{number}" for number in range(10)]
        for name in names:
            create_user(name, PASSWORD, NOW)
    known = app.test_client()
    assert sign_in(known, names[0], PASSWORD).status_code == 302
    send(known, "/logout")
    token = csrf(anonymous.get("/login").get_data(as_text=True))
    answers = [
        wrong(anonymous, token, names[number % 10], headers={"X-Forwarded-For": f"203.0.113.{number % 250}"})
        for number in range(1000)
    ]
    assert answers.count(200) <= 50  # judged: at most so many as one address has
    assert answers.count(429) == 1000 - answers.count(200)
    late = sign_in(anonymous, names[0], PASSWORD)
    assert late.status_code == 429  # the right one too, from where the guesses come
    assert int(late.headers["Retry-After"]) <= 15 * 60
    assert sign_in(known, names[0], PASSWORD).status_code == 302
    assert known.get("/profile").status_code == 200


def test_S8_guesses_from_fifty_addresses_are_slowed_by_the_account(
    app: Flask, anonymous: FlaskClient, user: User
) -> None:
    with app.app_context():
        names = ["wang.li", *(create_user(f"person.{number}", PASSWORD, NOW).username for number in range(9))]
    known = app.test_client()
    assert sign_in(known, "wang.li", PASSWORD).status_code == 302
    send(known, "/logout")
    token = csrf(anonymous.get("/login").get_data(as_text=True))
    for name in names if LARGE else names[:1]:
        answers = [
            wrong(anonymous, token, name, environ_base={"REMOTE_ADDR": f"198.51.100.{number % 50}"})
            for number in range(100 if LARGE else 50)
        ]
        assert answers.count(200) == throttle.PER_ACCOUNT.amount
        assert answers[throttle.PER_ACCOUNT.amount :] == [429] * (len(answers) - throttle.PER_ACCOUNT.amount)
    assert sign_in(known, "wang.li", PASSWORD).status_code == 302  # from his known device
    tried("S8", "wrong passwords over ten accounts from fifty addresses", 1_000)


def test_a_known_device_is_known_for_its_person_only_and_has_a_limit_of_its_own(
    app: Flask, anonymous: FlaskClient, user: User
) -> None:
    with app.app_context():
        create_user("li.na", PASSWORD, NOW)
    sign_in(anonymous, "wang.li", PASSWORD)
    send(anonymous, "/logout")
    token = csrf(anonymous.get("/login").get_data(as_text=True))
    limit = throttle.PER_DEVICE.amount
    assert [wrong(anonymous, token, "wang.li") for _ in range(limit + 2)] == [200] * limit + [429] * 2
    assert [wrong(anonymous, token, "li.na") for _ in range(limit + 1)] == [200] * limit + [429]
    name = "__Host-known_device"
    cookie = anonymous.get_cookie(name)
    assert cookie is not None
    anonymous.set_cookie(name, cookie.value[:-3] + "abc")  # forged: as unknown as any
    with app.test_request_context(headers={"Cookie": f"{name}={cookie.value[:-3]}abc"}):
        assert throttle._known_device("wang.li") == ""
    with app.test_request_context(headers={"Cookie": f"known_device={cookie.value}"}):  # set by another host, perhaps
        assert throttle._known_device("wang.li") == ""
    with app.test_request_context(headers={"Cookie": f"{name}={cookie.value}"}):
        assert throttle._known_device("wang.li")
        assert not throttle._known_device("li.na")


def test_a_right_password_ends_the_count_of_typing_errors(app: Flask, anonymous: FlaskClient, user: User) -> None:
    for _ in range(3):
        token = csrf(anonymous.get("/login").get_data(as_text=True))
        assert [wrong(anonymous, token, "WANG.LI") for _ in range(8)] == [200] * 8
        assert sign_in(anonymous, "wang.li", PASSWORD).status_code == 302
        send(anonymous, "/logout")


@on_both_databases
def test_counts_hold_for_all_processes_and_end_with_their_time(db: Database, app: Flask) -> None:
    store = throttle.CountsInDatabase()
    assert [store.incr("a", 60) for _ in range(3)] == [1, 2, 3]
    assert throttle.CountsInDatabase().get("a") == 3  # another process sees the same
    assert abs(store.get_expiry("a") - time.time() - 60) < 5
    AttemptCount.update(expires_time=utc_now() - timedelta(seconds=1)).execute()
    assert store.get("a") == 0
    assert store.incr("a", 60) == 1
    store.clear("a")
    assert store.get("a") == 0


def test_nothing_in_the_counts_tells_a_name(app: Flask, anonymous: FlaskClient, user: User) -> None:
    token = csrf(anonymous.get("/login").get_data(as_text=True))
    wrong(anonymous, token, "wang.li")
    assert AttemptCount.select().count() == 2
    assert not [row.key for row in AttemptCount.select() if not re.fullmatch(r"[0-9a-f]{64}", row.key)]


def test_S8_an_unknown_user_takes_as_long_as_a_wrong_password(db: Database, tmp_path: Path) -> None:
    """The quickest of several, in turns, with a hash of its real cost."""
    real = create_app({"ROUNDTRIP": settings_for(tmp_path), "TESTING": True})
    proxy.initialize(db)
    with real.app_context():
        create_user("wang.li", PASSWORD, NOW)
    client = real.test_client()
    token = csrf(client.get("/login").get_data(as_text=True))
    took: dict[str, list[float]] = {"wang.li": [], "nobody": []}
    for _ in range(100 if LARGE else 7):
        for name, times in took.items():
            AttemptCount.delete().execute()
            start = time.process_time()  # of this process alone, whatever else the machine does
            assert wrong(client, token, name) == 200
            times.append(time.process_time() - start)
    known, unknown = (min(times) for times in took.values())
    tried("S8", f"passwords; an unknown user's takes {unknown / known - 1:+.0%} of a known one's time", 200)
    assert abs(known - unknown) / known < (0.10 if LARGE else 0.15), (known, unknown, statistics.median(took["nobody"]))


def test_the_address_of_who_asks_comes_from_our_own_proxies_only(app: Flask, tmp_path: Path, db: Database) -> None:
    def seen(hops: int, forwarded: str) -> str:
        settings = replace(app.config["ROUNDTRIP"], proxy_hops=hops)
        made = application(settings)
        proxy.initialize(db)
        made.add_url_rule("/address", "address", _public(lambda: _asked()))
        return made.test_client().get("/address", headers={"X-Forwarded-For": forwarded}).get_data(as_text=True)

    assert seen(0, "203.0.113.9") == "127.0.0.1"
    assert seen(1, "203.0.113.9, 198.51.100.7") == "198.51.100.7"
    assert seen(2, "1.2.3.4, 203.0.113.9, 198.51.100.7") == "203.0.113.9"


def _public(view: Callable[[], str]) -> Callable[[], str]:
    from accounts.access import public

    return public(view)


def _asked() -> str:
    from flask import request

    return request.remote_addr or ""


# ---- sessions


def test_a_session_is_new_at_sign_in_and_dead_after_sign_out(app: Flask, anonymous: FlaskClient, user: User) -> None:
    before = anonymous.get("/login").headers["Set-Cookie"].split(";")[0]
    planted = csrf(anonymous.get("/login").get_data(as_text=True))
    sign_in(anonymous, "wang.li", PASSWORD)
    cookie = anonymous.get_cookie("__Host-session")
    assert cookie is not None
    assert cookie.value not in before
    assert csrf(anonymous.get("/profile").get_data(as_text=True)).split(".")[0] != planted.split(".")[0]
    thief = app.test_client()
    thief.set_cookie("__Host-session", cookie.value)
    assert thief.get("/profile").status_code == 200
    send(anonymous, "/logout")
    assert thief.get("/profile").status_code == 302  # a copy of the cookie is worth nothing any more
    assert not UserSession.select().exists()


def test_a_session_ends_when_it_was_not_used_and_in_any_case_after_a_day(app: Flask, client: SignedIn) -> None:
    settings = app.config["ROUNDTRIP"]
    hour = timedelta(hours=1)
    for seen, began, lives in (
        (settings.session_idle - hour, settings.session_lifetime - hour, True),
        (settings.session_idle + hour, settings.session_lifetime - hour, False),
        (hour, settings.session_lifetime + hour, False),
    ):
        now = utc_now()
        UserSession.update(seen_time=now - seen, created_time=now - began).execute()
        assert (client.get("/profile").status_code == 200) == lives, (seen, began)


def test_a_change_of_password_ends_every_other_session(app: Flask, client: SignedIn, user: User) -> None:
    here = app.test_client()
    sign_in(here, "wang.li", PASSWORD)
    form = {"password": PASSWORD, "new_password": OTHER, "new_password_confirm": OTHER}
    asked = here.get("/change").get_data(as_text=True)
    assert asked.count('class="rt-required"') == 3
    assert send(here, "/change", form).status_code == 302
    own = here.get("/profile")
    assert own.status_code == 200
    with app.test_request_context():
        assert len(open_sessions(user, utc_now())) == 1  # those that have ended are not listed
    assert client.get("/profile").status_code == 302
    with app.test_request_context():
        people.new_password(user)
        assert open_sessions(user, utc_now()) == []


def test_an_end_of_access_is_at_once_for_sessions_links_and_tokens(app: Flask, client: SignedIn) -> None:
    with app.app_context():
        clerk = create_user("li.na", PASSWORD, NOW, role="document_clerk")
        link = new_link(clerk, "reset", utc_now(), None)
        token = people.create_token(clerk, "program", NOW)
    hers = app.test_client()
    sign_in(hers, "li.na", PASSWORD)
    header = {"Authorization": f"Bearer {token}"}
    assert hers.get("/profile").status_code == 200
    assert hers.get("/shipments", headers=header).status_code == 200
    assert client.post(f"/people/{clerk.id}/end").status_code == 302
    assert hers.get("/profile").status_code == 302
    assert app.test_client().get("/shipments", headers=header).status_code == 401
    assert hers.get(f"/invitation/{link}").status_code == 404
    answer = sign_in(hers, "li.na", PASSWORD)
    assert answer.status_code == 200
    assert "The user name or the password is wrong." in answer.get_data(as_text=True)
    assert client.post(f"/people/{clerk.id}/again").status_code == 302
    assert sign_in(hers, "li.na", PASSWORD).status_code == 302


def test_one_sees_and_ends_ones_own_sessions_and_not_those_of_others(app: Flask, client: SignedIn, user: User) -> None:
    with app.app_context():
        create_user("li.na", PASSWORD, NOW)
    other, hers = app.test_client(), app.test_client()
    sign_in(other, "wang.li", PASSWORD, headers={"User-Agent": "Handheld 7"})
    sign_in(hers, "li.na", PASSWORD)
    assert "Handheld 7" in client.get("/profile").get_data(as_text=True)
    ids = {row.agent: row.id for row in UserSession.select().where(UserSession.user == user)}
    strange = UserSession.get(UserSession.user != user)
    client.post(f"/profile/sessions/{strange.id}/end")
    client.post(f"/profile/sessions/{ids['Handheld 7']}/end")
    assert (other.get("/profile").status_code, hers.get("/profile").status_code) == (302, 200)
    assert client.get("/profile").status_code == 200
    client.post("/profile/sessions/end")
    assert client.get("/profile").status_code == 302


def test_what_changes_who_may_come_in_asks_for_the_password_once_more(app: Flask, client: SignedIn, user: User) -> None:
    with client.session_transaction() as session:
        session["fs_paa"] = time.time() - 2 * 3600
    for path in ("/people/new", f"/people/{user.id}", "/profile/tokens/new", "/tf-setup"):
        answer = client.get(path)
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/verify"), path
    assert client.get("/people").status_code == 200
    page = client.get("/verify?next=/people/new")
    token = csrf(page.get_data(as_text=True))
    again = client.post("/verify?next=/people/new", data={"csrf_token": token, "password": PASSWORD})
    assert again.headers["Location"].endswith("/people/new")
    assert client.get("/people/new").status_code == 200


# ---- the second factor


def code(user: User, steps: int = 0) -> str:
    """What the phone shows, `steps` times 30 seconds from now."""
    totp = _security.totp_factory._totp.from_source(User.get_by_id(user.id).tf_totp_secret)
    return str(totp.generate(time=int(time.time()) + 30 * steps).token)


def set_up(app: Flask, client: FlaskClient, user: User) -> None:
    """The second factor of who is signed in, through its pages."""
    page = send(client, "/tf-setup", {"setup": "authenticator"}).get_data(as_text=True)
    key = re.search(r"<code>([A-Z2-7 -]+)</code>", page)
    assert key, page
    action = re.search(r'<form action="(/tf-(?:setup|validate)[^"]*)"', page)
    assert action
    with app.app_context():
        totp = _security.totp_factory._totp(key=re.sub(r"[ -]", "", key[1]), format="base32")
        now = str(totp.generate().token)
    answer = client.post(action[1], data={"csrf_token": csrf(page), "code": now})
    assert answer.status_code == 302
    User.update(totp_counter=None).where(User.id == user.id).execute()  # as if it had been long ago


def test_with_a_second_factor_the_password_alone_opens_nothing(app: Flask, client: SignedIn, user: User) -> None:
    set_up(app, client, user)
    visitor = app.test_client()
    assert sign_in(visitor, "wang.li", PASSWORD).headers["Location"].startswith("/tf-validate")
    assert visitor.get("/profile").status_code == 302
    wrong = send(visitor, "/tf-validate", {"code": "000000"})
    assert wrong.status_code == 200
    assert "This code is not right, or was used already." in wrong.text
    assert 'autocomplete="one-time-code"' in wrong.text, "the step is the same: the password is not asked for again"
    with app.app_context():
        now = code(user)
    assert send(visitor, "/tf-validate", {"code": now}).status_code == 302
    assert visitor.get("/profile").status_code == 200
    again = app.test_client()
    sign_in(again, "wang.li", PASSWORD)
    assert send(again, "/tf-validate", {"code": now}).status_code == 200  # each code once
    assert again.get("/profile").status_code == 302


def test_a_wrong_digit_while_it_is_set_up_keeps_the_key_that_the_app_has_scanned(
    app: Flask, client: SignedIn, user: User
) -> None:
    page = send(client, "/tf-setup", {"setup": "authenticator"}).text
    key = re.search(r"<code>([A-Z2-7 -]+)</code>", page)
    action = re.search(r'<form action="(/tf-setup/[^"]+)"', page)
    assert key
    assert action
    form = {"csrf_token": csrf(page), "code": "000000"}
    wrong = client.post(action[1], data=form)
    assert wrong.status_code == 200
    assert "This code is not right, or was used already." in wrong.text
    assert f"<code>{key[1]}</code>" in wrong.text
    assert f'<form action="{action[1]}"' in wrong.text
    answers = [client.post(action[1], data=form).status_code for _ in range(throttle.PER_DEVICE.amount + 3)]
    assert answers[-3:] == [429] * 3
    assert not User.get_by_id(user.id).has_second_factor
    throttle.CountsInDatabase("roundtrip://").reset()
    with app.app_context():
        now = _security.totp_factory._totp(key=re.sub(r"[ -]", "", key[1]), format="base32").generate().token
    assert client.post(action[1], data=form | {"code": str(now)}).status_code == 302
    assert User.get_by_id(user.id).has_second_factor


def test_the_secret_of_the_second_factor_and_the_recovery_codes_are_kept_encrypted(
    app: Flask, client: SignedIn, user: User
) -> None:
    set_up(app, client, user)
    codes = re.findall(r"<code>([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4})</code>", send(client, "/mf-recovery-codes").text)
    assert len(codes) == 10
    row = User.get_by_id(user.id)
    assert '"enckey"' in row.tf_totp_secret
    assert not [code for code in codes if code in str(row.mf_recovery_codes)]
    visitor = app.test_client()
    sign_in(visitor, "wang.li", PASSWORD)
    assert send(visitor, "/mf-recovery", {"code": "0000-0000-0000"}).status_code == 200
    assert send(visitor, "/mf-recovery", {"code": codes[3]}).status_code == 302
    assert visitor.get("/profile").status_code == 200
    thief = app.test_client()
    sign_in(thief, "wang.li", PASSWORD)
    assert send(thief, "/mf-recovery", {"code": codes[3]}).status_code == 200  # each once
    assert thief.get("/profile").status_code == 302


def test_codes_of_the_second_factor_cannot_be_tried_at_will(app: Flask, client: SignedIn, user: User) -> None:
    set_up(app, client, user)
    visitor = app.test_client()
    sign_in(visitor, "wang.li", PASSWORD)
    token = csrf(visitor.get("/tf-validate").get_data(as_text=True))
    form = {"csrf_token": token, "code": "000000"}
    answers = [visitor.post("/tf-validate", data=form).status_code for _ in range(throttle.PER_DEVICE.amount + 3)]
    assert answers[-3:] == [429] * 3


def test_a_role_that_must_have_a_second_factor_sets_one_up_before_anything_else(
    app: Flask, anonymous: FlaskClient, user: User
) -> None:
    app.config["ROUNDTRIP"] = replace(app.config["ROUNDTRIP"], require_totp=frozenset({"administrator"}))
    with app.app_context():
        create_user("li.na", PASSWORD, NOW, role="viewer")
    assert sign_in(anonymous, "wang.li", PASSWORD).headers["Location"].startswith("/tf-setup")
    assert anonymous.get("/profile").status_code == 302
    set_up(app, anonymous, user)
    assert anonymous.get("/profile").status_code == 200
    assert "disable" not in anonymous.get("/tf-setup").get_data(as_text=True)  # and cannot turn it off
    send(anonymous, "/tf-setup", {"setup": "disable"})
    assert User.get_by_id(user.id).has_second_factor
    viewer = app.test_client()
    assert sign_in(viewer, "li.na", PASSWORD).headers["Location"] == "/"


def test_an_administrator_takes_away_the_second_factor_of_who_lost_the_phone(
    app: Flask, client: SignedIn, user: User
) -> None:
    with app.app_context():
        clerk = create_user("li.na", PASSWORD, NOW, role="viewer")
    hers = SignedIn(app, app.response_class)
    hers.sign_in(clerk)
    set_up(app, hers, clerk)
    assert client.post(f"/people/{clerk.id}/second-factor/reset").status_code == 302
    row = User.get_by_id(clerk.id)
    assert not row.has_second_factor
    assert row.mf_recovery_codes is None
    assert sign_in(app.test_client(), "li.na", PASSWORD).headers["Location"] == "/"


# ---- links


NONE = Belonging(frozenset({"viewer"}))


def test_an_invitation_is_shown_once_and_only_its_hash_is_kept(app: Flask, client: SignedIn) -> None:
    form = {"username": "li.na", "name": "Li Na", "roles": ["viewer"], "all_entities": "y", "all_sites": "y"}
    shown = client.post("/people/new", data=form)
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    found = re.search(r"https://rt\.example\.com/invitation/([\w-]{43})\"", shown.get_data(as_text=True))
    assert found  # 256 random bits
    row = PersonLink.get()
    assert found[1] not in (row.token_sha256, "")
    assert len(row.token_sha256) == 64
    made = User.get(User.username == "li.na")
    assert (made.active, made.name, made.all_entities) == (False, "Li Na", True)
    page = client.get(f"/people/{made.id}").get_data(as_text=True)
    assert found[1] not in page
    assert "invited" in page


@on_both_databases
def test_an_invitation_is_used_by_a_button_and_works_once(
    db: Database, app: Flask, anonymous: FlaskClient, user: User
) -> None:
    with app.app_context():
        made, token = invite("li.na", "", "", NONE, utc_now(), user)
    assert sign_in(anonymous, "li.na", PASSWORD).status_code == 200
    for _ in range(3):  # a program that looks into mails opens it, and uses nothing up
        assert anonymous.get(f"/invitation/{token}").status_code == 200
        anonymous.head(f"/invitation/{token}")
    assert send(anonymous, f"/invitation/{token}", {"password": OTHER, "again": "x"}).status_code == 422
    short = send(anonymous, f"/invitation/{token}", {"password": "short", "again": "short"})
    assert short.status_code == 422
    assert not User.get_by_id(made.id).active
    assert send(anonymous, f"/invitation/{token}", {"password": OTHER, "again": OTHER}).status_code == 302
    assert send(anonymous, f"/invitation/{token}", {"password": PASSWORD, "again": PASSWORD}).status_code == 410
    assert anonymous.get(f"/invitation/{token}").status_code == 410
    assert sign_in(anonymous, "li.na", OTHER).status_code == 302


def test_a_link_that_is_too_old_or_replaced_or_guessed_opens_nothing(
    app: Flask, anonymous: FlaskClient, user: User
) -> None:
    with app.app_context():
        made, first = invite("li.na", "", "", NONE, utc_now(), user)
        second = new_link(made, "invite", utc_now(), user)
    assert anonymous.get(f"/invitation/{first}").status_code == 404  # a newer one took its place
    PersonLink.update(expires_time=utc_now() - timedelta(seconds=1)).execute()
    assert anonymous.get(f"/invitation/{second}").status_code == 410
    assert send(anonymous, f"/invitation/{second}", {"password": OTHER, "again": OTHER}).status_code == 410
    guesses = [anonymous.get(f"/invitation/{'x' * 40}{number}").status_code for number in range(40)]
    assert guesses.count(404) <= throttle.LINKS.amount
    assert guesses[-1] == 429


def test_a_link_for_a_new_password_ends_all_sessions(app: Flask, client: SignedIn) -> None:
    with app.app_context():
        clerk = create_user("li.na", PASSWORD, NOW, role="viewer")
    hers, elsewhere = app.test_client(), app.test_client()
    sign_in(hers, "li.na", PASSWORD)
    shown = client.post(f"/people/{clerk.id}/link").get_data(as_text=True)
    token = re.search(r"/invitation/([\w-]{43})", shown)
    assert token
    assert send(elsewhere, f"/invitation/{token[1]}", {"password": OTHER, "again": OTHER}).status_code == 302
    assert hers.get("/profile").status_code == 302
    assert sign_in(elsewhere, "li.na", PASSWORD).status_code == 200
    assert sign_in(elsewhere, "li.na", OTHER).status_code == 302


# ---- people


def test_the_last_administrator_cannot_be_ended_nor_lose_the_role(app: Flask, client: SignedIn, user: User) -> None:
    assert client.post(f"/people/{user.id}/end").status_code == 409
    form = {"name": "", "email": "", "roles": ["viewer"], "all_entities": "y", "all_sites": "y"}
    assert client.post(f"/people/{user.id}", data=form).status_code == 422
    assert User.get_by_id(user.id).has_role("administrator")
    with app.app_context():
        create_user("li.na", PASSWORD, NOW, administrator=True)
    assert client.post(f"/people/{user.id}", data=form).status_code == 302
    assert client.get("/people").status_code == 403  # at once


@pytest.mark.parametrize(
    ("change", "field"),
    [({"username": "a b"}, "User name"), ({"email": "nobody"}, "name@example.com"), ({"roles": ["partner"]}, "partner"),
     ({"roles": ["partner", "viewer"]}, "no other role"), ({"all_entities": ""}, "at least one"),
     ({"username": "wang.li"}, "There is already"), ({"roles": ["king"]}, "no role")],
)  # fmt: skip
def test_a_person_that_cannot_be_is_told_at_the_field(client: SignedIn, change: dict[str, Any], field: str) -> None:
    form: dict[str, Any] = {"username": "li.na", "roles": ["viewer"], "all_entities": "y", "all_sites": "y", **change}
    form = {name: value for name, value in form.items() if value}
    answer = client.post("/people/new", data=form)
    assert answer.status_code == 422
    assert field in answer.get_data(as_text=True)
    assert User.select().count() == 1


def test_a_token_of_ones_own_is_shown_once_and_ended(app: Flask, client: SignedIn, user: User) -> None:
    shown = client.post("/profile/tokens/new", data={"name": "ERP", "rights": ["shipments.read", "papers.read"]})
    token = re.search(r'value="([\w-]{43})"', shown.get_data(as_text=True))
    assert token
    row = ApiToken.get()
    assert (row.rights, row.scope) == ("papers.read shipments.read", "")
    header = {"Authorization": f"Bearer {token[1]}"}
    program = app.test_client()
    assert program.get("/shipments", headers=header).status_code == 200
    assert program.get("/assets", headers=header).status_code == 403
    page = client.get("/profile").get_data(as_text=True)
    assert "ERP" in page
    assert token[1] not in page
    client.post(f"/profile/tokens/{row.id}/revoke")
    assert program.get("/shipments", headers=header).status_code == 401
    for rights in ([], ["people.manage"], ["king"]):
        assert client.post("/profile/tokens/new", data={"name": "x", "rights": rights}).status_code == 422


def test_a_device_of_who_may_not_scan_any_more_is_as_one_out_of_use(app: Flask, anonymous: FlaskClient) -> None:
    with app.app_context():
        operator = create_user("li.na", PASSWORD, NOW, role="scanner_operator")
    token = people.create_token(operator, "handheld", NOW, scope="scan")
    header = {"Authorization": f"Bearer {token}"}
    assert anonymous.get("/api/v1/scan/ping", headers=header).status_code == 200
    with app.app_context():
        set_role(operator, "scanner_operator", False)
    refused = anonymous.get("/api/v1/scan/ping", headers=header)
    assert (refused.status_code, refused.json["error"]["reason"]) == (403, "device_revoked")


def test_nobody_signed_in_may_anything(app: Flask) -> None:
    with app.test_request_context():
        assert not may("shipments.read")
        assert not may()


# ---- small things of these pages


def test_a_program_whose_token_has_ended_is_told_so_and_a_browser_is_asked_to_sign_in(
    app: Flask, client: SignedIn, user: User, world: World
) -> None:
    with app.app_context():
        erp, gun = create_token(user, "erp", utc_now()), create_token(user, "gun", utc_now(), SCAN)
    ApiToken.update(revoked_time=utc_now()).where(ApiToken.user == user).execute()
    asked = app.test_client()
    for token, reason in ((erp, "token_revoked"), (gun, "device_revoked"), ("no-such", "token_unknown")):
        for address in ("/assets", "/shipments?format=csv", "/api/v1/resolve?text=KLT-1"):
            answer = asked.get(address, headers={"Authorization": f"Bearer {token}", "Accept": "text/html"})
            if address.startswith("/api") and reason == "device_revoked":
                continue  # the API of scans has words of its own for it
            assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
            assert answer.get_json()["error"]["reason"] == reason
    for accepted, address in (("application/json", "/assets"), ("text/csv", "/assets"), ("*/*", "/assets?format=csv")):
        answer = asked.get(address, headers={"Accept": accepted})
        assert (answer.status_code, answer.get_json()["error"]["reason"]) == (401, "http_401")
    for address in ("/assets", "/assets?format=csv"):
        answer = asked.get(address, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert answer.headers["Location"].startswith("/login?next=/assets")


def test_the_profile_shows_times_in_the_zone_of_our_place_and_asks_for_passwords_by_name(
    client: SignedIn, world: World
) -> None:
    times = re.findall(r"<time .*?</time>", client.get("/profile").text)
    assert times
    assert all(">CST<" in one for one in times)
    page = client.get("/change").text
    labels = re.findall(r'<label for="(?:new_)?password(?:_confirm)?">([^<]+)', page)
    assert labels == ["The password that you have", "New password", "The new password once more"]


def test_the_commands_of_the_library_that_know_nothing_of_our_rules_are_not_there(app: Flask) -> None:
    assert {"user", "serve"} <= set(app.cli.commands)
    assert not {"users", "roles"} & set(app.cli.commands)


def test_a_token_that_is_shown_once_is_copied_by_a_button(page: Page) -> None:
    page.goto("/profile/tokens/new")
    page.fill("#name", "ERP")
    page.locator('input[name="rights"]').first.check()
    page.click("main button.btn-primary")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("[data-copy]")
    expect(page.locator("[data-copy]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.input_value("#once")
