"""Sessions: taken up again, handed over, finished; a count asks about what it did not find."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta

import pytest
from conftest import NOW, PASSWORD, on_both_databases

from accounts.people import create_user
from assets.devices import register
from assets.ledger_check import faults
from assets.models import Asset, Device, ExceptionCase, ScanSession
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from assets.sessions import Hand, SessionInput, put
from database import db as proxy
from database import utc_now
from master_data.models import Place

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def boxes(world):
    then = utc_now() - 100 * DAY
    return register_assets(world.klt, [f"KLT{n:06d}" for n in range(1, 11)], world.suzhou, world.plant, None, then)


class Worker:
    """A person with a registered device."""

    def __init__(self, app, name):
        with app.app_context():
            self.user = create_user(f"user.{name}", PASSWORD, NOW, role="scanner_operator")
            self.device, token = register(name, self.user, NOW)
        self.http, self.header = app.test_client(), {"Authorization": f"Bearer {token}"}

    def put(self, id_, version=0, **fields):
        body = {"kind": "stock_take", "place": "SZ-PLANT", "started": (utc_now() - HOUR).isoformat(), **fields}
        return self.http.put(f"/api/v1/scan/sessions/{id_}", json={**body, "version": version}, headers=self.header)

    def take(self, id_):
        return self.http.post(f"/api/v1/scan/sessions/{id_}/take", headers=self.header)

    def list(self, query=""):
        return self.http.get(f"/api/v1/scan/sessions{query}", headers=self.header).json["sessions"]

    def scans(self, *scans):
        answer = self.http.post("/api/v1/scan-events", json={"events": list(scans)}, headers=self.header)
        assert {one["status"] for one in answer.json["results"]} <= {200, 201}, answer.json


def scan(type, code, ago=timedelta(0), **fields):
    more = {"shipment": "S-2026-0001"} if type == "dispatch" else {}
    return {
        "event_id": str(uuid.uuid4()), "type": type, "scanned_text": code, "place": "SZ-PLANT",
        "event_time": (utc_now() - ago).isoformat(), **more, **fields,
    }  # fmt: skip


@pytest.fixture
def anna(app, world):
    return Worker(app, "anna")


@pytest.fixture
def ben(app, world):
    return Worker(app, "ben")


@pytest.fixture
def id_():
    return str(uuid.uuid4())


# taken up, handed over


@on_both_databases
def test_a_session_goes_on_where_it_was_left(db, anna, id_):
    first = anna.put(id_, kind="dispatch", shipment="S-2026-0001", party="HAMBURG", seen=["KLT000001"])
    assert (first.status_code, first.json["version"], first.json["seen"]) == (200, 1, ["KLT000001"])
    again = anna.put(id_, kind="dispatch", shipment="S-2026-0001", party="HAMBURG", seen=["KLT000001"])
    assert (again.status_code, again.json["version"]) == (200, 1)  # the answer was lost
    assert (
        anna.put(id_, 1, kind="dispatch", shipment="S-2026-0001", seen=["KLT000001", "KLT000002"]).json["version"] == 2
    )
    (told,) = anna.list("?place=SZ-PLANT&state=open")
    assert (told["shipment"], told["seen"], told["mine"], told["device"]) == (
        "S-2026-0001", ["KLT000001", "KLT000002"], True, "anna",
    )  # fmt: skip
    assert anna.list("?place=HH-VMI") == []
    assert anna.list("?state=finished") == []


@on_both_databases
def test_a_session_is_handed_over_and_the_first_device_is_told(db, anna, ben, id_):
    anna.put(id_, seen=["KLT000001"])
    (seen_by_ben,) = ben.list("?state=open")
    assert not seen_by_ben["mine"]
    assert ben.put(id_, 1, seen=[]).json["error"]["reason"] == "session_taken"
    taken = ben.take(id_)
    assert (taken.status_code, taken.json["seen"], taken.json["device"], taken.json["mine"]) == (
        200, ["KLT000001"], "ben", True,
    )  # fmt: skip
    late = anna.put(id_, 1, seen=["KLT000001", "KLT000003"])
    assert (late.status_code, late.json["error"]["reason"], late.json["session"]["device"]) == (
        409,
        "session_taken",
        "ben",
    )
    assert ben.put(id_, taken.json["version"], seen=["KLT000001", "KLT000002"]).status_code == 200
    assert anna.take(id_).json["seen"] == ["KLT000001", "KLT000002"]
    assert anna.take(str(uuid.uuid4())).status_code == 404


@on_both_databases
def test_an_old_version_changes_nothing_and_is_told_the_new_one(db, anna, id_):
    anna.put(id_, seen=["KLT000001"])
    anna.put(id_, 1, seen=["KLT000001", "KLT000002"])
    old = anna.put(id_, 1, seen=["KLT000009"])
    assert (old.status_code, old.json["error"]["reason"]) == (409, "session_changed")
    assert (old.json["session"]["version"], old.json["session"]["seen"]) == (2, ["KLT000001", "KLT000002"])


def test_at_a_desk_a_session_is_the_persons(client, anna, id_):
    body = {"kind": "return", "place": "SZ-PLANT", "started": NOW.isoformat(), "seen": ["KLT000001"]}
    headers = {"X-CSRFToken": client.token}
    first = client.put(f"/api/v1/scan/sessions/{id_}", json=body, headers=headers)
    assert (first.status_code, first.json["user"], first.json["device"], first.json["mine"]) == (
        200,
        "wang.li",
        "",
        True,
    )
    assert anna.put(id_, 1, kind="return").json["error"]["reason"] == "session_taken"
    assert client.put(f"/api/v1/scan/sessions/{id_}", json=body).status_code == 400  # no CSRF token


@on_both_databases
def test_a_session_that_is_sent_twice_at_once_is_one(db, world, anna, id_):
    start, versions = threading.Barrier(4), []
    told = SessionInput(id_, "return", NOW, place="SZ-PLANT", seen=("KLT000001",))

    def go():
        start.wait()
        versions.append(put(told, Hand(anna.user, anna.device), NOW).version)
        proxy.close()

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (versions, ScanSession.select().count()) == ([1] * 4, 1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "dance"}, "kind"), ({"place": "NOWHERE"}, "place"), ({"place": ""}, "place"), ({"party": "X"}, "party"),
        ({"shipment": "S-0"}, "shipment"), ({"destination": "X\0"}, "destination"), ({"started": "x"}, "started"),
        ({"state": "paused"}, "state"), ({"seen": "x"}, "seen"), ({"seen": [7]}, "seen"), ({"version": -1}, "version"),
        ({"signature": "x"}, "signature"), ({"colour": "red"}, "colour"), ({"seen": ["x"] * 20_001}, "seen"),
        ({"finished_by": "x" * 65}, "finished_by"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_session_is_told_at_its_field(anna, id_, change, field):
    answer = anna.put(id_, **change)
    assert (answer.status_code, answer.json["error"]["field"]) == (400, field)
    assert ScanSession.select().count() == 0


def test_an_address_that_is_no_session_is_told(anna):
    assert anna.put("1").status_code == 404
    assert anna.http.get("/api/v1/scan/sessions?state=x", headers=anna.header).status_code == 400
    assert anna.list("?place=%00") == []


# finished


@on_both_databases
def test_a_finished_session_says_by_whom_and_changes_no_more(db, anna, ben, id_):
    anna.put(id_, kind="dispatch", shipment="S-2026-0001")
    end = {"kind": "dispatch", "shipment": "S-2026-0001", "state": "finished", "finished_by": "李娜", "signature": "ab" * 32,
           "difference_reason": "One box was broken."}  # fmt: skip
    done = anna.put(id_, 1, **end)
    assert (done.status_code, done.json["state"], done.json["finished_by"]) == (200, "finished", "李娜")
    assert done.json["finished"]
    assert anna.put(id_, 1, **end).json == done.json  # the answer was lost
    assert anna.put(id_, 2, kind="dispatch").json["error"]["reason"] == "session_finished"
    assert ben.take(id_).json["error"]["reason"] == "session_finished"


@on_both_databases
def test_a_count_asks_a_person_about_what_it_did_not_find(db, world, boxes, anna, id_):
    anna.put(id_)
    anna.scans(scan("stock_take", "", asset_type="EPAL", quantity=7, session=id_))
    seen = [
        f"KLT{n:06d}" for n in range(1, 8)
    ]  # boxes that stand where they should leave no row: the device tells them
    done = anna.put(id_, 1, state="finished", finished_by="Anna", seen=[*seen, "KLT-NOBODY"]).json
    assert done["result"] == {
        "missing": ["KLT000008", "KLT000009", "KLT000010"], "surplus": [], "moved": [],
        "expected": {"KLT6428": 10}, "scanned": {"KLT6428": 7, "EPAL": 7},
    }  # fmt: skip
    cases = list(ExceptionCase.select().where(ExceptionCase.code == "missing_in_count").order_by(ExceptionCase.id))
    assert [case.asset.code for case in cases] == ["KLT000008", "KLT000009", "KLT000010"]
    assert {(case.source, case.place.code, case.state, case.party.code) for case in cases} == {
        ("count", "SZ-PLANT", "open", "SUZHOU")
    }
    assert Asset.select().where(Asset.life == "active").count() == 10  # not found is not lost
    anna.put(id_, 1, state="finished", finished_by="Anna", seen=[*seen, "KLT-NOBODY"])
    assert ExceptionCase.select().where(ExceptionCase.code == "missing_in_count").count() == 3
    assert list(faults()) == []


@on_both_databases
def test_boxes_may_move_while_they_are_counted(db, world, boxes, anna, ben, id_):
    store = Place.create(
        code="STORE", party=world.suzhou, name_en="Store", country="CN", timezone="Asia/Shanghai", changed_time=NOW
    )
    anna.put(id_)  # began an hour ago
    ben.scans(
        scan("dispatch", "KLT000001", 30 * MINUTE),
        scan("transfer_out", "KLT000002", 20 * MINUTE, destination=store.code),
        scan("damage", "KLT000003", 10 * MINUTE, reason="x"),  # still here, and somebody has seen it
        scan("stock_take", "KLT000004", 9 * MINUTE, place=store.code),
        scan("dispatch", "KLT000005", 30 * HOUR, happened=True),  # was gone before the start; its scan came late
    )
    seen = [f"KLT{n:06d}" for n in range(6, 10)]
    result = anna.put(id_, 1, state="finished", seen=seen).json["result"]
    assert result["missing"] == ["KLT000010"]
    assert result["moved"] == [f"KLT{n:06d}" for n in range(1, 6)]
    assert (result["expected"], result["scanned"]) == ({"KLT6428": 10}, {"KLT6428": 4})


@on_both_databases
def test_what_is_expected_is_what_stood_there_at_the_start(db, world, boxes, anna, ben, id_):
    """The first word of a session may come hours after its start: offline."""
    ben.scans(
        scan("dispatch", "KLT000001", 3 * DAY, happened=True),
        scan("dispatch", "KLT000002", 2 * HOUR, happened=True),
        scan("dispatch", "KLT000003", 10 * MINUTE, happened=True),
        scan("return", "KLT000001", 5 * MINUTE, happened=True),
        scan("damage", "KLT000004", 4 * MINUTE, reason="x"),
        scan("lost", "KLT000005", 3 * HOUR, reason="x"),
    )
    anna.put(id_)
    expected = json.loads(ScanSession.get().expected)
    assert sorted(expected) == ["KLT000003", "KLT000004", *(f"KLT{n:06d}" for n in range(6, 11))]
    result = anna.put(id_, 1, state="finished", seen=["KLT000001", *expected]).json["result"]
    assert (result["missing"], result["surplus"], result["moved"]) == ([], ["KLT000001"], [])


@on_both_databases
def test_a_scan_that_was_undone_has_counted_nothing(db, world, boxes, anna, ben, id_):
    ben.scans(scan("damage", "KLT000001", 2 * HOUR, reason="x"))
    anna.put(id_)
    counted = scan("stock_take", "KLT000001", session=id_)
    anna.scans(counted)
    anna.scans(scan("void", "", voids=counted["event_id"], reason="did_not_occur", session=id_))
    seen = [f"KLT{n:06d}" for n in range(2, 11)]
    assert anna.put(id_, 1, state="finished", seen=seen).json["result"]["missing"] == ["KLT000001"]


def test_the_start_of_a_session_is_corrected_like_its_scans(world, anna, id_):
    Device.update(clock_offset_ms=-3 * 3_600_000).where(Device.id == anna.device.id).execute()  # three hours ahead
    anna.put(id_, started=(utc_now() + 2 * HOUR).isoformat())
    assert abs(ScanSession.get().started_time - (utc_now() - HOUR)) < MINUTE


def test_a_count_costs_a_fixed_number_of_queries(world, anna, boxes, db, monkeypatch):
    def asked(count):
        id_, seen = str(uuid.uuid4()), []
        anna.put(id_)
        real = db.execute_sql
        monkeypatch.setattr(db, "execute_sql", lambda *args, **more: (seen.append(args[0]), real(*args, **more))[1])
        codes = [f"KLT{n:06d}" for n in range(1, count + 1)]
        assert anna.put(id_, 1, state="finished", seen=codes).json["result"]["missing"][:1] == [f"KLT{count + 1:06d}"]
        monkeypatch.setattr(db, "execute_sql", real)
        return len(seen)

    assert asked(9) == asked(2)


@on_both_databases
def test_events_of_a_session_bear_its_name(db, world, boxes, anna, id_):
    told = ScanInput(str(uuid.uuid4()), "dispatch", "KLT000001", utc_now(), "S-2026-0001", "SZ-PLANT", session=id_)
    record_scans([told], anna.user, utc_now())
    assert boxes[0].events.where(boxes[0].events.model.session == id_).count() == 1
