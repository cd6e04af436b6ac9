"""Facts at their worst: what forms let through at most, and more, for looking at the papers and testing them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from docs_gen.facts import ShipmentFacts
from docs_gen.samples import sample_facts


def hostile_facts(lines: int = 5) -> ShipmentFacts:
    """What a form may bring at worst: names of 500 characters, part numbers of 60, figures of 17 digits, markup."""
    facts = sample_facts(lines)
    long_en = "Überlange Gesellschaft für Lenkungstechnik & <b>Söhne</b> Łódź " * 9
    seller = replace(
        facts.seller, name_en=long_en[:500], name_zh=("苏州稳达转向系统有限公司" * 42)[:500],
        address_en=tuple(f"Line {number} " + "Averylongstreetnamewithoutanyspace" * 4 for number in range(1, 8)),
        email="a" * 240 + "@example.com",
    )  # fmt: skip
    buyer = replace(facts.consignee, name_en="W" * 500, name_zh="", contact="<script>alert(1)</script>")
    broad = tuple(
        replace(
            line, part_no="P" * 60, customer_part_no="9" * 64, description_en=("Steering rack, " * 34)[:500],
            description_zh=("转向器总成" * 100)[:500], elements=("4|0|乘用车用|" * 40)[:255], quantity=Decimal("99999999999999999"),
            unit_price=Decimal("99999999999.999999"), amount=Decimal("99999999999999999.99"),
            legal_quantity_1=Decimal("99999999999999999.99999"),
        )
        for line in facts.lines
    )  # fmt: skip
    packages = tuple(
        replace(
            row, part_no="P" * 60, description_en=("Steering rack, " * 34)[:500], marks="M" * 255, net_total=Decimal("99999999999999.999"),
            gross_total=Decimal("99999999999999.999"), quantity=Decimal("99999999999999999"), volume=Decimal("99999999.999"),
        )
        for row in facts.packages
    )  # fmt: skip
    return replace(
        facts, seller=seller, consignee=buyer, notify_party=seller, lines=broad, packages=packages,
        named_place="N" * 64, payment_terms="p" * 128, vessel="V" * 50, voyage="0" * 32, transport_document_no="T" * 32,
        marks=tuple("MARK" * 20 for _ in range(12)), remarks="备注" * 127, total=Decimal("99999999999999999.99"),
        subtotal=Decimal("99999999999999999.99"), other_charges=Decimal("-12345678901234567.89"),
        customs_office=replace(facts.customs_office, zh="关" * 64), contract_no="C" * 32, order_no="O" * 35,
    )  # fmt: skip
