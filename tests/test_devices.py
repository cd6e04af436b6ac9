"""Devices that scan: registered by a person, with a token that opens their work and nothing else, until it is revoked."""

from __future__ import annotations

import json
import re
import threading
from datetime import timedelta
from io import BytesIO

import pytest
from conftest import NOW, PASSWORD, SignedIn, on_both_databases
from PIL import Image

import archive
from accounts.access import PUBLIC, rule_of
from accounts.models import ApiToken
from accounts.people import create_user, set_role
from accounts.tokens import token_hash
from assets.devices import register, revoke
from assets.models import Device
from database import db as proxy
from database import utc_now
from errors import InvalidInput, Refused

#: All that the token of a device opens.
OPEN = {
    "assets_api.post_scan_events", "assets_api.get_expected", "assets_api.get_resolve", "device_api.get_ping",
    "device_api.get_snapshot", "device_api.put_session", "device_api.get_sessions", "device_api.post_take",
    "device_api.post_photo",
}  # fmt: skip


@pytest.fixture
def yard(app, user):
    with app.app_context():
        return register("yard 1", user, NOW)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def urls(app):
    for rule in app.url_map.iter_rules():
        values = {name: next(iter(getattr(rule._converters[name], "items", ["1"]))) for name in rule.arguments}
        for method in rule.methods - {"OPTIONS", "HEAD"}:
            with app.test_request_context():
                yield rule.endpoint, method, app.url_map.bind("localhost").build(rule.endpoint, values, method=method)


def test_the_token_of_a_device_opens_its_work_and_nothing_else(app, anonymous, world, yard):
    assert {
        rule.endpoint for rule in app.url_map.iter_rules() if (rule_of(app, rule.endpoint) or PUBLIC).kind == "scanner"
    } == OPEN
    for endpoint, method, url in urls(app):
        if rule_of(app, endpoint) == PUBLIC:
            continue
        answer = anonymous.open(url, method=method, headers=bearer(yard[1]), json={} if method != "GET" else None)
        refused = answer.status_code == 403
        assert refused == (endpoint not in OPEN), f"{method} {url}: {answer.status_code}"
        assert answer.status_code < 500, f"{method} {url}"


def test_a_revoked_token_opens_nothing_and_says_so(app, anonymous, world, user, yard):
    revoke(yard[0], user, NOW)
    for endpoint, method, url in urls(app):
        if rule_of(app, endpoint) == PUBLIC:
            continue
        answer = anonymous.open(url, method=method, headers=bearer(yard[1]), json={} if method != "GET" else None)
        # What a device may call tells it to keep what it has not sent; everywhere else its token is simply worth nothing.
        assert answer.status_code == (403 if endpoint in OPEN else 401), f"{method} {url}: {answer.status_code}"
        if method != "HEAD":
            assert answer.json["error"]["reason"] == "device_revoked"


@on_both_databases
def test_a_device_is_registered_by_a_person_and_its_token_is_shown_once(db, app, client, anonymous):
    answer = client.post("/api/v1/scan/devices", json={"name": "  Gate 2   Zebra "})
    assert answer.status_code == 201
    token = answer.json["token"]
    row = Device.get()
    assert (answer.json["id"], row.name, row.token.user.username) == (row.id, "Gate 2 Zebra", "wang.li")
    assert (row.token.sha256, row.token.scope) == (token_hash(token), "scan")
    assert token not in client.get("/devices").get_data(as_text=True)
    ping = anonymous.get("/api/v1/scan/ping", headers=bearer(token))
    assert (ping.status_code, ping.json["user"], ping.json["csrf"]) == (200, "wang.li", None)
    assert "Set-Cookie" not in ping.headers
    assert ApiToken.get().last_used_time is not None


def test_the_clock_of_a_device_is_compared_when_it_is_registered(client):
    ahead = utc_now() + timedelta(hours=3)
    client.post("/api/v1/scan/devices", json={"name": "yard 1", "sent_time": ahead.isoformat()})
    assert abs(Device.get().clock_offset_ms + 3 * 3_600_000) < 60_000


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"), ({"name": " "}, "name"), ({"name": "x" * 65}, "name"), ({"name": 7}, "name"),
        ({"name": "a", "token": "mine"}, "token"), ({"name": "a", "sent_time": "soon"}, "sent_time"), ([], "body"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_registration_is_told_at_its_field(client, body, field):
    answer = client.post("/api/v1/scan/devices", json=body)
    assert (answer.status_code, answer.json["error"]["field"]) == (400, field)
    assert (Device.select().count(), ApiToken.select().count()) == (0, 0)


@on_both_databases
def test_a_name_is_given_once_among_devices_in_use(db, app, client, user, yard):
    answer = client.post("/api/v1/scan/devices", json={"name": "yard 1"})
    assert (answer.status_code, answer.json["error"]["reason"]) == (409, "device_name_taken")
    assert ApiToken.select().count() == 1
    revoke(yard[0], user, NOW)
    assert client.post("/api/v1/scan/devices", json={"name": "yard 1"}).status_code == 201


@on_both_databases
def test_of_two_who_register_one_name_at_once_one_is_told(db, app, user):
    results, start = [], threading.Barrier(2)

    def go():
        start.wait()
        try:
            register("yard 1", user, NOW)
            results.append("made")
        except Refused as refused:
            results.append(refused.reason)
        proxy.close()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["device_name_taken", "made"]


def test_a_name_that_no_database_takes_is_no_fault_of_ours(app, user):
    with app.app_context():
        register("a\0b\ud800", user, NOW)
        with pytest.raises(InvalidInput):
            register("\n", user, NOW)


# the page


@pytest.fixture
def others(app, world):
    with app.app_context():
        li = create_user("li.na", PASSWORD, NOW, role="scanner_operator")
        made = [register(f"gate {n}", li, NOW) for n in range(3)]
    Device.update(
        unsent=12, app_version="1.4.0", clock_offset_ms=-3 * 3_600_000, sync_time=NOW, gaps="[[41, 43], [50, 50]]",
        last_sequence=60, place=world.plant,
    ).where(Device.name == "gate 0").execute()  # fmt: skip
    return li, made


def test_the_page_of_devices_tells_what_each_last_said(client, others, yard):
    page = client.get("/devices").get_data(as_text=True)
    for told in ("gate 0", "li.na", "1.4.0", "41–43, 50", "3:00 h ahead", "Suzhou plant, gate 2", "never", "yard 1"):
        assert told in page, told
    assert client.get("/devices?state=revoked").get_data(as_text=True).count("<tr") < 2
    csv = client.get("/devices?format=csv").get_data(as_text=True)
    assert "41–43, 50" in csv
    assert re.search(r"gate 0.*12", csv)


def test_the_page_of_devices_asks_no_query_per_row(client, others, yard, db, monkeypatch):
    def queries(url):
        asked = []
        real = db.execute_sql
        monkeypatch.setattr(db, "execute_sql", lambda *args, **more: (asked.append(args[0]), real(*args, **more))[1])
        assert client.get(url).status_code == 200
        monkeypatch.setattr(db, "execute_sql", real)
        return len(asked)

    queries("/devices")
    assert queries("/devices") == queries("/devices?q=yard")


def test_a_person_takes_his_own_device_out_of_use_and_an_administrator_any(app, client, others, yard):
    li, made = others
    sees = SignedIn(app, app.response_class)
    sees.sign_in(li)
    assert sees.post(f"/devices/{yard[0].id}/revoke").status_code == 403
    assert f"/devices/{yard[0].id}/revoke" not in sees.get("/devices").get_data(as_text=True)
    assert sees.post(f"/devices/{made[0][0].id}/revoke").status_code == 302
    assert client.post(f"/devices/{made[1][0].id}/revoke").status_code == 302
    assert client.post(f"/devices/{made[1][0].id}/revoke").status_code == 302  # twice is once
    assert client.post("/devices/999/revoke").status_code == 404
    told = {row.name: row.revoked_by and row.revoked_by.username for row in Device.select()}
    assert told == {"gate 0": "li.na", "gate 1": "wang.li", "gate 2": None, "yard 1": None}
    assert ApiToken.select().where(ApiToken.revoked_time.is_null()).count() == 2
    with app.app_context():
        set_role(li, "administrator", True)
    assert sees.post(f"/devices/{yard[0].id}/revoke").status_code == 302


# photos


def picture(format="JPEG", size=(300, 200)):
    buffer = BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(buffer, format)
    return buffer.getvalue()


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_a_photo_is_kept_once_and_found_by_its_name(app, anonymous, yard, format):
    data = picture(format)
    first, again = (anonymous.post("/api/v1/photos", data=data, headers=bearer(yard[1])) for _ in "12")
    assert (first.status_code, again.status_code, first.json) == (201, 201, again.json)
    folder = app.config["ROUNDTRIP"].photos_dir
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.stem for path in kept] == [first.json["sha256"]]
    assert archive.read(folder, first.json["sha256"], suffix=".jpg")[:2] == b"\xff\xd8"


def test_what_is_no_photo_is_refused(anonymous, yard):
    for data in (b"", b"<svg/>", picture()[:500], b"\xff\xd8" + bytes(3_000_000)):
        answer = anonymous.post("/api/v1/photos", data=data, headers=bearer(yard[1]))
        assert (answer.status_code, answer.json["error"]["field"]) == (400, "photo")


def test_ping_gives_a_signed_in_browser_a_token_for_its_posts(client):
    told = client.get("/api/v1/scan/ping").json
    answer = client.post(
        "/api/v1/scan/devices", json={"name": "desk"}, csrf=False, headers={"X-CSRFToken": told["csrf"]}
    )
    assert answer.status_code == 201
    assert json.dumps(told["server_time"])
