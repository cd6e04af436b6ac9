"""Letters of credit: typed off the bank's message, checked at each field, saved whole with the papers they ask for."""

import html
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from conftest import NOW, on_both_databases

from docs_gen.checks import Problem
from docs_gen.facts import ShipmentFacts
from docs_gen.register import REGISTER
from docs_gen.views import field_url
from errors import InvalidInput, Message
from master_data.saving import set_archived
from shipments.booking import entry_of as shipment_entry
from shipments.booking import save_shipment
from shipments.credits import MAX_DOCUMENTS, CreditDocumentEntry, CreditEntry, entry_of, problems, save_credit
from shipments.models import CreditDocument, LetterOfCredit, Shipment
from spreadsheets import read_table

INVOICE = CreditDocumentEntry("commercial_invoice", "MANUALLY SIGNED COMMERCIAL INVOICE", 3, 2, True)
GOOD = CreditEntry(
    code="LC-HAMBURG-7", number="LC2026/0815", issue_date=date(2026, 10, 1), issuing_bank="Hanse Bank AG, Hamburg",
    advising_bank="Bank of Example, Suzhou", applicant="HAMBURG", beneficiary="SUZHOU", currency="EUR",
    amount=Decimal("50000.50"), tolerance=Decimal("10"), goods="STEERING RACKS\nCIF HAMBURG",
    latest_shipment=date(2026, 12, 31), expiry_date=date(2027, 1, 21), expiry_place="Suzhou", presentation_days=15,
    partial_shipments=False, transhipment=True, port_of_loading="SHANGHAI", port_of_discharge="HAMBURG",
    drawee="HANSE BANK AG\nHAMBURG", tenor="AT SIGHT", documents=(INVOICE, CreditDocumentEntry("packing_list")),
)  # fmt: skip
TYPED = {
    "code": "lc-hamburg-7", "number": "LC2026/0815", "issue_date": "2026-10-01",
    "issuing_bank": "Hanse Bank AG, Hamburg", "advising_bank": "Bank of Example, Suzhou", "applicant": "hamburg",
    "beneficiary": "SUZHOU", "currency": "eur", "amount": "50,000.50", "tolerance": "10",
    "goods": "STEERING RACKS\r\nCIF HAMBURG", "latest_shipment": "2026-12-31", "expiry_date": "2027-01-21",
    "expiry_place": "Suzhou", "presentation_days": "15", "transhipment": "y", "port_of_loading": "SHANGHAI",
    "port_of_discharge": "HAMBURG", "drawee": "HANSE BANK AG\nHAMBURG", "tenor": "AT SIGHT",
    "documents-0-type": "commercial_invoice", "documents-0-title": "MANUALLY SIGNED COMMERCIAL INVOICE",
    "documents-0-originals": "3", "documents-0-copies": "2", "documents-0-signed": "y",
    "documents-1-type": "packing_list", "documents-1-originals": "1", "documents-1-copies": "0",
}  # fmt: skip
URL = "/letters-of-credit/new"


@pytest.fixture
def credit(world):
    return save_credit(GOOD, None, NOW)


def errors(page):
    found = re.findall(r'<div class="rt-error" id="(.+?)-error">(.*?)</div>', page.text)
    return {field: html.unescape(text) for field, text in found}


def refused(client, url=URL, **changes):
    """The errors after sending the good form with these changes; nothing was written, and the summary links to each."""
    before = LetterOfCredit.select().count()
    page = client.post(url, data={**TYPED, **{name.replace("__", "-"): value for name, value in changes.items()}})
    assert page.status_code == 422
    assert LetterOfCredit.select().count() == before
    for id_ in errors(page):
        assert f'id="{id_}"' in page.text
        assert f'<a href="#{id_}">' in page.text
    return errors(page)


class Own:
    own = True


class Other:
    own = False


def wrong(**changes):
    """field → sentence, of the good credit with these changes."""
    parties = {"SUZHOU": Own(), "HAMBURG": Other(), "NAGOYA": Other(), "SUZHOU-2": Own()}
    return {p.field: str(p.message) for p in problems(replace(GOOD, **changes), parties)}


# ---- the rules


def test_a_good_credit_has_no_problem():
    assert wrong() == {}


def test_every_needed_field_is_named_at_once():
    assert {problem.field for problem in problems(CreditEntry(), {})} == {
        "code", "number", "issue_date", "expiry_date", "issuing_bank", "applicant", "beneficiary", "currency", "amount",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [({"amount": Decimal(0)}, "amount", "above 0"), ({"amount": Decimal(-1)}, "amount", "above 0"),
     ({"amount": Decimal(10**12)}, "amount", "too large"),
     ({"amount": Decimal("1.001")}, "amount", "EUR has 2 decimals"),
     ({"currency": "JPY"}, "amount", "JPY has 0 decimals"), ({"currency": "XXQ"}, "currency", "ISO 4217"),
     ({"tolerance": Decimal("100.01")}, "tolerance", "0 to 100"), ({"tolerance": Decimal(-1)}, "tolerance", "0 to 100"),
     ({"tolerance": Decimal("1.005")}, "tolerance", "At most 2 decimals"),
     ({"latest_shipment": date(2026, 9, 30)}, "latest_shipment", "before the credit was issued"),
     ({"expiry_date": date(2026, 9, 30), "latest_shipment": None}, "expiry_date", "before the credit was issued"),
     ({"expiry_date": date(2026, 12, 30)}, "expiry_date", "before the latest day of shipment"),
     ({"issue_date": date(26, 10, 1)}, "issue_date", "check the year"),
     ({"presentation_days": 0}, "presentation_days", "1 to 365"),
     ({"presentation_days": 366}, "presentation_days", "1 to 365"),
     ({"applicant": "SUZHOU"}, "applicant", "the same company"),
     ({"applicant": "NOBODY"}, "applicant", "no partner with the code NOBODY"),
     ({"beneficiary": "NAGOYA"}, "beneficiary", "not one of our own companies"),
     ({"code": "A B"}, "code", "1 to 24 letters"),
     ({"number": "9" * 36}, "number", "At most 35"), ({"drawee": "x\n" * 5}, "drawee", "At most 4 lines"),
     ({"goods": "g" * 6501}, "goods", "At most 6500"), ({"tenor": "a\x07"}, "tenor", "control character"),
     ({"documents": (replace(INVOICE, type=""),)}, "documents-0-type", "Which paper"),
     ({"documents": (replace(INVOICE, type="../x"),)}, "documents-0-type", "not in the list"),
     ({"documents": (INVOICE, replace(INVOICE, title="t" * 129))}, "documents-1-title", "At most 128"),
     ({"documents": (replace(INVOICE, originals=0, copies=None),)}, "documents-0-originals", "How many"),
     ({"documents": (replace(INVOICE, copies=100),)}, "documents-0-copies", "0 to 99"),
     ({"documents": (INVOICE,) * (MAX_DOCUMENTS + 1)}, "documents-0-type", "More than 50")],
)  # fmt: skip
def test_each_rule_names_its_field(changes, field, sentence):
    found = wrong(**changes)
    assert set(found) == {field}
    assert sentence in found[field]


def test_bounds_that_may_be_reached():
    assert wrong(issue_date=date(2026, 12, 31), expiry_date=date(2026, 12, 31)) == {}
    assert wrong(tolerance=None, presentation_days=None, latest_shipment=None, documents=()) == {}
    assert wrong(tolerance=Decimal(100), presentation_days=365, amount=Decimal("0.01")) == {}


# ---- saved


@on_both_databases
def test_what_is_saved_is_read_back_the_same(db, world):
    assert entry_of(save_credit(GOOD, None, NOW)) == GOOD


@on_both_databases
def test_saving_again_replaces_the_papers(db, world):
    credit = save_credit(GOOD, None, NOW)
    changed = replace(GOOD, amount=Decimal(1), documents=(CreditDocumentEntry("packing_list"),))
    assert save_credit(changed, credit, NOW) == credit
    assert entry_of(LetterOfCredit.get()) == changed
    assert CreditDocument.select().count() == 1


@on_both_databases
def test_wrong_input_and_a_taken_code_change_nothing(db, world):
    save_credit(GOOD, None, NOW)
    for entry, field in ((replace(GOOD, code="LC2", amount=Decimal(0)), "amount"), (GOOD, "code")):
        with pytest.raises(InvalidInput) as invalid:
            save_credit(entry, None, NOW)
        assert invalid.value.field == field
    assert entry_of(LetterOfCredit.get()) == GOOD


def test_archived_parties_stay_where_they_are_and_are_not_taken_anew(credit, world):
    set_archived(world.hamburg, True, NOW)
    save_credit(replace(GOOD, number="2"), credit, NOW)
    with pytest.raises(InvalidInput) as invalid:
        save_credit(replace(GOOD, code="LC2"), None, NOW)
    assert invalid.value.field == "applicant"


# ---- the pages


def test_a_credit_is_typed_off_and_saved_whole(client, world):
    answer = client.post(URL, data=TYPED)
    assert (answer.status_code, answer.location) == (302, "/letters-of-credit/LC-HAMBURG-7")
    assert entry_of(LetterOfCredit.get()) == GOOD


def test_an_unchanged_page_saves_the_same_credit(client, credit):
    page = client.get("/letters-of-credit/LC-HAMBURG-7").text
    inputs = re.findall(r'<input(?! checked)[^>]*? id="([^"]+)"([^>]*?) value="([^"]*)"', page)
    sent = {id_: text for id_, more, text in inputs if "checkbox" not in more}
    sent |= {
        id_: text.strip() for id_, text in re.findall(r'<textarea[^>]*? id="([^"]+)"[^>]*>(.*?)</textarea>', page, re.S)
    }
    sent |= dict.fromkeys(re.findall(r'<input checked[^>]*? id="([^"]+)"', page), "y")
    sent |= {"documents-0-type": "commercial_invoice", "documents-1-type": "packing_list"}
    assert '<option selected value="commercial_invoice">' in page
    sent = {name: html.unescape(value) for name, value in sent.items() if "__i__" not in name}
    assert client.post("/letters-of-credit/LC-HAMBURG-7", data=sent).status_code == 302
    assert entry_of(LetterOfCredit.get()) == GOOD


def test_every_paper_of_the_register_may_be_asked_for(client, world):
    page = client.get(URL).text
    for code, type in REGISTER.items():
        assert (f'<option value="{code}">' in page) == (type.facts is ShipmentFacts)
    assert set(refused(client, documents__1__type="bill_of_sale")) == {"documents-1-type"}


def test_a_paper_that_is_no_more_stays_where_it_is_asked_for(client, world):
    save_credit(replace(GOOD, documents=(CreditDocumentEntry("old_paper"),)), None, NOW)
    url = "/letters-of-credit/LC-HAMBURG-7"
    assert '<option selected value="old_paper">' in client.get(url).text
    sent = {name: text for name, text in TYPED.items() if not name.startswith("documents-1")}
    assert client.post(url, data={**sent, "documents-0-type": "old_paper"}).status_code == 302


def test_errors_stand_at_their_fields_and_what_is_typed_stays(client, world):
    changes = {
        "amount": "1,5", "issue_date": "1.10.2026", "expiry_date": "2026-12-30", "applicant": "<script>alert(1)</script>",
        "documents__1__originals": "two", "goods": '"><b>x</b>\x07',
    }  # fmt: skip
    page = client.post(URL, data={**TYPED, **{name.replace("__", "-"): text for name, text in changes.items()}})
    assert set(errors(page)) == {name.replace("__", "-") for name in changes}
    for kept in ("1,5", "1.10.2026", "two", "MANUALLY SIGNED COMMERCIAL INVOICE", "&lt;b&gt;x&lt;/b&gt;"):
        assert kept in page.text
    assert "<script>alert" not in page.text
    assert "<b>x" not in page.text
    assert LetterOfCredit.select().count() == 0


def test_names_of_500_characters(client, world):
    names = ("number", "issuing_bank", "advising_bank", "expiry_place", "port_of_loading", "port_of_discharge", "drawee",
             "tenor", "documents__0__title")  # fmt: skip
    found = refused(client, **dict.fromkeys(names, "银" * 500))
    assert set(found) == {name.replace("__", "-") for name in names}
    assert all("500" in sentence for sentence in found.values())


def test_a_code_that_is_there_is_refused_also_in_small_letters(client, credit):
    assert refused(client) == {"code": "LC-HAMBURG-7 is there already. Choose another one, or change that entry."}


def test_rows_that_are_empty_do_not_count_and_errors_name_the_row(client, world):
    sent = {name.replace("documents-1", "documents-4"): text for name, text in TYPED.items()}
    sent |= {"documents-2-type": "", "documents-2-title": " ", "documents-2-originals": "", "documents-2-copies": ""}
    page = client.post(URL, data={**sent, "documents-4-originals": "0"})
    assert set(errors(page)) == {"documents-2-originals"}  # rows are numbered anew
    assert client.post(URL, data=sent).status_code == 302
    assert entry_of(LetterOfCredit.get()) == GOOD


def test_rows_are_added_and_taken_out_without_javascript(client, world):
    page = client.post(URL, data={**TYPED, "add_document": "1"})
    assert page.status_code == 200
    assert 'id="documents-2-type"' in page.text
    assert errors(page) == {}
    page = client.post(URL, data={**TYPED, "remove": "documents-0"})
    assert 'id="documents-1-type"' not in page.text
    assert '<option selected value="packing_list">' in page.text
    assert LetterOfCredit.select().count() == 0
    form = client.get(URL).text.split('<form id="credit"')[1]
    assert 'name="save"' in form.split("<button", 2)[1]  # Enter saves


def test_more_rows_than_there_may_be_and_senseless_ones(client, world):
    sent = dict(TYPED)
    for i in range(60):
        sent |= {f"documents-{i}-type": "packing_list", f"documents-{i}-originals": "1"}
    assert "More than 50" in errors(client.post(URL, data=sent))["documents-0-type"]
    assert client.post(URL, data={**TYPED, "documents-²-type": "x", "documents-x": "y"}).status_code == 302


def test_the_list_finds_sorts_and_exports(client, credit, world):
    save_credit(replace(GOOD, code="LC-2", number="77", applicant="NAGOYA", amount=Decimal("9.5")), None, NOW)
    assert "/letters-of-credit/LC-2" in client.get("/letters-of-credit?q=nagoya").text
    assert "/letters-of-credit/LC-HAMBURG-7" not in client.get("/letters-of-credit?q=nagoya").text
    page = client.get("/letters-of-credit?sort=amount").text
    assert page.index("/letters-of-credit/LC-2") < page.index("/letters-of-credit/LC-HAMBURG-7")
    table = read_table("list.csv", client.get("/letters-of-credit?format=csv&sort=code").data)
    assert [row.cells[0] for row in table.rows] == ["LC-2", "LC-HAMBURG-7"]
    assert "rt-empty" in client.get("/letters-of-credit?q=none").text


@on_both_databases
def test_the_list_and_the_page_work_on_both_databases(client, world):
    credit = save_credit(GOOD, None, NOW)
    Shipment.update(letter_of_credit=credit).execute()
    for sort in ("code", "-amount", "latest", "applicant", "state"):
        assert "LC-HAMBURG-7" in client.get(f"/letters-of-credit?sort={sort}&q=hanse").text
    assert 'href="/shipments/S-2026-0001"' in client.get("/letters-of-credit/LC-HAMBURG-7").text


def test_an_archived_credit_is_offered_no_more_and_stays_where_it_is(client, credit):
    url = "/letters-of-credit/LC-HAMBURG-7"
    entry = replace(shipment_entry(Shipment.get()), letter_of_credit="LC-HAMBURG-7")
    save_shipment(entry, "S-2026-0001", 1, None, NOW)
    assert 'value="LC-HAMBURG-7"' in client.get("/shipments/new").text
    assert "Archived" in client.post(url, data={"archived": "1"}, follow_redirects=True).text
    assert 'value="LC-HAMBURG-7"' not in client.get("/shipments/new").text
    assert "LC-HAMBURG-7" not in client.get("/letters-of-credit?state=used").text
    save_shipment(entry, "S-2026-0001", 2, None, NOW)
    with pytest.raises(InvalidInput):
        save_shipment(entry, None, 0, None, NOW)
    assert "In use again" in client.post(url, data={"archived": "0"}, follow_redirects=True).text


def test_a_problem_of_a_paper_leads_to_its_field(client, credit, app):
    with app.test_request_context():
        url = field_url(Problem("R35", "error", "credit:LC-HAMBURG-7:latest_shipment", Message("x")), "S-2026-0001")
    assert url == "/letters-of-credit/LC-HAMBURG-7#latest_shipment"
    assert 'id="latest_shipment"' in client.get(url).text


def test_unknown_no_login_no_token(client, anonymous, credit):
    assert client.get("/letters-of-credit/NONE").status_code == 404
    assert client.get("/letters-of-credit/%00").status_code == 404
    assert anonymous.get("/letters-of-credit").status_code == 302
    assert client.post(URL, data={**TYPED, "code": "LC2"}, csrf=False).status_code == 400


def test_the_menu_leads_to_the_credits(client, world):
    assert 'href="/letters-of-credit"' in client.get("/shipments").text


@pytest.mark.parametrize(
    "size", [{"width": 360, "height": 640}, {"width": 1440, "height": 900}], ids=["phone", "desktop"]
)
def test_in_a_browser_rows_are_added_and_the_page_does_not_scroll_sideways(page, credit, size):
    page.set_viewport_size(size)
    page.goto("/letters-of-credit")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto("/letters-of-credit/LC-HAMBURG-7")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("[data-add=documents]")
    page.select_option("#documents-2-type", "china_export_declaration")
    page.fill("#documents-2-title", "W" * 128)
    page.fill("#documents-2-originals", "1")
    page.check("#documents-2-signed")
    page.click("#documents-0 [data-remove]")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_navigation():
        page.click(".rt-save .btn-primary")
    asked = [(row.position, row.type, row.signed) for row in CreditDocument.select().order_by(CreditDocument.position)]
    assert asked == [(1, "packing_list", False), (2, "china_export_declaration", True)]
