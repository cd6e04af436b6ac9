"""One-click mends: for each code that a person may have to decide, what is offered explains it, and the ledger follows."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from conftest import NOW, on_both_databases
from samples import shipment as make_shipment

from assets.event_types import EVENT_TYPES, REASONS
from assets.ledger_check import faults
from assets.mending import ASSUMED, CHAINS, MEANT, RETAKEN, cases, mend, offers
from assets.models import Asset, ExceptionCase, ScanEvent, Trip
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from assets.state import shown
from errors import InvalidInput, Refused
from master_data.models import Place

DAY = timedelta(days=1)
LATER = NOW + 200 * DAY


@pytest.fixture
def boxes(world):
    Place.create(
        code="SZ-YARD", party=world.suzhou, name_en="Yard", name_zh="空箱场", country="CN", address_en="No. 90",
        timezone="Asia/Shanghai", changed_time=NOW,
    )  # fmt: skip
    make_shipment(NOW, world, number="S-2026-0002")
    return register_assets(world.klt, ["KLT000001", "KLT000002"], world.suzhou, world.plant, None, NOW)


def scan(type, days, place="SZ-PLANT", code="KLT000001", **fields):
    more = {"shipment": "S-2026-0001"} if type in ("dispatch", "cancel_dispatch") else {}
    more |= {"reason": "x"} if "reason" in EVENT_TYPES[type].needs else {}
    return ScanInput(
        str(uuid.uuid4()), type, code, NOW + days * DAY, place=place, device="yard-1",
        **{"happened": True, **more, **fields},
    )  # fmt: skip


def tell(*scans):
    for one in scans:
        (answer,) = record_scans([one], None, one.event_time)
    return answer


OUT = scan("dispatch", 1)
THERE = scan("arrive", 10, "HH-VMI", party="HAMBURG")
BACK = scan("return_shipped", 20, "HH-VMI", party="HAMBURG")
HOME = scan("return", 30, party="HAMBURG")

#: code (and, where it differs by it, kind) → the scans that lead to it, the last one breaks the rule; what explains it
STORIES = {
    "not_returned": ([OUT, THERE, scan("dispatch", 40, shipment="S-2026-0002")], "return+inspect"),
    "implied_return": ([OUT, THERE, BACK, scan("dispatch", 40, shipment="S-2026-0002")], "return+inspect"),
    "return_implied": ([OUT, THERE, BACK, scan("stock_take", 40)], "return"),
    "came_back": ([OUT, THERE, scan("transfer_in", 40)], "return"),
    "seen_here": ([OUT, THERE, scan("stock_take", 40)], "return"),
    "not_here": ([OUT, THERE, scan("clean", 40)], "return"),
    "already_out": ([OUT, scan("dispatch", 1.5, shipment="S-2026-0002")], "cancel_dispatch"),
    "already_out long ago": ([OUT, scan("dispatch", 9, shipment="S-2026-0002")], "return+inspect"),
    "repair_open": ([scan("damage", 1), scan("repair", 2), scan("stock_take", 9, "SZ-YARD")], "repaired"),
    "repair_open return": ([scan("damage", 1), scan("repair", 2), scan("return", 9)], "meant"),
    "repair_open transfer_in": ([scan("damage", 1), scan("repair", 2), scan("transfer_in", 9)], "repaired"),
    "repair_open arrive": (
        [scan("damage", 1), scan("repair", 2), scan("arrive", 60, "HH-VMI", party="HAMBURG")], "repaired+dispatch"),
    "in_repair": ([scan("damage", 1), scan("repair", 2), scan("dispatch", 9)], "repaired"),
    "start_missing": ([scan("damage", 1), scan("repaired", 9)], "repair"),
    "damaged": ([scan("damage", 1), scan("dispatch", 9)], "repair+repaired"),
    "repaired_how": ([scan("damage", 1), scan("inspect", 9)], "repair+repaired"),
    "not_damaged": ([scan("repair", 9)], "damage"),
    "not_inspected": ([OUT, THERE, HOME, scan("dispatch", 40, shipment="S-2026-0002")], "inspect"),
    "arrival_implied": ([OUT, scan("empties_ready", 20, "HH-VMI", party="HAMBURG")], "arrive"),
    "arrival_implied return_shipped": ([OUT, scan("return_shipped", 20, "HH-VMI", party="HAMBURG")], "arrive"),
    "not_dispatched": ([scan("arrive", 60, "HH-VMI", party="HAMBURG")], "dispatch"),
    "not_dispatched unchecked": ([OUT, THERE, HOME, scan("arrive", 60, "HH-VMI", party="HAMBURG")], "inspect+dispatch"),
    "transfer_open": ([scan("transfer_out", 1, destination="SZ-YARD"), scan("stock_take", 2, "SZ-YARD")], "transfer_in"),
    "transfer_open dispatch": ([scan("transfer_out", 1, destination="SZ-YARD"), scan("dispatch", 2, "SZ-YARD")], "transfer_in"),
    "transfer_open inspect": ([scan("transfer_out", 1, destination="SZ-YARD"), scan("inspect", 2, "")], "transfer_in"),
    "transfer_open return": ([scan("transfer_out", 1, destination="SZ-YARD"), scan("return", 2, "SZ-YARD")], "meant"),
    "transfer_open arrive": (
        [scan("transfer_out", 1, destination="SZ-YARD"), scan("arrive", 60, "HH-VMI", party="HAMBURG")], "transfer_in+dispatch"),
    "no_transfer_out": ([scan("transfer_in", 2, "SZ-YARD")], "transfer_out"),
    "moved": ([scan("stock_take", 2, "SZ-YARD")], "transfer_out+transfer_in"),
    "found": ([OUT, THERE, scan("lost", 20, ""), scan("return", 40, party="HAMBURG")], "found"),
    "found dispatch": ([scan("lost", 20, ""), scan("dispatch", 40)], "found+inspect"),
    "left_parent": (
        [scan("pack", 1, parent="(00)340123450000000017"), scan("dispatch", 2)], "unpack"),
    "wrong_returner": ([OUT, THERE, scan("return", 30, party="NAGOYA")], "holder"),
    # nothing can be added that explains these: the scan was wrong, or it is accepted
    "other_partner": ([OUT, scan("arrive", 10, "", party="NAGOYA")], "void"),
    "moved_partner": ([OUT, THERE, scan("arrive", 12, "", party="NAGOYA")], "void"),
    "went_back": ([OUT, THERE, BACK, scan("arrive", 25, "HH-VMI", party="HAMBURG")], "void"),
    "not_there": ([scan("return_shipped", 20, "HH-VMI", party="HAMBURG")], "void"),
    "never_left": ([scan("return", 20)], "void"),
    "moved return": ([scan("return", 20, "SZ-YARD")], "void"),
    "double_return": ([OUT, THERE, HOME, scan("return", 33)], "void"),
    "cancel_or_return": ([OUT, scan("return", 1.05)], "void"),
    "not_in_repair": ([scan("repaired", 9)], "void"),
    "not_out": ([scan("cancel_dispatch", 9)], "void"),
    "too_late": ([OUT, scan("cancel_dispatch", 9)], "void"),
    "arrived": ([OUT, THERE, scan("cancel_dispatch", 12)], "void"),
    "impossible_move": ([OUT, THERE, scan("return", 10.001, party="HAMBURG")], "void"),
    "lost": ([OUT, scan("lost", 20, ""), scan("owner_change", 30, "", party="NAGOYA")], "void"),
    "gone": ([scan("write_off", 20, ""), scan("return", 30)], "void"),
}  # fmt: skip


def case_of(code):
    return cases().where(ExceptionCase.code == code, ExceptionCase.state == "open").get()


@on_both_databases
@pytest.mark.parametrize("story", STORIES)
def test_what_is_offered_first_explains_the_case_and_the_ledger_follows(db, world, boxes, story):
    code, (scans, wanted) = story.split()[0], STORIES[story]
    tell(*scans)
    case = case_of(code)
    others = {row.id for row in ExceptionCase.select().where(ExceptionCase.state == "open")} - {case.id}
    (offer,) = offers([case])
    first = offer.mends[0]
    assert first.key == wanted
    assert [one.key for one in offer.mends][-1] == "accept"
    assert code in REASONS
    mend(case.id, wanted, None, LATER, shipment="S-2026-0001" if first.needs else "", note="asked the gate")
    case = ExceptionCase.get_by_id(case.id)
    assert (case.state, case.note, case.decided_time) == ("mended", "asked the gate", LATER)
    still = {row.id for row in ExceptionCase.select().where(ExceptionCase.state == "open")}
    assert still <= others  # nothing else has broken by it
    assert list(map(str, faults())) == []
    reasons = [row.reason for row in ScanEvent.select().where(ScanEvent.record_time >= LATER)]
    assert reasons
    assert wanted in ("meant", "holder") or all(
        f"case {case.id} {code}: asked the gate" in reason for reason in reasons
    )
    with pytest.raises(Refused, match="decided already"):
        mend(case.id, "accept", None, LATER)


def test_there_is_a_story_for_every_code_that_has_a_remedy():
    told = {story.split()[0] for story in STORIES}
    assert {*CHAINS, *(code for code, _ in MEANT)} <= told
    assert set(ASSUMED) <= {*told, "clock", "over_return", "below_zero", "count_difference"}
    assert set(RETAKEN) <= set(REASONS)


@on_both_databases
def test_an_inserted_event_stands_a_second_before_and_names_the_case(db, world, boxes):
    tell(OUT, THERE, scan("dispatch", 40, shipment="S-2026-0002"))
    case = case_of("not_returned")
    mend(case.id, "return+inspect", None, LATER)
    added = list(ScanEvent.select().where(ScanEvent.record_time >= LATER).order_by(ScanEvent.event_time))
    assert [(row.type, row.event_time) for row in added] == [
        ("return", NOW + 40 * DAY - timedelta(seconds=2)), ("inspect", NOW + 40 * DAY - timedelta(seconds=1))]  # fmt: skip
    assert all(row.happened and f"case {case.id} not_returned" in row.reason for row in added)
    assert [(trip.shipment.number, trip.end) for trip in Trip.select().order_by(Trip.out_time)] == [
        ("S-2026-0001", "returned"), ("S-2026-0002", "")]  # fmt: skip


@on_both_databases
def test_a_missing_dispatch_is_put_where_the_others_of_its_shipment_left(db, world, boxes):
    tell(scan("dispatch", 12, code="KLT000002"), scan("arrive", 60, "HH-VMI", party="HAMBURG"))
    case = case_of("not_dispatched")
    with pytest.raises(InvalidInput, match="Which shipment"):
        mend(case.id, "dispatch", None, LATER)
    with pytest.raises(InvalidInput, match="no shipment"):
        mend(case.id, "dispatch", None, LATER, shipment="S-1999-0001")
    mend(case.id, "dispatch", None, LATER, shipment="s-2026-0001")
    (trip,) = Trip.select().where(Trip.asset == Asset.get(code="KLT000001"))
    assert (trip.out_time, trip.arrived_time, trip.shipment.number) == (NOW + 12 * DAY, NOW + 60 * DAY, "S-2026-0001")
    assert list(faults()) == []


@on_both_databases
def test_accepted_stays_accepted_whatever_is_scanned_later(db, world, boxes, user):
    tell(scan("return", 20))
    case = case_of("never_left")
    mend(case.id, "accept", user, LATER, note="seen it")
    case = ExceptionCase.get_by_id(case.id)
    assert (case.state, case.decided_by, case.note) == ("accepted", user, "seen it")
    tell(scan("inspect", 21), scan("damage", 19))  # the second comes late: the whole history is replayed
    assert ExceptionCase.get_by_id(case.id).state == "accepted"
    assert list(faults()) == []


@on_both_databases
def test_a_mended_case_opens_again_when_its_mend_is_declared_void(db, world, boxes):
    tell(OUT, THERE, scan("stock_take", 40))
    case = case_of("seen_here")
    mend(case.id, "return", None, LATER)
    added = ScanEvent.get(ScanEvent.record_time >= LATER)
    void = ScanInput(str(uuid.uuid4()), "void", "", LATER + DAY, voids=added.event_id, reason="it was another box")
    record_scans([void], None, LATER + DAY)
    assert ExceptionCase.get_by_id(case.id).state == "open"
    assert list(faults()) == []


@on_both_databases
def test_a_refused_scan_is_taken_again_when_its_box_is_registered(db, world, boxes):
    refused = scan("dispatch", 5, code="KLT000009", happened=False)
    assert tell(refused).outcome == "refused"
    case = case_of("unknown_asset")
    assert case.source == "refused"
    with pytest.raises(Refused, match="No box is registered"):
        mend(case.id, "retake", None, LATER)
    assert ScanEvent.select().where(ScanEvent.scanned_text == "KLT000009").count() == 1  # rolled back
    register_assets(world.klt, ["KLT000009"], world.suzhou, world.plant, None, NOW + 6 * DAY)
    mend(case.id, "retake", None, LATER)
    taken = ScanEvent.get(ScanEvent.corrects == refused.event_id)
    assert (taken.type, taken.event_time, taken.happened, taken.shipment) == (
        "dispatch", refused.event_time, True, world.shipment)  # fmt: skip
    assert shown(Asset.get(code="KLT000009")) == "in_transit_out"
    assert ExceptionCase.get_by_id(case.id).state == "mended"
    assert list(faults()) == []


@on_both_databases
def test_a_count_that_differs_is_accepted_or_undone(db, world, boxes):
    count = ScanInput(str(uuid.uuid4()), "stock_take", "", NOW, place="SZ-PLANT", asset_type="EPAL", quantity=7)
    assert tell(count).exceptions == ("count_difference",)
    case = case_of("count_difference")
    assert [one.key for one in offers([case])[0].mends] == ["void", "accept"]
    mend(case.id, "void", None, LATER)
    assert ExceptionCase.get_by_id(case.id).state == "mended"
    assert list(faults()) == []


@pytest.mark.parametrize("key", ["", "nothing", "return", "retake"])
def test_what_is_not_offered_is_not_done(db, world, boxes, key):
    tell(scan("return", 20))
    case = case_of("never_left")
    with pytest.raises(Refused, match="does not explain"):
        mend(case.id, key, None, LATER)
    assert ExceptionCase.get_by_id(case.id).state == "open"
    with pytest.raises(Refused):
        mend(999_999, "accept", None, LATER)
