"""Papers for China Customs and the broker."""

from __future__ import annotations

from docs_gen import checks, checks_customs
from docs_gen.document_types import GOODS, MONEY, DocumentType
from docs_gen.parts import declarations
from errors import N_

_STYLES = ("paper.css", "papers/customs.css")

#: what every item that is declared must have
_DECLARED = (
    checks.declared_goods, checks_customs.goods_consistent, checks_customs.tariff_year, checks_customs.supervision,
    checks_customs.details_printable,
)  # fmt: skip

TYPES = (
    DocumentType(
        code="china_export_declaration",
        title=N_("China export declaration"),
        title_en="EXPORT GOODS DECLARATION",
        title_zh="中华人民共和国海关出口货物报关单",
        un_code="830",
        series="CD",
        asks="prices.see",
        orientation="landscape",
        styles=_STYLES,
        parts=declarations,
        marked=False,  # a draft for checking (核对单): the declaration itself is electronic
        groups=("customs", "returnables"),
        checks=(
            *GOODS,
            *MONEY,
            checks.declaration_header,
            checks.legal_kilograms,
            *_DECLARED,
            checks_customs.declaration_parties,
            checks_customs.declaration_remarks,
            checks_customs.declared_packages,
            checks_customs.preference_claimed,
            checks_customs.boxes_decided,
            checks_customs.temporary_boxes,
            checks_customs.boxes_written_off,
        ),
    ),
    DocumentType(
        code="declaration_elements",
        title=N_("Declaration elements"),
        title_en="DECLARATION ELEMENTS",
        title_zh="申报要素表",
        un_code="",
        series="EL",
        orientation="landscape",
        styles=_STYLES,
        names_invoice=False,
        marked=False,
        groups=("customs",),
        checks=(checks.lines_complete, *_DECLARED, checks.printable, checks.no_placeholders),
    ),
    DocumentType(
        code="customs_authorisation",
        title=N_("Authorisation of the customs broker"),
        title_en="CUSTOMS AUTHORISATION AND AGREEMENT",
        title_zh="代理报关委托书 / 委托报关协议",
        un_code="",
        series="PA",
        asks="prices.see",
        styles=_STYLES,
        names_invoice=False,
        marked=False,
        groups=("customs", "signing"),
        checks=(
            checks.parties_complete,
            checks.lines_complete,
            checks.currency_known,
            checks_customs.authorisation,
            checks_customs.details_printable,
            checks.printable,
            checks.no_placeholders,
        ),
    ),
)
