"""Balances are counted from the boxes and proven by the events."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from conftest import NOW, on_both_databases

from assets.balances import balances, by_place, days_late, overdue, overdue_assets
from assets.ledger_check import faults
from assets.models import Asset, Movement, ScanEvent, StockLevel, Trip
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from master_data.models import Place

DAY = timedelta(days=1)


@pytest.fixture
def boxes(world):
    made = register_assets(world.klt, [f"KLT-{n:04}" for n in range(10)], world.suzhou, world.plant, None, NOW)
    return made + register_assets(world.cage, [f"GLT-{n:04}" for n in range(3)], world.suzhou, world.plant, None, NOW)


def scans(kind, codes, at, **fields):
    more = {"shipment": "S-2026-0001"} if kind == "dispatch" else {}
    more |= {"reason": "x"} if kind in ("lost", "damage", "write_off") else {}
    inputs = [ScanInput(str(uuid.uuid4()), kind, code, at, **more, **fields) for code in codes]
    assert {answer.outcome for answer in record_scans(inputs, None, at)} == {"recorded"}


def numbers(now):
    return {(row.holder.code, row.asset_type.code): (row.counts, row.overdue) for row in balances(now)}


@on_both_databases
def test_who_holds_how_many_of_which_type(db, world, boxes):
    scans("dispatch", ["KLT-0000", "KLT-0001", "KLT-0002", "KLT-0003", "GLT-0000"], NOW + DAY)
    scans("arrive", ["KLT-0001", "KLT-0002"], NOW + 40 * DAY)
    scans("return", ["KLT-0003"], NOW + 50 * DAY)
    scans("lost", ["KLT-0002"], NOW + 55 * DAY)
    scans("damage", ["KLT-0009"], NOW + 55 * DAY)
    scans("write_off", ["KLT-0008"], NOW + 55 * DAY)
    assert numbers(NOW + 62 * DAY) == {
        ("HAMBURG", "KLT6428"): ({"in_transit_out": 1, "at_partner": 1, "lost": 1}, 2),
        ("HAMBURG", "GLT1210"): ({"in_transit_out": 1}, 0),
        ("SUZHOU", "KLT6428"): ({"available": 4, "returned": 1, "damaged": 1}, 0),
        ("SUZHOU", "GLT1210"): ({"available": 2}, 0),
    }
    assert [row.holder.code for row in balances(NOW)] == ["HAMBURG", "HAMBURG", "SUZHOU", "SUZHOU"]
    first = next(row for row in balances(NOW) if row.asset_type.code == "KLT6428")
    assert (first.total, first.value) == (3, Decimal("37.50"))
    assert sum(row.total for row in balances(NOW)) == Asset.select().where(Asset.life != "gone").count()
    assert [(place.code, kind.code, count) for place, kind, count in by_place()] == [
        ("SZ-PLANT", "GLT1210", {"good": 2}), ("SZ-PLANT", "KLT6428", {"good": 4, "unchecked": 1, "damaged": 1}),
    ]  # fmt: skip
    assert list(faults()) == []


@on_both_databases
def test_a_box_is_overdue_from_the_midnight_after_the_agreed_days_where_it_is_to_return(db, world, boxes):
    scans("dispatch", ["KLT-0000", "GLT-0000"], NOW + DAY)
    due = NOW + 61 * DAY  # 16:00 in Suzhou
    midnight = due + timedelta(hours=8)
    assert overdue(midnight - timedelta(microseconds=1)) == []
    (late,) = overdue(midnight)
    assert (late.holder.code, late.asset_type.code, late.count, late.days_late, late.value) == (
        "HAMBURG", "KLT6428", 1, 1, Decimal("12.50"),
    )  # fmt: skip
    assert [row.code for row in overdue_assets(due + 40 * DAY).order_by(Asset.code)] == ["GLT-0000", "KLT-0000"]
    assert [row.days_late for row in overdue(due + 40 * DAY)] == [40, 10]
    scans("return", ["KLT-0000"], due + DAY)
    assert overdue(due + 2 * DAY) == []


@on_both_databases
def test_days_late_and_the_list_of_late_boxes_agree_in_every_calendar(db, world, boxes):
    west = Place.create(
        code="WEST", party=world.suzhou, name_en="West", country="US", timezone="America/Los_Angeles", changed_time=NOW
    )
    returns = {"KLT-0000": world.plant, "KLT-0001": west, "KLT-0002": None}
    for code, place in returns.items():
        Asset.update(return_place=place).where(Asset.code == code).execute()
    left = datetime(2026, 3, 1, 16, 30, tzinfo=UTC)  # the 2nd in Suzhou; the clocks change while the boxes are out
    scans("dispatch", list(returns), left)
    due = {asset.code: asset.due_day for asset in Asset.select().where(Asset.code.in_(list(returns)))}
    changed_at = {}
    for hour in range(3 * 24):
        now = datetime(2026, 4, 30, tzinfo=UTC) + timedelta(hours=hour)
        listed = {row.code for row in overdue_assets(now)}
        days = {code: days_late(due[code], place, now) for code, place in returns.items()}
        assert listed == {code for code, count in days.items() if count > 0}
        assert [(row.count, row.days_late) for row in overdue(now)] == (
            [(len(listed), max(days.values()))] if listed else []
        )
        for code in listed:
            changed_at.setdefault(code, now)
    assert changed_at == {
        "KLT-0002": datetime(2026, 5, 1, tzinfo=UTC),  # 1 March + 60 days is 30 April
        "KLT-0001": datetime(2026, 5, 1, 7, tzinfo=UTC),
        "KLT-0000": datetime(2026, 5, 1, 16, tzinfo=UTC),
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda: Asset.update(where="here").where(Asset.code == "KLT-0000").execute(),
        lambda: Asset.update(event_count=9).where(Asset.code == "KLT-0001").execute(),
        lambda: Asset.update(grai="04012345000016OTHER").where(Asset.code == "KLT-0002").execute(),
        lambda: Trip.update(damaged=True).execute(),
        lambda: Movement.update(quantity=2).where(Movement.asset == Asset.get(code="KLT-0003")).execute(),
        lambda: StockLevel.update(quantity=StockLevel.quantity + 1).where(StockLevel.where == "out").execute(),
        lambda: ScanEvent.update(exception="moved").where(ScanEvent.type == "dispatch").execute(),
        lambda: ScanEvent.update(asset=None).where(ScanEvent.type == "dispatch").execute(),
        lambda: ScanEvent.update(voids=str(uuid.uuid4())).where(ScanEvent.type == "dispatch").execute(),
    ],
)
def test_what_does_not_follow_from_the_events_is_found(world, boxes, change):
    scans("dispatch", ["KLT-0000"], NOW + DAY)
    assert list(faults()) == []
    change()
    assert [str(fault) for fault in faults()]
