"""What ends a box by its books, and the undoing of what is older than a day, counts when a second person has agreed."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from conftest import NOW, PASSWORD, on_both_databases

from accounts.models import User
from accounts.people import create_user
from assets.exception_views import subject_of
from assets.ledger_check import faults
from assets.mending import cases, mend, offers
from assets.models import Asset, ExceptionCase, Movement, ScanEvent, StockLevel
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import correct_event, record_scan
from errors import Refused

DAY = timedelta(days=1)
LATER = NOW + 30 * DAY


@pytest.fixture
def two(app, world):
    register_assets(world.klt, ["KLT000001"], world.suzhou, world.plant, None, NOW)
    with app.app_context():
        return person("li.na"), person("ana")


def person(name, active=True):
    made = create_user(name, PASSWORD, NOW)
    User.update(active=active).where(User.id == made.id).execute()
    return made


def scan(type, time=LATER, code="KLT000001", **fields):
    return ScanInput(str(uuid.uuid4()), type, code, time, place="SZ-PLANT", **{"reason": "beyond repair", **fields})


def box():
    return Asset.get(code="KLT000001")


def waiting():
    return cases().where(ExceptionCase.code == "needs_second", ExceptionCase.state == "open").get()


@on_both_databases
@pytest.mark.parametrize("type", ["write_off", "decommission", "scrap"])
def test_a_box_ends_when_a_second_person_agrees(app, two, type):
    asks, agrees = two
    answer = record_scan(scan(type), asks, LATER)
    assert (answer.outcome, answer.reason, answer.waits) == ("refused", "needs_second", True)
    assert box().life == "active"
    with pytest.raises(Refused, match="Another person"):
        mend(waiting().id, "agree", asks, LATER)
    assert mend(waiting().id, "agree", agrees, LATER + DAY)
    assert box().life == "gone"
    kept, counts = ScanEvent.select().where(ScanEvent.type == type).order_by(ScanEvent.id)
    assert (kept.user, kept.refused) == (asks, "needs_second")
    assert (counts.user, counts.corrects, counts.event_time, counts.reason) == (
        agrees, kept.event_id, LATER, "beyond repair",
    )  # fmt: skip
    assert list(faults()) == []


@on_both_databases
def test_what_is_declined_changes_nothing(app, two):
    record_scan(scan("write_off"), two[0], LATER)
    (offer,) = offers([waiting()])
    assert [one.key for one in offer.mends] == ["agree", "accept"]
    mend(waiting().id, "accept", two[1], LATER)
    assert box().life == "active"
    assert not cases().where(ExceptionCase.state == "open").exists()
    assert list(faults()) == []


@on_both_databases
def test_who_works_alone_asks_nobody(app, world, user):
    register_assets(world.klt, ["KLT000001"], world.suzhou, world.plant, None, NOW)
    with app.app_context():
        person("gone.since", active=False)
    assert record_scan(scan("write_off"), user, LATER).outcome == "recorded"


@on_both_databases
def test_within_a_day_a_scan_is_undone_alone_and_later_by_two(app, two):
    asks, agrees = two
    first = scan("damage", NOW + DAY)
    record_scan(first, asks, NOW + DAY)
    undo = scan("void", NOW + DAY, voids=first.event_id)
    assert record_scan(undo, asks, NOW + 2 * DAY).outcome == "recorded"
    again = scan("damage", NOW + 3 * DAY)
    record_scan(again, asks, NOW + 3 * DAY)
    assert record_scan(scan("void", voids=again.event_id), asks, LATER).waits
    assert box().condition == "damaged"
    assert mend(waiting().id, "agree", agrees, LATER)
    assert box().condition == "good"
    assert list(faults()) == []


@on_both_databases
def test_a_late_correction_waits_whole_and_comes_whole(app, two):
    asks, agrees = two
    wrong = scan("dispatch", NOW + DAY, shipment="S-2026-0001", reason="")
    record_scan(wrong, asks, NOW + DAY)
    right = scan("transfer_out", NOW + DAY, destination="SZ-PLANT", document="LT-7", confirmed=("x",))
    assert correct_event(wrong.event_id, right, "type", asks, LATER).waits
    assert box().where == "out"
    assert json.loads(waiting().values)["voids"] == wrong.event_id
    assert mend(waiting().id, "agree", agrees, LATER)
    assert box().where == "moving"
    stands = ScanEvent.get(ScanEvent.type == "transfer_out")
    assert (stands.corrects, stands.document, stands.event_time) == (wrong.event_id, "LT-7", NOW + DAY)
    assert list(faults()) == []


@on_both_databases
def test_a_mend_that_undoes_an_old_scan_waits_too(app, two):
    asks, agrees = two
    record_scan(scan("return", NOW + DAY, reason=""), asks, NOW + DAY)  # it never left
    case = cases().where(ExceptionCase.code == "never_left").get()
    assert mend(case.id, "void", asks, LATER) is False
    assert ExceptionCase.get_by_id(case.id).state == "open"
    mend(waiting().id, "agree", agrees, LATER)
    assert ExceptionCase.get_by_id(case.id).state == "explained"
    assert list(faults()) == []


@on_both_databases
def test_counted_boxes_are_written_off_by_two(app, two, world):
    asks, agrees = two
    stock = scan("commission", NOW, code="", asset_type="EPAL", quantity=40, reason="")
    assert record_scan(stock, asks, NOW).outcome == "recorded"
    assert record_scan(scan("write_off", code="", asset_type="EPAL", quantity=3), asks, LATER).waits
    booked = Movement.select().count()
    assert mend(waiting().id, "agree", agrees, LATER)
    assert Movement.select().count() == booked + 1
    assert StockLevel.get(StockLevel.asset_type == world.pallet).quantity == 37
    assert list(faults()) == []


@on_both_databases
def test_a_load_that_moved_days_ago_is_undone_by_two(app, two):
    asks, agrees = two
    sscc = "(00)340123450000000017"
    record_scan(scan("pack", NOW + DAY, parent=sscc, reason=""), asks, NOW + DAY)
    load = scan("dispatch", NOW + DAY, sscc, shipment="S-2026-0001", reason="")
    assert record_scan(load, asks, NOW + DAY).outcome == "recorded"
    assert record_scan(scan("void", code="", voids=load.event_id), asks, LATER).waits
    assert (box().where, subject_of(waiting())) == ("out", sscc)
    mend(waiting().id, "agree", agrees, LATER)
    assert box().where == "here"
    assert list(faults()) == []


def test_the_pages_say_that_it_waits_and_who_asked(client, user, two):
    told = {"type": "write_off", "reason": "beyond repair", "place": "SZ-PLANT"}
    answer = client.post("/assets/KLT000001/report", data=told, follow_redirects=True)
    assert "this counts once a second person has agreed" in answer.text
    page = client.get(f"/exceptions/{waiting().id}").text
    for told in ("Agree: it counts", "beyond repair", user.username):
        assert told in page
    refused = client.post(f"/exceptions/{waiting().id}", data={"mend": "agree"})
    assert refused.status_code == 409
    assert "Another person has to" in refused.text


@on_both_databases
@pytest.mark.parametrize(("key", "said"), [("agree", "mended"), ("accept", "accepted")])
def test_the_page_of_a_decided_case_stays_and_a_second_click_is_told_so(client, user, two, key, said):
    record_scan(scan("write_off"), two[0], LATER)
    page = f"/exceptions/{waiting().id}"
    assert [client.post(page, data={"mend": key}).status_code for _ in range(2)] == [302, 409]
    shown = client.get(page)
    assert (shown.status_code, said in shown.text, "Agree: it counts" in shown.text) == (200, True, False)
