"""Counted pools have owners: two of our companies hold, count and close their own at one partner, and see only theirs."""

from __future__ import annotations

import csv
import importlib
import io
import json
import uuid
from datetime import date, timedelta
from typing import Any

import pytest
import samples
from browser import DESKTOP
from conftest import NOW, on_both_databases
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.scope import Scope, acting_as, seen
from assets.balances import balances
from assets.ledger_check import faults
from assets.models import AccountClosing, ExceptionCase, Movement, ScanEvent, StockLevel
from assets.scan_answers import Answer
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from assets.visible import visible_cases, visible_events, visible_levels, visible_movements
from database import Database
from docs_gen.models import IssuedDocument, PaperSet
from jobs.models import Job
from master_data.models import Party, Place
from statements.accounts import Month, accounts_of
from statements.models import Statement

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def second(world: samples.World) -> Party:
    """Another selling entity of the same firm, with a place of its own."""
    own = samples.party(NOW, code="WUXI", name_en="Wuxi Steering Co., Ltd.", name_zh="无锡转向")
    Place.create(code="WX-PLANT", party=own, name_en="Plant", country="CN", timezone="Asia/Shanghai", changed_time=NOW)
    return own


def told(kind: str, quantity: int, at: Any = NOW, **fields: Any) -> Answer:
    one = ScanInput(str(uuid.uuid4()), kind, "", at, asset_type="EPAL", quantity=quantity, **fields)
    return record_scan(one, None, at)


def held(owner: Party, holder: Party) -> int:
    rows = StockLevel.select().where(StockLevel.owner == owner, StockLevel.holder == holder)
    return sum(row.quantity for row in rows)


def both_hold(world: samples.World, second: Party) -> None:
    told("opening", 40, party="HAMBURG", owner="SUZHOU", document="SUZHOU-PAPER")
    told("opening", 70, party="HAMBURG", owner="WUXI", document="WUXI-PAPER")


@on_both_databases
def test_two_entities_hold_count_and_write_off_their_own_pool_at_one_partner(
    db: Database, world: samples.World, second: Party
) -> None:
    both_hold(world, second)
    assert (held(world.suzhou, world.hamburg), held(second, world.hamburg)) == (40, 70)
    told("return", 15, NOW + DAY, party="HAMBURG", place="WX-PLANT")
    assert (held(second, second), held(second, world.hamburg)) == (15, 55)
    counted = told("stock_take", 50, NOW + 2 * DAY, place="HH-VMI", owner="WUXI")
    assert counted.exceptions == ("count_difference",)
    assert ScanEvent.get(ScanEvent.type == "stock_take").difference == -5
    told("write_off", 5, NOW + 3 * DAY, party="HAMBURG", reason="Burnt.", owner="SUZHOU")
    assert (held(world.suzhou, world.hamburg), held(second, world.hamburg)) == (35, 50)
    assert list(faults()) == []


@on_both_databases
def test_an_entity_sees_no_event_level_movement_or_case_of_the_others_pool_at_the_same_partner(
    db: Database, world: samples.World, second: Party, app: Flask
) -> None:
    both_hold(world, second)
    told("write_off", 41, NOW + HOUR, party="HAMBURG", reason="More than he had.", owner="SUZHOU")
    told("write_off", 71, NOW + HOUR, party="HAMBURG", reason="More than he had.", owner="WUXI")
    for mine, other in ((world.suzhou, second), (second, world.suzhou)):
        with app.test_request_context(), acting_as(Scope(frozenset({mine.id}), None)):
            events = list(seen(visible_events, ScanEvent.select()))
            assert {event.owner_id for event in events} == {mine.id}
            assert len(events) == 2
            assert {row.owner_id for row in seen(visible_levels, StockLevel.select())} == {mine.id}
            assert {row.owner_id for row in seen(visible_movements, Movement.select())} == {mine.id}
            [case] = seen(visible_cases, ExceptionCase.select())
            assert case.event_id in {event.event_id for event in events}
            assert [row.counts for row in balances(NOW) if row.holder == world.hamburg] == [{"at_partner": -1}]
            assert [one.owner for one in accounts_of(world.hamburg, Month(2026, 11))] == [mine]
            # And none of it can be changed by naming its owner.
            assert told("write_off", 1, NOW + DAY, party="HAMBURG", reason="x", owner=other.code).reason == (
                "not_your_pool"
            )


@on_both_databases
def test_who_closes_his_account_with_a_partner_does_not_close_that_of_the_other_entity(
    db: Database, world: samples.World, second: Party
) -> None:
    both_hold(world, second)
    AccountClosing.create(owner=world.suzhou, partner=world.hamburg, closed_until=date(2026, 11, 30))
    december = NOW + 20 * DAY
    for owner in ("SUZHOU", "WUXI"):
        one = ScanInput(
            str(uuid.uuid4()), "write_off", "", NOW + DAY, asset_type="EPAL", quantity=3, party="HAMBURG", reason="x",
            owner=owner, happened=True,
        )  # fmt: skip
        assert record_scan(one, None, december).outcome == "recorded"
    late = {row.owner.code: row for row in Movement.select().where(Movement.quantity == 3)}
    assert late["SUZHOU"].booked_day == december.date()  # an adjustment: his November had been told to the partner
    assert late["WUXI"].booked_day == late["WUXI"].event_day
    [mine] = accounts_of(world.hamburg, Month(2026, 11), second)
    assert (mine.figures.incoming, mine.figures.outgoing, mine.figures.closing) == (70, 3, 67)
    [theirs] = accounts_of(world.hamburg, Month(2026, 11), world.suzhou)
    assert (theirs.figures.outgoing, theirs.figures.closing) == (0, 40)


@on_both_databases
def test_whose_boxes_they_are_is_known_by_who_has_some_and_asked_where_several_have(
    db: Database, world: samples.World, second: Party, app: Flask
) -> None:
    told("opening", 70, party="HAMBURG", owner="WUXI")
    assert told("write_off", 1, NOW + HOUR, party="HAMBURG", reason="x").outcome == "recorded"
    assert held(second, world.hamburg) == 69
    told("opening", 40, party="HAMBURG", owner="SUZHOU")
    asked = told("write_off", 1, NOW + HOUR, party="HAMBURG", reason="x")
    assert (asked.outcome, asked.reason) == ("refused", "which_owner")
    with app.test_request_context(), acting_as(Scope(frozenset({second.id}), None)):  # he can only mean his own
        assert told("write_off", 1, NOW + HOUR, party="HAMBURG", reason="x").outcome == "recorded"
    assert (held(world.suzhou, world.hamburg), held(second, world.hamburg)) == (40, 68)
    # What lies at a place is of whose place it is, unless only another one has such boxes there.
    told("commission", 9, place="SZ-PLANT", owner="WUXI")
    told("stock_take", 8, NOW + 2 * HOUR, place="SZ-PLANT")
    assert held(second, world.suzhou) == 8
    assert list(faults()) == []


@on_both_databases
def test_what_is_undone_goes_back_to_its_owner(db: Database, world: samples.World, second: Party) -> None:
    both_hold(world, second)
    wrong = told("write_off", 7, NOW + HOUR, party="HAMBURG", reason="x", owner="WUXI")
    assert held(second, world.hamburg) == 63
    at = NOW + 2 * HOUR
    undone = record_scan(ScanInput(str(uuid.uuid4()), "void", "", at, voids=wrong.event_id, reason="No."), None, at)
    assert undone.outcome == "recorded"
    assert (held(second, world.hamburg), held(world.suzhou, world.hamburg)) == (70, 40)
    assert ScanEvent.get(ScanEvent.voids == wrong.event_id).owner == second
    assert list(faults()) == []


def test_the_desk_and_the_api_name_the_owner_and_check_notices_a_wrong_one(
    client: FlaskClient, world: samples.World, second: Party
) -> None:
    assert "Whose boxes" in client.get("/pools/book").text
    form = {"type": "opening", "asset_type": "EPAL", "quantity": "12", "party": "HAMBURG", "owner": "WUXI"}
    assert client.post("/pools/book", data=form).status_code == 302
    event = {
        "event_id": str(uuid.uuid4()), "type": "opening", "event_time": NOW.isoformat(), "asset_type": "EPAL",
        "quantity": 30, "party": "HAMBURG", "owner": "SUZHOU",
    }  # fmt: skip
    assert client.post("/api/v1/scan-events", json=event).status_code == 201
    again = client.post("/api/v1/scan-events", json=event | {"owner": "WUXI"})
    assert again.status_code == 409  # another owner is another report
    refused = client.post("/pools/book", data=form | {"type": "write_off", "reason": "x", "owner": ""})
    assert refused.status_code == 422
    assert "Say whose these are" in refused.text
    rows = client.get("/pools?format=csv").text.splitlines()
    assert [line for line in rows if "Wuxi" in line and '"12"' in line.replace(",12", ',"12"')]
    assert "WUXI" in client.get("/pools/events?format=csv").text
    assert list(faults()) == []
    ScanEvent.update(owner=world.suzhou).where(ScanEvent.quantity == 12).execute()
    assert [fault for fault in map(str, faults()) if "EPAL" in fault]


def test_a_firm_with_one_company_is_not_asked_whose_boxes_they_are(client: FlaskClient, world: samples.World) -> None:
    assert "Whose boxes" not in client.get("/pools/book").text


@on_both_databases
def test_what_was_counted_before_pools_had_owners_keeps_the_owner_it_has_had(
    db: Database, world: samples.World, second: Party, user: User
) -> None:
    told("commission", 9, place="WX-PLANT")
    opened = told("opening", 40, party="HAMBURG")
    told("return", 15, NOW + HOUR, party="HAMBURG", place="SZ-PLANT")
    at = NOW + 2 * HOUR
    record_scan(ScanInput(str(uuid.uuid4()), "void", "", at, voids=opened.event_id, reason="No."), None, at)
    AccountClosing.create(owner=second, partner=world.hamburg, closed_until=date(2026, 10, 31))
    paper = IssuedDocument.create(
        type="box_statement", number="BS-1", seller=second, party=world.hamburg, issued_time=NOW, issue_date=date(2026, 11, 1), facts="{}",
        verify_code="x",
    )  # fmt: skip
    Statement.create(
        document=paper, partner=world.hamburg, first_day=date(2026, 10, 1), last_day=date(2026, 10, 31), language="en",
        issued_time=NOW, changed_time=NOW,
    )  # fmt: skip
    AccountClosing.create(owner=world.suzhou, partner=world.nagoya, closed_until=date(2026, 9, 30))
    before = sorted(ScanEvent.select(ScanEvent.event_id, ScanEvent.owner).tuples())
    closed = sorted(
        AccountClosing.select(AccountClosing.owner, AccountClosing.partner, AccountClosing.closed_until).tuples()
    )
    step = importlib.import_module("migrations.0019_pool_owners")
    with db.atomic():
        step.down(None, db)
        step.up(None, db)
    assert sorted(ScanEvent.select(ScanEvent.event_id, ScanEvent.owner).tuples()) == before
    assert closed == sorted(
        AccountClosing.select(AccountClosing.owner, AccountClosing.partner, AccountClosing.closed_until).tuples()
    )
    assert list(faults()) == []


@on_both_databases
def test_a_set_of_papers_that_was_not_done_when_the_jobs_came_is_taken_up_on_both_databases(
    db: Database, world: samples.World, user: User
) -> None:
    PaperSet.create(shipment=world.shipment, wanted="[]", reasons="{}", created_by=user, created_time=NOW)
    step = importlib.import_module("migrations.0021_paper_sets")
    with db.atomic():
        step.down(None, db)
        db.execute_sql("UPDATE paper_job SET state = 'waiting'")
        step.up(None, db)
    assert json.loads(Job.get(Job.kind == "issue_set").args) == {"set": PaperSet.get().id}


def test_on_a_desk_in_chinese_no_column_of_the_events_is_a_character_wide_and_none_is_off_the_edge(
    page: Page, user: User, world: samples.World, second: Party
) -> None:
    both_hold(world, second)
    told("dispatch", 12, NOW + HOUR, shipment="S-2026-0001", place="SZ-PLANT", document="DN-2026-000123")
    told("write_off", 2999, NOW + HOUR, party="HAMBURG", owner="WUXI", reason="x")
    ScanEvent.update(user=user).execute()
    page.set_viewport_size(DESKTOP)
    page.goto("/pools/events")
    for language in ("en", "zh-CN"):
        if language != "en":
            page.get_by_role("button", name="中文").click()
        expect(page.locator("html")).to_have_attribute("lang", language)
        assert page.evaluate("""() => {
            const all = document.querySelector('.rt-table-wrap'), em = 14
            return [...document.querySelectorAll('.rt-table th')].every(one => one.offsetWidth >= 2 * em)
                && [...document.querySelectorAll('.rt-table td:nth-child(2), .rt-table td:nth-child(3)')]
                    .every(one => one.offsetWidth >= 5 * em)
                && all.scrollWidth <= all.clientWidth
        }""")


def test_balances_are_told_owner_by_owner_where_there_are_several(
    client: Any, world: samples.World, second: Party
) -> None:
    def rows(query: str = "") -> set[tuple[str, ...]]:
        text = client.get(f"/balances?format=csv{query}").data.decode("utf-8-sig")
        names = ("Owner", "Holder", "Total")
        return {
            tuple(row[name] for name in names if name in row)
            for row in csv.DictReader(io.StringIO(text))
            if row["Holder"].startswith("Hamburg")
        }

    assert told("opening", 40, party="HAMBURG", owner="SUZHOU").outcome == "recorded"
    hamburg = "Hamburg Automotive GmbH"
    assert rows() == {(hamburg, "40")}  # one owner: no column for it
    assert 'name="owner"' not in client.get("/balances").text
    assert told("opening", 70, party="HAMBURG", owner="WUXI").outcome == "recorded"
    suzhou, wuxi = (row.name_en for row in (world.suzhou, second))
    assert rows() == {(suzhou, hamburg, "40"), (wuxi, hamburg, "70")}
    assert rows("&owner=WUXI") == {(wuxi, hamburg, "70")}
    page = client.get("/balances").text
    assert "/pools?holder=HAMBURG&amp;type=EPAL&amp;owner=WUXI" in page
    assert page.count(">110 ") == 1  # the bar of the partner, of both together
    assert "70" in client.get("/pools?holder=HAMBURG&type=EPAL&owner=WUXI").text
    for path in ("/pools", "/assets", "/overdue"):
        pieces = client.get(f"{path}?holder=HAMBURG&owner=WUXI&format=csv").data.decode("utf-8-sig")
        assert ("70" in pieces, "40" in pieces) == (path == "/pools", False)
        assert 'name="owner"' in client.get(path).text
