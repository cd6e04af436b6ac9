"""Papers about the goods as they are packed."""

from __future__ import annotations

from docs_gen import checks
from docs_gen.document_types import GOODS, DocumentType
from errors import N_

TYPES = (
    DocumentType(
        code="packing_list",
        title=N_("Packing list"),
        title_en="PACKING LIST",
        title_zh="装箱单",
        un_code="271",
        series="PL",
        date_of=lambda facts: facts.invoice_date,
        checks=(*GOODS, checks.invoice_dated),
    ),
)
