"""Denied unless a rule says otherwise: for every route that there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import itsdangerous
import pytest
from conftest import NOW, PASSWORD, SignedIn, application, settings_for

from accounts.access import PUBLIC as RULE_PUBLIC
from accounts.access import rule_of
from accounts.models import ApiToken, User
from accounts.people import create_token, create_user, new_password
from app import create_app
from database import db as proxy
from database import utc_now

PUBLIC = {
    "static", "security.login", "accounts.set_language", "operations.healthz", "operations.metrics_page", "public.grai_label", "public.code_label",
    "verify.verify", "replies.show", "replies.answer", "replies.pdf", "replies.xlsx",
    "security.two_factor_setup", "security.two_factor_token_validation", "security.mf_recovery",  # after the password
    "accounts.link", "accounts.link_use", "accounts.oidc_start",
    "scan.start", "scan.words", "scan.worker", "scan.manifest",  # the shell of an app that opens without a network; no data
}  # fmt: skip


def routes(app):
    return list(app.url_map.iter_rules())


def test_every_route_has_an_access_rule_or_is_refused(app):
    without = {rule.endpoint for rule in routes(app) if rule_of(app, rule.endpoint) is None}
    assert all(endpoint.startswith("security.") for endpoint in without), without


def test_only_labels_genuineness_links_health_signing_in_language_and_the_scan_shell_are_public(app):
    assert {rule.endpoint for rule in routes(app) if rule_of(app, rule.endpoint) == RULE_PUBLIC} == PUBLIC


def test_nobody_gets_anything_without_a_login(app, anonymous):
    for rule in routes(app):
        if rule.endpoint in PUBLIC:
            continue
        values = {name: next(iter(getattr(rule._converters[name], "items", ["1"]))) for name in rule.arguments}
        for method in rule.methods - {"OPTIONS"}:
            with app.test_request_context():
                url = app.url_map.bind("localhost").build(rule.endpoint, values, method=method)
            answer = anonymous.open(url, method=method)
            assert answer.status_code in (302, 400, 401, 403), f"{method} {url}: {answer.status_code}"
            if answer.status_code == 302:
                assert answer.headers["Location"].startswith("/login")


def test_a_route_without_a_rule_is_refused(db, tmp_path):
    app = application(settings_for(tmp_path))
    proxy.initialize(db)
    with app.app_context():
        user = create_user("wang.li", PASSWORD, NOW)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    client = SignedIn(app, app.response_class)
    client.sign_in(user)
    assert client.get("/forgotten").status_code == 403


@pytest.mark.parametrize("path", ["/language", "/logout", "/api/v1/scan-events", "/shipments/new", "/parties/new"])
def test_a_post_without_the_csrf_token_is_refused(client, path):
    answer = client.post(path, csrf=False)
    assert answer.status_code == 400
    if not path.startswith("/api/"):
        assert "reload" in answer.get_data(as_text=True)


def test_no_form_of_any_page_is_taken_without_its_token(app, client):
    for rule in routes(app):
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}:
            values = {name: next(iter(getattr(rule._converters[name], "items", ["1"]))) for name in rule.arguments}
            with app.test_request_context():
                url = app.url_map.bind("localhost").build(rule.endpoint, values, method=method)
            answer = client.open(url, method=method, data={"csrf_token": "x"})
            assert answer.status_code == 400, f"{method} {url}: {answer.status_code}"
            text = answer.get_data(as_text=True)
            assert "not sent by you" in text, f"{method} {url}: {text}"


def test_a_bearer_token_needs_no_csrf_token_and_sets_no_cookie(app, anonymous, user):
    token = create_token(user, "scanner 1", NOW)
    answer = anonymous.get("/api/v1/resolve?text=KLT000001", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert ApiToken.get().last_used_time is not None


def test_a_revoked_or_wrong_token_is_refused(anonymous, user):
    token = create_token(user, "scanner 1", NOW)
    ApiToken.update(revoked_time=utc_now()).execute()
    for attempt in (token, token[:-1], "x"):
        answer = anonymous.get("/api/v1/resolve?text=1", headers={"Authorization": f"Bearer {attempt}"})
        assert answer.status_code == 401


def sign_in(client, username, password, next_url=""):
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
    return client.post(f"/login{next_url}", data={"csrf_token": token, "username": username, "password": password})


def test_passwords_are_argon2id_hashes_that_cost_64_mb(db, tmp_path):
    app = create_app({"ROUNDTRIP": settings_for(tmp_path)})
    proxy.initialize(db)
    with app.app_context():
        user = create_user("wang.li", PASSWORD, NOW)
    assert user.password.startswith("$argon2id$v=19$m=65536,t=3,")


def test_a_second_application_changes_nothing_of_how_the_first_one_signs_in(app, db, tmp_path):
    create_app({"ROUNDTRIP": settings_for(tmp_path)})
    proxy.initialize(db)
    with app.app_context():
        user = create_user("wang.li", PASSWORD, NOW)
    assert user.password.startswith("$argon2id$v=19$m=8,t=1,"), "what application() asks for"


def test_who_signs_in_writes_in_turn_with_the_devices_that_upload(db, app, anonymous, user):
    """Who only asks SQLite for the lock again and again gets none while the others hand it on among themselves."""
    alone: list[str] = []

    def look(event: Any) -> None:
        if event.sql.startswith(("INSERT", "UPDATE", "DELETE")) and not db.transaction_depth():
            alone.append(event.sql)

    db.query_hooks.append(look)
    assert sign_in(anonymous, "wang.li", "wrong").status_code == 200
    assert sign_in(anonymous, "wang.li", PASSWORD).status_code == 302
    assert alone == []


@pytest.mark.parametrize("path", ["/", "/login", "/change", "/parties", "/nothing", "/api/v1/resolve?text=1"])
def test_no_page_is_kept_by_a_browser(client, anonymous, path):
    for visitor in (client, anonymous):
        assert visitor.get(path).headers["Cache-Control"] == "no-store"


def test_sign_in_and_out(app, anonymous, user):
    assert sign_in(anonymous, "wang.li", PASSWORD).status_code == 302
    assert anonymous.get("/").status_code == 200
    page = anonymous.get("/").get_data(as_text=True)
    token = page.split('name="csrf-token" content="')[1].split('"')[0]
    assert anonymous.post("/logout", data={"csrf_token": token}).status_code == 302
    assert anonymous.get("/").status_code == 302


@pytest.mark.parametrize(("username", "password"), [("wang.li", "wrong password"), ("nobody", PASSWORD), ("", "")])
def test_a_wrong_sign_in_is_told_the_same_whatever_was_wrong(anonymous, user, username, password):
    answer = sign_in(anonymous, username, password)
    assert answer.status_code == 200
    assert anonymous.get("/").status_code == 302
    text = answer.get_data(as_text=True)
    assert "Traceback" not in text
    assert "The user name or the password is wrong." in text


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_the_login_page_leads_nowhere_else(anonymous, user, target):
    answer = sign_in(anonymous, "wang.li", PASSWORD, f"?next={target}")
    location = urlsplit(answer.headers.get("Location", "/"))
    assert (location.scheme, location.netloc) in (("", ""), ("http", "localhost"))
    assert not location.path.startswith(("//", "/\\"))


def test_a_one_time_password_must_be_changed_first(app, anonymous, db):
    with app.app_context():
        create_user("admin", "one-time-password", NOW, administrator=True, one_time=True)
    sign_in(anonymous, "admin", "one-time-password")
    assert anonymous.get("/parties").headers["Location"] == "/change"
    page = anonymous.get("/change").get_data(as_text=True)
    token = page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
    form = {
        "csrf_token": token,
        "password": "one-time-password",
        "new_password": PASSWORD,
        "new_password_confirm": PASSWORD,
    }
    assert anonymous.post("/change", data=form).status_code == 302
    assert anonymous.get("/parties").status_code == 200
    assert not User.get(username="admin").must_change_password


def test_a_new_password_by_the_administrator_ends_the_sessions(app, client, user):
    assert client.get("/").status_code == 200
    with app.app_context():
        new_password(User.get_by_id(user.id))
    assert client.get("/").status_code == 302


def test_the_language_is_kept_for_the_person(client, user):
    assert "Sign out" in client.get("/").get_data(as_text=True)
    client.post("/language", data={"language": "zh", "back": "/"})
    page = client.get("/").get_data(as_text=True)
    assert 'lang="zh-CN"' in page
    assert "退出" in page
    assert User.get_by_id(user.id).language == "zh"


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example"]
)
def test_the_language_button_leads_nowhere_else(client, back):
    answer = client.post("/language", data={"language": "zh", "back": back})
    assert answer.headers["Location"] == "/"


def test_a_token_works_for_a_person_who_has_not_yet_chosen_a_password(app, anonymous, db):
    with app.app_context():
        program = create_user("program", "one-time-password", NOW, one_time=True, role="scanner_operator")
    token = create_token(program, "import", NOW)
    answer = anonymous.get("/api/v1/resolve?text=KLT000001", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_a_new_secret_key_locks_nobody_out(app, user, tmp_path, db):
    settings = replace(app.config["ROUNDTRIP"], secret_key="another key " * 4)
    again = application(settings)
    proxy.initialize(db)
    assert sign_in(again.test_client(), "wang.li", PASSWORD).status_code == 302


def test_a_form_that_was_open_for_hours_is_still_taken(app, client, monkeypatch):
    real = itsdangerous.timed.TimestampSigner.get_timestamp
    monkeypatch.setattr(itsdangerous.timed.TimestampSigner, "get_timestamp", lambda self: real(self) + 5 * 3600)
    client.set_cookie("__Host-session", client.get_cookie("__Host-session").value)
    assert (
        client.post("/parties/new", data={"code": ""}).status_code == 422
    )  # judged as a form, not refused for its age
