"""Each rule of the check: the sample is clean, one change breaks exactly the rule that is meant, at the field that is meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hostile import hostile_facts
from samples import THREE

from docs_gen.checks import PRINT_ROUNDING, Problem, legal_kilograms
from docs_gen.facts import CodeFacts, CountryFacts, ShipmentFacts
from docs_gen.register import REGISTER, papers, problems
from docs_gen.samples import sample_facts

FACTS = sample_facts(3)
NOWHERE = CountryFacts("", "", "", "")


def _line(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return lambda facts: replace(facts, lines=(replace(facts.lines[0], **changes), *facts.lines[1:]))


def _package(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return lambda facts: replace(facts, packages=(replace(facts.packages[0], **changes), *facts.packages[1:]))


def _box(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return lambda facts: replace(facts, boxes=(replace(facts.boxes[0], **changes),))


def _seller(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return lambda facts: replace(facts, seller=replace(facts.seller, **changes))


def _all(**changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return lambda facts: replace(facts, **changes)


def _term(code: str, price_term: str, **changes: Any) -> Callable[[ShipmentFacts], ShipmentFacts]:
    return _all(incoterm=CodeFacts(code, code, code), price_term=CodeFacts(price_term, "", ""), **changes)


def _code(code: str) -> CodeFacts:
    return CodeFacts(code, code, code)


#: rule, severity, field, what breaks it
BROKEN = [
    ("R1", "error", "shipment:packages-0-gross_mass", _package(gross_mass=Decimal(1))),
    ("R1", "error", "shipment:packages-0-gross_mass", _package(gross_mass=Decimal(0))),
    ("R1", "error", "shipment:packages-0-gross_mass", _package(gross_mass=Decimal("15"))),
    ("R1", "error", "shipment:packages-0-net_mass", _package(net_mass=Decimal(-1))),
    ("R2", "error", "shipment:packages-0-gross_mass", _all(gross_mass=Decimal("108.541"))),
    ("R3", "error", "shipment:other_charges", _all(total=Decimal("1839.76"))),
    ("R3", "error", "shipment:other_charges", _all(other_charges=Decimal(-2000), total=Decimal("-160.25"))),
    ("R4", "error", "shipment:lines-0-unit_price", _line(amount=Decimal("1460.01"))),
    ("R5", "error", "shipment:currency", _all(words_zh="壹仟欧元整")),
    ("R6", "error", "shipment:lines", _all(lines=())),
    ("R6", "error", "product:10-4711:hs_code", _line(hs_code="8708")),
    ("R6", "error", "shipment:lines-0-quantity", _line(quantity=Decimal(0))),
    ("R6", "error", "product:10-4711:description_zh", _line(description_zh=" ")),
    ("R6", "error", "product:10-4711:unit", _line(unit=_code("XYZ"))),
    ("R6", "error", "product:10-4711:origin", _line(origin=NOWHERE)),
    ("R6", "warning", "shipment:lines-0-unit_price", _line(unit_price=Decimal(0))),
    ("R7", "error", "shipment:lines-0-quantity", _line(quantity=Decimal(9))),
    ("R7", "error", "shipment:packages-0-pieces", _package(part_no="OTHER")),
    ("R8", "error", "asset_type:KLT6428:package_code", _package(package=_code("??"))),
    ("R8", "error", "asset_type:KLT6428:cn_package_code", _package(customs_package=_code(""))),
    ("R9", "warning", "shipment:packages-0-net_mass", _line(net_mass=Decimal(90))),
    ("R10", "error", "shipment:packages", _all(packages=(), package_count=0)),
    ("R10", "error", "shipment:packages", _package(first=2)),
    ("R12", "error", "shipment:invoice_date", _all(invoice_date=None)),
    ("R12", "warning", "shipment:contract_no", _all(contract_no="", order_no="")),
    ("R13", "error", "party:SUZHOU:name_en", _seller(name_en="")),
    ("R13", "error", "party:SUZHOU:address_en", _seller(address_en=())),
    ("R13", "error", "party:SUZHOU:country", _seller(country=NOWHERE)),
    ("R13", "error", "party:SUZHOU:name_zh", _seller(name_zh="")),
    ("R13", "error", "party:SUZHOU:uscc", _seller(uscc="")),
    ("R13", "warning", "party:SUZHOU:bank_name", _seller(bank_name="")),
    ("R14", "error", "shipment:currency", _all(currency=_code("XYZ"))),
    ("R15", "error", "shipment:incoterm", _term("DAT", "1")),
    ("R15", "error", "shipment:named_place", _all(named_place=" ")),
    ("R15", "warning", "shipment:incoterm", _all(transport=CodeFacts("4", "air", "空运"))),
    ("R15", "warning", "shipment:named_place", _all(named_place="Suzhou")),
    ("R18", "error", "shipment:transport_mode", _all(transport=_code(""))),
    ("R18", "error", "shipment:port_of_loading", _all(port_of_loading="CNSH1")),
    ("R18", "error", "shipment:port_of_discharge", _all(port_of_discharge="ZZHAM")),
    ("R18", "warning", "shipment:port_of_loading", _all(port_of_loading="DEHAM")),
    ("R19", "error", "shipment:customs_regime", _all(customs_regime=_code("110"))),
    ("R20", "error", "shipment:freight", _all(freight=Decimal(0))),
    ("R20", "error", "shipment:insurance", _all(insurance=Decimal(0))),
    ("R20", "error", "shipment:insurance", _term("CFR", "2")),
    ("R20", "error", "shipment:freight", _term("FOB", "3", insurance=Decimal(0))),
    ("R20", "error", "shipment:freight", _term("EXW", "7", insurance=Decimal(0))),
    ("R20", "error", "shipment:freight", _all(fob_value=Decimal(-1))),
    ("R20", "warning", "shipment:incoterm", _term("DAP", "1")),
    ("R20", "warning", "shipment:insurance", _term("DAP", "1", insurance=Decimal(0))),
    ("R21", "error", "product:10-4711:hs_code", _line(hs_code="870894")),
    ("R21", "error", "shipment:packages-0-net_mass", _line(legal_quantity_1=Decimal("57.98"))),
    ("R21", "error", "shipment:packages-0-net_mass", _all(declared_net_mass=Decimal("75.01"))),
    ("R21", "error", "product:10-4711:hs_code", _line(hs_code="9908949090")),
    ("R21", "error", "product:10-4711:legal_unit_1", _line(legal_unit_1=None, legal_quantity_1=None)),
    ("R21", "error", "product:10-4711:legal_unit_2", _line(legal_unit_2=CodeFacts("030", "metre", "米"))),
    ("R22", "error", "product:10-4711:declaration_elements", _line(elements="|||")),
    ("R22", "warning", "product:10-4711:declaration_elements", _line(elements="乘用车用|STABIL")),
    ("R25", "warning", "product:10-4711:source_district", _line(source_district="")),
    ("R26", "error", "shipment:destination_country", _all(destination_country=NOWHERE)),
    ("R26", "error", "shipment:trading_country", _all(trading_country=NOWHERE)),
    ("R26", "warning", "shipment:destination_country", _all(port_of_discharge="JPNGO")),
    ("R29", "error", "shipment:packages-0-net_mass", _box(payload=Decimal(10))),
    ("R30", "error", "shipment:freight_container_no", _all(freight_container_no="CSQU3054384")),
    ("R30", "warning", "shipment:seal_no", _all(seal_no="")),
    ("R32", "error", "scans:", _box(scanned=9)),
    ("R32", "error", "scans:", _box(codes=("KLT-000001-0", "KLT-000001-0"))),
    ("R42", "error", "shipment:vessel", _all(vessel="ship \U0001f6a2")),
    ("R42", "error", "party:SUZHOU:name_en", _seller(name_en="\ue000")),
    ("R42", "error", "shipment:remarks", _all(remarks="备" * 256)),
    ("R43", "error", "shipment:vessel", _all(vessel="TBD")),
    ("R43", "error", "shipment:exit_port", _all(exit_port=_code("3100"))),
    ("R43", "error", "shipment:destination_port", _all(destination_port=_code("DEHAM"))),
    ("R43", "warning", "shipment:transport_document_no", _all(transport_document_no="")),
]  # fmt: skip


def test_the_sample_is_clean() -> None:
    assert problems(FACTS, codes=THREE) == []


@pytest.mark.parametrize(("rule", "severity", "field", "change"), BROKEN)
def test_a_broken_rule_is_told_at_its_field(
    rule: str, severity: str, field: str, change: Callable[[ShipmentFacts], ShipmentFacts]
) -> None:
    found = problems(change(FACTS), codes=THREE)
    assert (rule, severity, field) in {(one.rule, one.severity, one.field) for one in found}
    for problem in found:
        assert str(problem.message)  # every sentence takes its values
        assert problem.papers
        assert set(problem.papers) <= set(REGISTER)


def test_every_rule_that_can_be_broken_has_a_case() -> None:
    import re
    from pathlib import Path

    import docs_gen.checks as checks

    rules = set(re.findall(r'"(R\d+)"', Path(str(checks.__file__)).read_text(encoding="utf-8")))
    assert rules <= {rule for rule, *_ in BROKEN}


def test_expected_twelve_and_scanned_eleven_says_so() -> None:
    found = problems(_box(expected=12, scanned=11)(FACTS), codes=THREE)
    assert "KLT6428: 12 expected, 11 scanned." in [str(one.message) for one in found if one.severity == "error"]


def test_none_scanned_yet_is_only_a_warning() -> None:
    found = problems(sample_facts(3, scanned=False), codes=THREE)
    assert [(one.rule, one.severity) for one in found] == [("R32", "warning")]


def test_fifty_one_items_are_split_over_two_declarations() -> None:
    keys = [paper.key for paper in papers(sample_facts(51), codes=["china_export_declaration"])]
    assert keys == ["china_export_declaration:0110-1", "china_export_declaration:0110-2"]
    assert not [one for one in problems(sample_facts(51), codes=THREE) if one.severity == "error"]


def test_what_concerns_money_leaves_the_packing_list_alone() -> None:
    found = problems(_all(freight=Decimal(0))(FACTS), codes=THREE)
    assert {paper for one in found for paper in one.papers} == {"commercial_invoice", "china_export_declaration"}


def test_the_date_of_the_invoice_concerns_invoice_and_packing_list() -> None:
    found = [
        one for one in problems(_all(invoice_date=None)(FACTS), codes=THREE) if one.field == "shipment:invoice_date"
    ]
    assert [one.papers for one in found] == [("commercial_invoice", "packing_list")]


def _kilograms(facts: ShipmentFacts) -> list[str]:
    return [one.severity for one in legal_kilograms(facts)]


def test_legal_kilograms_may_differ_by_the_rounding_of_what_is_printed_and_no_more() -> None:
    allowed = PRINT_ROUNDING * (len(FACTS.lines) + len(FACTS.packages))
    assert _kilograms(_all(declared_net_mass=FACTS.net_mass + allowed)(FACTS)) == []
    assert _kilograms(_all(declared_net_mass=FACTS.net_mass - allowed)(FACTS)) == []
    assert _kilograms(_all(declared_net_mass=FACTS.net_mass + allowed + Decimal("0.001"))(FACTS)) == ["error"]


def test_items_in_other_legal_units_count_with_their_net_mass_and_no_kilogram_asks_nothing() -> None:
    pieces = CodeFacts("007", "piece", "个")
    one = _line(legal_unit_1=pieces, legal_quantity_1=Decimal(8))(FACTS)
    assert _kilograms(one) == []
    assert _kilograms(replace(one, declared_net_mass=one.declared_net_mass + 1)) == ["error"]
    second = _line(
        legal_unit_1=pieces, legal_quantity_1=Decimal(8), legal_unit_2=FACTS.lines[0].legal_unit_1,
        legal_quantity_2=Decimal(1),
    )(FACTS)  # fmt: skip
    assert _kilograms(second) == ["error"]
    none = replace(
        FACTS, lines=tuple(replace(line, legal_unit_1=pieces, legal_quantity_1=Decimal(8)) for line in FACTS.lines)
    )
    assert _kilograms(replace(none, declared_net_mass=Decimal(1))) == []


def test_goods_below_one_kilogram_agree_with_the_one_that_is_declared() -> None:
    line = replace(FACTS.lines[0], net_mass=Decimal("0.320"), legal_quantity_1=Decimal("0.32"))
    facts = replace(FACTS, lines=(line,), net_mass=Decimal("0.320"), declared_net_mass=Decimal(1))
    assert _kilograms(facts) == []


@pytest.mark.parametrize("code", ["DEU066", "USA000", "310001", "DE0661"])
def test_a_customs_port_code_that_the_form_takes_is_good_for_the_declaration(code: str) -> None:
    shown = _all(destination_port=_code(code))(FACTS)
    assert [one for one in problems(shown, codes=THREE) if one.field == "shipment:destination_port"] == []


@pytest.mark.parametrize("field", ["customs_office", "exit_port", "destination_port"])
def test_a_customs_code_that_is_missing_is_told_once(field: str) -> None:
    found = [
        one for one in problems(_all(**{field: _code("")})(FACTS), codes=THREE) if one.field == f"shipment:{field}"
    ]
    assert ["missing" in str(one.message) for one in found] == [True]


@pytest.mark.parametrize("code", ["DAP", "DPU", "DDP"])
def test_what_a_customs_broker_must_confirm_is_advice_and_not_an_error(code: str) -> None:
    found = [one for one in problems(_term(code, "1", insurance=Decimal(0))(FACTS), codes=THREE) if one.rule == "R20"]
    assert [one.severity for one in found] == ["warning", "warning"]
    assert all("ask the customs broker" in str(one.message) for one in found)


def test_all_problems_come_at_once_errors_first() -> None:
    found = problems(hostile_facts(), codes=THREE)
    assert len({one.rule for one in found}) > 5
    assert [one.severity for one in found] == sorted((one.severity for one in found), key=["error", "warning"].index)
    assert all(isinstance(one, Problem) for one in found)
