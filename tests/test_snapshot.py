"""What a device keeps to go on without a network."""

from __future__ import annotations

import uuid
from datetime import timedelta
from itertools import islice

import pytest
from conftest import NOW, PASSWORD, SignedIn, on_both_databases
from samples import shipment as make_shipment

from accounts.people import create_user
from assets.devices import register
from assets.event_types import EVENT_TYPES, REASONS
from assets.models import Asset, Device
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from assets.snapshot import MAX_BOXES, rules_as_json, snapshot
from database import utc_now

URL = "/api/v1/scan/snapshot?place=SZ-PLANT"
HOUR = timedelta(hours=1)


@pytest.fixture
def boxes(world):
    return register_assets(world.klt, [f"KLT{n:06d}" for n in range(1, 13)], world.suzhou, world.plant, None, NOW)


def scan(type, code, at=NOW + HOUR, **fields):
    more = {"shipment": "S-2026-0001"} if type == "dispatch" else {}
    return ScanInput(
        **{"event_id": str(uuid.uuid4()), "type": type, "scanned_text": code, "event_time": at, "place": "SZ-PLANT",
           **more, **fields}
    )  # fmt: skip


@on_both_databases
def test_a_device_is_told_all_that_it_needs(db, client, world, boxes):
    make_shipment(NOW, world, number="S-2026-0002", state="closed")
    out = scan("dispatch", "KLT000001")
    wrong = scan("dispatch", "KLT000004")
    record_scans(
        [
            out, wrong, scan("dispatch", "KLT000002"), scan("arrive", "KLT000002", NOW + 9 * HOUR, place="HH-VMI"),
            scan("damage", "KLT000003", reason="x"), scan("void", "", NOW + 2 * HOUR, voids=wrong.event_id, reason="x"),
            scan("write_off", "KLT000005", reason="x"),
        ],
        None, NOW + 10 * HOUR,
    )  # fmt: skip
    told = client.get(URL).json
    assert told["places"][0] == {
        "code": "SZ-PLANT", "name": {"en": "Suzhou plant, gate 2", "zh": "苏州工厂2号门"}, "own": True, "party": "SUZHOU",
    }  # fmt: skip
    pallet = {
        "code": "EPAL",
        "name": {"en": "EUR pallet", "zh": "欧标托盘"},
        "counted": True,
        "must_be_inspected": False,
    }
    assert pallet in told["types"]
    (open_one,) = told["shipments"]
    assert (open_one["number"], open_one["consignee_code"], open_one["departure"]) == (
        "S-2026-0001",
        "HAMBURG",
        "2026-11-28",
    )
    assert open_one["expected"] == [{"asset_type": "KLT6428", "count": 12}]
    assert {row["code"] for row in open_one["scanned"]} == {"KLT000001", "KLT000002"}
    assert {"code": "KLT000001", "asset_type": "KLT6428", "event_id": out.event_id} in open_one["scanned"]
    boxes = told["boxes"]
    assert boxes["KLT000001"] == [
        "KLT6428", "in_transit_out", "HAMBURG", "SZ-PLANT", "S-2026-0001", "04012345000016KLT000001",
    ]  # fmt: skip
    assert boxes["KLT000002"][1:4] == ["at_partner", "HAMBURG", "HH-VMI"]
    assert boxes["KLT000003"][1] == "damaged_here"  # the column of the table
    assert boxes["KLT000004"][1:5] == ["available", "SUZHOU", "SZ-PLANT", ""]
    assert "KLT000005" not in boxes
    assert (len(boxes), told["truncated"], told["user"]) == (11, False, "wang.li")
    there = client.get("/api/v1/scan/snapshot?place=HH-VMI").json["boxes"]
    assert set(there) == {"KLT000001", "KLT000002"}
    assert client.get("/api/v1/scan/snapshot").json["boxes"] == {}


def test_the_rules_are_those_of_the_register_in_both_languages(app):
    with app.app_context():
        told = rules_as_json()
    assert set(told["table"]) == set(EVENT_TYPES) - {"commission"}
    cell = told["table"]["dispatch"]["damaged_here"]
    assert cell == [["", "✗", "damaged", ""]]
    assert told["happened"]["dispatch"] == "OUT"
    assert set(told["reasons"]) == set(REASONS)
    for sentence in (*told["reasons"].values(), *(kind["title"] for kind in told["event_types"])):
        assert sentence["en"]
        assert sentence["zh"]
        assert sentence["zh"] != sentence["en"]


def test_it_is_sent_again_only_when_something_changed(client, world, boxes):
    first = client.get(URL)
    assert first.headers["ETag"].strip('"') == first.json["version"]
    again = client.get(URL, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    record_scans([scan("dispatch", "KLT000001")], None, NOW + HOUR)
    changed = client.get(URL, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200
    assert changed.json["version"] != first.json["version"]


def test_the_way_to_a_shipment_is_offered_to_whom_it_opens(app, client, user, anonymous, world):
    assert client.get(URL).json["opens_shipments"] is True
    with app.app_context():
        worker = create_user("li.na", PASSWORD, NOW, role="scanner_operator")
        _, token = register("yard 1", user, NOW)
    hers = SignedIn(app, app.response_class)
    hers.sign_in(worker)
    assert hers.get("/shipments/S-2026-0001").status_code == 403
    assert hers.get(URL).json["opens_shipments"] is False
    # nobody knows who holds a device that has a token of its own
    by_token = anonymous.get(URL, headers={"Authorization": f"Bearer {token}"})
    assert by_token.json["opens_shipments"] is False


def test_a_place_that_is_none_is_told(client, world):
    answer = client.get("/api/v1/scan/snapshot?place=SZ-PLANT&place=NOWHERE%00")
    assert (answer.status_code, answer.json["error"]["field"]) == (400, "place")


def test_the_first_place_that_a_device_asks_for_is_where_it_scans(app, anonymous, user, world):
    with app.app_context():
        _, token = register("yard 1", user, NOW)
    bearer = {"Authorization": f"Bearer {token}"}
    for code in ("HH-VMI", "SZ-PLANT"):
        assert anonymous.get(f"/api/v1/scan/snapshot?place={code}", headers=bearer).status_code == 200
        assert Device.get().place.code == code


def prices_in(value):
    """All words that stand in it."""
    if isinstance(value, dict):
        return {word for pair in value.items() for part in pair for word in prices_in(part)}
    if isinstance(value, list | tuple):
        return {word for part in value for word in prices_in(part)}
    return {str(value)}


def test_no_price_is_in_it(client, world, boxes):
    words = prices_in(client.get(URL).json)
    assert not words & {"182.5", "182.50", "6.125", "12.5", "12.50", "EUR", "value", "price", "unit_price", "currency"}


def test_5000_boxes_are_one_megabyte_and_a_fixed_number_of_queries(client, world, boxes, db, monkeypatch):
    def asked(url):
        seen = []
        real = db.execute_sql
        monkeypatch.setattr(db, "execute_sql", lambda *args, **more: (seen.append(args[0]), real(*args, **more))[1])
        answer = client.get(url)
        monkeypatch.setattr(db, "execute_sql", real)
        return len(seen), answer

    client.get(URL)
    few, _ = asked(URL)
    codes = (f"KLT-2026-{n:06d}" for n in range(1, 6_000))
    while part := list(islice(codes, 1_000)):
        register_assets(world.klt, part, world.suzhou, world.plant, None, NOW)
    on_its_way = {"where": "out", "shipment": world.shipment, "holder": world.hamburg, "out_since": utc_now()}
    Asset.update(on_its_way).where(Asset.id % 2 == 0).execute()
    many, answer = asked(URL)
    assert many == few
    told = answer.json
    assert (len(told["boxes"]), told["truncated"]) == (MAX_BOXES, True)
    assert len(answer.data) <= 1_000_000
    here = [code for code, box in told["boxes"].items() if box[1] == "available"]
    assert len(here) == Asset.select().where(Asset.where == "here").count()  # what stands here comes first


def test_what_is_open_is_bounded(app, world):
    for number in range(60):
        make_shipment(NOW, world, number=f"S-2027-{number:04}")
    with app.app_context():
        assert len(snapshot(["SZ-PLANT"], "x").body["shipments"]) == 50
