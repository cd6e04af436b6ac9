"""Papers of the returnable packaging that travels with the goods or by itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from docs_gen import checks, checks_customs
from docs_gen.document_types import DocumentType
from docs_gen.facts import ShipmentFacts, StatementFacts
from docs_gen.parts import with_boxes
from docs_gen.render import day
from errors import N_
from master_data import codes

_STYLES = ("paper.css", "papers/customs.css")

_BOXES = (
    checks.parties_complete, checks.boxes_scanned, checks.route_complete, checks.countries_plausible,
    checks.container_number, checks.texts_fit, checks.printable, checks.no_placeholders,
    checks_customs.details_printable, checks_customs.boxes_not_sold, checks_customs.boxes_valued,
    checks_customs.boxes_return, checks_customs.boxes_written_off,
)  # fmt: skip


def with_statements(facts: ShipmentFacts) -> tuple[ShipmentFacts, ...]:
    """One paper when returnable boxes travel, with the sentences that their destination asks for; none otherwise.

    The sentences become facts, so that an issued paper keeps them when the data change.
    """
    return tuple(replace(part, statements=tuple(_statements(part))) for part in with_boxes(facts))


def _statements(facts: ShipmentFacts) -> Iterator[StatementFacts]:
    """What `data/box_statements.csv` has for the destination and the leg: its own lines, else the general advice."""
    country, leg = facts.destination_country.alpha2, facts.details.box_leg or "out"
    places = [country, *(["EU"] if country in codes.EU else [])]
    own = [row for row in _lines() if row["destination"] in places and row["leg"] == leg]
    general = [
        row
        for row in _lines()
        if not row["destination"] and row["leg"] in ("", leg) and not (own and row["kind"] == "advice")
    ]
    values = _values(facts)
    for kind in ("statement", "basis", "advice"):
        for row in (*general, *own):
            if row["kind"] == kind:
                texts = [row[language].format(**values[language]) for language in ("en", "zh")]
                yield StatementFacts(kind, texts[0], texts[1], row["source"])


def _values(facts: ShipmentFacts) -> dict[str, dict[str, str]]:
    """What the sentences name, in both languages; '' for what is not known."""
    until, details = facts.boxes_back_by, facts.details
    original, evidence = details.box_original_declaration, details.box_evidence
    return {
        "en": {
            "list": f"of shipment {facts.shipment_number}",
            "until": f", not later than {day(until)}" if until else "",
            "original": f"; declaration {original}" if original else "",
            "evidence": f" {evidence}" if evidence else "",
        },
        "zh": {
            "list": f"（发运号 {facts.shipment_number}）",
            "until": f"，最迟 {until:%Y-%m-%d}" if until else "",
            "original": f"；原报关单号 {original}" if original else "",
            "evidence": f"：{evidence}" if evidence else "",
        },
    }


@cache
def _lines() -> tuple[dict[str, str], ...]:
    file = Path(__file__).parent.parent / "data" / "box_statements.csv"
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))


TYPES = (
    DocumentType(
        code="returnable_packing_list",
        title=N_("Returnable packing list"),
        title_en="RETURNABLE PACKING LIST",
        title_zh="周转包装清单",
        un_code="271",
        series="RL",
        asks="agreements.read",
        styles=_STYLES,
        parts=with_boxes,
        groups=("returnables", "signing"),
        checks=_BOXES,
    ),
    DocumentType(
        code="returnable_proforma",
        title=N_("Pro-forma invoice for returnable packing"),
        title_en="PRO-FORMA INVOICE FOR CUSTOMS",
        title_zh="形式发票（仅供报关）",
        un_code="325",
        series="RI",
        asks="agreements.read",
        styles=_STYLES,
        parts=with_boxes,
        groups=("returnables", "signing"),
        checks=_BOXES,
    ),
    DocumentType(
        code="returnable_statement",
        title=N_("Statement on returnable packing"),
        title_en="STATEMENT ON RETURNABLE PACKING",
        title_zh="周转包装声明",
        un_code="",
        series="RS",
        asks="agreements.read",
        styles=_STYLES,
        parts=with_statements,
        groups=("returnables", "signing"),
        checks=(*_BOXES, checks_customs.statement_grounds),
    ),
)
