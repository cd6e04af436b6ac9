"""POST /api/v1/scan-events and its neighbours: what a device sends and what it is answered."""

import uuid
from datetime import UTC, datetime

import pytest
from conftest import NOW, on_both_databases
from samples import shipment as make_shipment

from accounts.people import create_token
from assets.models import Asset, ScanEvent
from assets.registering import register_assets

URL = "/api/v1/scan-events"
T = "2026-11-23T17:00:00+08:00"


@pytest.fixture
def boxes(world):
    return register_assets(world.klt, [f"KLT{n:06d}" for n in range(1, 6)], world.suzhou, world.plant, None, NOW)


def event(code="KLT000001", **fields):
    return {
        "event_id": str(uuid.uuid4()), "type": "dispatch", "scanned_text": code, "event_time": T,
        "shipment": "S-2026-0001", "place": "SZ-PLANT", "device": "yard-1", **fields,
    }  # fmt: skip


def test_one_scan_is_recorded_and_answered(client, boxes):
    answer = client.post(URL, json=event("https://rt.example.com/8003/04012345000016KLT000001"))
    assert answer.status_code == 201
    assert answer.json == {
        "event_id": answer.json["event_id"], "status": 201, "outcome": "recorded", "code": "KLT000001",
        "asset_type": "KLT6428", "state": "in_transit_out", "reason": None, "exceptions": [], "confirm": None, "load": [],
        "text": "KLT000001 dispatched.",
    }  # fmt: skip
    row = ScanEvent.get(event_id=answer.json["event_id"])
    assert (row.event_zone, row.event_time) == (480, datetime(2026, 11, 23, 9, 0, tzinfo=UTC))
    assert row.user.username == "wang.li"


def test_each_refusal_has_its_status_and_reason(client, boxes):
    first = event()
    assert client.post(URL, json=first).status_code == 201
    again = client.post(URL, json=first)
    assert (again.status_code, again.json["outcome"], again.json["state"]) == (200, "known", "in_transit_out")
    other = client.post(URL, json={**first, "scanned_text": "KLT000002"})
    assert (other.status_code, other.json["outcome"]) == (409, "conflict")
    unknown = client.post(URL, json=event("KLT999999"))
    assert (unknown.status_code, unknown.json["reason"]) == (422, "unknown_asset")
    question = client.post(URL, json=event(type="return", shipment=None, event_time="2026-11-23T18:00:00+08:00"))
    assert (question.status_code, question.json["confirm"]) == (422, "cancel_or_return")


def test_a_refusal_is_a_sentence_for_the_person(client, boxes):
    answer = client.post(URL, json=event("KLT999999"))
    assert answer.json["text"].startswith("No box is registered")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": "7"}, "event_id"), ({"event_id": 7}, "event_id"), ({"type": "teleport"}, "type"),
        ({"type": "commission"}, "type"), ({"event_time": "2026-11-23T17:00:00"}, "event_time"),
        ({"event_time": 1763900000}, "event_time"), ({"event_time": "0001-01-01T00:00:00+14:00"}, "event_time"),
        ({"event_time": "soon"}, "event_time"), ({"scanned_text": 4711}, "scanned_text"), ({"scanned_text": None}, "scanned_text"),
        ({"happened": "yes"}, "happened"), ({"device": "x" * 65}, "device"), ({"colour": "red"}, "colour"),
        ({"shipment": ""}, "shipment"), ({"shipment": None}, "shipment"), ({"confirmed": "yes"}, "confirmed"),
        ({"type": "lost", "reason": " "}, "reason"), ({"type": "void", "reason": "x"}, "voids"),
        ({"type": "stock_take", "place": ""}, "place"), ({"voids": "x"}, "voids"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(client, boxes, change, field):
    answer = client.post(URL, json={**event(), **change})
    assert (answer.status_code, answer.json["outcome"], answer.json["field"]) == (400, "invalid", field)
    assert answer.json["text"]
    assert ScanEvent.select().where(ScanEvent.type != "commission").count() == 0


@pytest.mark.parametrize("left_out", ["event_id", "type", "event_time"])
def test_a_missing_field_is_named(client, boxes, left_out):
    body = event()
    del body[left_out]
    answer = client.post(URL, json=body)
    assert (answer.status_code, answer.json["field"]) == (400, left_out)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b'{"events": []}', b'{"events": {}}', b'{"events": [{}], "more": 1}', b"[" * 100_000],
)
def test_a_body_that_is_no_event_is_refused_as_a_whole(client, body):
    answer = client.post(URL, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json["error"]["field"]


def test_more_than_500_events_are_refused(client, boxes):
    answer = client.post(URL, json={"events": [event()] * 501})
    assert (answer.status_code, answer.json["error"]["field"]) == (400, "events")


def test_a_bad_event_never_fails_its_batch(client, boxes):
    events = [
        event("KLT000001"),
        {"type": 7},
        event("nothing known"),
        "text",
        event("KLT000002", event_time="x"),
        event("KLT000003"),
    ]
    answer = client.post(URL, json={"events": events})
    assert answer.status_code == 200
    assert [result["status"] for result in answer.json["results"]] == [201, 400, 422, 400, 400, 201]
    assert answer.json["results"][4]["event_id"] == events[4]["event_id"]


@on_both_databases
@pytest.mark.parametrize("bad", ["S-2026\0", "\ud800", "\0"])
@pytest.mark.parametrize(
    "name", ["shipment", "place", "party", "device", "reason", "voids", "event_id", "type", "event_time", "confirmed"]
)
def test_what_no_database_takes_fails_its_event_and_no_other(db, client, boxes, name, bad):
    odd = event("KLT000002", **{name: [bad] if name == "confirmed" else bad})
    answer = client.post(URL, json={"events": [event("KLT000001"), odd, event("KLT000003")]})
    assert answer.status_code == 200
    first, middle, last = answer.json["results"]
    assert (first["status"], last["status"]) == (201, 201)
    assert middle["status"] == (422 if name in ("shipment", "place", "party") else middle["status"])
    assert middle["status"] < 500


@on_both_databases
def test_undoing_what_no_database_takes_is_refused(db, client, boxes):
    answer = client.post("/assets/KLT000001/void", data={"event_id": "\0", "reason": "\0"})
    assert 400 <= answer.status_code < 500


def test_only_what_was_recorded_or_refused_uses_up_its_id(client, boxes):
    def count():
        return ScanEvent.select().where(ScanEvent.type != "commission").count()

    assert client.post(URL, json=event()).status_code == 201
    double = event()  # the same trigger within 30 seconds
    assert (client.post(URL, json=double).status_code, count()) == (200, 1)
    question = event(type="return", shipment=None, event_time="2026-11-23T18:00:00+08:00")
    assert (client.post(URL, json=question).json["confirm"], count()) == ("cancel_or_return", 1)
    for number, free in enumerate((double, question), 2):
        new = event(f"KLT00000{number}", event_id=free["event_id"])
        assert (client.post(URL, json=new).status_code, count()) == (201, number)
    refused = event("KLT999999")
    assert (client.post(URL, json=refused).status_code, count()) == (422, 4)
    assert (client.post(URL, json={**refused, "scanned_text": "KLT000005"}).status_code, count()) == (409, 5)


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("javascript:alert(document.cookie)", "javascript:alert(document.cookie)"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("KLT\x00000001\ud800", "KLT␀000001?"),
        ("x" * 600, "x" * 512),
    ],
)
def test_hostile_text_is_refused_and_kept_as_it_was_read(client, boxes, text, raw):
    answer = client.post(URL, json=event(text))
    assert answer.status_code == 422
    assert answer.json["reason"] in ("unreadable", "too_long")
    row = ScanEvent.get(event_id=answer.json["event_id"])
    assert (row.scanned_text, row.refused) == (raw, answer.json["reason"])


def test_a_session_needs_the_csrf_header_and_a_token_does_not(client, anonymous, user, boxes):
    assert client.post(URL, json=event(), csrf=False).status_code == 400
    answer = anonymous.post(URL, json=event())
    assert (answer.status_code, answer.json["error"]["reason"]) == (401, "http_401")
    bearer = {"Authorization": f"Bearer {create_token(user, 'yard', NOW)}"}
    assert anonymous.post(URL, json=event(), headers=bearer).status_code == 201
    assert anonymous.post(URL, json=event(), headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_expected_and_scanned_boxes_of_a_shipment(client, boxes):
    client.post(URL, json={"events": [event("KLT000002"), event("KLT000001")]})
    undone = client.post(URL, json=event("KLT000003")).json
    client.post(URL, json=event("", type="void", voids=undone["event_id"], reason="did_not_occur", shipment=""))
    answer = client.get("/api/v1/shipments/S-2026-0001/expected").json
    assert (answer["number"], answer["consignee"], answer["state"]) == (
        "S-2026-0001",
        "Hamburg Automotive GmbH",
        "open",
    )
    assert answer["expected"] == [{"asset_type": "KLT6428", "name": "Small load carrier 6428", "count": 12}]
    assert [row["code"] for row in answer["scanned"]] == ["KLT000002", "KLT000001"]
    assert client.get("/api/v1/shipments/S-0/expected").status_code == 404


@on_both_databases
def test_expected_no_longer_counts_a_box_that_left_with_another_shipment(db, client, world, boxes):
    make_shipment(NOW, world, number="S-2026-0002")
    client.post(URL, json={"events": [event("KLT000001"), event("KLT000002")]})
    later = event("KLT000001", shipment="S-2026-0002", happened=True, event_time="2026-11-23T18:00:00+08:00")
    assert client.post(URL, json=later).json["exceptions"] == ["already_out"]

    def scanned(number):
        return [row["code"] for row in client.get(f"/api/v1/shipments/{number}/expected").json["scanned"]]

    assert (scanned("S-2026-0001"), scanned("S-2026-0002")) == (["KLT000002"], ["KLT000001"])


@pytest.mark.parametrize(
    ("text", "kind", "number", "code"),
    [
        ("HTTPS://RT.EXAMPLE.COM/s/S-2026-0001", "shipment", "S-2026-0001", None),
        ("s-2026-0001", "shipment", "S-2026-0001", None),
        ("HTTPS://RT.EXAMPLE.COM/s/S-2026-0002", "shipment", None, None),
        ("8003" + "04012345000016KLT000001", "grai", None, "KLT000001"),
        ("klt000001", "code", None, "KLT000001"),
        ("KLT999999", "code", None, None),
        ("javascript:alert(1)", "unreadable", None, None),
        ("", "unreadable", None, None),
    ],
)
def test_resolve_tells_what_a_text_is(client, boxes, text, kind, number, code):
    answer = client.get("/api/v1/resolve", query_string={"text": text}).json
    assert (answer["kind"], answer["number"], answer["code"]) == (kind, number, code)
    assert answer["text"]


def test_reads_write_nothing(client, boxes):
    before = ScanEvent.select().count(), Asset.select().count()
    client.get("/api/v1/shipments/S-2026-0001/expected")
    client.get("/api/v1/resolve?text=KLT000001")
    assert (ScanEvent.select().count(), Asset.select().count()) == before
