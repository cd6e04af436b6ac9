"""One shipment → the parts that its papers cover: the whole, one invoice of several, one declaration of several.

A part is a ShipmentFacts of its own, with fewer rows and every sum made anew. What is shared out (packages, masses,
charges) adds up to the whole exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, localcontext
from itertools import pairwise

from docs_gen.facts import (
    BoxFacts,
    CodeFacts,
    LineFacts,
    PackageFacts,
    ShipmentFacts,
    code_facts,
    country_facts,
    declared_mass,
    with_rows,
)  # fmt: skip
from master_data import codes

#: items on one China declaration
ITEM_LIMIT = 50

_ZERO = Decimal(0)
_GRAM = Decimal("0.001")
_LITRE = Decimal("0.001")  # m³
_NO_CHARGES = (_ZERO, _ZERO, _ZERO)


def whole(facts: ShipmentFacts) -> tuple[ShipmentFacts, ...]:
    """One paper for the shipment."""
    return (facts,)


def with_boxes(facts: ShipmentFacts) -> tuple[ShipmentFacts, ...]:
    """One paper when returnable boxes travel, none otherwise."""
    return (facts,) if facts.boxes else ()


def dangerous(facts: ShipmentFacts) -> tuple[ShipmentFacts, ...]:
    """One paper when there are dangerous goods, none otherwise."""
    return (facts,) if any(line.danger for line in facts.lines) else ()


def invoices(facts: ShipmentFacts) -> tuple[ShipmentFacts, ...]:
    """One invoice for each group of lines; a single one when no line names a group.

    Packages go with the goods that are in them; charges by the value of the goods.
    """
    groups = list(dict.fromkeys(line.invoice_group for line in facts.lines))
    if len(groups) < 2:
        return (facts,)
    lines = [[line for line in facts.lines if line.invoice_group == group] for group in groups]
    with localcontext(prec=100):
        packages, charges = _packages_of(facts.packages, lines), _charges(facts, lines)
    return tuple(
        with_rows(facts, some, rows, (), sums, part=group or "–")
        for group, some, rows, sums in zip(groups, lines, packages, charges, strict=True)
    )


def declarations(facts: ShipmentFacts) -> tuple[ShipmentFacts, ...]:
    """One declaration for each regime and at most ITEM_LIMIT items (填制规范: one regime, one duty nature each).

    Sold goods are declared apart from temporary boxes (2600); these are declared when the details of the shipment say
    so. Each item, package and kilogram stands on exactly one of them: a box that carries goods counts as a package of
    the goods, its own mass goes with the boxes.
    """
    apart = facts.details.box_regime == "2600" and bool(facts.boxes)
    chunks = [facts.lines[start : start + ITEM_LIMIT] for start in range(0, len(facts.lines), ITEM_LIMIT)]
    if not apart and len(chunks) < 2:
        return (facts,)
    empties: list[PackageFacts] = []
    loaded = list(facts.packages)
    with localcontext(prec=100):
        if apart:
            empties = [row for row in facts.packages if row.box_type and (not row.part_no or not chunks)]
            loaded = _without_boxes(facts, [row for row in facts.packages if row not in empties])
        packages, charges = _packages_of(loaded, chunks), _charges(facts, chunks)
    parts = [
        with_rows(
            facts, some, rows, () if apart else facts.boxes, sums, part=f"{facts.customs_regime.code}-{number}"
        )
        for number, (some, rows, sums) in enumerate(zip(chunks, packages, charges, strict=True), 1)
    ]
    if apart:
        first = len(parts) + 1 if facts.customs_regime.code == "2600" else 1
        parts += _temporary(facts, empties, _ZERO if chunks else None, first)
    return tuple(parts)


# ---- boxes apart


def _tares(facts: ShipmentFacts, rows: Sequence[PackageFacts]) -> list[Decimal]:
    """kg of the boxes of each row, so rounded that those of one type add up to what the papers say of the type."""
    found = [_ZERO] * len(rows)
    for box in facts.boxes:
        places = [index for index, row in enumerate(rows) if row.box_type == box.code]
        others = [row for row in facts.packages if row.box_type == box.code and row not in rows]
        counts = [Decimal(rows[index].count) for index in places] + [Decimal(row.count) for row in others]
        for index, tare in zip(places, share(box.tare_total, counts, _GRAM), strict=False):
            found[index] = tare
    return found


def _without_boxes(facts: ShipmentFacts, rows: Sequence[PackageFacts]) -> list[PackageFacts]:
    """Packages as the declaration of the goods counts them: without the mass of the returnable boxes."""
    return [
        replace(row, tare=_ZERO, gross_mass=row.gross_mass - row.tare, gross_total=row.gross_total - tare)
        if row.box_type
        else row
        for row, tare in zip(rows, _tares(facts, rows), strict=True)
    ]
