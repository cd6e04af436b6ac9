"""Papers for China Customs and the broker."""

from __future__ import annotations

from docs_gen import checks
from docs_gen.document_types import GOODS, MONEY, DocumentType
from docs_gen.parts import declarations
from errors import N_

TYPES = (
    DocumentType(
        code="china_export_declaration",
        title=N_("China export declaration"),
        title_en="EXPORT GOODS DECLARATION",
        title_zh="中华人民共和国海关出口货物报关单",
        un_code="830",
        series="CD",
        orientation="landscape",
        parts=declarations,
        checks=(
            *GOODS,
            *MONEY,
            checks.declaration_header,
            checks.item_limit,
            checks.declared_goods,
            checks.legal_kilograms,
        ),
    ),
)
