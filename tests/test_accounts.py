"""Box accounts: opening + in − out ± adjustments = closing, for every partner and type; ages; nothing summed from zero."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from random import Random
from uuid import uuid4
from zoneinfo import ZoneInfo

import pypdfium2
import pytest
from account_book import Book
from conftest import NOW, on_both_databases
from peewee import Database
from samples import World

from assets.ledger import Booking, book
from assets.models import AccountClosing, Agreement, Movement, ScanEvent, StockLevel
from assets.movements import Line
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from database import keep_writers_out, one_view
from docs_gen.checks_accounts import balances_add_up
from docs_gen.document_types import render_paper
from docs_gen.facts import from_json, to_json
from docs_gen.register import types
from errors import InvalidInput
from master_data.models import Party, Place
from statements.accounts import Month, _sums, accounts_of, add_ages, add_lines, month_named, month_of, pool_lots
from statements.issuing import statement_facts

OCTOBER = Month(2026, 10)


@on_both_databases
def test_over_a_random_year_every_account_adds_up_and_each_closing_is_the_next_opening(
    db: Database, world: World
) -> None:
    """Against a model that counts every box by itself: with moves between places, between partners, and of two owners;
    with months that are closed on the way, and what comes in late for them."""
    random = Random(4)
    book = Book(world.suzhou)
    dock = Place.create(
        code="HH-DOCK", party=world.hamburg, name_en="Dock", country="DE", timezone="Europe/Berlin", changed_time=NOW
    )
    partners = {world.hamburg: [world.warehouse, dock, None], world.nagoya: [None]}
    kinds, owners = (world.klt, world.cage, world.pallet), (world.suzhou, world.nagoya)
    told: dict[tuple[int, int, int, str, str], int] = defaultdict(int)  # of the model: what was booked in which month
    closed: dict[int, date] = {}
    months = [Month(2025, month) for month in range(1, 13)]
    frozen: dict[tuple[int, Month], list[tuple[int, ...]]] = {}
    with db.atomic():
        for today in (date(2025, 1, 1) + timedelta(days=number) for number in range(365)):
            for _ in range(random.randrange(3)):
                kind, owner = random.choice(kinds), random.choice(owners)
                partner = random.choice(list(partners))
                place = random.choice(partners[partner])
                late = random.random() < 0.15
                happened = max(date(2025, 1, 1), today - timedelta(days=random.randrange(1, 50))) if late else today
                quantity = random.randrange(1, 60)
                here, there = (world.suzhou, world.plant), (partner, place)
                what = random.choice(("dispatch", "dispatch", "return", "arrive", "transfer"))
                if what == "dispatch":
                    sides = (here, there)
                elif what == "return":
                    sides = (there, here)
                elif what == "arrive":
                    sides = (there, (partner, random.choice(partners[partner])))
                else:
                    other = world.nagoya if partner == world.hamburg else world.hamburg
                    sides = (there, (other, random.choice(partners[other])))
                book.move(kind, quantity, *sides, happened, recorded=today, what=what, owner=owner)
                over = [closed[one.id] for one in (sides[0][0], sides[1][0]) if one and one.id in closed]
                booked = today if any(happened <= day for day in over) else happened
                for (holder, _place), sign in zip(sides, (-1, 1), strict=True):
                    assert holder is not None
                    if sides[0][0] != sides[1][0]:
                        told[holder.id, kind.id, owner.id, str(month_of(booked)), str(month_of(happened))] += (
                            sign * quantity
                        )
            if (today + timedelta(days=1)).day == 1 and random.random() < 0.6:
                partner = random.choice(list(partners))
                closed[partner.id] = today
                AccountClosing.insert(owner=world.suzhou, partner=partner, closed_until=today).on_conflict(
                    conflict_target=[AccountClosing.owner, AccountClosing.partner],
                    update={AccountClosing.closed_until: today},
                ).execute()
                frozen[partner.id, month_of(today)] = _figures(partner, month_of(today))

    assert Movement.select().where(Movement.booked_day != Movement.event_day).count() > 10
    for partner in partners:
        before: dict[tuple[int, int], int] = {}
        places_before: dict[tuple[int, int, int | None], int] = {}
        for month in months:
            now: dict[tuple[int, int], int] = {}
            places_now: dict[tuple[int, int, int | None], int] = {}
            with one_view():
                accounts = accounts_of(partner, month)
                add_lines(accounts, partner, month)
            for one in accounts:
                key, sums = (one.asset_type.id, one.owner.id), one.figures
                assert sums.moved == 0
                assert sums.opening + sums.incoming - sums.outgoing + sums.adjustment == sums.closing
                assert sums.opening == before.get(key, 0)
                assert sums.closing == sums.opening + sum(line.quantity for line in one.lines)
                in_month = {
                    happened: quantity for (p, k, o, booked, happened), quantity in told.items()
                    if (p, k, o) == (partner.id, *key) and booked == str(month)
                }  # fmt: skip
                assert sums.closing - sums.opening == sum(in_month.values())
                late = sum(line.adjustment for line in one.lines)
                assert sums.adjustment == late == sum(one.adjustments.values())
                now[key] = sums.closing
                for place, figures in one.places.items():
                    assert figures.opening == places_before.get((*key, place), 0)
                    places_now[*key, place] = figures.closing
            assert {key for key, balance in before.items() if balance} <= set(now)
            before, places_before = now, places_now
            if (partner.id, month) in frozen:  # what was told has not changed since
                assert _figures(partner, month) == frozen[partner.id, month]
        ended = {key: balance for key, balance in places_before.items() if balance}
        counted = {
            (kind, owner, place): balance for (holder, kind, owner, place), balance in book.balances.items()
            if holder == partner.id and balance
        }  # fmt: skip
        assert ended == counted


def _figures(partner: Party, month: Month) -> list[tuple[int, ...]]:
    return [
        (one.asset_type.id, one.owner.id, one.figures.opening, one.figures.incoming, one.figures.outgoing,
         one.figures.adjustment, one.figures.closing)
        for one in accounts_of(partner, month)
        if (one.figures.opening, one.figures.incoming, one.figures.outgoing) != (0, 0, 0) or one.figures.adjustment
    ]  # fmt: skip


@on_both_databases
def test_a_late_event_of_a_closed_month_is_an_adjustment_of_the_open_one_and_names_its_month(
    db: Database, world: World
) -> None:
    book = Book(world.suzhou)
    here, there = (world.suzhou, world.plant), (world.hamburg, world.warehouse)
    book.move(world.klt, 40, here, there, date(2026, 9, 3))
    AccountClosing.create(owner=world.suzhou, partner=world.hamburg, closed_until=date(2026, 9, 30))
    book.move(world.klt, 12, there, here, date(2026, 9, 28), recorded=date(2026, 10, 6), what="return", document="DN-1")
    [september] = accounts_of(world.hamburg, OCTOBER.before)
    assert september.figures.closing == 40
    [october] = accounts_of(world.hamburg, OCTOBER)
    assert (october.figures.opening, october.figures.outgoing, october.figures.adjustment) == (40, 0, -12)
    assert (october.figures.closing, october.adjustments) == (28, {Month(2026, 9): -12})
    add_lines([october], world.hamburg, OCTOBER)
    [line] = october.lines
    assert (line.event_day, line.booked_day, str(line.adjustment_for)) == (
        date(2026, 9, 28),
        date(2026, 10, 6),
        "2026-09",
    )
    assert (line.document, line.outgoing, line.adjustment) == ("DN-1", 0, -12)


@on_both_databases
def test_boxes_of_one_dispatch_are_one_line(db: Database, world: World) -> None:
    book = Book(world.suzhou)
    for _ in range(20):
        asset = book.trip(world.klt, world.hamburg, date(2026, 10, 5))
        assert asset.code
    [account] = accounts_of(world.hamburg, OCTOBER)
    add_lines([account], world.hamburg, OCTOBER)
    assert [(line.incoming, line.what) for line in account.lines] == [(20, "dispatch")]


@on_both_databases
def test_ages_are_days_of_the_calendar_at_the_end_of_the_day_and_free_days_those_agreed(
    db: Database, world: World
) -> None:
    book = Book(world.suzhou)
    end = OCTOBER.last
    for age in (0, 30, 31, 60, 61, 90, 91, 400):
        book.trip(world.klt, world.hamburg, end - timedelta(days=age))
    book.trip(
        world.klt, world.hamburg, date(2026, 9, 1), date(2026, 10, 31)
    )  # back on the last day: not out at its end
    book.trip(world.klt, world.hamburg, date(2026, 9, 1), date(2026, 11, 1))  # was still out
    book.trip(world.klt, world.hamburg, date(2026, 11, 2))  # left later
    book.trip(world.klt, world.hamburg, date(2026, 1, 1), date(2026, 10, 2), end="lost")
    Agreement.create(
        partner=world.hamburg, asset_type=world.klt, valid_from=date(2026, 9, 1), free_days=31, currency="EUR",
        changed_time=NOW,
    )  # fmt: skip
    accounts = accounts_of(world.hamburg, OCTOBER)
    add_ages(accounts, world.hamburg, end, "UTC", named=True)
    [account] = accounts
    assert account.ages == [2, 3, 2, 2]  # 0, 30 · 31, 60 and the one back in November · 61, 90 · 91, 400
    assert (account.free_days, account.lost) == (31, 1)
    # Out since 1 September with 31 free days: over from day 32. By the type's 60 days before: 60 days ago is day 61.
    assert account.over_free == 7  # 31, 60 (August: 60 free days, day 61), 61, 90, 91, 400, and the one of 1 September
    assert account.old_boxes[0] == ("KLT-000008", end - timedelta(days=400), 400)
    assert len(account.old_boxes) == 7


@on_both_databases
@pytest.mark.parametrize("chunk", [1, 500])
def test_of_a_counted_pool_the_last_ones_out_are_still_there(db: Database, world: World, chunk: int) -> None:
    book = Book(world.suzhou)
    here, there = (world.suzhou, None), (world.hamburg, None)
    book.move(world.pallet, 100, here, there, date(2026, 6, 1))
    book.move(world.pallet, 30, here, there, date(2026, 9, 20))
    book.move(world.pallet, 10, here, there, date(2026, 10, 25))
    book.move(world.pallet, 90, there, here, date(2026, 10, 26), what="return")
    key = (world.pallet.id, world.suzhou.id)
    lots = pool_lots(world.hamburg, OCTOBER.last, {key: 50}, chunk)
    assert lots[key] == [(date(2026, 6, 1), 10), (date(2026, 9, 20), 30), (date(2026, 10, 25), 10)]
    accounts = accounts_of(world.hamburg, OCTOBER)
    add_ages(accounts, world.hamburg, OCTOBER.last, "UTC")
    assert accounts[0].ages == [10, 30, 0, 10]


def test_an_account_costs_the_same_number_of_queries_with_any_history(db: Database, world: World) -> None:
    book = Book(world.suzhou)
    here, there = (world.suzhou, None), (world.hamburg, world.warehouse)

    def queries() -> int:
        count = 0
        real = db.execute_sql

        def counted(*args: object, **kwargs: object) -> object:
            nonlocal count
            count += 1
            return real(*args, **kwargs)

        db.execute_sql = counted
        try:
            accounts = accounts_of(world.hamburg, OCTOBER)
            add_lines(accounts, world.hamburg, OCTOBER)
            add_ages(accounts, world.hamburg, OCTOBER.last, "UTC", named=True)
        finally:
            del db.execute_sql
        return count

    for kind in (world.klt, world.pallet):
        book.move(kind, 5, here, there, date(2026, 10, 1))
    few = queries()
    with db.atomic():
        for day in range(1, 200):
            for kind in (world.klt, world.cage, world.pallet):
                book.move(kind, 5, here, there, date(2026, 4, 1) + timedelta(days=day))
    assert queries() <= few + 1  # one more for the boxes over the free days; a query for each counted type there is


def test_what_was_booked_is_found_by_the_index_from_the_month_on(db: Database, world: World) -> None:
    """The cost of an account must not grow with what happened before the month."""
    for sign, side in ((1, "to"), (-1, "from")):
        sql, values = _sums(world.hamburg, OCTOBER, sign).sql()
        plan = " ".join(row[3] for row in db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values))
        assert f"{side}_holder_id=? AND asset_type_id=? AND booked_day>?" in plan


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_who_books_while_a_statement_is_issued_waits_and_books_an_adjustment(db: Database, world: World) -> None:
    """SQLite lets one write after the other anyway."""
    event = ScanEvent.create(
        event_id=str(uuid4()), type="dispatch", scanned_text="", asset_type=world.klt, quantity=5, event_time=NOW,
        record_time=NOW, body_sha256="0" * 64,
    )  # fmt: skip
    late = Booking(
        Line(event.event_id, (world.suzhou.id, None, world.suzhou.id), (world.hamburg.id, None, world.suzhou.id), 5),
        None, world.klt.id, date(2026, 10, 20),
    )  # fmt: skip
    done = threading.Event()

    def booking() -> None:
        with db.connection_context(), db.atomic():
            book([late], NOW, ZoneInfo("Asia/Shanghai"))
        done.set()

    thread = threading.Thread(target=booking)
    with db.atomic():
        keep_writers_out(Movement)
        AccountClosing.create(owner=world.suzhou, partner=world.hamburg, closed_until=OCTOBER.last)
        thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while not db.execute_sql(waiting).fetchone()[0]:
            assert not done.is_set()
            assert thread.is_alive()
    thread.join()
    row = Movement.get()
    assert (row.event_day, row.booked_day) == (date(2026, 10, 20), date(2026, 11, 23))


def test_what_is_read_in_one_view_does_not_see_what_is_written_in_between(world: World, db: Database) -> None:
    with one_view():
        assert StockLevel.select().count() == 0
        assert accounts_of(world.hamburg, OCTOBER) == []


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "26-10", "2026-1", "２０２６-10", "1999-12", "x" * 900]
)
def test_a_month_of_a_wrong_form_is_told(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        month_named(text)
    assert error.value.field == "month"


def test_months_follow_each_other() -> None:
    assert month_named("2026-10") == OCTOBER
    assert [str(one) for one in (OCTOBER.before, OCTOBER.next, Month(2026, 12).next, Month(2026, 1).before)] == [
        "2026-09", "2026-11", "2027-01", "2025-12",
    ]  # fmt: skip
    assert (Month(2024, 2).first, Month(2024, 2).last) == (date(2024, 2, 1), date(2024, 2, 29))


@on_both_databases
def test_what_is_undone_written_off_or_miscounted_is_an_adjustment_and_no_move_and_the_balance_stays(
    db: Database, world: World
) -> None:
    def told(type: str, quantity: int, day: int, **fields: str) -> str:
        at = datetime(2026, 10, day, 4, tzinfo=UTC)
        one = ScanInput(str(uuid4()), type, "", at, asset_type="EPAL", quantity=quantity, **fields)  # type: ignore[arg-type]
        answer = record_scan(one, None, at)
        assert answer.outcome == "recorded", answer
        return answer.event_id

    def undo(event_id: str, day: int) -> None:
        at = datetime(2026, 10, day, 5, tzinfo=UTC)
        assert record_scan(ScanInput(str(uuid4()), "void", "", at, voids=event_id, reason="x"), None, at).done

    told("opening", 50, 2, party="HAMBURG")
    sent = told("dispatch", 20, 3, shipment="S-2026-0001", place="SZ-PLANT")
    undo(sent, 3)
    undo(told("return", 4, 5, party="HAMBURG", place="SZ-PLANT"), 5)
    told("return", 6, 6, party="HAMBURG", place="SZ-PLANT")
    told("write_off", 3, 7, party="HAMBURG", reason="Burnt.")
    [account] = accounts_of(world.hamburg, OCTOBER)
    whole = account.figures.closing
    add_lines([account], world.hamburg, OCTOBER)
    sums = account.figures
    assert (sums.opening, sums.incoming, sums.outgoing, sums.adjustment, sums.closing) == (0, 70, 10, -19, 41)
    assert (sums.closing, account.places[None].closing) == (whole, whole)
    assert [(line.what, line.incoming, line.outgoing, line.adjustment, line.undone) for line in account.lines] == [
        ("opening", 50, 0, 0, False), ("dispatch", 20, 0, 0, False), ("dispatch", 0, 0, -20, True),
        ("return", 0, 0, 4, True), ("return", 0, 4, 0, False), ("return", 0, 6, 0, False),
        ("write_off", 0, 0, -3, False),
    ]  # fmt: skip
    with one_view():
        facts = statement_facts(world.suzhou, world.hamburg, OCTOBER)
    assert list(balances_add_up(facts)) == []
    [stated] = facts.accounts
    assert [(line.what_en, line.quantity, line.balance) for line in stated.lines][2:4] == [
        ("Correction", -20, 50), ("Correction", 4, 54),
    ]  # fmt: skip
    text = "".join(
        page.get_textpage().get_text_bounded()
        for page in pypdfium2.PdfDocument(render_paper(types()["box_statement"], facts).data)
    )
    assert "± adj." in text
    assert "−20" in text
    # A statement of before, whose lines know no such figure, is printed as it was.
    old = json.loads(to_json(facts))
    for line in old["accounts"][0]["lines"]:
        line.pop("adjustment")
    assert from_json(type(facts), json.dumps(old)).accounts[0].lines[0].adjustment == 0
