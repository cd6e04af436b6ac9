"""What a kind of scan asks of who tells it: the same on the API for people and devices, and on the page of a box."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import NOW, PASSWORD, SignedIn, on_both_databases

from accounts.people import create_token, create_user, set_role
from accounts.rights import RIGHTS, ROLES
from assets.devices import register
from assets.event_types import COUNTABLE, EVENT_TYPES, SCANNABLE
from assets.ledger_check import faults
from assets.mending import cases, mend, offers
from assets.models import Asset, ExceptionCase, Movement, ScanEvent, StockLevel
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from assets.snapshot import snapshot
from database import utc_now

URL = "/api/v1/scan-events"
SSCC = "(00)340123450000000017"


def event(type, code="KLT000001", ago=timedelta(hours=1), **fields):
    more = {"shipment": "S-2026-0001"} if type == "dispatch" else {}
    return {
        "event_id": str(uuid.uuid4()), "type": type, "scanned_text": code, "place": "SZ-PLANT",
        "event_time": (utc_now() - ago).isoformat(), "device": "yard-1", **more, **fields,
    }  # fmt: skip


def pool(type, quantity=5, **fields):
    return event(type, "", asset_type="EPAL", quantity=quantity, **fields)


@pytest.fixture
def boxes(world):
    codes = [f"KLT{n:06d}" for n in range(1, 6)]
    return register_assets(world.klt, codes, world.suzhou, world.plant, None, utc_now() - timedelta(days=9))


@pytest.fixture
def asks(app, user, boxes):
    """How to send events: as the programs of a lead and of a scanner, and as the scanner's device; and the people."""
    with app.app_context():
        people = {role: create_user(f"of.{role}", PASSWORD, NOW, role=role) for role in ROLES if role != "seal"}
        tokens = {role: create_token(person, f"of {role}", NOW) for role, person in people.items()}
        tokens["device"] = register("yard 1", people["scanner_operator"], NOW)[1]
        tokens["device of a lead"] = register("yard 2", people["logistics_lead"], NOW)[1]

    def send(who, *events):
        header = {"Authorization": f"Bearer {tokens[who]}"}
        answer = app.test_client().post(URL, json={"events": list(events)}, headers=header)
        return answer.json["results"] if answer.status_code == 200 else answer.status_code

    send.people = people
    return send


def told(answers):
    return [(one["status"], one["reason"]) for one in answers]


def waiting():
    of_rights = cases().where(ExceptionCase.code == "not_allowed", ExceptionCase.state == "open")
    return list(of_rights.order_by(ExceptionCase.id))


def test_each_kind_of_event_asks_for_a_right_of_the_table_and_the_documentation_says_which():
    page = (Path(__file__).parent.parent / "docs" / "rights.md").read_text(encoding="utf-8")
    for kind in EVENT_TYPES.values():
        assert {kind.right, kind.pool_right} <= set(RIGHTS)
        counted = f"`{kind.pool_right}`" if kind.pool else "–"
        assert f"| `{kind.code}` | {kind.title} | `{kind.right}` | {counted} |" in page
    assert {kind.code for kind in EVENT_TYPES.values() if kind.right != "assets.scan"} == {
        "commission", "opening", "owner_change", "write_off", "decommission", "scrap", "void",
    }  # fmt: skip


@on_both_databases
def test_every_kind_of_event_is_taken_from_every_role_that_may_tell_it_and_from_no_other(db, asks, user):
    """Of a box and of counted boxes, by a person's program and by a device, which may scan whoever registered it."""
    more = {"party": "HAMBURG", "destination": "SZ-PLANT", "parent": SSCC, "reason": "x", "shipment": "S-2026-0001"}
    for who in ("device", "device of a lead", *asks.people):
        held = {"assets.scan"} if who.startswith("device") else ROLES[who]
        kinds = [(code, EVENT_TYPES[code].right) for code in SCANNABLE]
        counted = [(code, EVENT_TYPES[code].pool_right) for code in COUNTABLE]
        theirs = ScanInput(str(uuid.uuid4()), "damage", "KLT000004", utc_now(), reason="x", device=who)
        assert record_scan(theirs, user, utc_now()).outcome == "recorded"
        voids = theirs.event_id
        sent = [event(code, **more, **({"voids": voids} if code == "void" else {})) for code, _ in kinds]
        sent += [pool(code, **more) for code, _ in counted]
        if "assets.scan" not in held:
            assert asks(who, *sent) == 403
            continue
        answers = asks(who, *sent)
        rights = [right for _, right in (*kinds, *counted)]
        for one, right, answer in zip(sent, rights, answers, strict=True):
            assert (answer["reason"] == "not_allowed") == (right not in held), (who, one["type"], answer)
            if right not in held:
                kept = ScanEvent.get(ScanEvent.event_id == one["event_id"])
                assert (answer["status"], kept.refused, kept.quantity) == (422, "not_allowed", one.get("quantity", 0))
    assert list(faults()) == []


@on_both_databases
def test_what_a_scanner_may_not_tell_changes_nothing_and_whoever_may_correct_lets_it_count(db, asks, world):
    lead = asks.people["logistics_lead"]
    theirs, opening = event("dispatch", "KLT000002"), pool("opening", 40, party="HAMBURG", place="")
    assert told(asks("logistics_lead", theirs, opening)) == [(201, None)] * 2
    lines = Movement.select().count()
    for who in ("scanner_operator", "device"):
        wrong = [
            event("void", "", voids=theirs["event_id"], reason="x"), pool("opening", 500, party="HAMBURG", place=""),
            event("void", "", voids=opening["event_id"], reason="x"), pool("dispatch", 7),
            event("owner_change", "KLT000003", party="HAMBURG", place=""), event("write_off", "KLT000004", reason="x"),
        ]  # fmt: skip
        good = event("stock_take", "KLT000001")
        answers = asks(who, *wrong, good)
        assert [answer["reason"] for answer in answers] == [*["not_allowed"] * 6, None]
        assert told(asks(who, *wrong)) == [(422, "not_allowed")] * 6  # sent again: the same, and no second row
    assert answers[0]["text"].startswith("The role of who told this does not allow it.")
    assert Movement.select().count() == lines
    assert ScanEvent.select().where(ScanEvent.refused == "not_allowed").count() == len(waiting()) == 12
    assert Asset.get(code="KLT000002").where == "out"
    for case in waiting()[:6]:
        (offer,) = offers([case])
        assert [one.key for one in offer.mends] == ["retake", "accept"]
        mend(case.id, "retake", lead, utc_now())
    assert Asset.get(code="KLT000002").where == "here"
    assert Asset.get(code="KLT000003").owner == world.hamburg
    levels = {row.holder.code: row.quantity for row in StockLevel.select().where(StockLevel.asset_type == world.pallet)}
    assert levels == {"HAMBURG": 507, "SUZHOU": -7}
    assert [case.event.type for case in waiting()[:1]] == ["write_off"]  # it waits for a second person besides
    assert list(faults()) == []


@on_both_databases
def test_a_scanner_undoes_what_he_has_just_scanned_himself_and_a_load_takes_its_counted_boxes_along(db, asks, world):
    assert told(asks("logistics_lead", pool("commission", 40))) == [(201, None)]
    for who, code in (("scanner_operator", "KLT000001"), ("device", "KLT000002")):
        out = event("dispatch", code)
        undo = event("void", code, voids=out["event_id"], reason="did_not_occur")
        assert told(asks(who, out, undo)) == [(201, None)] * 2  # both had waited for the network
        again = event("dispatch", code, timedelta(minutes=3))
        assert told(asks(who, again)) == [(201, None)]
        assert told(asks(who, undo | {"event_id": str(uuid.uuid4()), "voids": again["event_id"]})) == [(201, None)]
        assert Asset.get(code=code).where == "here"
    load = [event("pack", "KLT000003", parent=SSCC), pool("pack", 6, parent=SSCC), event("dispatch", SSCC)]
    assert told([*asks("device", *load[:2]), *asks("device", load[2])]) == [(201, None)] * 3
    assert StockLevel.get(StockLevel.asset_type == world.pallet, StockLevel.holder == world.hamburg).quantity == 6
    assert told(asks("device", event("void", "", voids=load[2]["event_id"], reason="x"))) == [(201, None)]
    old = event("dispatch", "KLT000004")
    asks("scanner_operator", old)
    ScanEvent.update(record_time=utc_now() - timedelta(days=2)).where(ScanEvent.event_id == old["event_id"]).execute()
    late = event("void", "", voids=old["event_id"], reason="x")
    assert told(asks("scanner_operator", late)) == [(422, "not_allowed")]
    (case,) = waiting()
    assert mend(case.id, "retake", asks.people["logistics_lead"], utc_now()) is False  # by now a second one agrees


@on_both_databases
def test_what_comes_late_from_a_person_who_may_no_longer_tell_it_is_kept_and_counts_when_somebody_lets_it(
    db, app, asks, world
):
    lead = asks.people["logistics_lead"]
    waits = pool("opening", 40, party="HAMBURG", owner="SUZHOU", happened=True)
    with app.app_context():
        set_role(lead, "logistics_lead", False)
        set_role(lead, "scanner_operator", True)
    assert told(asks("logistics_lead", waits)) == [(422, "not_allowed")]
    (case,) = waiting()
    mend(case.id, "retake", asks.people["administrator"], utc_now())
    counts = ScanEvent.get(ScanEvent.corrects == waits["event_id"])
    assert (counts.type, counts.quantity, counts.owner, counts.party) == ("opening", 40, world.suzhou, world.hamburg)
    assert list(faults()) == []


def test_the_page_of_a_box_offers_what_the_person_may_tell_and_takes_nothing_else(app, asks):
    def offered(role):
        browser = SignedIn(app, app.response_class)
        browser.sign_in(asks.people[role])
        page = browser.get("/assets/KLT000001").text
        form = page[page.index('id="report"') :]
        return browser, set(re.findall(r'<option value="([a-z_]+)"', form)) & set(EVENT_TYPES)

    browser, scans = offered("scanner_operator")
    _, all_of_them = offered("logistics_lead")
    assert all_of_them - scans == {"opening", "owner_change", "write_off", "decommission", "scrap"}
    assert {"damage", "lost", "stock_take", "repair"} <= scans
    form = {"type": "owner_change", "party": "HAMBURG", "once": "a" * 32}
    answer = browser.post("/assets/KLT000001/report", data=form)
    assert (answer.status_code, "does not allow it. It is kept" in answer.text) == (422, True)
    assert Asset.get(code="KLT000001").owner.code == "SUZHOU"
    (case,) = waiting()
    lead = SignedIn(app, app.response_class)
    lead.sign_in(asks.people["logistics_lead"])
    assert "Take the refused scan again" in lead.get(f"/exceptions/{case.id}").text


def test_a_handheld_offers_to_undo_the_scans_of_others_to_whoever_may(app, asks):
    theirs, mine = event("dispatch", "KLT000001"), event("dispatch", "KLT000002")
    asks("logistics_lead", theirs)
    asks("scanner_operator", mine)
    scanner = asks.people["scanner_operator"].id
    with app.test_request_context():
        for undoes_of, stays in ((None, set()), (scanner, {"KLT000001"})):
            (shipment,) = snapshot(["SZ-PLANT"], "x", undoes_of=undoes_of).body["shipments"]
            assert {row["code"] for row in shipment["scanned"] if row.get("stays")} == stays
