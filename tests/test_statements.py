"""Statements: issued once, frozen, answered by the partner through a link, disputes with both figures, charges as a paper."""

from __future__ import annotations

import hashlib
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pypdfium2
import pytest
from account_book import Book
from conftest import NOW, PASSWORD, SignedIn, at_once, on_both_databases
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from peewee import Database
from samples import World

import archive
from accounts.models import User
from accounts.people import create_user
from assets.ledger_check import faults as ledger_faults
from assets.models import AccountClosing, Agreement, ExceptionCase, ScanEvent, Trip
from assets.registering import NewBox, register
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from config import Settings
from docs_gen.integrity import faults
from docs_gen.issuing import void_document
from docs_gen.models import IssuedDocument
from errors import Refused
from master_data.models import AssetType
from statements import replies
from statements.accounts import Month, accounts_of
from statements.charging import charges_of
from statements.issuing import facts_of, issue_charges, issue_statement, statement_xlsx
from statements.models import Statement, StatementAnswer, StatementLink
from statements.replies import Answer

OCTOBER = Month(2026, 10)


@pytest.fixture
def settings(app: Flask) -> Settings:
    settings: Settings = app.config["ROUNDTRIP"]
    return settings


@pytest.fixture
def book(world: World) -> Book:
    """October of Hamburg: 48 boxes from before, 12 more, 20 back; 30 pallets that stay."""
    book = Book(world.suzhou)
    here, there = (world.suzhou, world.plant), (world.hamburg, world.warehouse)
    book.move(world.klt, 48, here, there, date(2026, 9, 10), document="DN-1")
    book.move(world.klt, 12, here, there, date(2026, 10, 5), shipment=world.shipment)
    book.move(world.klt, 20, there, here, date(2026, 10, 19), what="return", document="DN-77")
    book.move(world.pallet, 30, here, there, date(2026, 9, 10))
    return book


@pytest.fixture
def issued(book: Book, world: World, settings: Settings, app: Flask) -> Statement:
    with app.test_request_context():
        return issue_statement(world.suzhou, world.hamburg, OCTOBER, "", None, NOW, settings)


def _text(data: bytes) -> str:
    document = pypdfium2.PdfDocument(data)
    return "".join("".join(page.get_textpage().get_text_bounded().split()) for page in document)


@on_both_databases
def test_a_late_event_after_closing_changes_the_state_and_never_the_issued_statement(
    db: Database, issued: Statement, book: Book, world: World, settings: Settings
) -> None:
    document = issued.document
    file = archive.read(settings.archive_dir, document.sha256)
    before = (hashlib.sha256(file).hexdigest(), document.facts, facts_of(issued))
    assert AccountClosing.get(AccountClosing.partner == world.hamburg).closed_until == OCTOBER.last
    # On 6 November somebody finds a delivery note of 28 October: 5 boxes had come back.
    book.move(
        world.klt, 5, (world.hamburg, world.warehouse), (world.suzhou, world.plant), date(2026, 10, 28),
        recorded=date(2026, 11, 6), what="return", document="DN-99",
    )  # fmt: skip
    again = IssuedDocument.get_by_id(document.id)
    file = archive.read(settings.archive_dir, again.sha256)
    assert (hashlib.sha256(file).hexdigest(), again.facts, facts_of(Statement.get_by_id(issued.id))) == before
    [klt] = [one for one in accounts_of(world.hamburg, OCTOBER) if one.asset_type == world.klt]
    assert klt.figures.closing == 40
    [klt] = [one for one in accounts_of(world.hamburg, OCTOBER.next) if one.asset_type == world.klt]
    assert (klt.figures.opening, klt.figures.adjustment, klt.figures.closing) == (40, -5, 35)
    assert list(faults(settings.archive_dir)) == []


def test_the_pdf_says_what_the_account_says_in_both_languages(issued: Statement, settings: Settings) -> None:
    text = _text(archive.read(settings.archive_dir, issued.document.sha256))
    for said in (
        "STATEMENTOFBOXES", "周转箱对账单", "BS-2026-0001", "HamburgAutomotiveGmbH", "01OCT2026–31OCT2026", "S-2026-0001",
        "DN-77", "Senttopartner发往合作方", "Returnedbypartner合作方退回", "KLT6428", "EPAL",
        "Closingbalance期末余额2026-10-31",
    ):  # fmt: skip
        assert said in text
    klt = facts_of(issued).accounts[1]
    assert (klt.type_code, klt.opening, klt.incoming, klt.outgoing, klt.closing) == ("KLT6428", 48, 12, 20, 40)
    assert [(line.no, line.quantity, line.balance) for line in klt.lines] == [("2.1", 12, 60), ("2.2", -20, 40)]


def test_the_xlsx_is_in_the_partners_language_and_its_lines_lead_from_opening_to_closing(
    app: Flask, issued: Statement
) -> None:
    with app.test_request_context():
        data = statement_xlsx(facts_of(issued), "BS-2026-0001")
    rows = list(load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True))
    assert rows[0][5:8] == ("Date", "Booked on", "What")
    klt = [row for row in rows if row[2] == "KLT6428"]
    assert [row[-1] for row in klt] == [48, 60, 40, 40]
    assert klt[0][-1] + sum((row[10] or 0) - (row[11] or 0) for row in klt) == klt[-1][-1]


def test_a_month_is_told_once_and_only_when_it_is_over(
    app: Flask, issued: Statement, world: World, settings: Settings
) -> None:
    with app.test_request_context():
        with pytest.raises(Refused) as again:
            issue_statement(world.suzhou, world.hamburg, OCTOBER, "", None, NOW, settings)
        with pytest.raises(Refused) as early:
            issue_statement(world.suzhou, world.hamburg, Month(2026, 11), "", None, NOW, settings)
        with pytest.raises(Refused) as nothing:
            issue_statement(world.suzhou, world.nagoya, OCTOBER, "", None, NOW, settings)
    assert [one.value.reason for one in (again, early, nothing)] == ["issued", "not_over", "empty"]
    assert IssuedDocument.select().count() == 1
    assert AccountClosing.select().count() == 1  # Nagoya was not closed


def test_a_void_statement_makes_room_for_another_and_numbers_have_no_gap(
    app: Flask, issued: Statement, world: World, settings: Settings
) -> None:
    void_document(issued.document, "Wrong language", None, NOW)
    with app.test_request_context():
        second = issue_statement(world.suzhou, world.hamburg, OCTOBER, "zh", None, NOW, settings)
    assert (second.document.number, second.language) == ("BS-2026-0002", "zh")
    assert list(faults(settings.archive_dir)) == []


def test_the_paper_is_found_listed_and_proved_genuine_like_any_other(
    client: FlaskClient, anonymous: FlaskClient, issued: Statement, settings: Settings
) -> None:
    page = client.get("/documents?q=hamburg").get_data(as_text=True)
    assert "BS-2026-0001" in page
    assert "Statement of boxes" in page
    assert client.get(f"/documents/{issued.document_id}.pdf").mimetype == "application/pdf"
    page = anonymous.get(f"/v/{issued.document.verify_code}").get_data(as_text=True)
    for text in ("BS-2026-0001", issued.document.sha256, "Hamburg Automotive", "This paper was issued and is valid"):
        assert text in page
    assert "KLT6428" not in page
    assert "BS-2026-0001" in client.get("/search?q=BS-2026").get_data(as_text=True)
    answer = client.post(f"/documents/{issued.document_id}/void", data={"reason": "Test"}, follow_redirects=True)
    assert "is void" in answer.get_data(as_text=True)
    assert "void" in client.get(f"/statements/{issued.id}").get_data(as_text=True)


# ---- the link


def _link(statement: Statement, days: int = 60, now: datetime = NOW) -> str:
    return "/statement/" + replies.make_link(statement, None, now, days)


def _csrf(page: str) -> str:
    return page.split('name="csrf-token" content="')[1].split('"')[0]


def _send(anonymous: FlaskClient, url: str, **data: str) -> tuple[int, str]:
    token = _csrf(anonymous.get(url).get_data(as_text=True))
    answer = anonymous.post(url, data={"csrf_token": token, "name": "Jörg Weiß", **data}, follow_redirects=True)
    return answer.status_code, answer.get_data(as_text=True)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The pages see the moment at which links are made."""
    monkeypatch.setattr("statements.reply_views.utc_now", lambda: NOW)
    return NOW


def test_the_link_shows_this_statement_and_nothing_else(
    anonymous: FlaskClient, issued: Statement, now: datetime, settings: Settings
) -> None:
    url = _link(issued)
    page = anonymous.get(url).get_data(as_text=True)
    for text in ("BS-2026-0001", "Hamburg Automotive GmbH", "KLT6428", "DN-77", "Everything is right"):
        assert text in page
    assert "/parties" not in page
    assert anonymous.get(f"{url}/statement.pdf").data == archive.read(settings.archive_dir, issued.document.sha256)
    assert anonymous.get(f"{url}/statement.xlsx").status_code == 200
    assert StatementLink.get().seen_time == NOW
    for path in ("/statements", f"/statements/{issued.id}", f"/documents/{issued.document_id}.pdf"):
        assert anonymous.get(path).status_code == 302


def test_S4_only_the_hash_of_the_token_is_kept(issued: Statement) -> None:
    token = _link(issued).rpartition("/")[2]
    assert len(token) >= 43
    kept = StatementLink.get().token_sha256
    assert kept == hashlib.sha256(token.encode()).hexdigest()
    assert token not in json.dumps(list(StatementLink.select().dicts()), default=str)


@pytest.mark.parametrize("token", ["x", "A" * 43, "A" * 50, "%00", "..", "é" * 43])
def test_S4_an_unknown_link_is_a_plain_page_that_tells_nothing(
    anonymous: FlaskClient, issued: Statement, token: str
) -> None:
    for method in (anonymous.get, lambda path: _posted(anonymous, path)):
        answer = method(f"/statement/{token}")
        assert answer.status_code == 404
        for secret in ("BS-2026", "Hamburg", "KLT", "Suzhou"):
            assert secret not in answer.get_data(as_text=True)


def _posted(anonymous: FlaskClient, path: str, **data: str) -> object:
    token = _csrf(anonymous.get("/login").get_data(as_text=True))
    return anonymous.post(path, data={"csrf_token": token, **data})


@pytest.mark.parametrize("how", ["expired", "revoked", "void"])
def test_S4_a_link_that_has_ended_opens_nothing_and_takes_nothing(
    anonymous: FlaskClient, issued: Statement, now: datetime, how: str
) -> None:
    url = _link(issued, days=60, now=NOW - timedelta(days=60) if how == "expired" else NOW)
    if how == "revoked":
        replies.revoke_link(StatementLink.get(), NOW)
    if how == "void":
        void_document(issued.document, "Wrong", None, NOW)
    for answer in (
        anonymous.get(url), anonymous.get(f"{url}/statement.pdf"), anonymous.get(f"{url}/statement.xlsx"),
        _posted(anonymous, url, name="x", all="1"),
    ):  # fmt: skip
        assert answer.status_code == 410
        for secret in ("BS-2026", "Hamburg", "KLT", "Suzhou"):
            assert secret not in answer.get_data(as_text=True)
    assert StatementAnswer.select().count() == 0


def test_a_link_holds_until_its_last_second(anonymous: FlaskClient, issued: Statement, now: datetime) -> None:
    url = _link(issued, days=60, now=NOW - timedelta(days=60) + timedelta(seconds=1))
    assert anonymous.get(url).status_code == 200


def test_S4_an_answer_without_the_csrf_token_is_refused(
    anonymous: FlaskClient, issued: Statement, now: datetime
) -> None:
    url = _link(issued)
    anonymous.get(url)
    assert anonymous.post(url, data={"name": "x", "all": "1"}).status_code == 400
    assert StatementAnswer.select().count() == 0


def test_the_whole_statement_is_confirmed_in_one_tap(anonymous: FlaskClient, issued: Statement, now: datetime) -> None:
    status, page = _send(anonymous, _link(issued), all="1")
    assert status == 200
    assert "You have confirmed this statement." in page
    assert Statement.get_by_id(issued.id).state == "confirmed"
    [row, other] = StatementAnswer.select().order_by(StatementAnswer.id)
    assert (row.line, row.verdict, row.name, row.address, row.answered_time) == (
        "1", "confirmed", "Jörg Weiß", "127.0.0.1", NOW,
    )  # fmt: skip
    assert other.line == "2"


def test_a_dispute_becomes_an_exception_with_both_figures_and_ends_when_the_partner_confirms_after_all(
    anonymous: FlaskClient, issued: Statement, world: World, now: datetime
) -> None:
    url = _link(issued)
    said = {"verdict-1": "confirmed", "verdict-2": "disputed", "quantity-2": "37", "reason-2": "3 went back on DN-78"}
    _send(anonymous, url, **said, **{"verdict-2.1": "not_ours", "reason-2.1": "Never came"})
    assert Statement.get_by_id(issued.id).state == "disputed"
    balance, line = ExceptionCase.select().order_by(ExceptionCase.subject)
    assert (balance.source, balance.code, balance.subject, balance.state) == (
        "statement", "disputed", "BS-2026-0001/2", "open",
    )  # fmt: skip
    assert (balance.party, balance.asset_type) == (world.hamburg, world.klt)
    values = json.loads(balance.values)
    assert (values["ours"], values["theirs"], values["reason"]) == (40, 37, "3 went back on DN-78")
    assert (line.code, json.loads(line.values)["ours"], json.loads(line.values)["theirs"]) == ("not_ours", 12, 0)
    # Sent twice, it is one answer and one case.
    _send(anonymous, url, **said)
    assert StatementAnswer.select().count() == 3
    assert ExceptionCase.select().count() == 2
    _send(anonymous, url, **{"verdict-2": "confirmed", "verdict-2.1": "confirmed"})
    assert {case.state for case in ExceptionCase.select()} == {"explained"}
    assert Statement.get_by_id(issued.id).state == "confirmed"
    assert StatementAnswer.select().count() == 5  # what was said stays


def test_a_line_that_is_missing_is_added_by_the_partner(
    anonymous: FlaskClient, issued: Statement, now: datetime
) -> None:
    said = {"missing-quantity-1": "-8", "missing-reason-1": "KLT6428, 2026-10-30, DN-80"}
    status, page = _send(anonymous, _link(issued), **said)
    assert status == 200
    assert "KLT6428, 2026-10-30, DN-80" in page
    case = ExceptionCase.get()
    assert (case.code, case.subject) == ("missing", "BS-2026-0001/+1")
    assert (json.loads(case.values)["ours"], json.loads(case.values)["theirs"]) == (0, -8)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": "", "all": "1"}, "name"),
        ({"name": "n" * 81, "all": "1"}, "name"),
        ({"verdict-2": "disputed"}, "quantity-2"),
        ({"verdict-2": "disputed", "quantity-2": "many"}, "quantity-2"),
        ({"verdict-2": "disputed", "quantity-2": "1.5"}, "quantity-2"),
        ({"verdict-2": "disputed", "quantity-2": "99999999999"}, "quantity-2"),
        ({"verdict-2.1": "not_ours"}, "reason-2.1"),
        ({"verdict-2": "disputed", "quantity-2": "1", "reason-2": "r" * 501}, "reason-2"),
        ({"missing-quantity-2": "5"}, "missing-reason-2"),
        ({"missing-reason-3": "something"}, "missing-quantity-3"),
    ],
)
def test_bad_input_is_told_at_its_field_and_what_was_typed_stays(
    anonymous: FlaskClient, issued: Statement, now: datetime, said: dict[str, str], field: str
) -> None:
    status, page = _send(anonymous, _link(issued), **{"verdict-1": "confirmed"}, **said)
    assert status == 422
    assert f'id="{field}-error"' in page
    assert re.search(rf'id="{re.escape(field)}"[^>]*aria-invalid="true"', page)
    assert StatementAnswer.select().count() == 0
    for value in said.values():
        assert value in page


def test_what_one_link_may_bring_is_bounded(issued: Statement) -> None:
    _link(issued)
    link = StatementLink.get()
    for number in range(replies.MOST_SUBMISSIONS_AN_HOUR):
        replies.take_answers(issued, [Answer("2", "disputed", number)], "x", NOW + timedelta(seconds=number), link=link)
    with pytest.raises(Refused) as refused:
        replies.take_answers(issued, [Answer("2", "disputed", 99)], "x", NOW + timedelta(minutes=5), link=link)
    assert refused.value.reason == "too_many"
    replies.take_answers(issued, [Answer("2", "disputed", 99)], "x", NOW + timedelta(hours=2), link=link)


def test_hostile_text_is_shown_as_text(
    anonymous: FlaskClient, client: FlaskClient, issued: Statement, now: datetime
) -> None:
    worst = "<script>alert(1)</script>{{7*7}}"
    url = _link(issued)
    _send(anonymous, url, name=worst, **{"verdict-2": "disputed", "quantity-2": "3", "reason-2": worst + "\0"})
    for page in (anonymous.get(url), client.get(f"/statements/{issued.id}")):
        text = page.get_data(as_text=True)
        assert page.status_code == 200
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}" in text


def test_the_page_is_in_the_partners_language_and_can_be_switched(
    app: Flask, book: Book, world: World, settings: Settings, now: datetime
) -> None:
    with app.test_request_context():
        issued = issue_statement(world.suzhou, world.hamburg, OCTOBER, "zh", None, NOW, settings)
    url, browser = _link(issued), app.test_client()
    german = {"Accept-Language": "de,en;q=0.5"}
    page = browser.get(url, headers=german).get_data(as_text=True)
    assert '<html lang="zh-CN">' in page
    assert "汉堡汽车零部件有限公司" in page
    browser.post("/language", data={"csrf_token": _csrf(page), "language": "en", "back": url})
    assert '<html lang="en">' in browser.get(url, headers=german).get_data(as_text=True)


# ---- our side


def test_both_balances_stand_side_by_side_and_agreeing_keeps_who_and_why(
    client: FlaskClient, issued: Statement, user: User
) -> None:
    replies.take_answers(issued, [Answer("1", "confirmed"), Answer("2", "disputed", 37, "DN-78")], "Jörg", NOW)
    page = client.get(f"/statements/{issued.id}").get_data(as_text=True)
    assert "ours: 40" in page
    assert "theirs: 37" in page
    url = f"/statements/{issued.id}/decide"
    refused = client.post(url, data={"line": "2", "whose": "theirs", "note": ""})
    assert refused.status_code == 422
    assert "Say what was agreed" in refused.get_data(as_text=True)
    told = client.post(
        url, data={"line": "2", "whose": "theirs", "note": "Called Jörg: DN-78 was not scanned"}, follow_redirects=True
    )
    assert "No box was booked with it" in told.get_data(as_text=True)
    case = ExceptionCase.get()
    assert (case.state, case.decided_by, json.loads(case.values)["agreed"]) == ("mended", user, 37)
    assert Statement.get_by_id(issued.id).state == "agreed"
    again = client.post(url, data={"line": "2", "whose": "ours", "note": "x"})
    assert again.status_code == 409
    client.post(f"/statements/{issued.id}/close")
    assert Statement.get_by_id(issued.id).state == "closed"
    with pytest.raises(Refused):
        replies.take_answers(issued, [Answer("2", "confirmed")], "Jörg", NOW)


def test_agreeing_records_the_boxes_that_moved_without_a_scan(
    client: FlaskClient, issued: Statement, world: World, user: User
) -> None:
    register([NewBox(world.klt, "KLT-000900")], world.suzhou, world.plant, user, NOW - timedelta(days=40))
    left = ScanInput(
        "00000000-0000-4000-8000-000000000001", "dispatch", "KLT-000900", NOW - timedelta(days=30),
        shipment=world.shipment.number,
    )  # fmt: skip
    assert record_scan(left, user, NOW).outcome == "recorded"
    replies.take_answers(issued, [Answer("2", "disputed", 39)], "Jörg", NOW)
    data = {"line": "2", "whose": "theirs", "note": "Found at the gate", "event": "return", "day": "2026-11-20"}
    wrong = client.post(f"/statements/{issued.id}/decide", data={**data, "codes": "KLT-000901"})
    assert wrong.status_code == 422
    assert "KLT-000901" in wrong.get_data(as_text=True)
    assert [(one.source, one.state) for one in ExceptionCase.select()] == [("statement", "open")]
    client.post(f"/statements/{issued.id}/decide", data={**data, "codes": "KLT-000900"})
    event = ScanEvent.get(ScanEvent.type == "return", ScanEvent.asset.is_null(False))
    assert (event.asset.code, event.asset.where, event.reason) == ("KLT-000900", "here", "BS-2026-0001/2")
    assert json.loads(ExceptionCase.get(ExceptionCase.source == "statement").values)["events"] == [event.event_id]


PIECES = {"line": "1", "note": "Pallet note 812", "event": "return", "pieces": "1"}


@on_both_databases
def test_pieces_are_booked_with_the_decision_or_not_at_all(
    db: Database, client: FlaskClient, issued: Statement, user: User
) -> None:
    replies.take_answers(issued, [Answer("1", "disputed", 29)], "Jörg", NOW)
    url, booked = f"/statements/{issued.id}/decide", ScanEvent.select().where(ScanEvent.reason == "BS-2026-0001/1")
    assert client.post(url, data={**PIECES, "whose": "other", "agreed": ""}).status_code == 422
    assert (booked.count(), replies.cases_of(issued)["1"].state) == (0, "open")
    assert client.post(url, data={**PIECES, "whose": "other", "agreed": "29"}).status_code == 302
    assert (booked.count(), booked.get().quantity) == (1, 1)
    values = json.loads(replies.cases_of(issued)["1"].values)
    assert (values["agreed"], values["events"]) == (29, [booked.get().event_id])
    assert client.post(url, data={**PIECES, "whose": "theirs"}).status_code == 409
    assert booked.count() == 1


@on_both_databases
def test_of_two_who_decide_at_once_one_books_the_pieces(
    db: Database, app: Flask, client: FlaskClient, issued: Statement, user: User
) -> None:
    replies.take_answers(issued, [Answer("1", "disputed", 29)], "Jörg", NOW)
    url, form = f"/statements/{issued.id}/decide", {**PIECES, "whose": "theirs"}
    browsers = [SignedIn(app, app.response_class) for _ in range(3)]
    for one in browsers:
        one.sign_in(user)
    answers = at_once(*(lambda one=one: one.post(url, data=form).status_code for one in browsers))  # type: ignore[misc]
    assert sorted(answers) == [302, 409, 409]
    assert ScanEvent.select().where(ScanEvent.reason == "BS-2026-0001/1").count() == 1


def test_a_write_off_that_waits_for_a_second_person_is_asked_for_once(
    app: Flask, client: FlaskClient, issued: Statement
) -> None:
    with app.app_context():
        create_user("li.na", PASSWORD, NOW, administrator=True)
    replies.take_answers(issued, [Answer("1", "disputed", 29)], "Jörg", NOW)
    url, form = f"/statements/{issued.id}/decide", {**PIECES, "whose": "theirs", "event": "write_off"}
    assert client.post(url, data=form, follow_redirects=True).status_code == 200
    assert client.post(url, data=form).status_code == 409
    assert [row.code for row in ExceptionCase.select().where(ExceptionCase.source == "refused")] == ["needs_second"]
    case = replies.cases_of(issued)["1"]
    assert (case.state, json.loads(case.values)["events"]) == ("mended", [])


@on_both_databases
def test_real_scans_come_to_the_account_and_a_late_one_after_the_statement_is_an_adjustment(
    db: Database, world: World, user: User, settings: Settings, app: Flask, client: FlaskClient
) -> None:
    """The ledger itself writes the account book: a shipment of October, a statement, and a return told late."""
    october = datetime(2026, 10, 6, 2, tzinfo=UTC)
    register([NewBox(world.klt, f"KLT-00010{n}") for n in range(4)], world.suzhou, world.plant, user, october)

    def scan(number: int, type: str, text: str, at: datetime, recorded: datetime, **more: object) -> None:
        id = f"00000000-0000-4000-8000-{number:012}"
        answer = record_scan(ScanInput(id, type, text, at, **more), user, recorded)  # type: ignore[arg-type]
        assert answer.outcome == "recorded", answer

    for number in range(4):
        scan(number, "dispatch", f"KLT-00010{number}", october + timedelta(hours=1 + number), october + timedelta(hours=9),
             shipment=world.shipment.number, place="SZ-PLANT")  # fmt: skip
    scan(
        10,
        "dispatch",
        "",
        october,
        october,
        shipment=world.shipment.number,
        place="SZ-PLANT",
        asset_type="EPAL",
        quantity=6,
    )
    with app.test_request_context():
        issued = issue_statement(world.suzhou, world.hamburg, OCTOBER, "", None, NOW, settings)
    frozen = issued.document.facts
    assert [(one.type_code, one.opening, one.incoming, one.closing) for one in facts_of(issued).accounts] == [
        ("EPAL", 0, 6, 6), ("KLT6428", 0, 4, 4),
    ]  # fmt: skip
    late = datetime(2026, 10, 30, 3, tzinfo=UTC)
    scan(20, "return", "KLT-000100", late, NOW, place="SZ-PLANT")
    scan(21, "return", "", late, NOW, place="SZ-PLANT", party="HAMBURG", asset_type="EPAL", quantity=2)
    for month, expected in ((OCTOBER, [(0, 6, 0, 6), (0, 4, 0, 4)]), (OCTOBER.next, [(6, 0, -2, 4), (4, 0, -1, 3)])):
        found = [one.figures for one in accounts_of(world.hamburg, month)]
        assert [(one.opening, one.incoming, one.adjustment, one.closing) for one in found] == expected
    assert IssuedDocument.get_by_id(issued.document_id).facts == frozen
    # The pallet that the partner says he sent back too is agreed, and booked from the page of the statement.
    replies.take_answers(issued, [Answer("1", "disputed", 5)], "Jörg", NOW)
    data = {"line": "1", "whose": "theirs", "note": "Pallet note 812", "event": "return", "pieces": "1"}
    assert client.post(f"/statements/{issued.id}/decide", data=data).status_code == 302
    assert ScanEvent.get(ScanEvent.reason == "BS-2026-0001/1").quantity == 1
    assert [str(fault) for fault in ledger_faults()] == []


def test_the_link_is_shown_once_to_be_copied_or_mailed_and_can_be_revoked(
    client: FlaskClient, issued: Statement
) -> None:
    page = client.post(f"/statements/{issued.id}/link", data={"days": "30"}).get_data(as_text=True)
    [token] = re.findall(r'value="https://rt\.example\.com/statement/([\w-]{43})"', page)
    assert "mailto:wareneingang%40hamburg-auto.example?subject=" in page
    assert token not in client.get(f"/statements/{issued.id}").get_data(as_text=True)
    link = StatementLink.get()
    assert link.expires_time - link.created_time == timedelta(days=30)
    client.post(f"/statements/{issued.id}/link/{link.id}/revoke")
    assert StatementLink.get().revoked_time is not None
    for days in ("0", "367", "x"):
        assert client.post(f"/statements/{issued.id}/link", data={"days": days}).status_code == 422


def test_what_was_told_by_telephone_is_kept_with_who_kept_it(
    client: FlaskClient, issued: Statement, user: User
) -> None:
    url = f"/statements/{issued.id}/answer"
    assert client.post(url, data={"name": "Jörg", "line": "2", "verdict": "disputed"}).status_code == 422
    client.post(url, data={"name": "Jörg", "line": "", "verdict": "confirmed"})
    assert {(row.user_id, row.link_id, row.name) for row in StatementAnswer.select()} == {(user.id, None, "Jörg")}
    assert Statement.get_by_id(issued.id).state == "confirmed"


def test_silence_is_consent_only_where_the_agreement_says_so(
    app: Flask, client: FlaskClient, book: Book, world: World, settings: Settings
) -> None:
    Agreement.create(
        partner=world.hamburg, valid_from=date(2026, 1, 1), currency="EUR", accepted_after_days=1, changed_time=NOW
    )
    with app.test_request_context():
        long_ago = datetime(2026, 11, 2, 9, tzinfo=UTC)
        agreed = issue_statement(world.suzhou, world.hamburg, OCTOBER, "", None, long_ago, settings)
        Agreement.delete().execute()
        book.move(world.klt, 3, (world.suzhou, None), (world.nagoya, None), date(2026, 10, 3))
        silent = issue_statement(world.suzhou, world.nagoya, OCTOBER, "", None, long_ago, settings)
    said = "Accepted by silence"
    assert said in client.get(f"/statements/{agreed.id}").get_data(as_text=True)
    assert Statement.get_by_id(agreed.id).state == "issued"  # nothing was written
    assert said not in client.get(f"/statements/{silent.id}").get_data(as_text=True)
    assert client.post(f"/statements/{silent.id}/close").status_code == 409
    client.post(f"/statements/{agreed.id}/close")
    assert Statement.get_by_id(agreed.id).state == "closed"


def test_the_opening_says_whether_the_statement_before_was_confirmed(
    app: Flask, issued: Statement, world: World, settings: Settings
) -> None:
    december = datetime(2026, 12, 3, tzinfo=UTC)
    assert not facts_of(issued).opening_confirmed
    replies.take_answers(issued, [Answer("1", "confirmed"), Answer("2", "confirmed")], "Jörg", NOW)
    with app.test_request_context():
        second = issue_statement(world.suzhou, world.hamburg, Month(2026, 11), "", None, december, settings)
    facts = facts_of(second)
    assert (facts.opening_confirmed, facts.opening_statement) == (True, "BS-2026-0001")
    assert [one.opening for one in facts.accounts] == [30, 40]


def test_pages_answer_and_their_files_hold_the_same(client: FlaskClient, issued: Statement) -> None:
    for path in (
        "/statements", "/statements?format=xlsx", "/parties/HAMBURG/account", "/parties/HAMBURG/charges",
        "/parties/HAMBURG/account?month=2026-10", "/parties/NAGOYA/account?month=2026-10", f"/statements/{issued.id}.xlsx",
    ):  # fmt: skip
        assert client.get(path).status_code == 200, path
    csv = client.get("/parties/HAMBURG/account?month=2026-10&format=csv").get_data(as_text=True)
    assert '"HAMBURG","2026-10","KLT6428","SUZHOU","HH-VMI","48","12","20","0","0","40"' in csv
    draft = client.get("/parties/HAMBURG/account.pdf?month=2026-11")
    assert "DRAFT" in _text(draft.data)
    for path in (
        "/parties/NOBODY/account",
        "/parties/HAMBURG/account?month=2026-99",
        "/statements/99",
        "/statements/99.xlsx",
    ):
        assert client.get(path).status_code == 404, path


def test_issuing_by_button(client: FlaskClient, book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statements.views.utc_now", lambda: NOW)
    assert "Issue the statement" in client.get("/parties/HAMBURG/account?month=2026-10").get_data(as_text=True)
    answer = client.post(
        "/parties/HAMBURG/account/issue", data={"month": "2026-10", "language": "zh"}, follow_redirects=True
    )
    assert "BS-2026-0001 is issued." in answer.get_data(as_text=True)
    assert Statement.get().language == "zh"
    lost = client.post("/parties/HAMBURG/account/issue", data={"month": "2026-10", "language": "zh"})
    assert (lost.location, Statement.select().count()) == (f"/statements/{Statement.get().id}", 1)
    assert client.post("/parties/HAMBURG/account/issue", data={"month": "2026-10"}).status_code == 409
    assert client.post("/parties/HAMBURG/account/issue", data={"month": "x"}).status_code == 400
    assert client.post("/parties/HAMBURG/account/issue", data={"month": "2026-10"}, csrf=False).status_code == 400


# ---- charges


@pytest.fixture
def charged(world: World) -> Book:
    """Deposit 8.00, from October 9.50; rental 0.125 after 30 days, 0.25 after 45; a new box costs 100 over 8 years."""
    for valid_from, deposit in ((date(2026, 1, 1), "8.00"), (date(2026, 10, 1), "9.50")):
        Agreement.create(
            partner=world.hamburg, asset_type=world.klt, valid_from=valid_from, currency="EUR", free_days=30,
            deposit=deposit, rental="0.125", second_step_days=45, second_rental="0.25", loss_charge="100",
            life_years=8, loss_floor="20", changed_time=NOW,
        )  # fmt: skip
    Agreement.create(
        partner=world.hamburg, asset_type=world.pallet, valid_from=date(2026, 1, 1), currency="EUR", deposit="5",
        rental="0.01", changed_time=NOW,
    )  # fmt: skip
    AssetType.update(agreed_days_out=0).where(AssetType.id == world.pallet.id).execute()
    book = Book(world.suzhou)
    for out, back in ((date(2026, 9, 15), date(2026, 10, 20)), (date(2026, 9, 15), None), (date(2026, 10, 5), None)):
        book.trip(world.klt, world.hamburg, out, back)
    book.trip(world.klt, world.hamburg, date(2026, 10, 2), date(2026, 10, 16), end="lost", bought=date(2024, 10, 16))
    book.trip(world.klt, world.hamburg, date(2026, 9, 15), date(2026, 10, 20), owner=world.nagoya)  # not ours
    here, there = (world.suzhou, None), (world.hamburg, None)
    book.move(world.pallet, 10, here, there, date(2026, 9, 1))
    book.move(world.pallet, 10, here, there, date(2026, 10, 1))
    book.move(world.pallet, 15, there, here, date(2026, 10, 21), what="return")
    return book


@on_both_databases
def test_the_charges_of_a_month_by_hand(db: Database, charged: Book, world: World) -> None:
    found = [
        (one.asset_type.code, one.kind, one.quantity, one.price, one.amount)
        for one in charges_of(world.hamburg, OCTOBER, "UTC")
    ]
    assert found == [
        ("EPAL", "deposit", 10, Decimal(5), Decimal("50.00")),
        ("EPAL", "refund", -15, Decimal(5), Decimal("-75.00")),
        # 20 pallets at the ends of 1 to 20 October, 5 of 21 to 31.
        ("EPAL", "rental", 20 * 20 + 5 * 11, Decimal("0.01"), Decimal("4.55")),
        ("KLT6428", "deposit", 2, Decimal("9.5"), Decimal("19.00")),
        ("KLT6428", "refund", -1, Decimal(8), Decimal("-8.00")),
        # Out on 15 September: day 31 is 15 October. One was back on the 20th (5 days), of the other day 46 is 30 October:
        # 15 days at the first rate, 2 at the second.
        ("KLT6428", "rental", 5 + 15, Decimal("0.125"), Decimal("2.50")),
        ("KLT6428", "second_rental", 2, Decimal("0.25"), Decimal("0.50")),
        ("KLT6428", "loss", 1, Decimal(75), Decimal("75.00")),  # 2 of 8 years old
    ]


def test_the_charge_list_is_a_pro_forma_invoice_of_the_register(
    app: Flask, client: FlaskClient, charged: Book, world: World, settings: Settings, user: User
) -> None:
    kinds = ("deposit", "rental")
    first = issue_charges(world.suzhou, world.hamburg, OCTOBER, "EUR", kinds, "", user, NOW, settings)
    assert issue_charges(world.suzhou, world.hamburg, OCTOBER, "EUR", kinds, "", user, NOW, settings) == first  # again
    assert (first.number, first.part, first.status) == ("BI-2026-0001", "2026-10-EUR", "issued")
    text = _text(archive.read(settings.archive_dir, first.sha256))
    for said in ("PRO-FORMAINVOICE", "形式发票", "BI-2026-0001", "4.55", "2.50", "-75.00", "1102020809001234567"):
        assert said in text
    assert "Lostbox" not in text
    # 50 − 75 + 4.55 + 19 − 8 + 2.50 + 0.50
    assert json.loads(first.facts)["total"] == "-6.45"
    # A return of October that comes in late changes the charges of October: issuing anew replaces.
    [trip] = [trip for trip in Trip.select() if trip.out_time.day == 5]
    Trip.update(end_time=datetime(2026, 10, 25, tzinfo=UTC), end="returned").where(Trip.id == trip.id).execute()
    assert "The charges have changed since" in client.get("/parties/HAMBURG/charges?month=2026-10").get_data(
        as_text=True
    )
    with pytest.raises(Refused):
        issue_charges(world.suzhou, world.hamburg, OCTOBER, "EUR", kinds, "", user, NOW, settings)  # an old tab
    second = issue_charges(world.suzhou, world.hamburg, OCTOBER, "EUR", kinds, first.number, user, NOW, settings)
    assert (second.number, second.replaces, IssuedDocument.get_by_id(first.id).state) == (
        "BI-2026-0002",
        first,
        "replaced",
    )
    assert list(faults(settings.archive_dir)) == []


def test_lost_boxes_are_charged_only_when_they_are_chosen(client: FlaskClient, charged: Book) -> None:
    page = client.get("/parties/HAMBURG/charges?month=2026-10").get_data(as_text=True)
    assert "Lost box ·" not in page
    page = client.get("/parties/HAMBURG/charges?month=2026-10&kind=loss").get_data(as_text=True)
    assert "KLT-000004, lost 2026-10-16, 2.0 years old" in page
    assert "75.00" in page
    draft = client.get("/parties/HAMBURG/charges.pdf?month=2026-10&kind=loss&currency=EUR")
    assert "KLT-000004" in _text(draft.data)
    assert client.get("/parties/HAMBURG/charges.pdf?month=2026-10&kind=loss&currency=USD").status_code == 404
