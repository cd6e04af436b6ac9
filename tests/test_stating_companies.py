"""Two of our companies have boxes at one partner: each states its own, and neither's statement hides the other's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pypdfium2
import pytest
import samples
from account_book import Book
from conftest import NOW, PASSWORD, SignedIn, on_both_databases
from flask import Flask
from flask.testing import FlaskClient

from accounts.people import Belonging, change_person, create_user
from accounts.scope import Scope, acting_as
from assets.models import Agreement
from database import Database
from database import db as proxy
from jobs.models import Job
from master_data.models import Party, Place
from statements.accounts import Month, accounts_of, who_has_accounts
from statements.issuing import issue_statement, own_companies, statements_of
from statements.models import Statement

OCTOBER = Month(2026, 10)


@pytest.fixture
def second(world: samples.World, monkeypatch: pytest.MonkeyPatch) -> Party:
    monkeypatch.setattr("statements.views.utc_now", lambda: NOW)
    own = samples.party(NOW, code="WUXI", name_en="Wuxi Steering Co., Ltd.", name_zh="无锡转向")
    Place.create(code="WX-PLANT", party=own, name_en="Plant", country="CN", timezone="Asia/Shanghai", changed_time=NOW)
    return own


@pytest.fixture
def book(world: samples.World, second: Party) -> Book:
    """48 pallets of the first company and 9 of the second one at one partner since September and October."""
    book = Book(world.suzhou)
    here, there = (world.suzhou, world.plant), (world.hamburg, world.warehouse)
    book.move(world.pallet, 48, here, there, date(2026, 9, 10))
    book.move(world.pallet, 9, (second, None), there, date(2026, 10, 5), owner=second)
    return book


def issued(app: Flask, company: Party, partner: Party) -> Statement:
    with app.test_request_context(), acting_as(Scope(None, None)):
        return issue_statement(company, partner, OCTOBER, "", None, NOW, app.config["ROUNDTRIP"])


def due(text: str) -> list[str]:
    """The rows of the partners with boxes, as words."""
    table = text.partition("Partners with boxes")[2].partition("</table>")[0]
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in re.findall(r"<tr>.*?</tr>", table, re.S)]


@contextmanager
def counted() -> Iterator[list[str]]:
    asked: list[str] = []
    real = proxy.obj.execute_sql

    def execute(sql: str, *more: Any) -> Any:
        asked.append(sql)
        return real(sql, *more)

    proxy.obj.execute_sql = execute
    try:
        yield asked
    finally:
        del proxy.obj.execute_sql


def test_what_one_company_has_stated_to_a_partner_leaves_the_other_companys_statement_to_be_issued(
    app: Flask, client: FlaskClient, world: samples.World, second: Party, book: Book
) -> None:
    first = issued(app, world.suzhou, world.hamburg)
    Statement.update(state="disputed").where(Statement.id == first.id).execute()
    page = client.get("/statements").text
    assert [("in dispute" in row, "to be issued" in row, "Wuxi" in row) for row in due(page)] == [
        (True, False, False), (False, True, True),
    ]  # fmt: skip
    assert "Issue all that are missing" in page
    account = client.get("/parties/HAMBURG/account?month=2026-10").text
    assert first.document.number in account
    [form] = re.findall(r'<form class="st-issue".*?</form>', account, re.S)
    assert 'name="seller" value="WUXI"' in form
    # The draft is that of the company beside which it stands.
    draft = re.search(r'href="([^"]*account\.pdf[^"]*)"', form)
    assert draft
    text = "".join(
        one.get_textpage().get_text_bounded()
        for one in pypdfium2.PdfDocument(client.get(draft[1].replace("&amp;", "&")).data)
    )
    assert "Wuxi Steering" in text
    told = client.post("/parties/HAMBURG/account/issue", data={"month": "2026-10", "seller": "WUXI"})
    assert told.status_code == 302
    after = client.get("/statements").text
    assert ["in dispute" in row for row in due(after)] == [True, False]
    assert "to be issued" not in after
    assert "Issue all that are missing" not in after
    assert client.post("/statements/issue-due", data={"seller": "WUXI"}).status_code == 409
    # Both have the number 1: the list and the statement say whose each is, and one company's can be chosen.
    assert [row.document.number for row in Statement.select()] == [first.document.number] * 2
    table = client.get("/statements?format=csv").text
    assert "Suzhou" in table
    assert "Wuxi" in table
    assert "Suzhou" not in client.get("/statements?format=csv&seller=WUXI").text
    assert "BS-2026-0001 · SUZHOU" in client.get("/audit").text
    assert "BS-2026-0001 · WUXI" in client.get("/audit").text
    head = client.get(told.location).text.partition("Both balances")[0]
    assert "Our company: Wuxi Steering" in head


def test_all_that_one_company_has_not_stated_is_ordered_though_another_has(
    app: Flask, client: FlaskClient, world: samples.World, second: Party, book: Book
) -> None:
    issued(app, world.suzhou, world.hamburg)
    book.move(world.pallet, 3, (world.suzhou, world.plant), (world.nagoya, None), date(2026, 10, 9))
    assert client.post("/statements/issue-due", data={"seller": "WUXI"}).status_code == 302
    assert client.post("/statements/issue-due", data={"seller": "SUZHOU"}).status_code == 302
    assert [(job.entity, job.total) for job in Job.select().order_by(Job.id)] == [(second, 1), (world.suzhou, 1)]


@on_both_databases
def test_a_company_has_to_state_to_whom_it_has_an_account_with_in_that_month_and_to_nobody_else(
    db: Database, app: Flask, world: samples.World, second: Party, book: Book
) -> None:
    here = (world.suzhou, world.plant)
    # Came in November; came and went back in October; went back before October; went back after October.
    book.move(world.pallet, 3, here, (world.nagoya, None), date(2026, 11, 9))
    partners = [samples.party(NOW, code=f"P{n}", own=False, name_en=f"P {n}", uscc="", country="DE") for n in range(3)]
    for partner, out, back in zip(
        partners, (date(2026, 10, 2), date(2026, 8, 2), date(2026, 8, 2)),
        (date(2026, 10, 8), date(2026, 9, 8), date(2026, 11, 8)), strict=True,
    ):  # fmt: skip
        book.move(world.klt, 4, here, (partner, None), out)
        book.move(world.klt, 4, (partner, None), here, back, what="return")
    for month in (Month(2026, 8), Month(2026, 9), OCTOBER, Month(2026, 11)):
        with app.test_request_context(), acting_as(Scope(None, None)):
            found = {
                (partner.id, one.owner.id)
                for partner in Party.select().where(~Party.own) for one in accounts_of(partner, month)
            }  # fmt: skip
        assert who_has_accounts(month) == found
    with app.test_request_context(), acting_as(Scope(None, None)):
        assert who_has_accounts(OCTOBER) == {
            (world.hamburg.id, world.suzhou.id), (world.hamburg.id, second.id), (partners[0].id, world.suzhou.id),
            (partners[2].id, world.suzhou.id),
        }  # fmt: skip
        assert own_companies() == [world.suzhou, second]
        assert statements_of(world.hamburg, OCTOBER) == {}


def test_both_pages_ask_the_same_number_of_queries_for_any_number_of_companies_and_partners(
    app: Flask, client: FlaskClient, world: samples.World, second: Party, book: Book
) -> None:
    def asked() -> tuple[int, int]:
        counts = []
        for path in ("/statements", "/parties/HAMBURG/account?month=2026-10"):
            with counted() as queries:
                assert client.get(path).status_code == 200
            counts.append(len(queries))
        return counts[0], counts[1]

    issued(app, world.suzhou, world.hamburg)
    asked()
    before = asked()
    third = samples.party(NOW, code="HEFEI", name_en="Hefei Steering Co., Ltd.")
    there = (world.hamburg, world.warehouse)
    book.move(world.pallet, 2, (third, None), there, date(2026, 10, 6), owner=third)
    for n in range(4):
        partner = samples.party(NOW, code=f"P{n}", own=False, name_en=f"P {n}", uscc="", country="DE")
        book.move(world.pallet, 2, (second, None), (partner, None), date(2026, 10, 6), owner=second)
    issued(app, second, world.hamburg)
    assert asked() == before


def test_the_charges_that_are_shown_are_those_of_the_company_in_whose_name_they_are_issued(
    client: FlaskClient, world: samples.World, second: Party, book: Book
) -> None:
    Agreement.create(
        partner=world.hamburg, valid_from=date(2026, 1, 1), currency="EUR", deposit=5, changed_time=NOW
    )  # fmt: skip
    url = "/parties/HAMBURG/charges?month=2026-10"
    assert "There is nothing to charge" in client.get(url).text  # the first company's went there in September
    page = client.get(f"{url}&seller=WUXI").text
    [form] = re.findall(r'<form class="st-issue".*?</form>', page, re.S)
    assert 'name="seller" value="WUXI"' in form
    assert "seller=WUXI" in form.partition("charges.pdf")[2]
    assert '<option value="WUXI" selected' in page.partition("</form>")[0] + page.partition('class="st-kinds"')[2]


def test_boxes_of_an_outside_owner_alone_are_stated_once_and_a_statement_of_them_by_any_of_ours_is_enough(
    app: Flask, client: FlaskClient, world: samples.World, second: Party
) -> None:
    rented = samples.party(NOW, code="POOL", own=False, name_en="Pool Rent GmbH", uscc="", country="DE")
    Book(rented).move(world.pallet, 20, (None, None), (world.nagoya, None), date(2026, 9, 10))
    [row] = due(client.get("/statements").text)
    assert "Suzhou" in row
    assert "to be issued" in row
    assert client.get("/parties/NAGOYA/account?month=2026-10").text.count('class="st-issue"') == 2
    issued(app, second, world.nagoya)
    [row] = due(client.get("/statements").text)
    assert "Wuxi" in row
    assert "to be issued" not in row
    assert client.get("/parties/NAGOYA/account?month=2026-10").text.count('class="st-issue"') == 0


def test_who_belongs_to_one_company_sees_only_what_that_one_has_to_state(
    app: Flask, world: samples.World, second: Party, book: Book
) -> None:
    with app.app_context():
        person = create_user("li.na", PASSWORD, NOW)
        change_person(person, "", "", Belonging(frozenset({"logistics_lead"}), frozenset({second.id})))
    own = SignedIn(app, app.response_class)
    own.sign_in(person)
    issued(app, world.suzhou, world.hamburg)
    page = own.get("/statements").text
    [row] = due(page)
    assert "to be issued" in row
    assert "Suzhou" not in page
    assert "Issue all that are missing" in page
