"""Parts of a shipment add up to the whole, whatever is in it: 200 shipments made at random, the same at each run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from docs_gen.checks import legal_kilograms
from docs_gen.checks_customs import declared_packages
from docs_gen.facts import ShipmentFacts, assemble
from docs_gen.parts import ITEM_LIMIT, dangerous, declarations, invoices, share, whole, with_boxes
from docs_gen.samples import sample_facts
from master_data.models import AssetType, Party, Product
from shipments.details import Details, details_to_json
from shipments.models import Package, Shipment, ShipmentLine

ZERO = Decimal(0)


def random_facts(seed: int) -> ShipmentFacts:
    """A consistent shipment: what is invoiced is packed, and the packages weigh what is in them."""
    dice = Random(seed)
    currency = dice.choice(["EUR", "USD", "JPY", "KWD"])
    seller = Party(id=1, code="S", name_en="Seller", country="CN", customs_no="3205940Q8K")
    types = [
        AssetType(
            id=number, code=f"BOX{number}", name_en="box", length_mm=600, width_mm=400, height_mm=300,
            tare=Decimal(dice.randint(50000, 900000)).scaleb(-5), payload=ZERO, package_code="4H", cn_package_code="29",
            value=Decimal(dice.randint(1, 9999)).scaleb(-2), value_currency=dice.choice(["EUR", "CNY"]),
        )
        for number in range(1, dice.randint(2, 4))
    ]  # fmt: skip
    products = [
        Product(
            id=number, part_no=f"P{number}", description_en="part", description_zh="件", hs_code="8708949090", unit="H87",
            net_mass=Decimal(dice.randint(1, 9000)).scaleb(-3), origin="CN", legal_unit_1="035",
        )
        for number in range(dice.choice([1, 3, 20, 90]))
    ]  # fmt: skip
    lines = [
        ShipmentLine(
            product=dice.choice(products), quantity=Decimal(dice.randint(1, 300)), invoice_group=dice.choice(["", "A", "B"]),
            unit_price=Decimal(dice.randint(0, 10**6)).scaleb(-dice.randint(0, 6)),
        )
        for _ in range(dice.choice([0, 1, 7, 49, 50, 51, 100, 120]))
    ]  # fmt: skip
    packages = []
    for product in products:
        left = sum((line.quantity for line in lines if line.product is product), ZERO)
        while left:
            pieces = Decimal(dice.randint(1, int(left)))
            count = dice.randint(1, int(left / pieces))
            packages.append(_package(dice, product, pieces, count, dice.choice([None, *types])))
            left -= pieces * count
    for _ in range(dice.randint(0, 3)):
        packages.append(_package(dice, None, ZERO, dice.randint(1, 9), dice.choice([None, *types])))
    dice.shuffle(packages)
    details = Details(box_regime=dice.choice(["2600", "2600", "none"]))
    shipment = Shipment(
        number="S-1", consignor=seller, consignee=seller, currency=currency, incoterm="CIF",
        freight=Decimal(dice.randint(0, 99999)), insurance=Decimal(dice.randint(0, 999)),
        other_charges=Decimal(dice.randint(-999, 999)), customs_regime=dice.choice(["0110", "0110", "2600"]),
        details=details_to_json(details),
    )  # fmt: skip
    return assemble(shipment, lines, packages, [], owners={}, scan_uri="", invoice_number="")


def _package(dice: Random, product: Product | None, pieces: Decimal, count: int, kind: AssetType | None) -> Package:
    net = pieces * product.net_mass if product else ZERO
    packing = kind.tare if kind else Decimal(dice.randint(1, 5000)).scaleb(-3)
    if kind and dice.random() < 0.3:
        packing += Decimal("0.777")
    return Package(
        product=product, pieces=pieces, count=count, asset_type=kind, package_code="4H" if kind else "CT", net_mass=net,
        gross_mass=net + packing, length_mm=593, width_mm=397, height_mm=dice.randint(100, 1000),
    )  # fmt: skip


def goods_of(facts: Iterable[ShipmentFacts]) -> list[tuple[str, Decimal, Decimal]]:
    return [(line.part_no, line.quantity, line.amount) for part in facts for line in part.lines]


def total(parts: Iterable[ShipmentFacts], name: str) -> Decimal:
    return sum((getattr(part, name) for part in parts), ZERO)


def contents(rows: Iterable[object]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        if row.part_no:  # type: ignore[attr-defined]
            found[row.part_no] += row.quantity  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("seed", range(200))
def test_declarations_add_up_to_the_shipment(seed: int) -> None:
    facts = random_facts(seed)
    parts = declarations(facts)
    goods = [part for part in parts if not any(line.row is None for line in part.lines)]
    boxes = [part for part in parts if part not in goods]
    assert goods_of(goods) == goods_of([facts])
    assert sum(part.package_count for part in parts) == facts.package_count
    for name in ("gross_mass", "volume"):
        assert total(parts, name) == getattr(facts, name), name
    for name in (
        "net_mass", "subtotal", "other_charges", "freight", "insurance", "total", "fob_value", "declared_total",
    ):  # fmt: skip
        assert total(goods, name) == getattr(facts, name) or not facts.lines, name
    if facts.details.box_regime == "2600" and facts.boxes:
        assert abs(total(boxes, "net_mass") - facts.box_tare) <= Decimal("0.001") * len(facts.packages)
        assert [box.code for part in boxes for box in part.boxes] == [
            box.code for currency in dict.fromkeys(box.value_currency for box in facts.boxes)
            for box in facts.boxes if box.value_currency == currency
        ]  # fmt: skip
    else:
        assert boxes == []
    for part in parts:
        assert len(part.lines) <= ITEM_LIMIT
        assert part.declared_packages >= 1
        assert part.gross_mass >= part.net_mass
        assert list(legal_kilograms(part)) == []
        assert [one for one in declared_packages(part) if one.severity == "error"] == []
        for row in part.packages:
            assert row.count >= 0
            assert row.first <= row.last
    for part in goods:
        assert contents(part.packages) == contents(part.lines)
    for part in boxes:
        assert len({box.value_currency for box in part.boxes}) == 1
        assert part.currency.code == part.boxes[0].value_currency
        assert (part.customs_regime.code, part.duty_nature.code, part.duty_mode.code) == ("2600", "299", "3")
    assert len({part.part for part in parts}) == len(parts)
    assert max(len(part.part) for part in parts) <= 16  # as the database keeps it


@pytest.mark.parametrize("seed", range(0, 200, 4))
def test_invoices_add_up_to_the_shipment(seed: int) -> None:
    facts = random_facts(seed)
    parts = invoices(facts)
    assert sorted(goods_of(parts)) == sorted(goods_of([facts]))
    assert sum(part.package_count for part in parts) == facts.package_count
    for name in (
        "gross_mass", "net_mass", "volume", "subtotal", "other_charges", "freight", "insurance", "total",
    ):  # fmt: skip
        assert total(parts, name) == getattr(facts, name), name
    for part in parts:
        assert {line.invoice_group for line in part.lines} <= {part.part if part.part != "–" else ""} or not part.part
        assert contents(part.packages) == contents(part.lines)


def test_a_shipment_of_one_regime_and_few_items_is_not_taken_apart() -> None:
    facts = sample_facts(ITEM_LIMIT)
    assert declarations(facts) == whole(facts) == (facts,)
    assert [len(part.lines) for part in declarations(sample_facts(ITEM_LIMIT + 1))] == [ITEM_LIMIT, 1]


def test_boxes_apart_have_what_was_agreed_for_temporary_exports_and_nothing_of_the_sale() -> None:
    facts = sample_facts(3, full=True)
    facts = replace(facts, details=replace(facts.details, licence_no="L-1", filing_no="B-1", customs_remarks="goods"))
    goods, boxes = declarations(facts)
    assert (goods.part, boxes.part) == ("0110-1", "2600-1")
    assert (boxes.freight, boxes.insurance, boxes.price_term.code, boxes.contract_no) == (ZERO, ZERO, "3", "")
    assert (boxes.details.licence_no, boxes.details.filing_no, boxes.details.customs_remarks) == ("", "", "")
    assert goods.details.licence_no == "L-1"
    assert goods.boxes == ()
    item = boxes.lines[0]
    assert (item.part_no, item.quantity, item.amount, item.source_district) == (
        "KLT6428", Decimal(10), Decimal("125.00"), "32059",
    )  # fmt: skip
    # All ten carry goods: they count as packages of the goods, and the boxes' own declaration says 1, never 0.
    assert (goods.declared_packages, boxes.package_count, boxes.declared_packages) == (facts.package_count, 0, 1)
    assert goods.gross_mass + boxes.gross_mass == facts.gross_mass


def test_boxes_that_travel_alone_take_every_package_with_them() -> None:
    facts = sample_facts(3, full=True)
    empties = tuple(replace(row, part_no="") for row in facts.packages)
    (part,) = declarations(replace(facts, lines=(), packages=empties))
    assert part.part == "2600-1"
    assert part.package_count == facts.package_count
    assert part.gross_mass == facts.gross_mass


def test_a_package_whose_goods_are_on_two_declarations_is_cut_and_counted_once() -> None:
    facts = sample_facts(1)
    (line,) = facts.lines
    half = replace(line, quantity=Decimal(5), amount=Decimal("912.50"), net_mass=Decimal("36.25"))
    row = replace(facts.packages[0], count=4, pieces=Decimal("2.5"), quantity=Decimal(10), net_total=Decimal("72.500"),
                  gross_total=Decimal("84.300"), first=1, last=4, volume=Decimal("0.264"))  # fmt: skip
    lines = (half, *(replace(line, part_no=f"X{number}") for number in range(ITEM_LIMIT - 1)), half)
    for pieces, counts in (("2.5", [2, 2]), ("10", [1, 0]), ("4", [2, 1])):
        count = {"2.5": 4, "10": 1, "4": 3}[pieces]
        packed = replace(row, pieces=Decimal(pieces), count=count, last=count)
        if pieces == "4":
            packed = replace(packed, quantity=Decimal(12))  # two more packed than declared: to the last
        first, second = declarations(replace(facts, lines=lines, packages=(packed,)))
        assert [first.package_count, second.package_count] == counts
        assert first.packages[0].quantity == 5
        assert first.net_mass + second.net_mass == Decimal("72.500")
        assert first.gross_mass + second.gross_mass == Decimal("84.300")
        assert second.declared_packages == max(1, counts[1])


def test_papers_for_some_shipments_only() -> None:
    assert with_boxes(sample_facts(1)) != ()
    assert with_boxes(replace(sample_facts(1), boxes=())) == ()
    assert dangerous(sample_facts(3)) == ()
    assert len(dangerous(sample_facts(3, full=True))) == 1


@pytest.mark.parametrize(
    ("amount", "weights", "step", "shares"),
    [
        ("10.00", ["1", "1", "1"], "0.01", ["3.33", "3.34", "3.33"]),
        ("-1", ["1", "1"], "1", ["-1", "0"]),
        ("5", ["0", "0"], "1", ["5", "0"]),
        ("5", ["0", "2"], "0.01", ["0.00", "5.00"]),
        ("0", ["3", "4"], "0.01", ["0.00", "0.00"]),
        ("7", [], "1", []),
    ],
)
def test_shares_lose_nothing_and_are_off_by_less_than_a_step(
    amount: str, weights: list[str], step: str, shares: list[str]
) -> None:
    found = share(Decimal(amount), [Decimal(weight) for weight in weights], Decimal(step))
    assert found == [Decimal(one) for one in shares]
