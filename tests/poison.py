"""Text that wants to be more than text, in every column that people fill in freely."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assets.models import Agreement, ExceptionCase, ScanEvent
from customs.models import CustomsDeclaration
from docs_gen.models import ProfileRule, Seal, Wording
from master_data.models import AssetType, Party, Place, Product
from shipments.models import LetterOfCredit, Package, Shipment, ShipmentLine

#: Each calls `hit`, which no page of ours has, or asks for an address that is not ours.
XSS = [
    "<script>hit()</script>", "<img src=x onerror=hit()>", "\"><script>hit()</script>", "'><svg onload=hit()>",
    "</title><script>hit()</script>", "</textarea><img src=x onerror=hit()>", "</script><script>hit()</script>",
    "javascript:hit()", "\" onmouseover=hit() x=\"", "' autofocus onfocus=hit() x='", "<iframe srcdoc='<script>parent.hit()</script>'>",
    "<a href=javascript:hit()>x</a>", "<details open ontoggle=hit()>", "<body onload=hit()>", "<video><source onerror=hit()>",
    "<style>@import 'http://198.51.100.7/x.css'</style>", "<link rel=stylesheet href=//198.51.100.7/x>", "<base href=//198.51.100.7/>",
    "<form action=//198.51.100.7><button autofocus>x", "<meta http-equiv=refresh content='0;url=//198.51.100.7'>",
    "{{constructor.constructor('hit()')()}}", "${hit()}", "<math><mtext></mtext><script>hit()</script></math>", "<object data=javascript:hit()>",
    "<embed src=javascript:hit()>", "&lt;script&gt;hit()&lt;/script&gt;", "\\x3cscript\\x3ehit()\\x3c/script\\x3e", "<svg><animate onbegin=hit() attributeName=x>",
    "<img src='x' srcset='//198.51.100.7/x 2x'>", "-->--!><script>hit()</script>",
]  # fmt: skip

#: Columns of free text. Codes, states and what a list limits take nothing of the kind (test_B5, the form tests).
COLUMNS: dict[Any, list[Any]] = {
    Party: [
        Party.name_en, Party.name_zh, Party.address_en, Party.address_zh, Party.contact, Party.phone, Party.email, Party.customs_no,
        Party.vat_no, Party.eori, Party.tax_no, Party.aeo_no, Party.bank_name, Party.bank_account, Party.bank_bic,
    ],
    Place: [Place.name_en, Place.name_zh, Place.address_en, Place.address_zh, Place.phone],
    Product: [
        Product.customer_part_no, Product.description_en, Product.description_zh, Product.declaration_elements,
        Product.proper_shipping_name, Product.source_district,
    ],
    AssetType: [AssetType.name_en, AssetType.name_zh, AssetType.declaration_elements],
    Shipment: [
        Shipment.contract_no, Shipment.order_no, Shipment.named_place, Shipment.payment_terms, Shipment.port_of_loading_name,
        Shipment.port_of_discharge_name, Shipment.place_of_delivery, Shipment.vessel, Shipment.voyage, Shipment.transport_document_no,
        Shipment.freight_container_no, Shipment.seal_no, Shipment.marks, Shipment.remarks, Shipment.customs_office_name,
        Shipment.exit_port_name, Shipment.destination_port_name,
    ],
    ShipmentLine: [ShipmentLine.invoice_group],
    Package: [Package.marks],
    ScanEvent: [ScanEvent.scanned_text, ScanEvent.document, ScanEvent.device, ScanEvent.reason],
    ExceptionCase: [ExceptionCase.note],
    Agreement: [Agreement.note],
    LetterOfCredit: [LetterOfCredit.issuing_bank, LetterOfCredit.goods, LetterOfCredit.drawee, LetterOfCredit.tenor],
    ProfileRule: [ProfileRule.note],
    Seal: [Seal.name],
    Wording: [Wording.text],
    CustomsDeclaration: [CustomsDeclaration.note, CustomsDeclaration.number],
}  # fmt: skip


def poison(text: Callable[[int], str]) -> int:
    """Put `text(n)` into the n-th column of COLUMNS; gives how many there are."""
    number = 0
    for model, columns in COLUMNS.items():
        for column in columns:
            model.update({column: text(number)}).execute()
            number += 1
    return number
