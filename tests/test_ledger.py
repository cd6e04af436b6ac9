"""The ledger: what stands in it follows from the events, whatever comes late, is void, counted or in a load."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from conftest import NOW, on_both_databases
from peewee import fn

from assets.balances import balances
from assets.dispatched import dispatched_on
from assets.ledger import rebuild
from assets.ledger_check import faults
from assets.models import AccountClosing, Agreement, Asset, ExceptionCase, Movement, ScanEvent, StockLevel, Trip
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan, record_scans
from assets.state import shown
from database import db as proxy
from master_data.models import Place

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SSCC = "(00)340123450000000017"


@pytest.fixture
def boxes(world):
    return register_assets(world.klt, [f"KLT{n:06d}" for n in range(1, 13)], world.suzhou, world.plant, None, NOW)


@pytest.fixture
def second_place(world):
    return Place.create(
        code="SZ-STORE", party=world.suzhou, name_en="Store", country="CN", timezone="Asia/Shanghai", changed_time=NOW
    )


def scan(type, code="KLT000001", at=NOW + HOUR, **fields):
    more = {"shipment": "S-2026-0001"} if type in ("dispatch", "cancel_dispatch") else {}
    return ScanInput(
        **{"event_id": str(uuid.uuid4()), "type": type, "scanned_text": code, "event_time": at, "place": "SZ-PLANT",
           **more, **fields}
    )  # fmt: skip


def record(one, now=None):
    answer = record_scan(one, None, now or one.event_time)
    assert answer.outcome in ("recorded", "known"), answer
    return answer


def pool(type, quantity, at=NOW + HOUR, **fields):
    return scan(type, "", at, **{"asset_type": "EPAL", "quantity": quantity, **fields})


def level(**where):
    query = StockLevel.select(fn.SUM(StockLevel.quantity)).where(
        *(getattr(StockLevel, name) == value for name, value in where.items())
    )
    return int(query.scalar() or 0)


def open_cases():
    return sorted(row.code for row in ExceptionCase.select().where(ExceptionCase.state == "open"))


# boxes with codes


@on_both_databases
def test_one_trip_of_a_box_in_all_books(db, world, boxes):
    record(scan("dispatch"))
    record(scan("arrive", at=NOW + 30 * DAY, place="HH-VMI"))
    record(scan("empties_ready", at=NOW + 40 * DAY, place="HH-VMI"))
    record(scan("return_shipped", at=NOW + 41 * DAY, place="HH-VMI"))
    assert shown(Asset.get(code="KLT000001")) == "in_transit_back"
    record(scan("return", at=NOW + 70 * DAY))
    record(scan("damage", at=NOW + 71 * DAY, reason="Cracked."))
    trip = Trip.get()
    assert (trip.partner, trip.from_place, trip.shipment) == (world.hamburg, world.plant, world.shipment)
    assert (trip.out_time, trip.arrived_time, trip.ready_time, trip.back_time, trip.end_time) == tuple(
        NOW + step for step in (HOUR, 30 * DAY, 40 * DAY, 41 * DAY, 70 * DAY)
    )
    assert (trip.end, trip.inspected, trip.damaged, trip.observed_from) == ("returned", True, True, trip.out_time)
    lines = [
        (line.from_holder, line.from_place, line.to_holder, line.to_place, line.quantity)
        for line in Movement.select().where(Movement.asset == boxes[0]).order_by(Movement.id)
    ]
    us, them = world.suzhou, world.hamburg
    assert lines == [
        (None, None, us, world.plant, 1), (us, world.plant, them, None, 1), (them, None, them, world.warehouse, 1),
        (them, world.warehouse, them, None, 1), (them, None, us, world.plant, 1),
    ]  # fmt: skip
    assert (level(holder=us, condition="damaged"), level(holder=us), level(holder=them)) == (1, 12, 0)
    assert list(faults()) == []


@on_both_databases
def test_how_long_a_partner_may_keep_a_box_was_agreed_when_it_left(db, world, boxes):
    days = {"free_days": 20, "currency": "EUR", "changed_time": NOW}
    Agreement.create(partner=world.hamburg, asset_type=None, valid_from=date(2026, 1, 1), **days)
    Agreement.create(
        partner=world.hamburg, asset_type=world.klt, valid_from=date(2026, 12, 1), **{**days, "free_days": 9}
    )
    record(scan("dispatch"))
    record(scan("dispatch", "KLT000002", NOW + 8 * DAY))
    Agreement.update(free_days=90).execute()
    record(scan("arrive", at=NOW + 9 * DAY, place="HH-VMI"))
    left = NOW.date()
    assert Asset.get(code="KLT000001").due_day == left + timedelta(days=20)
    assert Asset.get(code="KLT000002").due_day == left + timedelta(days=8 + 9)
    record(scan("return", at=NOW + 20 * DAY))
    assert Asset.get(code="KLT000001").due_day is None


@on_both_databases
def test_a_case_opens_explains_itself_and_opens_again(db, boxes):
    record(scan("return", at=NOW + 50 * HOUR))
    assert open_cases() == ["never_left"]
    late = scan("dispatch", at=NOW + 5 * HOUR)
    record(late, now=NOW + 60 * HOUR)
    assert open_cases() == []
    assert [row.state for row in ExceptionCase.select()] == ["explained"]
    record(scan("void", "", NOW + 61 * HOUR, voids=late.event_id, reason="Wrong box."))
    assert open_cases() == ["never_left"]
    ExceptionCase.update(state="accepted").execute()
    record(scan("dispatch", at=NOW + 6 * HOUR), now=NOW + 62 * HOUR)
    assert [row.state for row in ExceptionCase.select()] == ["accepted"]  # what a person decided stays
    assert list(faults()) == []


@on_both_databases
def test_a_refused_scan_is_a_case(db, boxes):
    assert record_scan(scan("return", "KLT999999"), None, NOW + HOUR).outcome == "refused"
    (case,) = ExceptionCase.select()
    assert (case.source, case.code, case.state, case.event.scanned_text) == (
        "refused",
        "unknown_asset",
        "open",
        "KLT999999",
    )


@on_both_databases
def test_what_comes_after_the_closing_is_an_adjustment_and_changes_nothing_of_before(db, world, boxes):
    record(scan("dispatch", at=NOW))  # 23 November
    december = NOW + 20 * DAY
    AccountClosing.create(owner=world.suzhou, partner=world.hamburg, closed_until=date(2026, 11, 30))
    told = list(Movement.select().where(Movement.booked_day <= date(2026, 11, 30)).dicts())
    record(scan("return", at=NOW + 2 * DAY, happened=True), now=december)
    assert list(Movement.select().where(Movement.booked_day <= date(2026, 11, 30)).dicts()) == told
    line = Movement.select().order_by(Movement.id.desc()).first()
    assert (line.event_day, line.booked_day) == (date(2026, 11, 25), date(2026, 12, 13))
    assert Asset.get(code="KLT000001").where == "here"  # the state does not wait
    dispatch = ScanEvent.get(type="dispatch")
    record(scan("void", "", december + DAY, voids=dispatch.event_id, reason="Never left."))
    assert list(Movement.select().where(Movement.booked_day <= date(2026, 11, 30)).dicts()) == told
    assert list(faults()) == []


@on_both_databases
def test_a_dispatch_that_is_taken_back_is_on_no_packing_list_and_no_trip(db, world, boxes):
    record(scan("dispatch"))
    record(scan("dispatch", "KLT000002"))
    record(scan("cancel_dispatch", at=NOW + 3 * HOUR))
    assert [box.code for box in dispatched_on(world.shipment)] == ["KLT000002"]
    assert (Trip.select().count(), Asset.get(code="KLT000001").where) == (1, "here")
    assert record_scan(scan("cancel_dispatch", at=NOW + 4 * HOUR), None, NOW + 4 * HOUR).reason == "not_out"
    assert list(faults()) == []


@on_both_databases
def test_the_owner_changes_and_the_levels_follow(db, world, boxes):
    record(scan("owner_change", party="HAMBURG"))
    assert Asset.get(code="KLT000001").owner == world.hamburg
    assert (level(owner=world.hamburg), level(owner=world.suzhou)) == (1, 11)
    sold = Movement.select().where(Movement.event == ScanEvent.get(type="owner_change").event_id)
    assert [(line.owner.code, line.from_holder, line.to_holder) for line in sold.order_by(Movement.id)] == [
        ("SUZHOU", world.suzhou, None), ("HAMBURG", None, world.suzhou),
    ]  # fmt: skip
    # A customer's own box does not go to another customer, and may go to its owner.
    other = scan("dispatch", at=NOW + 2 * HOUR, shipment="S-2026-0001")
    world.shipment.consignee = world.nagoya
    world.shipment.save()
    assert record_scan(other, None, NOW + 2 * HOUR).reason == "foreign_owner"
    assert list(faults()) == []


@on_both_databases
def test_a_type_may_demand_an_inspection_and_a_photo(db, world, boxes):
    world.klt.inspected_before_dispatch = world.klt.damage_needs_photo = True
    world.klt.save()
    record(scan("dispatch"))
    record(scan("return", at=NOW + 50 * HOUR))
    assert record_scan(scan("dispatch", at=NOW + 51 * HOUR), None, NOW + 51 * HOUR).reason == "not_inspected"
    damaged = scan("damage", at=NOW + 52 * HOUR, reason="Cracked.")
    assert record_scan(damaged, None, NOW + 52 * HOUR).reason == "photo_missing"
    record(replace(damaged, event_id=str(uuid.uuid4()), photo="ab" * 32))
    assert ScanEvent.get(ScanEvent.photo != "").reason == "Cracked."


@on_both_databases
def test_a_ledger_that_is_older_than_its_books_gets_them(db, world, boxes):
    record(scan("dispatch"))
    record(scan("return", "KLT000002", NOW + 2 * HOUR))
    record(pool("commission", 40))
    Movement.delete().where(Movement.asset.is_null(False)).execute()
    for model in (Trip, ExceptionCase):
        model.delete().execute()
    StockLevel.delete().where(StockLevel.asset_type == world.klt).execute()
    Asset.update(seen_time=None).execute()
    assert list(faults())
    assert rebuild(NOW + 3 * HOUR) == 12
    assert (open_cases(), list(faults())) == (["never_left"], [])


# counted pools


@on_both_databases
def test_a_pool_is_bought_sent_returned_and_counted(db, world, second_place):
    record(pool("commission", 100))
    record(pool("dispatch", 48, NOW + 2 * HOUR, shipment="S-2026-0001"))
    record(pool("arrive", 48, NOW + 30 * DAY, party="HAMBURG"))
    record(pool("return", 30, NOW + 60 * DAY, party="HAMBURG"))
    record(pool("transfer_out", 10, NOW + 61 * DAY, destination="SZ-STORE"))
    assert level(where="moving") == 10
    record(pool("transfer_in", 10, NOW + 62 * DAY, place="SZ-STORE"))
    record(pool("damage", 4, NOW + 63 * DAY, reason="Broken board."))
    record(pool("repaired", 1, NOW + 64 * DAY))
    record(pool("scrap", 2, NOW + 65 * DAY, reason="Beyond repair."))
    assert level(holder=world.hamburg) == 18
    assert {(row.place.code, row.condition): row.quantity for row in StockLevel.select().where(StockLevel.where == "here")} == {
        ("SZ-PLANT", "good"): 69, ("SZ-PLANT", "damaged"): 1, ("SZ-STORE", "good"): 10,
    }  # fmt: skip
    answer = record(pool("stock_take", 65, NOW + 66 * DAY))
    assert (answer.exceptions, ScanEvent.get(type="stock_take").difference) == (("count_difference",), -4)
    assert (level(place=world.plant, condition="good"), open_cases()) == (65, ["count_difference"])
    row = next(row for row in balances(NOW) if row.holder == world.hamburg)
    assert (row.asset_type, row.total) == (world.pallet, 18)
    assert list(faults()) == []


@on_both_databases
def test_more_than_the_partner_had_is_shown_below_zero(db, world):
    answer = record(pool("return", 5, party="HAMBURG"))
    assert answer.exceptions == ("over_return",)
    assert (level(holder=world.hamburg), level(place=world.plant), open_cases()) == (-5, 5, ["over_return"])
    assert record(pool("transfer_out", 9, NOW + 2 * HOUR, destination="SZ-PLANT")).exceptions == ("below_zero",)
    assert list(faults()) == []


@on_both_databases
def test_a_void_of_a_pool_event_takes_it_out_of_all_books(db, world):
    record(pool("commission", 100))
    sent = pool("dispatch", 48, NOW + 2 * HOUR)
    record(sent)
    counted = pool("stock_take", 40, NOW + 3 * HOUR)
    record(counted)
    for number, one in enumerate((sent, counted)):
        record(scan("void", "", NOW + (4 + number) * HOUR, voids=one.event_id, reason="Typed twice."))
        again = record(scan("void", "", NOW + (6 + number) * HOUR, voids=one.event_id, reason="Typed twice."))
        assert again.outcome == "known"
    assert (level(holder=world.hamburg), level(place=world.plant), open_cases()) == (0, 100, [])
    assert list(faults()) == []


@pytest.mark.parametrize(
    ("fields", "field_or_reason"),
    [
        ({"quantity": 0}, "quantity"),
        ({"quantity": 100_001}, "quantity"),
        ({"place": ""}, "place"),
        ({"type": "clean"}, "type"),
        ({"asset_type": "KLT6428"}, "serialised_type"),
        ({"asset_type": "NOTHING"}, "unknown_type"),
        ({"place": "NOWHERE"}, "unknown_place"),
        ({"type": "return", "party": "NOBODY"}, "unknown_party"),
    ],
)
def test_a_pool_event_that_says_too_little_or_nonsense(world, fields, field_or_reason):
    answer = record_scan(replace(pool("dispatch", 5, NOW), **fields), None, NOW)
    assert field_or_reason in (answer.field, answer.reason)
    assert StockLevel.select().count() == 0


# loads


@on_both_databases
def test_scanning_the_load_moves_what_is_in_it(db, world, boxes):
    record(pool("commission", 20))
    for code in ("KLT000001", "KLT000002", "KLT000003"):
        record(scan("pack", code, parent=SSCC))
    record(pool("pack", 12, parent=SSCC))
    answer = record(scan("dispatch", SSCC, NOW + 2 * HOUR))
    assert (answer.code, [part.outcome for part in answer.load]) == (SSCC, ["recorded"] * 4)
    assert [box.code for box in dispatched_on(world.shipment)] == ["KLT000001", "KLT000002", "KLT000003"]
    assert level(holder=world.hamburg) == 15
    assert {row.parent for row in Asset.select().where(Asset.where == "out")} == {SSCC}
    again = record(scan("dispatch", SSCC, NOW + 2 * HOUR + timedelta(seconds=5)))
    assert {part.outcome for part in again.load[:3]} == {"known"}
    # one comes back alone, the rest with the load
    alone = record(scan("return", "KLT000002", NOW + 50 * DAY))
    assert alone.exceptions == ("left_parent",)
    home = record(scan("return", SSCC, NOW + 60 * DAY, party="HAMBURG"))
    assert len(home.load) == 3
    assert Asset.select().where(Asset.where == "here").count() == 12
    record(scan("unpack", "KLT000001", NOW + 61 * DAY))
    assert [row.code for row in Asset.select().where(Asset.parent == SSCC)] == ["KLT000003"]
    assert list(faults()) == []


@on_both_databases
def test_a_load_can_be_a_box_and_its_scan_can_be_undone(db, world, boxes):
    record(scan("pack", "KLT000002", parent="KLT000001"))
    record(scan("pack", "KLT000003", parent="KLT000001"))
    sent = scan("dispatch", "KLT000001", NOW + 2 * HOUR)
    assert len(record(sent).load) == 3
    assert Asset.select().where(Asset.where == "out").count() == 3
    assert record_scan(sent, None, NOW + 3 * HOUR).outcome == "known"  # sent again: nothing twice
    record(scan("void", "", NOW + 3 * HOUR, voids=sent.event_id, reason="Wrong pallet."))
    assert Asset.select().where(Asset.where == "out").count() == 0
    assert Trip.select().count() == 0
    assert list(faults()) == []


@on_both_databases
@pytest.mark.parametrize("load", [SSCC, "KLT000009"])
def test_a_box_of_which_we_learn_late_that_it_was_in_the_load_has_moved_along(db, world, boxes, load):
    record(scan("pack", "KLT000001", parent=load))
    record(scan("dispatch", load, NOW + 5 * HOUR))
    record(scan("arrive", load, NOW + 30 * DAY, place="HH-VMI"))
    late = scan("pack", "KLT000002", NOW + 2 * HOUR, parent=load)
    record(late, now=NOW + 31 * DAY)
    told = [
        (row.type, row.via != "")
        for row in ScanEvent.select().where(ScanEvent.asset == boxes[1]).order_by(ScanEvent.id)
    ]
    assert told == [("commission", False), ("pack", False), ("dispatch", True), ("arrive", True)]
    assert "KLT000002" in [box.code for box in dispatched_on(world.shipment)]
    assert Asset.get(code="KLT000002").place == world.warehouse
    record(late, now=NOW + 32 * DAY)  # sent again
    assert ScanEvent.select().where(ScanEvent.asset == boxes[1]).count() == 4
    assert list(faults()) == []


@on_both_databases
def test_a_damaged_box_keeps_its_load_from_nothing_but_itself(db, boxes):
    for code in ("KLT000001", "KLT000002"):
        record(scan("pack", code, parent=SSCC))
    record(scan("damage", "KLT000002", NOW + 2 * HOUR, reason="Cracked."))
    answer = record(scan("dispatch", SSCC, NOW + 3 * HOUR))
    assert [(part.code, part.outcome, part.reason) for part in answer.load] == [
        ("KLT000001", "recorded", None), ("KLT000002", "refused", "damaged"),
    ]  # fmt: skip
    assert open_cases() == ["damaged"]


def test_a_goods_label_under_which_nothing_was_packed_is_no_load(boxes):
    assert record_scan(scan("dispatch", SSCC), None, NOW + HOUR).reason == "goods_label"
    assert record_scan(scan("pack", parent="NO-SUCH-BOX"), None, NOW + HOUR).reason == "unknown_load"


@on_both_databases
def test_the_number_of_queries_does_not_grow_with_a_batch_of_mixed_scans(db, world, boxes):
    def queries(codes):
        count = Counter()
        execute = proxy.obj.execute_sql
        proxy.obj.execute_sql = lambda *args, **more: (count.update(["n"]), execute(*args, **more))[1]
        try:
            mixed = [scan("dispatch", code, NOW + HOUR) for code in codes]
            record_scans([*mixed, pool("commission", len(codes), NOW + HOUR)], None, NOW + HOUR)
        finally:
            del proxy.obj.execute_sql
        return count["n"]

    assert queries(["KLT000001", "KLT000002"]) == queries([f"KLT{n:06d}" for n in range(3, 13)])
