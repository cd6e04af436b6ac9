"""A thousand random shipments: every total on their papers is added up again by code that shares nothing with ours."""

from __future__ import annotations

import json
import random
from decimal import Decimal, getcontext
from fractions import Fraction

from docs_gen.facts import ShipmentFacts, assemble, to_json
from docs_gen.register import papers
from docs_gen.samples import DETAILS, sample_facts
from master_data import codes
from master_data.models import AssetType, Party, Product
from shipments.details import details_to_json
from shipments.models import Package, Shipment, ShipmentLine

CURRENCIES = ("EUR", "USD", "CNY", "JPY", "KRW", "KWD", "BHD", "TND")


def _random_facts(chance: random.Random) -> ShipmentFacts:
    currency = chance.choice(CURRENCIES)
    seller = Party(id=1, code="S", own=True, name_en="Seller", country="CN")
    buyer = Party(id=2, code="B", name_en="Buyer", country="DE")
    box = AssetType(
        id=1, code="KLT", name_en="Box", counted=True, length_mm=600, width_mm=400, height_mm=280, payload=Decimal(50),
        tare=Decimal(chance.randrange(1, 9_999)) / 1000, package_code="4H", cn_package_code="29",
        value=Decimal(chance.randrange(1, 99_999)) / 100, value_currency="EUR",
    )  # fmt: skip
    step = Decimal(1).scaleb(-codes.currency_decimals(currency))
    shipment = Shipment(
        id=1, number="S-2026-0001", consignor=seller, consignee=buyer, incoterm="CIF", named_place="Hamburg", currency=currency,
        transport_mode="1", freight=chance.randrange(0, 90_000) * step, insurance=chance.randrange(0, 9_000) * step,
        other_charges=chance.randrange(-500, 9_000) * step, details=details_to_json(DETAILS),
    )  # fmt: skip
    lines, packages = [], []
    for position in range(1, chance.randrange(2, 60)):
        product = Product(
            id=position, part_no=f"P-{position}", description_en="Part", description_zh="零件", hs_code="8708949090",
            unit="H87", net_mass=Decimal(chance.randrange(1, 99_999)) / 10_000, origin="CN", legal_unit_1="035", legal_unit_2="",
        )  # fmt: skip
        quantity = Decimal(chance.randrange(1, 10**6)) / chance.choice((1, 1, 10, 1000))
        price = Decimal(chance.randrange(1, 10**8)) / 10 ** chance.randrange(0, 7)
        group = chance.choice(("", "", "", "A", "B")) if position % 7 == 0 else ""
        lines.append(
            ShipmentLine(position=position, product=product, quantity=quantity, unit_price=price, invoice_group=group)
        )
        net = Decimal(chance.randrange(1, 10**6)) / 1000
        in_box = chance.random() < 0.4
        packages.append(
            Package(
                position=position, asset_type=box if in_box else None, package_code="4H" if in_box else "CT",
                count=chance.randrange(1, 40), product=product, pieces=quantity, net_mass=net,
                gross_mass=net + box.tare + Decimal(chance.randrange(0, 900)) / 1000, length_mm=600, width_mm=400, height_mm=285,
            )
        )  # fmt: skip
    return assemble(shipment, lines, packages, [], owners={}, scan_uri="", invoice_number="")


def _half_up(value: Fraction, decimals: int) -> int:
    """In units of the last decimal, away from zero at the half."""
    whole, rest = divmod(abs(value.numerator) * 10**decimals, value.denominator)
    rounded = whole + (1 if 2 * rest >= value.denominator else 0)
    return rounded if value >= 0 else -rounded


def _differences(facts: ShipmentFacts) -> list[str]:
    """Read what is frozen (the JSON that is printed from), add it up in whole numbers, and name what differs."""
    said = json.loads(to_json(facts))
    decimals = said["decimals"]
    unit = lambda text, places=decimals: _half_up(Fraction(text), places)  # noqa: E731
    wrong = []

    def same(name: str, ours: int, theirs: int) -> None:
        if ours != theirs:
            wrong.append(f"{name}: {theirs} is not {ours}")

    total = 0
    for line in said["lines"]:
        amount = _half_up(Fraction(line["quantity"]) * Fraction(line["unit_price"]), decimals)
        same(f"line {line['number']}", amount, unit(line["amount"]))
        total += amount
        same(f"carried at {line['number']}", total, unit(line["running_total"]))
    same("subtotal", total, unit(said["subtotal"]))
    same("total", total + unit(said["other_charges"]), unit(said["total"]))
    same("FOB", unit(said["total"]) - unit(said["freight"]) - unit(said["insurance"]), unit(said["fob_value"]))
    declared = sum(_half_up(Fraction(line["amount"]), 2) for line in said["lines"])
    same("declared total", declared, unit(said["declared_total"], 2))
    net = gross = count = volume = 0
    for row in said["packages"]:
        net += unit(row["net_total"], 3)
        gross += unit(row["gross_total"], 3)
        volume += unit(row["volume"], 3)
        count += row["count"]
        same(
            f"row {row['first']} net", _half_up(Fraction(row["net_mass"]) * row["count"], 3), unit(row["net_total"], 3)
        )
        same(f"row {row['first']} carried", gross, unit(row["running_gross"], 3))
    same("packages", count, said["package_count"])
    same("net", net, unit(said["net_mass"], 3))
    same("gross", gross, unit(said["gross_mass"], 3))
    same("volume", volume, unit(said["volume"], 3))
    same("packing", gross - net, unit(said["packing_mass"], 3))
    insured = -(-Fraction(said["total"]) * 110 // 100) if Fraction(said["total"]) > 0 else 0
    same("insured", int(insured) * 10**decimals, unit(said["insured"]["amount"]))
    container = gross + unit(said["details"]["dunnage_mass"], 3) + said["details"]["container_tare"] * 1000
    same("VGM", container, unit(said["vgm_calculated"], 3))
    return wrong


def test_B7_a_thousand_random_shipments_add_up() -> None:
    chance = random.Random(2026)
    getcontext()
    assert [wrong for _ in range(1000) for wrong in _differences(_random_facts(chance))] == []


def test_B7_the_parts_of_a_shipment_add_up_to_the_whole() -> None:
    """Invoices of groups share out amounts and charges, declarations packages and masses, without a rest."""
    chance = random.Random(26)
    for _ in range(200):
        facts = _random_facts(chance)
        for code in ("commercial_invoice", "china_export_declaration"):
            found = [part.facts for part in papers(facts, codes=[code])]
            goods = [one for one in found if one.customs_regime.code != "2600"]
            for name in ("subtotal", "other_charges", "freight", "insurance", "total"):
                assert sum(getattr(one, name) for one in goods) == getattr(facts, name), (code, name)
            for name in ("net_mass", "gross_mass", "package_count"):
                assert sum(getattr(one, name) for one in goods) == getattr(facts, name), (code, name)


def test_B7_sums_that_are_wrong_would_be_found() -> None:
    from dataclasses import replace

    facts = sample_facts(3)
    assert _differences(replace(facts, total=facts.total + Decimal("0.01")))
