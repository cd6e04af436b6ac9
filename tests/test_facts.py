"""Facts: sums re-added by other code, rounding, legal quantities, JSON and back, the number of queries."""

from __future__ import annotations

import logging
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from conftest import NOW
from hostile import hostile_facts
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import World, shipment

from docs_gen.checks_customs import boxes_written_off
from docs_gen.facts import (
    DeclaredBoxFacts,
    ShipmentFacts,
    assemble,
    declared_mass,
    from_json,
    legal_quantity,
    shipment_facts,
    to_json,
)
from docs_gen.render import money as printed
from docs_gen.samples import sample_facts
from master_data.models import Party, Product
from shipments.details import Details, details_to_json
from shipments.models import Package, Shipment, ShipmentLine

BASE = "https://rt.example.com"
_PARTY = Party(code="P", name_en="P", country="CN")


def _facts(world: World) -> ShipmentFacts:
    return shipment_facts(Shipment.get_by_id(world.shipment.id), BASE)


def test_sums_of_the_small_world(world: World) -> None:
    facts = _facts(world)
    assert [line.amount for line in facts.lines] == [Decimal("4380.00"), Decimal("1225.00")]
    assert (facts.total, facts.fob_value) == (Decimal("5605.00"), Decimal("4738.50"))
    assert (facts.package_count, facts.net_mass, facts.gross_mass) == (13, Decimal("238.000"), Decimal("275.600"))
    assert facts.words_en == "SAY EUROS FIVE THOUSAND SIX HUNDRED FIVE ONLY"
    assert facts.scan_uri.upper().endswith("/S/S-2026-0001")


def test_codes_are_those_of_each_paper(world: World) -> None:
    facts = _facts(world)
    assert (facts.transport.code, facts.customs_transport.code, facts.customs_transport.zh) == ("1", "2", "水路运输")
    assert (facts.incoterm.code, facts.price_term.code, facts.freight_payment) == ("CIF", "1", "PREPAID")
    assert (facts.consignee.country.alpha2, facts.destination_country.alpha3) == ("DE", "DEU")
    assert [code.code for code in facts.customs_packages] == ["29", "22"]


amounts = st.decimals(min_value=0, max_value=10**12, places=6)
quantities = st.decimals(min_value=Decimal("0.001"), max_value=10**9, places=3)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(quantities, amounts), max_size=12), st.sampled_from(["EUR", "JPY", "KWD"]))
def test_totals_are_the_sums_of_what_is_printed(rows: list[tuple[Decimal, Decimal]], currency: str) -> None:
    shipment = Shipment(
        number="S", consignor=_PARTY, consignee=_PARTY, currency=currency, other_charges=Decimal("-1.5")
    )
    product = Product(part_no="P", unit="H87", net_mass=Decimal("0.1234"), origin="CN", legal_unit_1="035")
    lines = [ShipmentLine(position=n, product=product, quantity=q, unit_price=p) for n, (q, p) in enumerate(rows, 1)]
    facts = assemble(shipment, lines, [], [], owners={}, scan_uri="", invoice_number="")
    decimals = {"EUR": 2, "JPY": 0, "KWD": 3}[currency]
    # Fractions instead of decimals, and added up from the printed text: nothing in common with the code under test.
    assert facts.decimals == decimals
    for (q, p), line in zip(rows, facts.lines, strict=True):
        exact = Fraction(q) * Fraction(p)
        assert abs(Fraction(line.amount) - exact) <= Fraction(1, 2 * 10**decimals)
        assert Fraction(line.amount) == Fraction(int(exact * 10**decimals + Fraction(1, 2)), 10**decimals)  # half up
    added = sum(Fraction(printed(line.amount, decimals).replace(",", "")) for line in facts.lines)
    assert added == Fraction(printed(facts.subtotal, decimals).replace(",", ""))
    declared = sum(Fraction(printed(line.declared_total, 2).replace(",", "")) for line in facts.lines)
    assert declared == Fraction(printed(facts.declared_total, 2).replace(",", ""))
    for (_, p), line in zip(rows, facts.lines, strict=True):
        assert Fraction(line.declared_price) == Fraction(int(Fraction(p) * 10**4 + Fraction(1, 2)), 10**4)
        assert Fraction(line.declared_total) == Fraction(int(Fraction(line.amount) * 100 + Fraction(1, 2)), 100)
    assert Fraction(facts.total) == added + Fraction(
        Decimal("-1.5").quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    )


@pytest.mark.parametrize(
    ("unit", "amount", "net", "legal", "expected"),
    [
        ("H87", "24", "174", "035", "174"),
        ("H87", "24", "174.5", "036", "174500"),
        ("H87", "24", "1500", "070", "1.5"),
        ("H87", "24", "174", "011", "24"),
        ("H87", "24", "174", "007", "24"),
        ("CEN", "3", "1", "011", "300"),
        ("MIL", "2.5", "1", "007", "2500"),
        ("DZN", "2", "1", "001", "24"),
        ("MTR", "12.5", "1", "030", "12.5"),
        ("MTR", "12.5", "1", "011", None),
        ("H87", "1", "1", "032", None),
    ],
)
def test_quantity_in_the_legal_unit(unit: str, amount: str, net: str, legal: str, expected: str | None) -> None:
    made = legal_quantity(unit, Decimal(amount), Decimal(net), legal)
    assert made == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize("facts", [sample_facts(0), sample_facts(7), hostile_facts()])
def test_json_gives_back_exactly_the_same(facts: ShipmentFacts) -> None:
    again = from_json(ShipmentFacts, to_json(facts))
    assert again == facts
    assert to_json(again) == to_json(facts)
    assert [str(line.unit_price) for line in again.lines] == [str(line.unit_price) for line in facts.lines]


def test_boxes_that_go_home_know_what_left_under_their_declaration(world: World) -> None:
    """12 left, 5 are home by another shipment; what is cancelled, of other declarations or on its way out is not counted."""
    number, other = "2" * 18, "3" * 18
    out, home = {"box_declaration_no": number}, {"box_leg": "home", "box_original_declaration": number}
    given = [out, home, {**home, "box_leg": "out"}, {**home, "box_original_declaration": other}, out]
    made = [
        shipment(
            NOW, world, number=f"S-2026-10{index}", details=details_to_json(Details(**details)),
            state="cancelled" if index == 4 else "open",
        )
        for index, details in enumerate(given)
    ]  # fmt: skip
    Package.update(count=5).where(Package.shipment == made[1], Package.asset_type.is_null(False)).execute()
    assert _facts(world).declared_boxes == ()
    Shipment.update(details=details_to_json(Details(**home))).where(Shipment.id == world.shipment.id).execute()
    facts = _facts(world)
    assert facts.declared_boxes == (DeclaredBoxFacts("KLT6428", 12, 5),)
    [problem] = boxes_written_off(facts)
    assert (problem.rule, problem.message.values["left"]) == ("R34", 7)
    Package.update(count=7).where(Package.shipment == world.shipment, Package.asset_type.is_null(False)).execute()
    assert list(boxes_written_off(_facts(world))) == []


def test_the_number_of_queries_does_not_grow_with_the_shipment(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def count() -> int:
        caplog.clear()
        with caplog.at_level(logging.DEBUG, logger="peewee"):
            _facts(world)
        return len([record for record in caplog.records if record.name == "peewee"])

    before = count()
    for number in range(3, 60):
        ShipmentLine.create(shipment=world.shipment, position=number, product=world.rack, quantity=1, unit_price=1)
        Package.create(
            shipment=world.shipment, position=number, asset_type=world.klt, package_code="4H", count=1,
            product=world.rack, pieces=1, net_mass=1, gross_mass=5,
        )  # fmt: skip
    assert count() == before <= 13


@pytest.mark.parametrize(
    ("mass", "declared"), [("0.320", "1"), ("0.999", "1"), ("1.000", "1"), ("1.001", "1.001"), ("0", "0")]
)
def test_less_than_a_kilogram_is_declared_as_one(mass: str, declared: str) -> None:
    assert declared_mass(Decimal(mass)) == Decimal(declared)


def test_seventeen_digits_lose_nothing(world: World) -> None:
    ShipmentLine.update(quantity=Decimal("12345678901234567"), unit_price=Decimal("12345678901.234567")).execute()
    exact = Fraction(12345678901234567) * Fraction(12345678901234567, 10**6)
    assert Fraction(_facts(world).lines[0].amount) == Fraction(int(exact * 100 + Fraction(1, 2)), 100)


def test_a_code_that_is_in_no_list_is_printed_as_it_is(world: World) -> None:
    Product.update(unit="XYZ").execute()
    facts = _facts(world)
    assert facts.lines[0].unit.code == facts.lines[0].unit.en == "XYZ"
