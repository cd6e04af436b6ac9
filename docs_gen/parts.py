"""One shipment → the parts that its papers cover: the whole, one invoice of several, one declaration of several.

A part is a ShipmentFacts of its own, with fewer rows and every sum made anew. What is shared out (packages, masses,
charges) adds up to the whole exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from docs_gen.facts import (
    BoxFacts,
    CodeFacts,
    LineFacts,
    PackageFacts,
    ShipmentFacts,
    code_facts,
    country_facts,
    with_rows,
)  # fmt: skip
from master_data import codes

#: items on one China declaration
ITEM_LIMIT = 50


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

    Packages go with the lines of their part numbers, the first group that has them; charges by the value of the goods.
    """
    groups = list(dict.fromkeys(line.invoice_group for line in facts.lines))
    if len(groups) < 2:
        return (facts,)
    lines = [[line for line in facts.lines if line.invoice_group == group] for group in groups]
    packages = _by_part(facts.packages, lines)
    shares = _charges(facts, lines)
    return tuple(
        with_rows(facts, some, rows, (), charges, part=group or "–")
        for group, some, rows, charges in zip(groups, lines, packages, shares, strict=True)
    )


def declarations(facts: ShipmentFacts) -> tuple[ShipmentFacts, ...]:
    """One declaration for each regime and at most ITEM_LIMIT items (填制规范: one regime, one duty nature each).

    Sold goods are declared apart from temporary boxes (2600); these are declared when the details of the shipment say
    so. Each item, package and kilogram stands on exactly one of them: a box that carries goods counts as their package,
    its mass goes with the boxes.
    """
    apart = facts.details.box_regime == "2600" and bool(facts.boxes)
    chunks = [facts.lines[start : start + ITEM_LIMIT] for start in range(0, len(facts.lines), ITEM_LIMIT)] or [()]
    if len(chunks) == 1 and not apart:
        return (facts,)
    tares = {box.code: box.tare for box in facts.boxes}
    empties = [row for row in facts.packages if apart and row.box_type and not row.part_no]
    loaded = [_without_box(row, tares) if apart else row for row in facts.packages if row not in empties]
    parts = []
    shares = _charges(facts, chunks)
    for number, (some, rows, charges) in enumerate(zip(chunks, _by_part(loaded, chunks), shares, strict=True), 1):
        key = f"{facts.customs_regime.code}-{number}"
        parts.append(with_rows(facts, some, rows, () if apart else facts.boxes, charges, part=key))
    if apart:
        parts.append(_temporary(facts, empties))
    return tuple(parts)


def _without_box(row: PackageFacts, tares: dict[str, Decimal]) -> PackageFacts:
    """A package as the goods' declaration counts it: the mass of its returnable box stands on the boxes' own."""
    tare = tares.get(row.box_type, Decimal(0))
    return replace(
        row,
        gross_mass=row.gross_mass - tare,
        gross_total=row.gross_total - (tare * row.count).quantize(Decimal("0.001")),
    )


def _temporary(facts: ShipmentFacts, empties: Sequence[PackageFacts]) -> ShipmentFacts:
    """The boxes' own declaration: regime 2600, duty nature 299, 征免 3 全免; one item for each type of box.

    Its mass is the tare of all boxes; its packages are the boxes that travel empty, at least 1 (填制规范: never 0).
    """
    currencies = {box.value_currency for box in facts.boxes}
    if len(currencies) == 1:
        currency = currencies.pop()
        known = currency in codes.currencies()
        facts = replace(
            facts,
            currency=code_facts(codes.currencies(), currency),
            decimals=codes.currency_decimals(currency) if known else 2,
        )
    lines = [_box_line(box, number) for number, box in enumerate(facts.boxes, 1)]
    part = with_rows(facts, lines, empties, facts.boxes, (Decimal(0), Decimal(0), Decimal(0)))
    return replace(
        part,
        part="2600-1",
        package_count=max(1, part.package_count),
        net_mass=facts.box_tare,
        gross_mass=facts.box_tare,
        declared_net_mass=facts.box_tare,
        declared_gross_mass=facts.box_tare,
        customs_regime=code_facts(codes.CUSTOMS_REGIMES, "2600"),
        duty_nature=code_facts(codes.DUTY_NATURES, "299"),
        duty_mode=code_facts(codes.DUTY_MODES, "3"),
        price_term=code_facts(codes.PRICE_TERMS, "3"),
        contract_no="",
        customs_packages=part.customs_packages or _kinds(facts.boxes),
    )


def _box_line(box: BoxFacts, number: int) -> LineFacts:
    total = box.value_total
    return LineFacts(
        number=number,
        part_no=box.code,
        customer_part_no="",
        description_en=box.name_en,
        description_zh=box.name_zh,
        hs_code=box.hs_code,
        elements=box.elements,
        quantity=Decimal(box.count),
        unit=code_facts(codes.UNITS, "H87"),
        customs_unit=code_facts(codes.CN_UNITS, "007"),
        unit_price=box.value,
        amount=total,
        declared_price=box.value.quantize(Decimal("0.0001")),
        declared_total=total.quantize(Decimal("0.01")),
        net_mass=box.tare_total,
        origin=box.origin or country_facts(""),
        legal_unit_1=code_facts(codes.CN_UNITS, "035"),
        legal_quantity_1=box.tare_total,
        legal_unit_2=None,
        legal_quantity_2=None,
        source_district="",
    )


def _kinds(boxes: Iterable[BoxFacts]) -> tuple[CodeFacts, ...]:
    return tuple(dict.fromkeys(box.customs_package for box in boxes))


def _by_part(packages: Sequence[PackageFacts], chunks: Sequence[Sequence[LineFacts]]) -> list[list[PackageFacts]]:
    """Each package to the first chunk that has its part number; what holds no goods of a line to the first of all."""
    home = {line.part_no: index for index, chunk in reversed(list(enumerate(chunks))) for line in chunk}
    shared: list[list[PackageFacts]] = [[] for _ in chunks]
    for row in packages:
        shared[home.get(row.part_no, 0)].append(row)
    return shared


def _charges(facts: ShipmentFacts, chunks: Sequence[Sequence[LineFacts]]) -> list[tuple[Decimal, ...]]:
    """Other charges, freight and insurance of each chunk, by the value of its goods."""
    values = [sum((line.amount for line in chunk), Decimal(0)) for chunk in chunks]
    step = Decimal(1).scaleb(-facts.decimals)
    columns = [list(share(amount, values, step)) for amount in (facts.other_charges, facts.freight, facts.insurance)]
    return list(zip(*columns, strict=True))


def share(amount: Decimal, weights: Sequence[Decimal], step: Decimal) -> Iterator[Decimal]:
    """`amount` shared out by `weights` in multiples of `step`; the last one takes what is left, so nothing is lost."""
    left, total = amount, sum(weights, Decimal(0))
    for weight in weights[:-1]:
        part = (amount * weight / total).quantize(step, ROUND_DOWN) if total else Decimal(0).quantize(step)
        left -= part
        yield part
    yield left
