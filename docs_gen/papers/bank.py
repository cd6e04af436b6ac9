"""Papers that a bank or an insurer asks for, and those about origin and wood."""

from __future__ import annotations

from docs_gen import checks, checks_bank
from docs_gen.checks_bank import BANK
from docs_gen.document_types import GOODS, MONEY, DocumentType
from errors import N_

_STYLES = ("paper.css", "papers/bank.css")

#: of letters and drafts, which name no packages
_LETTER = (
    checks.parties_complete, checks.lines_complete, checks.references, checks.printable, checks.no_placeholders,
    checks_bank.bank_texts,
)  # fmt: skip

TYPES: tuple[DocumentType, ...] = (
    DocumentType(
        code="certificate_of_origin",
        title=N_("Certificate of origin"),
        title_en="CERTIFICATE OF ORIGIN",
        title_zh="原产地证明书",
        un_code="861",
        series="CO",
        styles=_STYLES,
        groups=("origin", "signing"),
        checks=(
            *GOODS, checks.commodity_codes, checks.invoice_dated, checks_bank.origin_declared, checks_bank.bank_texts,
            *BANK,
        ),
    ),
    DocumentType(
        code="insurance_declaration",
        title=N_("Insurance declaration"),
        title_en="INSURANCE DECLARATION",
        title_zh="货物运输保险投保单",
        un_code="550",
        series="IN",
        asks="prices.see",
        styles=_STYLES,
        date_of=lambda facts: facts.details.insurance_date,
        groups=("insurance", "booking", "signing"),
        checks=(
            *GOODS, *MONEY, checks.amount_in_words, checks_bank.insured_enough, checks_bank.insurance_covers,
            checks_bank.insured_before_shipment, checks_bank.claims_payable, checks_bank.bank_texts, *BANK,
        ),
    ),
    DocumentType(
        code="bill_of_exchange",
        title=N_("Bill of exchange"),
        title_en="BILL OF EXCHANGE",
        title_zh="汇票",
        un_code="490",
        series="BE",
        asks="prices.see",
        styles=_STYLES,
        date_of=lambda facts: facts.details.draft_date,
        shares_invoice=True,
        marked=False,
        groups=("bank", "signing"),
        checks=(*_LETTER, *MONEY, checks.amount_in_words, checks_bank.draft_complete, *BANK),
    ),
    DocumentType(
        code="beneficiary_certificate",
        title=N_("Beneficiary's certificate"),
        title_en="BENEFICIARY'S CERTIFICATE",
        title_zh="受益人证明",
        un_code="",
        series="BC",
        styles=_STYLES,
        date_of=lambda facts: facts.details.certificate_date,
        groups=("bank", "signing"),
        checks=(*_LETTER, checks_bank.certificate_complete, *BANK),
    ),
    DocumentType(
        code="packing_statement",
        title=N_("Wood packing statement"),
        title_en="PACKING MATERIAL STATEMENT",
        title_zh="木质包装声明",
        un_code="",
        series="WP",
        styles=_STYLES,
        groups=("origin", "signing"),
        checks=(*GOODS, checks_bank.wood_statement, checks_bank.wood_declared, checks_bank.bank_texts, *BANK),
    ),
)  # fmt: skip
