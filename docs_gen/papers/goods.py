"""Papers about the goods as they are packed."""

from __future__ import annotations

from docs_gen import checks, checks_bank, checks_goods
from docs_gen.document_types import GOODS, DocumentType
from errors import N_

_STYLES = ("paper.css", "papers/goods.css")

#: What every paper needs that tells of packages and nothing of the sale.
_PACKED = (
    checks.parties_complete, checks.lines_complete, checks.packages_present, checks.package_codes,
    checks.package_masses, checks.masses_add_up, checks.quantities_packed, checks.payload, checks.boxes_scanned,
    checks.texts_fit, checks.printable, checks.no_placeholders,
)  # fmt: skip

TYPES = (
    DocumentType(
        code="packing_list",
        title=N_("Packing list"),
        title_en="PACKING LIST",
        title_zh="装箱单",
        un_code="271",
        series="PL",
        styles=_STYLES,
        date_of=lambda facts: facts.invoice_date,
        groups=("origin", "signing"),
        checks=(
            *GOODS,
            checks.invoice_dated,
            checks_bank.wood_declared,
            checks_goods.ssccs_valid,
            checks_goods.packing_texts,
            *checks_bank.BANK,
            checks_bank.bank_texts,
        ),
    ),
    DocumentType(
        code="delivery_note",
        title=N_("Delivery note"),
        title_en="DELIVERY NOTE",
        title_zh="送货单",
        un_code="270",
        series="DN",
        styles=_STYLES,
        date_of=lambda facts: facts.departure_date,
        names_invoice=False,
        groups=("road", "signing"),
        checks=(
            *_PACKED,
            checks.references,
            checks.container_number,
            checks_goods.departure_known,
            checks_goods.delivery_window,
            checks_goods.ssccs_valid,
            checks_goods.delivery_texts,
        ),
    ),
    DocumentType(
        code="shipping_marks",
        title=N_("Shipping marks"),
        title_en="SHIPPING MARKS",
        title_zh="唛头",
        un_code="",
        series="SM",
        orientation="marks",
        styles=_STYLES,
        names_invoice=False,
        seal_kinds=(),
        marked=False,
        checks=(*_PACKED, checks_goods.marks_given, checks_goods.marks_fit),
    ),
    DocumentType(
        code="package_labels",
        title=N_("Package labels (SSCC)"),
        title_en="PACKAGE LABELS",
        title_zh="箱标签",
        un_code="",
        series="LB",
        orientation="label",
        styles=_STYLES,
        names_invoice=False,
        seal_kinds=(),
        marked=False,
        needs_sscc=True,
        checks=(
            *_PACKED,
            checks_goods.sscc_prefix,
            checks_goods.ssccs_valid,
            checks_goods.labels_at_once,
            checks_goods.label_texts,
        ),
    ),
)
