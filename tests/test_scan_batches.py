"""Batches from devices: taken once, clocks made right, counted in their order, kept apart when the device is revoked."""

from __future__ import annotations

import json
import random
import threading
import uuid
from datetime import timedelta

import pytest
from conftest import NOW, on_both_databases

from assets import state as rules
from assets.devices import register, revoke
from assets.ledger import histories
from assets.ledger_check import faults
from assets.models import Asset, Device, ExceptionCase, ScanBatch, ScanEvent
from assets.past import state_at
from assets.registering import register_assets
from assets.scan_batches import KEPT, MAX_QUARANTINED, Request, Sender, Told, answer, key_of
from assets.scan_told import ScanInput
from assets.state import shown
from database import db as proxy
from database import utc_now

URL = "/api/v1/scan-events"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def boxes(world):
    long_ago = utc_now() - 300 * DAY
    return register_assets(world.klt, [f"KLT{n:06d}" for n in range(1, 31)], world.suzhou, world.plant, None, long_ago)


@pytest.fixture
def yard(app, user):
    with app.app_context():
        return register("yard 1", user, NOW)


class Scanner:
    """A device with a clock that may be wrong: it counts its scans and sends them by HTTP."""

    def __init__(self, app, token, ahead=timedelta(0)):
        self.http, self.ahead, self.count = app.test_client(), ahead, 0
        self.header = {"Authorization": f"Bearer {token}"}

    def scan(self, type="stock_take", code="KLT000001", ago=HOUR, **fields):
        self.count += 1
        more = {"shipment": "S-2026-0001"} if type == "dispatch" else {}
        return {
            "event_id": str(uuid.uuid4()), "type": type, "scanned_text": code, "place": "SZ-PLANT", "happened": True,
            "event_time": (utc_now() - ago + self.ahead).isoformat(), "sequence": self.count, **more, **fields,
        }  # fmt: skip

    def send(self, events, key=None, **around):
        body = {"events": events, "sent_time": (utc_now() + self.ahead).isoformat(), **around}
        headers = {**self.header, **({"Idempotency-Key": key} if key else {})}
        return self.http.post(URL, json=body, headers=headers)


def rows():
    return ScanEvent.select().where(ScanEvent.type != "commission").order_by(ScanEvent.sequence)


def open_cases():
    return sorted(row.code for row in ExceptionCase.select().where(ExceptionCase.state == "open"))


# once


@on_both_databases
def test_a_batch_sent_again_is_answered_with_the_very_same_words(db, app, boxes, yard):
    scanner = Scanner(app, yard[1])
    events = [scanner.scan("dispatch", f"KLT00000{n}", age_ms=3_600_000) for n in (1, 2)] + [
        scanner.scan(code="nothing")
    ]
    first = scanner.send(events, key="a-1", unsent=7)
    assert first.status_code == 200
    assert "Idempotency-Replayed" not in first.headers
    assert [one["status"] for one in first.json["results"]] == [201, 201, 422]
    again = scanner.send([{**one, "age_ms": 3_700_000} for one in events], key="a-1", unsent=0)
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert rows().count() == 3
    other = scanner.send([*events, scanner.scan("dispatch", "KLT000003")], key="a-1")
    assert (other.status_code, rows().count()) == (422, 3)
    assert other.json["error"]["reason"] == "key_reused"
    # The same events under a new key are known one by one, so a lost answer never costs more than a question.
    assert [one["status"] for one in scanner.send(events, key="a-2").json["results"]] == [200, 200, 422]
    assert rows().count() == 3


@on_both_databases
def test_after_our_clock_was_set_back_a_scan_is_not_taken_for_one_an_hour_before(db, app, boxes, yard):
    """The same trigger pulled twice is so by both clocks; the one of the device went on."""
    scanner, second = Scanner(app, yard[1]), timedelta(seconds=1)
    assert scanner.send([scanner.scan("dispatch", ago=3 * HOUR)]).json["results"][0]["status"] == 201
    scanner.ahead = HOUR  # ours is behind now, and so the device is before us
    back = scanner.scan("return", ago=3.5 * HOUR)
    again = scanner.scan("dispatch", ago=3 * HOUR - 9 * second)
    double = scanner.scan("dispatch", ago=3 * HOUR - 12 * second)
    assert [one["status"] for one in scanner.send([back, again, double]).json["results"]] == [201, 201, 200]
    assert Asset.get(code="KLT000001").where == "out"


@on_both_databases
def test_one_key_is_one_result_however_many_send_it_at_once(db, app, boxes, yard):
    scanner = Scanner(app, yard[1])
    events = [scanner.scan("dispatch", f"KLT00000{n}") for n in range(1, 6)]
    answers, start = [], threading.Barrier(6)

    def send():
        start.wait()
        while (answer := scanner.send(events, key="the-same")).status_code == 409:
            assert answer.json["error"]["reason"] == "key_in_flight"
        answers.append(answer)
        proxy.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.data for answer in answers}) == 1
    assert [one["status"] for one in answers[0].json["results"]] == [201] * 5
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert (rows().count(), ScanBatch.select().count()) == (5, 1)


@on_both_databases
def test_what_fails_halfway_leaves_neither_events_nor_key(db, app, boxes, yard, user):
    told = Told(ScanInput(str(uuid.uuid4()), "stock_take", "KLT000001", NOW, place="HH-VMI"))

    def halfway(taken):
        assert [one.outcome for one in taken.answers] == ["recorded"]
        raise RuntimeError("the power goes")

    with pytest.raises(RuntimeError):
        answer(Request([told], Sender(user, yard[0].token_id), halfway, key_of("k", "me", {})), NOW)
    assert (rows().count(), ScanBatch.select().count(), Device.get().sync_time) == (0, 0, None)


@pytest.mark.parametrize("key", ["x" * 256, "日", "a\tb"])
def test_a_key_that_is_none_is_refused(app, boxes, yard, key):
    scanner = Scanner(app, yard[1])
    answer = scanner.http.post(
        URL,
        json=scanner.scan("dispatch"),
        headers={**scanner.header, "Idempotency-Key": key.encode().decode("latin-1")},
    )
    assert (answer.status_code, answer.json["error"]["field"]) == (400, "Idempotency-Key")


def test_one_event_alone_can_have_a_key_too(app, boxes, yard):
    scanner = Scanner(app, yard[1])
    headers = {**scanner.header, "Idempotency-Key": str(uuid.uuid4())}
    event = scanner.scan("dispatch")
    first, again = (scanner.http.post(URL, json=event, headers=headers) for _ in "12")
    assert (first.status_code, again.status_code, first.data) == (201, 201, again.data)


def test_keys_are_forgotten_after_thirty_days_and_events_are_not(app, boxes, yard):
    scanner = Scanner(app, yard[1])
    events = [scanner.scan("dispatch")]
    scanner.send(events, key="old")
    ScanBatch.update(created_time=utc_now() - KEPT - HOUR).execute()
    scanner.send([scanner.scan("dispatch", "KLT000002")], key="new")
    assert ScanBatch.select().count() == 1
    assert scanner.send(events, key="old").json["results"][0]["outcome"] == "known"


@pytest.mark.parametrize(
    ("around", "field"),
    [
        ({"sent_time": "soon"}, "sent_time"), ({"sent_time": "2026-11-20T16:05:12"}, "sent_time"), ({"unsent": -1}, "unsent"),
        ({"unsent": "7"}, "unsent"), ({"app_version": "x" * 33}, "app_version"), ({"app_version": 7}, "app_version"),
        ({"battery": 7}, "battery"),
    ],
)  # fmt: skip
def test_what_stands_around_the_events_is_checked(app, boxes, yard, around, field):
    scanner = Scanner(app, yard[1])
    answer = scanner.send([scanner.scan("dispatch")], **around)
    assert (answer.status_code, answer.json["error"]["field"]) == (400, field)


@pytest.mark.parametrize(
    ("field", "value"),
    [("sequence", 0), ("sequence", "1"), ("sequence", 2**40), ("age_ms", -1), ("age_ms", 1.5), ("session", "x")],
)
def test_what_an_event_says_of_its_way_is_checked(app, boxes, yard, field, value):
    scanner = Scanner(app, yard[1])
    answer = scanner.send([scanner.scan("dispatch", **{field: value})])
    assert (answer.json["results"][0]["status"], answer.json["results"][0]["field"]) == (400, field)


# clocks


@on_both_databases
@pytest.mark.parametrize("ahead", [-3 * HOUR, 5 * MINUTE, 400 * DAY])
def test_a_wrong_clock_is_corrected_and_what_it_said_is_kept(db, app, boxes, yard, ahead):
    scanner = Scanner(app, yard[1], ahead)
    event = scanner.scan("dispatch")
    answer = scanner.send([event]).json
    assert answer["results"][0]["status"] == 201
    assert abs(answer["clock_offset_ms"] + ahead / timedelta(milliseconds=1)) < 60_000
    (row,) = rows()
    assert abs(row.event_time - (utc_now() - HOUR)) < MINUTE
    assert (row.device_time.isoformat(), row.warnings) == (event["event_time"], "clock_corrected")
    assert open_cases() == (["clock_far"] if abs(ahead) > DAY else [])
    assert abs(Device.get().clock_offset_ms - answer["clock_offset_ms"]) < 1
    scanner.ahead += HOUR  # set in between: sent again it is corrected otherwise, and is the same scan
    assert scanner.send([event]).json["results"][0]["outcome"] == "known"
    assert list(faults()) == []


def test_the_clock_of_a_device_is_as_it_has_measured_it(app, boxes, yard):
    scanner = Scanner(app, yard[1], -5 * HOUR)
    answer = scanner.send([scanner.scan("dispatch")], clock_offset_ms=5 * 3_600_000 - 1_500).json
    assert answer["clock_offset_ms"] == Device.get().clock_offset_ms == 5 * 3_600_000 - 1_500
    assert abs(rows().get().event_time - (utc_now() - HOUR)) < MINUTE


def test_a_clock_that_began_at_1970_loses_no_scan(app, boxes, yard):
    from datetime import UTC, datetime

    scanner = Scanner(app, yard[1], datetime(1970, 1, 2, tzinfo=UTC) - utc_now())
    assert scanner.send([scanner.scan("dispatch")]).json["results"][0]["status"] == 201
    assert abs(rows().get().event_time - (utc_now() - HOUR)) < MINUTE
    without = scanner.http.post(URL, json=scanner.scan("return"), headers=scanner.header)  # nobody can know when
    assert (without.status_code, without.json["field"]) == (400, "event_time")


def test_a_person_is_asked_once_for_a_batch_of_a_clock_that_is_far_off(app, boxes, yard):
    scanner = Scanner(app, yard[1], 30 * DAY)
    scanner.send([scanner.scan("dispatch", f"KLT00000{n}") for n in range(1, 9)])
    (case,) = ExceptionCase.select()
    assert (case.code, json.loads(case.values)["scans"], json.loads(case.values)["device"]) == (
        "clock_far",
        8,
        "yard 1",
    )


def test_a_scan_before_the_last_one_of_its_device_is_for_a_person(app, boxes, yard):
    scanner = Scanner(app, yard[1])
    scanner.send([scanner.scan("dispatch", ago=HOUR)])
    scanner.send([scanner.scan("dispatch", "KLT000002", ago=HOUR - MINUTE)])
    assert open_cases() == []
    scanner.send([scanner.scan("dispatch", "KLT000003", ago=5 * HOUR)])
    assert open_cases() == ["clock_backwards"]
    assert list(faults()) == []


# order and gaps


@on_both_databases
def test_scans_that_have_not_come_are_told_until_they_come(db, app, boxes, yard):
    scanner = Scanner(app, yard[1])
    events = [scanner.scan("dispatch", f"KLT{n:06d}") for n in range(1, 10)]
    assert scanner.send(events[:2], unsent=7, app_version="1.4").json["gap"] is None
    assert scanner.send(events[5:7]).json["gap"] == [3, 5]
    assert scanner.send([events[3]]).json["gap"] == [3, 3]
    device = Device.get()
    assert (device.last_sequence, json.loads(device.gaps)) == (7, [[3, 3], [5, 5]])
    assert (device.unsent, device.app_version) == (7, "1.4")
    assert scanner.send([events[2], events[4], *events[7:]]).json["gap"] is None


@on_both_databases
def test_the_count_of_a_device_beats_its_clock_and_the_order_of_arrival(db, app, boxes, yard):
    scanner = Scanner(app, yard[1])
    out = scanner.scan("dispatch", ago=30 * HOUR)
    home = scanner.scan("return", ago=10 * HOUR)
    again = scanner.scan("dispatch", ago=20 * HOUR)  # the clock was set back meanwhile
    for event in (again, home, out):
        scanner.send([event])
        assert list(faults()) == []
    box = Asset.get(code="KLT000001")
    assert (shown(rules.State(where=box.where, life="active")), box.event_count) == ("in_transit_out", 4)
    assert box.out_since == ScanEvent.get(event_id=home["event_id"]).event_time
    # The past of the box and its events for other systems are told in that order too.
    assert state_at(box, utc_now() - 25 * HOUR).state.where == "out"
    assert state_at(box, utc_now() - 15 * HOUR).state.where == "out"  # the second dispatch counts after the return
    assert state_at(box, utc_now()).state == rules.replay(e for e, _ in histories([box.id])[box.id])[0]


@on_both_databases
def test_devices_with_wrong_clocks_whose_scans_come_shuffled_make_one_history(db, app, user, boxes, yard):
    """Whatever comes late, in whatever batches: what is stored is the one replay, each device's count kept."""
    luck = random.Random(7)
    with app.app_context():
        tokens = [yard[1], *(register(f"yard {n}", user, NOW)[1] for n in (2, 3))]
    scanners = [Scanner(app, token, luck.choice([-3, -1, 0, 2, 50]) * HOUR) for token in tokens]
    waiting = []
    for step in range(60):
        scanner = luck.choice(scanners)
        if luck.random() < 0.1:
            scanner.ahead = luck.choice([-3, 0, 2, 50]) * HOUR
        type = luck.choice(["dispatch", "return", "arrive", "stock_take", "inspect", "clean", "repair"])
        waiting.append((scanner, scanner.scan(type, f"KLT00000{luck.randint(1, 4)}", ago=(100 - step) * HOUR)))
    luck.shuffle(waiting)
    while waiting:
        scanner = waiting[-1][0]
        batch = [one for one in waiting[-luck.randint(1, 9) :] if one[0] is scanner]
        waiting = [one for one in waiting if one not in batch]
        assert scanner.send([event for _, event in batch]).status_code == 200
        assert list(faults()) == []
    for events in histories([box.id for box in boxes]).values():
        ordered = rules.in_order(event for event, _ in events)
        for sender in {event.sender_id for event in ordered} - {None}:
            counts = [event.sequence for event in ordered if event.sender_id == sender]
            assert counts == sorted(counts)
    assert all(not json.loads(device.gaps) for device in Device.select())


# revoked


@on_both_databases
def test_what_a_revoked_device_still_sends_is_kept_for_review_and_never_counts(db, app, user, boxes, yard):
    scanner = Scanner(app, yard[1])
    before, after = scanner.scan("dispatch"), scanner.scan("dispatch", "KLT000002")
    scanner.send([before])
    revoke(yard[0], user, NOW)
    pool = scanner.scan("stock_take", "", asset_type="EPAL", quantity=7)
    void = scanner.scan("void", "", voids=before["event_id"], reason="x")
    load = scanner.scan("dispatch", "(00)340123450000000017")
    batch = [before, after, pool, void, load, {"type": 7}]
    answer = scanner.send(batch, key="k", unsent=0)
    assert (answer.status_code, answer.json["error"]["reason"], answer.json["quarantined"]) == (
        403,
        "device_revoked",
        4,
    )
    assert answer.json["error"]["text"].startswith("This device was taken out of use")
    assert scanner.send(batch, key="k").json["quarantined"] == 4  # no more by sending it again
    kept = [row for row in rows() if row.refused == "device_revoked"]
    assert sorted(row.event_id for row in kept) == sorted(one["event_id"] for one in (after, pool, void, load))
    assert Asset.get(code="KLT000002").where == "here"
    assert Asset.get(code="KLT000001").where == "out"
    assert open_cases() == ["device_revoked"] * 4
    assert list(faults()) == []


@on_both_databases
def test_a_person_lets_what_a_revoked_device_sent_count_after_all(db, app, client, user, boxes, yard):
    scanner = Scanner(app, yard[1], 3 * HOUR)
    out = scanner.scan("dispatch", ago=30 * HOUR)
    scanner.send([out])
    revoke(yard[0], user, NOW)
    home = scanner.scan("return", ago=10 * HOUR)
    pool = scanner.scan("commission", "", asset_type="EPAL", quantity=7)
    packed = scanner.scan("pack", "KLT000002", parent="(00)340123450000000017")
    unknown = scanner.scan("dispatch", "KLT999999")
    void = scanner.scan("void", "", voids=out["event_id"], reason="x")
    scanner.send([home, pool, packed, unknown, void])
    assert "5 scans kept for review" in client.get("/devices").get_data(as_text=True)
    for left_open in (["device_revoked"] * 2 + ["unknown_asset"],) * 2:  # twice is once
        assert client.post(f"/devices/{yard[0].id}/let-count").status_code == 302
        assert open_cases() == left_open
    box = Asset.get(code="KLT000001")
    assert (box.where, box.event_count) == ("here", 3)
    assert abs(box.home_since - (utc_now() - 10 * HOUR)) < MINUTE  # its clock was three hours ahead
    assert Asset.get(code="KLT000002").parent == "(00)340123450000000017"
    counted = ScanEvent.get((ScanEvent.type == "commission") & (ScanEvent.quantity == 7) & (ScanEvent.refused == ""))
    assert (counted.asset_type.code, counted.user.username, counted.sequence) == ("EPAL", "wang.li", pool["sequence"])
    assert rows().where(ScanEvent.refused == "device_revoked").count() == 4  # and the registration of the pool
    assert list(faults()) == []


def test_a_stolen_token_fills_no_disk(app, user, boxes, yard):
    scanner = Scanner(app, yard[1])
    revoke(yard[0], user, NOW)
    scanner.send([scanner.scan("dispatch")])
    (row,) = ScanEvent.select().where(ScanEvent.refused != "").dicts()
    del row["id"]
    many = [{**row, "event_id": str(uuid.uuid4())} for _ in range(MAX_QUARANTINED - 1)]
    for start in range(0, len(many), 500):
        ScanEvent.insert_many(many[start : start + 500]).execute()
    answer = scanner.send([scanner.scan("dispatch")])
    assert (answer.status_code, answer.json["quarantined"]) == (403, 0)


def test_the_device_of_somebody_who_left_the_firm_is_revoked_with_him(app, user, boxes, yard):
    user.active = False
    user.save()
    scanner = Scanner(app, yard[1])
    answer = scanner.send([scanner.scan("dispatch")])
    assert (answer.status_code, answer.json["quarantined"]) == (403, 1)
    ping = scanner.http.get("/api/v1/scan/ping", headers=scanner.header)
    assert (ping.status_code, ping.json["error"]["reason"]) == (403, "device_revoked")


def test_a_batch_costs_a_fixed_number_of_queries(app, boxes, yard, monkeypatch):
    scanner = Scanner(app, yard[1])

    def queries(codes):
        asked = []
        real = proxy.obj.execute_sql
        monkeypatch.setattr(
            proxy.obj, "execute_sql", lambda *args, **more: (asked.append(args[0]), real(*args, **more))[1]
        )
        assert scanner.send([scanner.scan("dispatch", code) for code in codes], key=codes[0]).status_code == 200
        monkeypatch.setattr(proxy.obj, "execute_sql", real)
        return len(asked)

    assert queries(["KLT000001", "KLT000002"]) >= queries([f"KLT{n:06d}" for n in range(3, 30)])


@on_both_databases
def test_a_load_that_moved_before_we_learned_who_was_in_it_is_counted_by_no_device(db, app, user, boxes, yard):
    with app.app_context():
        packer, mover = Scanner(app, yard[1]), Scanner(app, register("yard 2", user, NOW)[1])
    load = "(00)340123450000000017"
    first, packed = (packer.scan("pack", f"KLT00000{n}", ago=20 * HOUR, parent=load) for n in (1, 2))
    damaged = packer.scan("damage", "KLT000002", ago=15 * HOUR, reason="x")
    packer.send([first])
    mover.send([mover.scan("dispatch", load, ago=10 * HOUR)])
    packer.send([packed])  # only now: the box has moved along
    packer.send([damaged])
    assert list(faults()) == []
    moved = ScanEvent.get((ScanEvent.asset == boxes[1]) & (ScanEvent.type == "dispatch"))
    assert (moved.sender, moved.sequence) == (None, None)
    events = [event for event, _ in histories([boxes[1].id])[boxes[1].id]]
    assert [event.type for event in rules.in_order(events)] == ["commission", "pack", "damage", "dispatch"]
