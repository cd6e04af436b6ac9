"""The home page says what needs doing, and says so when there is nothing."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from samples import shipment as make_shipment

from assets.balances import day_at
from assets.models import ExceptionCase
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import utc_now
from docs_gen.models import IssuedDocument
from shipments.models import Shipment
from today.agenda import SHIPMENTS_SHOWN, agenda

BASE = "https://rt.example.com"


@pytest.fixture
def boxes(app, world, user):
    codes = [f"KLT-{number:04d}" for number in range(1, 13)]
    return register_assets(world.klt, codes, world.suzhou, world.plant, user, utc_now() - timedelta(days=200))


def scan(user, text, kind="dispatch", days_ago=0, **more):
    time = utc_now() - timedelta(days=days_ago)
    if kind == "dispatch":
        more = {"shipment": "S-2026-0001", "place": "SZ-PLANT", **more}
    return record_scan(ScanInput(str(uuid.uuid4()), kind, text, time, **more), user, utc_now())


def leave(shipment, days):
    """Let a shipment leave in so many days of the calendar at its place, or have no date."""
    shipment.departure_date = None if days is None else day_at(shipment.ship_from, utc_now()) + timedelta(days=days)
    shipment.save()
    return shipment


def home(client):
    answer = client.get("/")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_shipment_that_leaves_soon_is_named_with_what_it_lacks(client, world):
    leave(world.shipment, 1)
    page = home(client)
    assert "S-2026-0001" in page
    assert "tomorrow" in page
    assert "papers not issued" in page
    assert "0 of 12 boxes scanned" in page
    world.rack.hs_code = "0000000000"
    world.rack.save()
    world.shipment.named_place = ""
    world.shipment.save()
    row = agenda(utc_now(), BASE).leaving[0]
    assert row.errors > 0
    assert not row.ready
    page = home(client)
    assert "problem" in page
    assert str(row.lacks[0]) in page


def test_shipments_come_in_order_of_departure_the_late_ones_first(db, world):
    leave(world.shipment, 5)
    numbers = {"S-2026-0002": -2, "S-2026-0003": None, "S-2026-0004": 0, "S-2026-0005": 90}
    for number, days in numbers.items():
        leave(make_shipment(utc_now(), world, number=number), days)
    seen = agenda(utc_now(), BASE)
    assert [row.number for row in seen.leaving] == ["S-2026-0002", "S-2026-0004", "S-2026-0001", "S-2026-0003"]
    assert [row.days for row in seen.leaving] == [-2, 0, 5, None]
    assert seen.next_shipment.number == "S-2026-0005"


def test_today_is_the_day_at_the_place_from_which_it_leaves(client, world):
    before_midnight = datetime(2026, 11, 27, 15, 59, tzinfo=UTC)  # in Suzhou; it leaves on the 28th
    other = make_shipment(before_midnight, world, number="S-2026-0002", ship_from=world.warehouse)
    assert other.departure_date == world.shipment.departure_date
    for minutes, today, days in ((0, 27, {1}), (1, 28, {0, 1})):  # Hamburg comes seven hours later
        seen = agenda(before_midnight + timedelta(minutes=minutes), BASE)
        assert seen.today == date(2026, 11, today)
        assert {row.days for row in seen.leaving} == days
    assert {row.number: row.days for row in seen.leaving} == {"S-2026-0001": 0, "S-2026-0002": 1}
    Shipment.update(ship_from=None).execute()
    assert {row.days for row in agenda(before_midnight + timedelta(minutes=1), BASE).leaving} == {0}
    assert datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d") in home(client)


def test_many_shipments_are_counted_and_only_the_next_are_checked(client, world):
    leave(world.shipment, 5)
    for number in range(2, SHIPMENTS_SHOWN + 4):
        leave(make_shipment(utc_now(), world, number=f"S-2026-{number:04d}"), 1)
    seen = agenda(utc_now(), BASE)
    assert (len(seen.leaving), seen.leaving_total) == (SHIPMENTS_SHOWN, SHIPMENTS_SHOWN + 3)
    assert "All open shipments" in home(client)


def test_dispatched_and_cancelled_shipments_are_not_todays_work(db, world):
    leave(world.shipment, 1)
    for state in ("dispatched", "closed", "cancelled"):
        Shipment.update(state=state).execute()
        assert not agenda(utc_now(), BASE).leaving


def test_overdue_boxes_are_named_by_partner(client, world, user, boxes):
    for box in boxes[:3]:
        scan(user, box.code, days_ago=90)
        scan(user, box.code, "arrive", days_ago=70, party="HAMBURG", place="HH-VMI")
    scan(user, boxes[3].code, days_ago=10)
    seen = agenda(utc_now(), BASE)
    assert [(row.holder.code, row.asset_type.code, row.count) for row in seen.overdue] == [("HAMBURG", "KLT6428", 3)]
    assert seen.overdue_total == 3
    page = home(client)
    assert "Hamburg Automotive GmbH" in page
    assert "3 boxes" in page


def test_refused_and_odd_scans_are_to_decide_however_old_and_undone_ones_are_not(client, world, user, boxes):
    scan(user, "KLT-9999")
    scan(user, "<b>bold</b>")
    scan(user, boxes[0].code, "return", days_ago=1, place="SZ-PLANT")  # it never left
    undone = scan(user, boxes[1].code, "return", days_ago=1, place="SZ-PLANT")
    scan(user, "", "void", voids=undone.event_id, reason="did_not_occur")
    seen = agenda(utc_now(), BASE)
    assert seen.exceptions_total == 3
    page = home(client)
    assert "KLT-9999" in page
    assert "never left by our books" in page
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page
    assert "/exceptions?state=open" in page
    assert agenda(utc_now() + timedelta(days=400), BASE).exceptions_total == 3  # it does not go away by waiting
    ExceptionCase.update(state="accepted").execute()
    assert agenda(utc_now(), BASE).exceptions_total == 0


def test_paper_with_a_number_but_no_file_is_shown(client, world):
    IssuedDocument.create(
        shipment=world.shipment, party=world.hamburg, seller=world.suzhou, type="packing_list", number="PL-2026-0001", issue_date=utc_now().date(),
        facts="{}", issued_time=utc_now(),
    )  # fmt: skip
    assert "PL-2026-0001" in home(client)


def test_nothing_to_do_says_so_and_names_the_next_thing_ahead(client, world):
    leave(world.shipment, 60)
    page = home(client)
    assert "Nothing to do now" in page
    assert "S-2026-0001" in page
    Shipment.update(state="closed").execute()
    assert "No shipment is planned" in home(client)


def test_empty_installation_is_told_what_to_enter_first(client):
    page = home(client)
    assert "To the first shipment" in page
    assert '<strong><a href="/parties">Your own company</a></strong>' in page


def test_first_steps_go_on_with_what_is_still_missing(client, world):
    for kind in (world.shipment.lines, world.shipment.packages):
        for row in kind:
            row.delete_instance()
    world.shipment.delete_instance()
    page = home(client)
    assert '<strong><a href="/assets">Boxes</a></strong>' in page


def test_home_page_asks_a_bounded_number_of_queries(client, world, boxes, user):
    """Twenty more shipments and scans make the page longer, but not each of its rows dearer."""
    import logging

    def count():
        seen = []
        handler = logging.Handler()
        handler.emit = seen.append
        logger = logging.getLogger("peewee")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            home(client)
        finally:
            logger.removeHandler(handler)
            logger.setLevel(logging.WARNING)
        return len(seen)

    leave(world.shipment, 90)
    for number in range(3):
        scan(user, f"NIX-{number:04d}")
    few = count()
    for number in range(3, 8):
        scan(user, f"NIX-{number:04d}")
    assert count() == few
