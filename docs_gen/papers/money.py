"""Papers about money: what is offered, sold, paid."""

from __future__ import annotations

from docs_gen import checks, checks_bank, checks_customs, checks_money
from docs_gen.document_types import GOODS, MONEY, DocumentType
from docs_gen.parts import invoices
from errors import N_

_STYLES = ("paper.css", "papers/money.css")

#: Before there is a shipment: nothing is packed, scanned, booked or declared yet.
_OFFERED = (
    checks.parties_complete, checks.lines_complete, checks.currency_known, checks.amounts_add_up,
    checks.amount_in_words, checks.incoterm_fits, checks.route_complete, checks.countries_plausible, checks.texts_fit,
    checks.printable, checks.no_placeholders, checks_money.shipment_period, checks_money.payment_agreed,
    checks_money.tolerance_plausible, checks_money.sale_texts,
)  # fmt: skip

TYPES = (
    DocumentType(
        code="proforma_invoice",
        title=N_("Proforma invoice"),
        title_en="PROFORMA INVOICE",
        title_zh="形式发票",
        un_code="325",
        series="PI",
        asks="prices.see",
        styles=_STYLES,
        names_invoice=False,
        groups=("sale", "origin", "signing"),
        checks=(*_OFFERED, checks.commodity_codes, checks_money.offer_valid, checks_money.bank_required),
    ),
    DocumentType(
        code="sales_contract",
        title=N_("Sales contract"),
        title_en="SALES CONTRACT",
        title_zh="销售合同",
        un_code="315",
        series="SC",
        asks="prices.see",
        styles=_STYLES,
        date_of=lambda facts: facts.details.contract_date,
        names_invoice=False,
        groups=("sale", "insurance", "signing"),
        checks=(*_OFFERED, checks.bank_complete, checks_money.contract_before_invoice, checks_money.contract_insured),
    ),
    DocumentType(
        code="commercial_invoice",
        title=N_("Commercial invoice"),
        title_en="COMMERCIAL INVOICE",
        title_zh="商业发票",
        un_code="380",
        series="CI",
        asks="prices.see",
        styles=_STYLES,
        date_of=lambda facts: facts.invoice_date,
        names_invoice=False,
        parts=invoices,
        shares_invoice=True,
        groups=("origin", "signing"),
        checks=(
            *GOODS,
            *MONEY,
            checks.commodity_codes,
            checks.invoice_dated,
            checks.amount_in_words,
            checks_money.sold_or_reason,
            checks.country_profile,
            checks_customs.boxes_not_sold,
            checks_money.where_to_pay,
            checks_money.sale_texts,
            *checks_bank.BANK,
            checks_bank.bank_texts,
        ),
    ),
)
