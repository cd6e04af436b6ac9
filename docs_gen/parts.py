"""One shipment → the parts that its papers cover: the whole, one invoice of several, one declaration of several.

A part is a ShipmentFacts of its own, with fewer rows and every sum made anew. What is shared out (packages, masses,
charges) adds up to the whole exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal, localcontext

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
    with localcontext(prec=100):
        told = _apart(facts) if apart else None
        packages, charges = _packages_of(told.loaded if told else facts.packages, chunks), _charges(facts, chunks)
    boxes = () if apart else facts.boxes
    parts = [
        with_rows(facts, some, rows, boxes, sums, part=f"{facts.customs_regime.code}-{number}")
        for number, (some, rows, sums) in enumerate(zip(chunks, packages, charges, strict=True), 1)
    ]
    return (*parts, *(_temporary(facts, told) if told else ()))


# ---- boxes apart


@dataclass(frozen=True)
class _Apart:
    """Goods and boxes of a shipment, told apart: nothing is counted or weighed twice."""

    loaded: list[PackageFacts]  # packages of the goods, without the mass of their boxes
    empties: list[PackageFacts]  # packages of the boxes
    taken: dict[str, Decimal]  # type of box → kg that were taken off the packages of the goods
    boxes: list[BoxFacts]


def _apart(facts: ShipmentFacts) -> _Apart:
    """Without lines there is no declaration of goods: then every package goes with the boxes.

    The boxes of a row never weigh more than its packing: where both were rounded to the gram, the packing counts.
    """
    found = _Apart([], [], {}, [])
    tares = [_ZERO] * len(facts.packages)
    for box in facts.boxes:
        places = [index for index, row in enumerate(facts.packages) if row.box_type == box.code]
        counts = [Decimal(facts.packages[index].count) for index in places]
        for index, tare in zip(places, share(box.tare_total, counts, _GRAM), strict=True):
            packing = facts.packages[index].gross_total - facts.packages[index].net_total
            tares[index] = packing if _ZERO < tare - packing <= _GRAM else tare
        whole = sum((tares[index] for index in places), _ZERO) if places else box.tare_total
        found.boxes.append(replace(box, tare_total=whole))
    for row, tare in zip(facts.packages, tares, strict=True):
        if not facts.lines or (row.box_type and not row.part_no):
            found.empties.append(row)
        else:
            found.taken[row.box_type] = found.taken.get(row.box_type, _ZERO) + tare
            own = row.tare if row.box_type else _ZERO
            bare = replace(row, tare=_ZERO, gross_mass=row.gross_mass - own, gross_total=row.gross_total - tare)
            found.loaded.append(bare)
    return found


def _temporary(facts: ShipmentFacts, told: _Apart) -> Iterable[ShipmentFacts]:
    """The boxes' own declarations: regime 2600, duty nature 299, 征免 3 全免; one item for each type of box.

    One declaration for each currency of their values, and at most ITEM_LIMIT items. Net is the tare of all boxes; the
    packages are the boxes that travel empty.
    """
    chunks = []
    for currency in dict.fromkeys(box.value_currency for box in told.boxes):
        boxes = [box for box in told.boxes if box.value_currency == currency]
        chunks += [boxes[start : start + ITEM_LIMIT] for start in range(0, len(boxes), ITEM_LIMIT)]
    home = {box.code: index for index, chunk in enumerate(chunks) for box in chunk}
    # Goods may leave under 2600 too; their declarations come first, and no two parts have the same key.
    before = -(-len(facts.lines) // ITEM_LIMIT) if facts.customs_regime.code == "2600" else 0
    for index, boxes in enumerate(chunks):
        rows = [row for row in told.empties if home.get(row.box_type, 0) == index]
        part = with_rows(
            _as_temporary(facts, boxes[0].value_currency),
            [_box_line(box, facts.seller.customs_no) for box in boxes],
            rows,
            boxes,
            (_ZERO, _ZERO, _ZERO),
            part=f"2600-{before + index + 1}",
        )
        gross = part.gross_mass + sum((told.taken.get(box.code, _ZERO) for box in boxes), _ZERO)
        yield replace(
            part,
            net_mass=part.box_tare,
            gross_mass=gross,
            packing_mass=gross - part.box_tare,
            declared_net_mass=declared_mass(part.box_tare),
            declared_gross_mass=declared_mass(gross),
            customs_packages=part.customs_packages or _kinds(boxes),
        )


def _as_temporary(facts: ShipmentFacts, currency: str) -> ShipmentFacts:
    """The head of a declaration of boxes. What was agreed and licensed for sold goods is not about them."""
    known = currency in codes.currencies()
    details = facts.details
    if facts.lines:
        details = replace(details, filing_no="", licence_no="", supervision_documents="", customs_remarks="")
    return replace(
        facts,
        details=details,
        remarks="" if facts.lines else facts.remarks,
        contract_no="",
        currency=code_facts(codes.currencies(), currency),
        decimals=codes.currency_decimals(currency) if known else 2,
        customs_regime=code_facts(codes.CUSTOMS_REGIMES, "2600"),
        duty_nature=code_facts(codes.DUTY_NATURES, "299"),
        duty_mode=code_facts(codes.DUTY_MODES, "3"),
        incoterm=code_facts(codes.INCOTERMS, "FCA"),  # their value is that at the border they leave by
        price_term=code_facts(codes.PRICE_TERMS, "3"),
    )


def _box_line(box: BoxFacts, customs_no: str) -> LineFacts:
    """A type of box as an item. Its source is where the consignor is registered: the first 5 signs of that number."""
    total = box.value_total
    return LineFacts(
        number=0,
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
        declared_price=box.value.quantize(Decimal("0.0001"), ROUND_HALF_UP),
        declared_total=total.quantize(Decimal("0.01"), ROUND_HALF_UP),
        net_mass=box.tare_total,
        origin=box.origin or country_facts(""),
        legal_unit_1=code_facts(codes.CN_UNITS, "035"),
        legal_quantity_1=box.tare_total,
        legal_unit_2=None,
        legal_quantity_2=None,
        source_district=customs_no[:5],
    )


def _kinds(boxes: Iterable[BoxFacts]) -> tuple[CodeFacts, ...]:
    return tuple(dict.fromkeys(box.customs_package for box in boxes))


# ---- sharing out


def _packages_of(packages: Sequence[PackageFacts], chunks: Sequence[Sequence[LineFacts]]) -> list[list[PackageFacts]]:
    """The packages of each chunk of lines: they go with the goods that are in them, in the order of both.

    A row of packages whose goods stand on several chunks is cut by quantity; a package that is cut counts for the chunk
    in which it begins. What holds no goods of a line goes to the first chunk, what is packed too much to the last.
    """
    wanted: dict[str, list[tuple[int, Decimal]]] = {}  # part no. → the chunks that want it, and how much still
    for index, chunk in enumerate(chunks):
        for line in chunk:
            places = wanted.setdefault(line.part_no, [])
            if line.quantity > 0:
                before = places.pop()[1] if places and places[-1][0] == index else _ZERO
                places.append((index, before + line.quantity))
    shared: list[list[PackageFacts]] = [[] for _ in chunks]
    for row in packages:
        places = wanted.get(row.part_no) or [(0, row.quantity)]
        while len(places) > 1 and row.quantity > places[0][1]:
            index, quantity = places.pop(0)
            head, row = _cut(row, quantity)
            shared[index].append(head)
        if chunks:
            index, quantity = places[0]
            shared[index].append(row)
            places[0] = (index, quantity - row.quantity)
            if len(places) > 1 and not places[0][1]:
                places.pop(0)
    return shared


def _cut(row: PackageFacts, quantity: Decimal) -> tuple[PackageFacts, PackageFacts]:
    """The row up to this quantity, and the rest. Goods weigh by quantity, packing and volume go with the packages."""
    elsewhere = max(_ZERO, row.quantity - row.pieces * row.count)  # of it, in a package that counts for another chunk
    begun = ((quantity - elsewhere) / row.pieces).to_integral_value(ROUND_CEILING)
    count = min(row.count, max(0, int(begun)))
    counts = (Decimal(count), Decimal(row.count - count))
    net = share(row.net_total, (quantity, row.quantity - quantity), _GRAM)
    packing = share(row.gross_total - row.net_total, counts, _GRAM)
    volume = share(row.volume, counts, _LITRE)
    # A side without a package of its own names the package in which its goods travel.
    numbers = (
        (row.first, row.first + count - 1) if count else (row.first - 1, row.first - 1),
        (row.first + count, row.last) if count < row.count else (row.last, row.last),
    )
    head, rest = (
        replace(
            row,
            first=numbers[side][0],
            last=numbers[side][1],
            count=int(counts[side]),
            quantity=(quantity, row.quantity - quantity)[side],
            net_total=net[side],
            gross_total=net[side] + packing[side],
            volume=volume[side],
        )
        for side in (0, 1)
    )
    return head, rest


def _charges(facts: ShipmentFacts, chunks: Sequence[Sequence[LineFacts]]) -> list[tuple[Decimal, ...]]:
    """Other charges, freight and insurance of each chunk, by the value of its goods."""
    values = [sum((line.amount for line in chunk), _ZERO) for chunk in chunks]
    step = Decimal(1).scaleb(-facts.decimals)
    columns = [share(amount, values, step) for amount in (facts.other_charges, facts.freight, facts.insurance)]
    return list(zip(*columns, strict=True))


def share(amount: Decimal, weights: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """`amount` shared out by `weights` in multiples of `step`: nothing is lost, and no share is off by a step.

    Where nothing weighs anything, all goes to the first.
    """
    total = sum(weights, _ZERO)
    if not total:
        weights, total = [Decimal(not index) for index in range(len(weights))], Decimal(1)
    shares: list[Decimal] = []
    with localcontext(prec=100):
        done = weighed = _ZERO
        for weight in weights[:-1]:
            weighed += weight
            upto = (amount * weighed / total).quantize(step, ROUND_HALF_UP)
            shares.append(upto - done)
            done = upto
        return [*shares, amount - done] if weights else []
