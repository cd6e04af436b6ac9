"""The whole road in a real browser: shipment → papers → labels → scans out → packing list → issue → scans home → balance.

What is scanned is what an independent reader reads off the printed labels; what the papers say is read back from the PDF
by an independent reader and compared with what was entered.
"""

from __future__ import annotations

import io
import re
import uuid
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from browser import sign_in
from conftest import NOW, PASSWORD
from playwright.sync_api import Page, expect
from pypdf import PdfReader
from shipment_forms import GOOD
from test_scan_page import begin, wedge

from assets.models import Asset, ScanEvent
from database import utc_now
from docs_gen.models import IssuedDocument

pytest_plugins = ["browser"]

EXPECTED = 12


def text_of(data: bytes) -> str:
    """Text of a PDF as pypdf reads it, white space folded."""
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages))


def codes_on(data: bytes) -> list[str]:
    """Every QR code of a PDF, rasterised as a 300 dpi printer would."""
    return [
        found.text
        for page in pypdfium2.PdfDocument(data)
        for found in zxingcpp.read_barcodes(page.render(scale=300 / 72).to_pil())
    ]


def get(page: Page, path: str) -> bytes:
    answer = page.request.get(path)
    assert answer.ok, f"{path}: {answer.status}"
    return answer.body()


def enter_shipment(page: Page) -> str:
    """Fill the form as a clerk does and save it; gives the number."""
    page.goto("/shipments/new")
    while page.locator("[name='lines-1-product']").count() == 0:
        page.click("[name=add_line]")
    for name, value in GOOD.items():
        if name == "version":
            continue
        field = page.locator(f"[name='{name}']")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    more = {
        "vessel": "COSCO TAURUS", "voyage": "045W", "transport_document_no": "COSU6391234560", "marks": "HAMBURG AUTO\nC/NO. 1-13",
        "place_of_delivery": "Hamburg", "contract_no": "SC-2026-017", "port_of_loading_name": "Shanghai", "port_of_discharge_name": "Hamburg",
        "customs_office": "2248", "customs_office_name": "洋山港区", "exit_port": "310001", "exit_port_name": "上海港",
        "destination_port": "DEU066", "destination_port_name": "汉堡", "payment_terms": "60 days net", "seal_no": "CN0012345",
    }  # fmt: skip
    for name, value in more.items():
        page.fill(f"[name='{name}']", value)
    # a second row: one carton with the tie rods
    if page.locator("[name='packages-1-package_code']").count() == 0:
        page.click("[name=add_package]")
    carton = {
        "package_code": "CT",
        "count": "1",
        "product": "10-5200",
        "pieces": "200",
        "net_mass": "64",
        "gross_mass": "66.2",
    }
    for name, value in carton.items():
        page.fill(f"[name='packages-1-{name}']", value)
    page.locator("button[name=save]:visible").last.click()
    page.wait_for_url(re.compile(r"/shipments/S-\d{4}-\d{4}$"))
    return page.url.rsplit("/", 1)[1]


def register_boxes(page: Page) -> list[str]:
    page.goto("/assets/new")
    for name, value in (("asset_type", "KLT6428"), ("owner", "SUZHOU"), ("return_place", "SZ-PLANT")):
        field = page.locator(f"[name={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    for name, value in (("prefix", "KLT"), ("first", "1"), ("count", str(EXPECTED)), ("digits", "6")):
        page.fill(f"[name={name}]", value)
    page.click("button[value=range]")
    page.wait_for_load_state()
    return [f"KLT{number:06d}" for number in range(1, EXPECTED + 1)]


def balance_of(page: Page, holder: str) -> str:
    page.goto("/balances")
    rows = page.locator("table tbody tr", has_text=holder)
    return rows.first.inner_text() if rows.count() else ""


def outline(file: PdfReader) -> list[Any]:
    """The bookmarks of the papers in a merged set."""
    return [one for one in file.outline if not isinstance(one, list)]


@pytest.mark.usefixtures("world")
def test_the_whole_road(context, live, user):
    page = context.pages[0]
    page.set_viewport_size({"width": 1280, "height": 900})
    context.clear_cookies()
    sign_in(page, "wang.li", PASSWORD)

    # papers out: a shipment and its drafts
    number = enter_shipment(page)
    invoice = text_of(get(page, f"/shipments/{number}/documents/commercial_invoice.pdf"))
    for text in (
        "COMMERCIAL INVOICE",
        "DRAFT",
        "转向器总成",
        "10-4711",
        "182.50",
        "4,380.00",
        "1,225.00",
        "EUR 5,605.00",
        "CIF Hamburg",
    ):
        assert text in invoice, text
    page.goto(f"/shipments/{number}/documents/packing_list")
    expect(page.locator("object")).to_have_attribute("type", "application/pdf")

    # labels: printed, and read by an independent reader
    codes = register_boxes(page)
    assert {asset.code for asset in Asset.select()} == set(codes)
    labels = get(page, f"/assets/labels.pdf?type=KLT6428&first={codes[0]}&last={codes[-1]}&sheet=a4-24")
    read = sorted(codes_on(labels))
    assert len(read) == EXPECTED
    assert [text[-9:] for text in read] == codes

    # scan all but one onto the truck: the shipment is taken up by the QR of its packing list
    (shipment_qr,) = codes_on(get(page, f"/shipments/{number}/documents/packing_list.pdf"))
    page.set_viewport_size({"width": 360, "height": 640})
    begin(page, "dispatch")
    wedge(page, shipment_qr)
    expect(page.locator("#bar")).to_contain_text(number)
    for text in read[:-1]:
        wedge(page, text)
    expect(page.locator("#total")).to_contain_text(str(EXPECTED - 1))
    expect(page.locator("#badge")).to_have_attribute("data-state", "idle", timeout=30_000)

    # the join: the paper says that one is missing, and cannot be issued
    page.goto(f"/shipments/{number}/documents/packing_list")
    problem = page.locator(".pp-problem", has_text="scanned")
    expect(problem).to_contain_text(str(EXPECTED))
    expect(problem).to_contain_text(str(EXPECTED - 1))
    expect(page.locator("form.pp-issue button")).to_be_disabled()

    begin(page, "dispatch")
    wedge(page, shipment_qr)
    wedge(page, read[-1])
    expect(page.locator("#total")).to_contain_text(f"{EXPECTED}")
    expect(page.locator("#verdict-code")).to_contain_text(codes[-1])
    expect(page.locator("#badge")).to_have_attribute("data-state", "idle", timeout=30_000)

    packing_list = text_of(get(page, f"/shipments/{number}/documents/packing_list.pdf"))
    assert all(code in packing_list for code in codes)
    assert "13 packages" in packing_list
    gross = 12 * (14.5 + 2.95) + 66.2
    assert f"{gross:.3f}" in packing_list  # the tare of the scanned boxes is in the gross mass

    # issue all three, as a clerk does
    page.set_viewport_size({"width": 1280, "height": 900})
    for type_ in ("commercial_invoice", "packing_list", "china_export_declaration"):
        page.goto(f"/shipments/{number}/documents/{type_}")
        for reason in page.locator("input[name^='reason:']").all():
            reason.fill("Agreed with the broker.")
        page.click("form.pp-issue button")
        page.wait_for_load_state()
    documents = {document.type: document for document in IssuedDocument.select()}
    assert {document.state for document in documents.values()} == {"issued"}
    issued = text_of(get(page, f"/documents/{documents['packing_list'].id}.pdf"))
    assert documents["packing_list"].number in issued
    assert "DRAFT" not in issued
    assert all(code in issued for code in codes)
    merged = PdfReader(io.BytesIO(get(page, f"/shipments/{number}/documents.pdf")))
    assert len(merged.pages) >= sum(document.pages for document in documents.values())
    assert {document.number for document in documents.values()} <= {one.title.split()[0] for one in outline(merged)}
    assert "Hamburg Automotive" in balance_of(page, "Hamburg Automotive")

    # the customer's dock reports the arrival through the API
    token = page.locator("meta[name=csrf-token]").get_attribute("content")
    arrivals = [
        {
            "event_id": str(uuid.uuid4()), "type": "arrive", "scanned_text": text, "event_time": utc_now().isoformat(),
            "place": "HH-VMI", "party": "HAMBURG", "device": "HH-DOCK-1",
        }
        for text in read
    ]  # fmt: skip
    answer = page.request.post("/api/v1/scan-events", data={"events": arrivals}, headers={"X-CSRFToken": token})
    assert [result["state"] for result in answer.json()["results"]] == ["at_partner"] * EXPECTED

    # boxes home
    page.set_viewport_size({"width": 360, "height": 640})
    begin(page, "return")
    for text in read:
        wedge(page, text)
    expect(page.locator("#verdict-code")).to_contain_text(codes[-1])
    expect(page.locator("#badge")).to_have_attribute("data-state", "idle", timeout=30_000)
    assert ScanEvent.select().where(ScanEvent.type == "return", ScanEvent.refused == "").count() == EXPECTED
    assert {asset.where for asset in Asset.select()} == {"here"}
    assert balance_of(page, "Hamburg Automotive") == ""

    # and the issued paper still says what left
    assert text_of(get(page, f"/documents/{documents['packing_list'].id}.pdf")) == issued
    assert NOW.year == documents["packing_list"].issue_date.year
