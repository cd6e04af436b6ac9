"""The set of papers of a shipment as a checklist: which it needs, how far each is, what is wrong."""

from __future__ import annotations

from dataclasses import dataclass

from docs_gen.checks import Problem
from docs_gen.document_types import PaperPart, check_papers
from docs_gen.facts import ShipmentFacts, shipment_facts
from docs_gen.issuing import is_stale, latest_documents, shipment_papers
from docs_gen.models import IssuedDocument
from docs_gen.profiles import Need, needs
from docs_gen.register import types
from shipments.models import Shipment


@dataclass(frozen=True)
class PaperState:
    """One row of the checklist."""

    paper: PaperPart
    need: Need
    document: IssuedDocument | None  # the newest one
    problems: tuple[Problem, ...]
    stale: bool  # valid, and the shipment has changed since

    @property
    def errors(self) -> int:
        """How many errors keep it from being issued."""
        return sum(one.severity == "error" for one in self.problems)

    @property
    def warnings(self) -> int:
        """How many warnings need a reason."""
        return len(self.problems) - self.errors

    @property
    def state(self) -> str:
        """missing, warnings, ready, numbered, failed, issued, stale, void."""
        if self.document and self.document.status != "void":
            if self.document.state == "numbered":
                return "failed" if self.document.failed else "numbered"
            return "stale" if self.stale else "issued"
        if self.errors:
            return "missing"
        return "void" if self.document else "warnings" if self.warnings else "ready"


@dataclass(frozen=True)
class Checklist:
    """The set of a shipment: `rows` are the papers that it needs or has, `offered` those that it may have besides."""

    facts: ShipmentFacts
    rows: tuple[PaperState, ...]
    offered: tuple[PaperPart, ...]
    problems: tuple[Problem, ...]  # of all rows, each once
    left_over: tuple[IssuedDocument, ...]  # valid, but the shipment is split otherwise now: to be declared void


def checklist(shipment: Shipment, base_url: str) -> Checklist:
    """The checklist of a stored shipment."""
    facts = shipment_facts(shipment, base_url)
    wanted = needs(facts)
    documents = latest_documents(shipment)
    known = types()
    shown = [code for code in known if wanted.get(code, _OFFERED).need == "required" or _has(documents, code)]
    papers = shipment_papers(shipment, base_url, shown, facts)
    found = check_papers(papers)
    rows = tuple(
        PaperState(
            paper=paper,
            need=wanted.get(paper.type.code, _OFFERED),
            document=(document := documents.get((paper.type.code, paper.facts.part))),
            problems=tuple(problem for problem in found if paper.key in problem.papers),
            stale=bool(document and document.status == "issued" and is_stale(document, paper.facts)),
        )
        for paper in papers
    )
    others = [code for code in known if code not in shown and wanted.get(code, _OFFERED).need != "never"]
    covered = {(paper.type.code, paper.facts.part) for paper in papers}
    return Checklist(
        facts,
        rows,
        offered=tuple(shipment_papers(shipment, base_url, others, facts)),
        problems=tuple(found),
        left_over=tuple(one for key, one in documents.items() if key not in covered and one.status == "issued"),
    )


_OFFERED = Need("offered")


def _has(documents: dict[tuple[str, str], IssuedDocument], code: str) -> bool:
    return any(type == code for type, _ in documents)
