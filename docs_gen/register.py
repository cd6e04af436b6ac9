"""The register of papers: one entry for each. URL, page, number, archive and tests follow from the entry."""

from __future__ import annotations

from collections.abc import Iterable

from docs_gen.checks import Problem
from docs_gen.document_types import DocumentType, PaperPart, check_papers, paper_parts
from docs_gen.facts import ShipmentFacts
from docs_gen.papers import bank, customs, goods, money, returnables, transport

#: in print order
REGISTER: dict[str, DocumentType] = {
    type.code: type
    for type in (*money.TYPES, *goods.TYPES, *customs.TYPES, *transport.TYPES, *bank.TYPES, *returnables.TYPES)
}


def papers(
    facts: ShipmentFacts, invoice: ShipmentFacts | None = None, codes: Iterable[str] = tuple(REGISTER)
) -> list[PaperPart]:
    """The papers of these kinds that the shipment has, in print order."""
    wanted = set(codes)
    return paper_parts([type for code, type in REGISTER.items() if code in wanted], facts, invoice)


def problems(
    facts: ShipmentFacts, invoice: ShipmentFacts | None = None, codes: Iterable[str] = tuple(REGISTER)
) -> list[Problem]:
    """Every problem of these papers of a shipment, errors first."""
    return check_papers(papers(facts, invoice, codes))
