"""Papers about money: what is offered, sold, paid."""

from __future__ import annotations

from docs_gen import checks
from docs_gen.document_types import GOODS, MONEY, DocumentType
from docs_gen.parts import invoices
from errors import N_

TYPES = (
    DocumentType(
        code="commercial_invoice",
        title=N_("Commercial invoice"),
        title_en="COMMERCIAL INVOICE",
        title_zh="商业发票",
        un_code="380",
        series="CI",
        date_of=lambda facts: facts.invoice_date,
        names_invoice=False,
        parts=invoices,
        shares_invoice=True,
        checks=(
            *GOODS,
            *MONEY,
            checks.commodity_codes,
            checks.invoice_dated,
            checks.amount_in_words,
            checks.bank_complete,
        ),
    ),
)
