"""A partner answers a statement on his phone, in real Chromium and without an account; the agreement's form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from account_book import Book
from browser import HANDHELD, Live
from conftest import NOW
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, expect
from samples import World

from assets.models import Agreement, ExceptionCase
from database import utc_now
from statements import replies
from statements.accounts import Month
from statements.issuing import issue_statement
from statements.models import Statement, StatementAnswer, StatementLink


@pytest.fixture
def issued(app: Flask, world: World) -> Statement:
    book = Book(world.suzhou)
    here, there = (world.suzhou, world.plant), (world.hamburg, world.warehouse)
    book.move(world.klt, 48, here, there, date(2026, 9, 10))
    book.move(world.klt, 12, here, there, date(2026, 10, 5), shipment=world.shipment)
    book.move(world.klt, 20, there, here, date(2026, 10, 19), what="return", document="DN-77")
    book.move(world.pallet, 30, here, there, date(2026, 9, 10))
    with app.test_request_context():
        return issue_statement(
            world.suzhou, world.hamburg, Month(2026, 10), "", None, NOW, app.config["ROUNDTRIP"]
        )  # fmt: skip


@pytest.fixture
def phone(browser: Browser, live: Live) -> Iterator[Page]:
    """A phone of somebody who has no account; what breaks the content security policy fails the test."""
    context = browser.new_context(
        base_url=live.url, viewport=HANDHELD, locale="de-DE", has_touch=True, is_mobile=True
    )  # fmt: skip
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)
    yield page
    context.close()
    assert not errors


def _no_side_scrolling(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= HANDHELD["width"]


def _choose(page: Page, line: str, verdict: str) -> None:
    page.locator(f"input[name='verdict-{line}'][value='{verdict}']").tap()


def test_a_partner_confirms_one_balance_and_disputes_another_on_a_phone(
    phone: Page, issued: Statement, live: Live
) -> None:
    url = f"/statement/{replies.make_link(issued, None, utc_now())}"
    phone.goto(url)
    _no_side_scrolling(phone)
    expect(phone.get_by_role("heading", name="Hamburg Automotive GmbH")).to_be_visible()
    assert phone.get_by_role("button", name="Everything is right").bounding_box()["height"] >= 48  # type: ignore[index]
    # What is asked about a line that is wrong shows only when it is.
    quantity = phone.locator("[name='quantity-2']")
    expect(quantity).to_be_hidden()
    _choose(phone, "1", "confirmed")
    _choose(phone, "2", "disputed")
    expect(quantity).to_be_visible()
    phone.get_by_text("2 movements").tap()
    _choose(phone, "2.1", "not_ours")
    expect(phone.locator("[name='quantity-2.1']")).to_be_hidden()  # of a line that is not his he has no figure
    _no_side_scrolling(phone)
    phone.get_by_role("button", name="Send my answers").tap()
    # Nothing was sent: the name is missing. What he chose is still there, and the name has the focus.
    expect(phone.locator("#name")).to_be_focused()
    phone.fill("#name", "Jörg <b>Weiß</b>")
    quantity.fill("37")
    phone.fill("[name='reason-2']", "<img src=x onerror=alert(1)> 3 went back")
    phone.fill("[name='reason-2.1']", "never came")
    phone.get_by_role("button", name="Send my answers").tap()
    expect(phone.get_by_text("Thank you. 3 answers were taken.")).to_be_visible()
    expect(phone.get_by_text("We have your answer")).to_be_visible()
    assert phone.locator("main img").count() == 0
    said = {(row.line, row.verdict, row.quantity) for row in StatementAnswer.select()}
    assert said == {("1", "confirmed", None), ("2", "disputed", 37), ("2.1", "not_ours", None)}
    figures = [json.loads(case.values) for case in ExceptionCase.select().order_by(ExceptionCase.subject)]
    assert [(one["ours"], one["theirs"]) for one in figures] == [(40, 37), (12, 0)]
    assert Statement.get_by_id(issued.id).state == "disputed"
    # In Chinese, by the switch on the page; then all is right after all.
    phone.get_by_role("button", name="中文").tap()
    expect(phone.locator("html")).to_have_attribute("lang", "zh-CN")
    _no_side_scrolling(phone)
    phone.fill("#name", "Jörg Weiß")
    phone.get_by_role("button", name="全部无误").tap()
    expect(phone.get_by_text("您已确认本对账单。")).to_be_visible()
    assert {case.state for case in ExceptionCase.select()} == {"explained"}
    assert Statement.get_by_id(issued.id).state == "confirmed"


def test_a_link_that_was_revoked_while_the_page_was_open_takes_nothing(
    phone: Page, issued: Statement, live: Live
) -> None:
    phone.goto(f"/statement/{replies.make_link(issued, None, utc_now())}")
    replies.revoke_link(StatementLink.get(), utc_now())
    phone.fill("#name", "Jörg Weiß")
    phone.get_by_role("button", name="Everything is right").tap()
    expect(phone.get_by_role("heading", name="This link is not valid any more")).to_be_visible()
    assert StatementAnswer.select().count() == 0
    assert "BS-2026" not in phone.content()


# ---- agreements

URL = "/parties/HAMBURG/agreements/new"
TYPED = {
    "asset_type": "KLT6428", "valid_from": "2026-10-01", "free_days": "30", "currency": "eur", "deposit": "9.50",
    "rental": "0.125", "second_step_days": "45", "second_rental": "0.25", "loss_charge": "100", "life_years": "8",
    "loss_floor": "20", "accepted_after_days": "", "note": "Contract 2026-4",
}  # fmt: skip


def test_an_agreement_is_kept_changed_and_listed(client: FlaskClient, world: World) -> None:
    assert client.post(URL, data=TYPED).status_code == 302
    row = Agreement.get()
    assert (row.partner, row.asset_type, row.valid_from, row.currency) == (
        world.hamburg, world.klt, date(2026, 10, 1), "EUR",
    )  # fmt: skip
    assert (row.deposit, row.rental, row.second_rental) == (Decimal("9.50"), Decimal("0.125"), Decimal("0.25"))
    assert (row.accepted_after_days, row.note) == (0, "Contract 2026-4")
    assert client.post(f"/agreements/{row.id}", data={**TYPED, "asset_type": "", "deposit": ""}).status_code == 302
    row = Agreement.get()
    assert (row.asset_type, row.deposit) == (None, 0)
    page = client.get("/agreements?partner=HAMBURG").get_data(as_text=True)
    assert "Hamburg Automotive GmbH" in page
    assert "every type" in page
    client.post(f"/agreements/{row.id}", data={"delete": "1"})
    assert Agreement.select().count() == 0


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("valid_from", ""), ("valid_from", "1.10.2026"), ("free_days", "-1"), ("free_days", "x"), ("currency", ""),
        ("currency", "XXY"), ("deposit", "-5"), ("deposit", "1,5"), ("rental", "0.00001"), ("loss_charge", "99999999999"),
        ("loss_floor", "101"), ("life_years", "51"), ("second_step_days", "20"), ("second_step_days", ""),
        ("second_rental", ""), ("accepted_after_days", "366"), ("asset_type", "NOTHING"), ("note", "\u202e"),
    ],
)  # fmt: skip
def test_bad_input_is_told_at_its_field(client: FlaskClient, world: World, field: str, text: str) -> None:
    answer = client.post(URL, data={**TYPED, field: text})
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.get_data(as_text=True)
    assert Agreement.select().count() == 0


def test_two_agreements_for_one_type_from_one_day_are_refused(client: FlaskClient, world: World) -> None:
    client.post(URL, data=TYPED)
    answer = client.post(URL, data=TYPED)
    assert answer.status_code == 422
    assert "There is an agreement for this type from this day already." in answer.get_data(as_text=True)
    later = {**TYPED, "valid_from": (date(2026, 10, 1) + timedelta(days=1)).isoformat()}
    assert client.post(URL, data=later).status_code == 302
    assert client.get("/parties/NOBODY/agreements/new").status_code == 404
    assert client.get("/agreements/99").status_code == 404


def test_a_statement_is_sent_by_mail_with_its_link_and_its_paper(
    app: Flask, client: FlaskClient, issued: Statement, mailbox: Any
) -> None:
    page = f"/statements/{issued.id}"
    assert "Send it by mail" not in client.get(page).text  # no mail server is set
    app.config["ROUNDTRIP"] = replace(
        app.config["ROUNDTRIP"], smtp_url=mailbox.url, mail_from="boxes@stabil.example"
    )  # fmt: skip
    assert "Send it by mail" in client.get(page).text
    wrong = client.post(f"{page}/link", data={"send": "1", "address": "lager at hansa", "days": "30"})
    assert (wrong.status_code, "Type an e-mail address." in wrong.text) == (422, True)
    assert mailbox.mails == []
    assert not StatementLink.select().exists()
    told = {"send": "1", "address": "lager@hansa.example", "days": "30"}
    assert "Sent to lager@hansa.example" in client.post(f"{page}/link", data=told, follow_redirects=True).text
    [sent] = mailbox.mails
    assert (sent["To"], sent["From"]) == ("lager@hansa.example", "boxes@stabil.example")
    assert issued.document.number in sent["Subject"]
    url = re.search(r"https://rt\.example\.com(/statement/\S+)", sent.get_body(("plain",)).get_content())
    assert url
    assert app.test_client().get(url[1]).status_code == 200
    [paper] = sent.iter_attachments()
    assert (paper.get_filename(), paper.get_content()[:5]) == (f"{issued.document.number}.pdf", b"%PDF-")
    # What the server does not take opens nothing afterwards.
    mailbox.refusing = True
    failed = client.post(f"{page}/link", data=told)
    assert (failed.status_code, "The mail was not sent" in failed.text) == (422, True)
    last = StatementLink.select().order_by(StatementLink.id.desc()).get()
    assert last.revoked_time is not None


def test_a_link_whose_page_was_lost_is_shown_as_another_one_and_a_mail_is_sent_once(
    app: Flask, client: FlaskClient, issued: Statement, mailbox: Any
) -> None:
    page = f"/statements/{issued.id}"
    pages = [client.post(f"{page}/link", data={"days": "30", "once": "a" * 32}).text for _ in range(2)]
    links = [re.search(r'value="https://rt\.example\.com(/statement/[^"]+)"', text)[1] for text in pages]  # type: ignore[index]
    assert [app.test_client().get(one).status_code for one in links] == [410, 200]
    app.config["ROUNDTRIP"] = replace(app.config["ROUNDTRIP"], smtp_url=mailbox.url, mail_from="boxes@stabil.example")
    told = {"send": "1", "address": "lager@hansa.example", "days": "30", "once": "b" * 32}
    assert [client.post(f"{page}/link", data=told).location for _ in range(2)] == [page, page]
    assert len(mailbox.mails) == 1


def test_a_dispute_among_the_exceptions_says_both_figures_and_is_decided_on_its_statement(
    client: FlaskClient, issued: Statement
) -> None:
    replies.take_answers(issued, [replies.Answer("2", "disputed", 37)], "Jürgen", NOW)
    case = ExceptionCase.get(ExceptionCase.source == "statement")
    row = client.get("/exceptions?state=open").text
    assert f"{issued.document.number}/2" in row
    assert "ours 40, theirs 37" in row
    there = client.get(f"/exceptions/{case.id}")
    assert (there.status_code, there.location) == (302, f"/statements/{issued.id}#line-2")
    assert client.post(f"/exceptions/{case.id}", data={"mend": "accept"}).status_code == 302
    assert ExceptionCase.get_by_id(case.id).state == "open"
