"""The page of a shipment, previews, issuing by button, downloads, the list of what was issued."""

from __future__ import annotations

from decimal import Decimal
from io import BytesIO

import pytest
from conftest import unrenderable
from flask.testing import FlaskClient
from pypdf import PdfReader
from samples import THREE, World, completed

from docs_gen.checks import Problem
from docs_gen.facts import ShipmentFacts, shipment_facts
from docs_gen.models import IssuedDocument
from docs_gen.register import REGISTER, problems
from docs_gen.views import field_url
from errors import Message
from master_data.models import Party
from shipments.models import Package, Shipment, ShipmentLine

PAGE = "/shipments/S-2026-0001"
#: the others belong to a partner's account: tests/test_statements.py
OF_A_SHIPMENT = [code for code, type in REGISTER.items() if type.facts is ShipmentFacts]
REASON = {"reason:": "Agreed with the broker."}


def _text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(data)).pages)


def test_shipment_page_shows_facts_papers_and_boxes(client: FlaskClient, world: World) -> None:
    page = client.get(PAGE).get_data(as_text=True)
    for text in ("Hamburg Automotive GmbH", "CIF Hamburg", "5,605.00", "CSQU3054383", "10-4711", "275.600", "KLT6428"):
        assert text in page
    for type in OF_A_SHIPMENT:
        if type != "dangerous_goods_declaration":  # there are none
            assert f"{PAGE}/documents/{type}" in page


@pytest.mark.parametrize("type", OF_A_SHIPMENT)
def test_preview_shows_the_draft_and_its_file_says_so(client: FlaskClient, world: World, type: str) -> None:
    completed(world)
    page = client.get(f"{PAGE}/documents/{type}").get_data(as_text=True)
    assert f'data="{PAGE}/documents/{type}.pdf#' in page
    answer = client.get(f"{PAGE}/documents/{type}.pdf")
    assert answer.mimetype == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("inline")
    assert "DRAFT" in _text(answer.data)
    assert IssuedDocument.select().count() == 0


def test_problems_stand_beside_the_paper_with_a_link_to_their_field(client: FlaskClient, world: World) -> None:
    Party.update(uscc="").execute()
    ShipmentLine.update(quantity=Decimal(23)).where(ShipmentLine.position == 1).execute()
    page = client.get(f"{PAGE}/documents/china_export_declaration").get_data(as_text=True)
    assert f"{PAGE}/edit#lines-0-quantity" in page
    assert "/parties/SUZHOU#uscc" in page
    assert "23 invoiced, 24 packed" in page


@pytest.mark.parametrize(("names", "shown"), [(("Shanghai", ""), "Shanghai → DEHAM"), (("", ""), "CNSHA → DEHAM")])
def test_a_port_without_a_name_is_told_by_its_code(
    client: FlaskClient, world: World, names: tuple[str, str], shown: str
) -> None:
    Shipment.update(port_of_loading_name=names[0], port_of_discharge_name=names[1]).execute()
    assert f"<span>{shown}</span>" in client.get("/shipments/S-2026-0001").text
    Shipment.update(port_of_loading="", port_of_discharge="", port_of_loading_name="").execute()
    assert "– → –" not in client.get("/shipments/S-2026-0001").text


def test_every_address_of_a_problem_leads_to_a_page_that_has_the_field(client: FlaskClient, world: World) -> None:
    with client.application.test_request_context():
        addresses = (
            "shipment:incoterm",
            "shipment:lines-0-quantity",
            "shipment:packages-1-gross_mass",
            "party:SUZHOU:uscc",
        )
        addresses += (
            "product:10-4711:hs_code",
            "asset_type:KLT6428:tare",
            "party:HAMBURG:name_en",
            "product:10-5200:unit",
        )
        urls = [field_url(Problem("R", "error", one, Message("")), world.shipment.number) for one in addresses]
    for url in urls:
        path, _, field = url.partition("#")
        assert f'id="{field}"' in client.get(path).get_data(as_text=True), url


def test_issue_gives_number_and_file_and_download(client: FlaskClient, world: World) -> None:
    answer = client.post(f"{PAGE}/documents/commercial_invoice/issue", data=REASON, follow_redirects=True)
    assert "CI-2026-0001" in answer.get_data(as_text=True)
    document = IssuedDocument.get()
    assert (document.state, document.issued_by.username) == ("issued", "wang.li")
    file = client.get(f"/documents/{document.id}.pdf")
    assert file.headers["Content-Disposition"].split(";")[1].strip() == 'filename="CI-2026-0001 Commercial Invoice.pdf"'
    text = _text(file.data)
    assert "CI-2026-0001" in text
    assert "DRAFT" not in text


def test_what_was_let_pass_is_read_in_the_language_of_who_looks(client: FlaskClient, world: World) -> None:
    client.post(f"{PAGE}/documents/packing_list/issue", data={"reason:": "按计划"})
    preview = f"{PAGE}/documents/packing_list"
    english, chinese = "none scanned yet; the paper says the planned number", "尚未扫描"
    assert english in client.get(preview).get_data(as_text=True)
    client.post("/language", data={"language": "zh"})
    page = client.get(preview).get_data(as_text=True)
    assert english not in page
    assert page.count(chinese) >= 2  # among what was let pass, and among what is looked at now


def test_issue_with_errors_is_refused_and_nothing_is_written(client: FlaskClient, world: World) -> None:
    Package.delete().execute()
    answer = client.post(f"{PAGE}/documents/packing_list/issue", data=REASON)
    assert answer.status_code == 409
    assert "No packages" in answer.get_data(as_text=True)
    assert IssuedDocument.select().count() == 0


def test_a_form_without_csrf_issues_nothing(client: FlaskClient, world: World) -> None:
    assert client.post(f"{PAGE}/documents/commercial_invoice/issue", csrf=False).status_code == 400
    assert IssuedDocument.select().count() == 0


def test_a_change_after_issue_is_shown_and_issuing_anew_replaces(client: FlaskClient, world: World) -> None:
    client.post(f"{PAGE}/documents/commercial_invoice/issue", data=REASON)
    assert "has changed" not in client.get(PAGE).get_data(as_text=True)
    ShipmentLine.update(unit_price=Decimal(190)).where(ShipmentLine.position == 1).execute()
    assert "CI-2026-0001 is issued, but the shipment or its invoice has changed" in client.get(PAGE).get_data(
        as_text=True
    )
    client.post(f"{PAGE}/documents/commercial_invoice/issue", data=REASON)
    assert [(one.number, one.state) for one in IssuedDocument.select().order_by(IssuedDocument.id)] == [
        ("CI-2026-0001", "replaced"),
        ("CI-2026-0002", "issued"),
    ]
    assert "replaces CI-2026-0001" in client.get(PAGE).get_data(as_text=True)


def test_a_packing_list_issued_before_its_invoice_is_shown_as_stale(client: FlaskClient, world: World) -> None:
    client.post(f"{PAGE}/documents/packing_list/issue", data=REASON)
    assert "has changed" not in client.get(PAGE).get_data(as_text=True)
    client.post(f"{PAGE}/documents/commercial_invoice/issue", data=REASON)
    page = client.get(PAGE).get_data(as_text=True)
    assert "PL-2026-0001 is issued, but the shipment or its invoice has changed" in page
    assert "CI-2026-0001 is issued, but" not in page


def test_a_paper_that_cannot_be_rendered_is_told_by_its_number_and_finished_by_the_next_click(
    client: FlaskClient, world: World
) -> None:
    with unrenderable():
        answer = client.post(f"{PAGE}/documents/packing_list/issue", data=REASON)
        text = answer.get_data(as_text=True)
        assert answer.status_code == 409
        assert "The paper PL-2026-0001 has its number but could not be rendered" in text
        assert "a paper may not fetch https://example.com/x.png" in text
        assert "PL-2026-0001 could not be rendered" in client.get(PAGE).get_data(as_text=True)
        assert "Finish PL-2026-0001" in client.get(f"{PAGE}/documents/packing_list").get_data(as_text=True)
    client.post(f"{PAGE}/documents/packing_list/issue", data=REASON)
    assert [(one.number, one.state) for one in IssuedDocument.select()] == [("PL-2026-0001", "issued")]


@pytest.mark.parametrize("type_", ["commercial_invoice", "packing_list", "china_export_declaration"])
def test_a_paper_is_the_same_whatever_language_its_reader_has_chosen(
    client: FlaskClient, world: World, type_: str
) -> None:
    papers = {}
    for language in ("en", "zh"):
        client.post("/language", data={"language": language})
        assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in client.get(PAGE).get_data(as_text=True)
        papers[language] = _text(client.get(f"{PAGE}/documents/{type_}.pdf").data)
    assert papers["en"] == papers["zh"] != ""


def test_the_three_papers_in_one_file(client: FlaskClient, world: World) -> None:
    client.post(f"{PAGE}/documents/packing_list/issue", data=REASON)
    text = _text(client.get(f"{PAGE}/documents.pdf").data)
    for expected in ("COMMERCIAL INVOICE", "PL-2026-0001", "出口货物报关单", "DRAFT"):
        assert expected in text


@pytest.mark.parametrize("query", ["PL-2026-0001", "S-2026-0001", "hamburg", "CSQU3054383", "汉堡"])
def test_documents_are_found_by_number_shipment_partner_and_container(
    client: FlaskClient, world: World, query: str
) -> None:
    client.post(f"{PAGE}/documents/packing_list/issue", data=REASON)
    assert "PL-2026-0001" in client.get("/documents", query_string={"q": query}).get_data(as_text=True)
    assert "PL-2026-0001" not in client.get("/documents?q=nothing-like-it").get_data(as_text=True).split("<main")[1]


def test_documents_list_is_exported(client: FlaskClient, world: World) -> None:
    client.post(f"{PAGE}/documents/packing_list/issue", data=REASON)
    assert "PL-2026-0001" in client.get("/documents?format=csv").get_data(as_text=True)


@pytest.mark.parametrize(
    "path", ["/shipments/none", f"{PAGE}/documents/none", f"{PAGE}/documents/none.pdf", "/documents/99.pdf"]
)
def test_unknown_addresses_are_404(client: FlaskClient, world: World, path: str) -> None:
    assert client.get(path).status_code == 404


def test_hostile_names_are_shown_as_text(client: FlaskClient, world: World) -> None:
    Party.update(name_en="<script>alert(1)</script>").where(Party.code == "HAMBURG").execute()
    page = client.get(PAGE).get_data(as_text=True)
    assert "<script>alert(1)" not in page
    assert "alert(1)" in _text(client.get(f"{PAGE}/documents/commercial_invoice.pdf").data)


def test_the_sample_shipment_has_no_errors(world: World) -> None:
    found = problems(shipment_facts(world.shipment, "https://rt.example.com"), codes=THREE)
    assert [problem for problem in found if problem.severity == "error"] == []


def test_two_tabs_issue_one_paper(client: FlaskClient, world: World) -> None:
    """Each form says which paper it saw as the valid one; the slower one is led to what the first has issued."""
    page, url = f"{PAGE}/documents/commercial_invoice", f"{PAGE}/documents/commercial_invoice/issue"
    assert 'name="replaces" value=""' in client.get(page).get_data(as_text=True)
    first, late = (client.post(url, data={"replaces": "", **REASON}) for _ in range(2))
    assert (first.status_code, late.status_code) == (302, 302)
    assert late.location == first.location
    assert IssuedDocument.select().count() == 1
    assert 'name="replaces" value="CI-2026-0001"' in client.get(page).get_data(as_text=True)
    for _ in range(2):
        assert client.post(url, data={"replaces": "CI-2026-0001", **REASON}).status_code == 302
    assert IssuedDocument.select().count() == 2
