"""Papers of a partner's box account: they belong to a partner and a month and to no shipment."""

from __future__ import annotations

from docs_gen import checks_accounts
from docs_gen.account_facts import BoxChargesFacts, BoxStatementFacts
from docs_gen.document_types import DocumentType
from errors import N_

_STYLES = ("paper.css", "papers/accounts.css")

TYPES = (
    DocumentType(
        code="box_statement",
        title=N_("Statement of boxes"),
        title_en="STATEMENT OF BOXES",
        title_zh="周转箱对账单",
        un_code="",
        series="BS",
        styles=_STYLES,
        facts=BoxStatementFacts,
        names_invoice=False,
        marked=False,
        seal_kinds=(),
        checks=(checks_accounts.addressed, checks_accounts.account_printable, checks_accounts.balances_add_up),
    ),
    DocumentType(
        code="box_charges",
        title=N_("Pro-forma invoice of box charges"),
        title_en="PRO-FORMA INVOICE, BOXES",
        title_zh="周转箱费用形式发票",
        un_code="325",
        series="BI",
        asks="agreements.read",
        styles=_STYLES,
        facts=BoxChargesFacts,
        names_invoice=False,
        marked=False,
        seal_kinds=(),
        checks=(checks_accounts.addressed, checks_accounts.account_printable, checks_accounts.charges_add_up),
    ),
)
