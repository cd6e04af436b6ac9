"""The bank's profile: the sample under a letter of credit is clean, one change breaks exactly the rule that is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, on_both_databases
from samples import World, shipment

from docs_gen import checks_bank
from docs_gen.checks import Problem
from docs_gen.facts import CodeFacts, CreditDocumentFacts, ShipmentFacts, shipment_facts
from docs_gen.models import IssuedDocument
from docs_gen.papers.bank import TYPES
from docs_gen.register import problems
from docs_gen.samples import sample_facts
from shipments.models import LetterOfCredit, Shipment

FACTS = sample_facts(3, full=True)  # three lines, by letter of credit, which is drawn in full
PLAIN = replace(FACTS, credit=None)
CODES = [type.code for type in TYPES]
LC = "credit:LC-HAMBURG-1:"

Change = Callable[[ShipmentFacts], ShipmentFacts]


def _credit(**changes: Any) -> Change:
    return lambda facts: replace(facts, credit=replace(facts.credit, **changes))  # type: ignore[type-var]


def _details(**changes: Any) -> Change:
    return lambda facts: replace(facts, details=replace(facts.details, **changes))


def _all(**changes: Any) -> Change:
    return lambda facts: replace(facts, **changes)


def _line(**changes: Any) -> Change:
    return lambda facts: replace(facts, lines=(replace(facts.lines[0], **changes), *facts.lines[1:]))


def _package(**changes: Any) -> Change:
    return lambda facts: replace(facts, packages=(replace(facts.packages[0], **changes), *facts.packages[1:]))


def _both(*changes: Change) -> Change:
    def change(facts: ShipmentFacts) -> ShipmentFacts:
        for one in changes:
            facts = one(facts)
        return facts

    return change


def _code(code: str) -> CodeFacts:
    return CodeFacts(code, code, code)


def _term(code: str, freight: str) -> Change:
    return _all(incoterm=_code(code), freight_payment=freight)


def _insured(**changes: Any) -> Change:
    return lambda facts: replace(facts, insured=replace(facts.insured, **changes))  # type: ignore[type-var]


_PALLET = _package(customs_package=CodeFacts("93", "natural wood pallet", "天然木托"))
_CRATE = _package(package=_code("CR"), customs_package=CodeFacts("23", "wooden box", "木制箱"))
_STEEL = CreditDocumentFacts("packing_list", "", 0, 0, False)
_LIST = CreditDocumentFacts("packing_list", "PACKING LIST", 1, 0, False)

#: rule, severity, field, what breaks it
BROKEN = [
    ("R5", "error", "shipment:lines", _all(words_en="")),
    ("R11", "error", "shipment:marks", _all(marks=("AS PER INVOICE",))),
    ("R11", "error", "shipment:packages-0-marks", _package(marks="OTHER MARK")),
    ("R12", "error", LC + "number", _credit(number=" ")),
    ("R12", "error", LC + "issuing_bank", _credit(issuing_bank="")),
    ("R12", "warning", "shipment:contract_no", _all(contract_no="SC-2026-018")),
    ("R13", "error", LC + "beneficiary", _credit(beneficiary=FACTS.consignee)),
    ("R13", "error", LC + "applicant", _credit(applicant=FACTS.seller)),
    ("R13", "error", LC + "applicant", _credit(applicant=replace(FACTS.consignee, country=FACTS.seller.country))),
    ("R14", "error", "shipment:currency", _credit(currency="USD")),
    ("R16", "error", "shipment:incoterm", _all(freight_payment="COLLECT")),
    ("R16", "error", "details:freight_payable_at", _details(freight_payable_at="HAMBURG")),
    ("R16", "error", "details:freight_payable_at", _term("FOB", "COLLECT")),
    ("R17", "error", "details:insured_percent", _insured(amount=Decimal(2000))),
    ("R17", "error", "details:insured_percent", _all(insured=None)),
    ("R17", "error", "details:insured_percent", _all(subtotal=FACTS.total * 2)),
    ("R17", "error", "shipment:currency", _insured(currency=_code("USD"))),
    ("R17", "error", "details:insurance_cover", _details(insurance_cover="")),
    ("R17", "error", "details:insurance_cover", _both(_term("CIP", "PREPAID"), _details(insurance_cover="ICC (C)"))),
    ("R17", "error", "details:insurance_date", _details(insurance_date=date(2026, 11, 29))),
    ("R24", "error", "product:10-4711:origin", _line(origin=FACTS.consignee.country)),
    ("R24", "warning", "details:origin_authority", _details(origin_authority="")),
    ("R27", "error", "details:wood_packing", _PALLET),
    ("R27", "error", "details:wood_packing", _CRATE),
    ("R27", "error", "details:wood_packing", _both(_PALLET, _details(wood_packing=""))),
    ("R27", "error", "details:ippc_mark", _both(_PALLET, _details(wood_packing="treated"))),
    ("R27", "warning", "details:ippc_mark", _details(wood_packing="treated", ippc_mark="yes")),
    ("R27", "error", "details:wood_packing", _details(wood_packing="")),
    ("R27", "warning", "shipment:destination_country",
     lambda facts: replace(facts, destination_country=replace(facts.destination_country, alpha2="AU"))),
    ("R36", "error", LC + "goods", _credit(goods=())),
    ("R36", "error", "shipment:incoterm", _credit(goods=("STEERING PARTS, FOB SHANGHAI",))),
    ("R36", "error", LC + "amount", _credit(amount=FACTS.total - Decimal("0.01"))),
    ("R36", "error", LC + "amount", _credit(drawn=Decimal(1))),
    ("R37", "error", "details:on_board_date", _details(on_board_date=date(2026, 12, 1))),
    ("R37", "error", "shipment:departure_date",
     _both(_details(on_board_date=None), _all(departure_date=date(2026, 12, 1)))),
    ("R37", "error", "details:on_board_date", _credit(expiry_date=date(2026, 11, 27), latest_shipment=None)),
    ("R37", "error", "details:presentation_date", _details(presentation_date=date(2026, 12, 22))),
    ("R37", "error", "details:presentation_date", _credit(presentation_days=3)),
    ("R38", "warning", LC + "documents", _credit(documents=())),
    ("R38", "error", LC + "documents", _credit(documents=(_STEEL,))),
    ("R38", "warning", LC + "documents", _credit(documents=(_LIST, _LIST))),
    ("R38", "warning", "details:signatory", _details(signatory="")),
    ("R38", "error", "details:certificate_title", _details(certificate_title="BENEFICIARY STATEMENT")),
    ("R38", "error", "shipment:invoice_date", _all(invoice_date=date(2026, 12, 3))),
    ("R38", "error", "details:draft_date", _details(draft_date=date(2026, 12, 3))),
    ("R38", "error", "details:certificate_date", _details(certificate_date=date(2026, 12, 3))),
    ("R38", "error", "details:draft_drawee", _details(draft_drawee="Hamburg Automotive GmbH, Hamburg")),
    ("R38", "error", LC + "drawee", _credit(drawee=("HAMBURG AUTOMOTIVE GMBH",))),
    ("R38", "warning", "details:draft_tenor", _details(draft_tenor="AT 30 DAYS SIGHT")),
    ("R38", "warning", "details:draft_tenor",
     _both(_credit(tenor=""), _details(draft_tenor="AT 60 DAYS AFTER B/L DATE"))),
    ("R39", "error", LC + "partial_shipments", _credit(drawn=Decimal(100), amount=Decimal(10000))),
    ("R39", "warning", LC + "partial_shipments", _credit(shipments=2)),
    ("R39", "warning", LC + "partial_shipments", _credit(amount=FACTS.total * 2)),
    ("R39", "warning", "details:partial_shipments", _details(partial_shipments="allowed")),
    ("R39", "warning", "details:transhipment", _credit(transhipment=False)),
    ("R39", "warning", "shipment:port_of_loading_name", _credit(port_of_loading="NINGBO")),
    ("R39", "warning", "shipment:port_of_discharge_name", _credit(port_of_discharge="ROTTERDAM")),
    ("R39", "error", "shipment:lines-0-unit_price", _line(unit_price=Decimal(0))),
    ("R39", "error", "shipment:lines-0-product", _line(part_no="KLT6428")),
    ("R40", "warning", "shipment:invoice_date", _all(invoice_date=date(2026, 11, 29))),
    ("R40", "warning", "details:draft_date", _details(draft_date=date(2026, 11, 21))),
    ("R40", "warning", "details:presentation_date", _details(presentation_date=date(2026, 11, 27))),
    ("R40", "warning", "details:contract_date", _details(contract_date=date(2026, 11, 21))),
    ("R42", "error", "details:certificate_text", _details(certificate_text="sent \U0001f6a2")),
    ("R42", "error", LC + "issuing_bank", _credit(issuing_bank="BANK \ue000")),
    ("R43", "error", LC + "goods", _credit(goods=("TBD",))),
    ("R43", "error", "details:certificate_text", _details(certificate_text=" ")),
    ("R43", "error", "details:draft_payee", _details(draft_payee="")),
    ("R43", "error", "details:draft_tenor", _both(_details(draft_tenor=""), _credit(tenor=""))),
    ("R43", "error", LC + "drawee", _credit(drawee=())),
    ("R43", "warning", "details:claims_payable_at", _details(claims_payable_at="")),
]  # fmt: skip

#: what is let pass without a letter of credit, or is only a warning then
WITHOUT = [
    ("R11", "warning", "shipment:marks", _all(marks=("AS PER INVOICE",))),
    ("R12", "warning", "shipment:letter_of_credit", _all(payment_terms="Balance at sight L/C")),
    ("R16", "warning", "details:freight_payable_at", _details(freight_payable_at="HAMBURG")),
    ("R17", "warning", "details:insured_percent", _insured(amount=Decimal(2000))),
    ("R17", "warning", "details:insurance_cover", _both(_term("CIP", "PREPAID"), _details(insurance_cover="ICC (C)"))),
    ("R17", "warning", "details:insurance_date", _details(insurance_date=date(2026, 11, 29))),
    ("R40", "warning", "shipment:invoice_date", _all(invoice_date=date(2026, 11, 29))),
]


def told(facts: ShipmentFacts) -> list[Problem]:
    return problems(facts, codes=CODES)


def keys(facts: ShipmentFacts) -> set[tuple[str, str, str]]:
    return {(one.rule, one.severity, one.field) for one in told(facts)}


@pytest.mark.parametrize("facts", [FACTS, PLAIN], ids=["credit", "no credit"])
def test_the_sample_is_clean_with_and_without_a_credit(facts: ShipmentFacts) -> None:
    assert told(facts) == []


@pytest.mark.parametrize(("rule", "severity", "field", "change"), BROKEN)
def test_a_broken_rule_is_told_at_its_field(rule: str, severity: str, field: str, change: Change) -> None:
    found = told(change(FACTS))
    assert (rule, severity, field) in {(one.rule, one.severity, one.field) for one in found}
    for problem in found:
        assert str(problem.message)  # every sentence takes its values
        assert set(problem.papers) <= set(CODES)


@pytest.mark.parametrize(("rule", "severity", "field", "change"), WITHOUT)
def test_without_a_credit_only_what_needs_none_is_told_and_as_a_warning(
    rule: str, severity: str, field: str, change: Change
) -> None:
    assert (rule, severity, field) in keys(change(PLAIN))


def test_every_rule_has_a_case_and_every_bank_check_is_broken_by_one() -> None:
    source = Path(str(checks_bank.__file__)).read_text(encoding="utf-8")
    assert set(re.findall(r'"(R\d+)"', source)) <= {rule for rule, *_ in BROKEN}
    for check in checks_bank.BANK:
        assert any(list(check(change(FACTS))) for *_, change in BROKEN), check.__name__  # type: ignore[attr-defined]


def test_names_are_compared_without_case_width_and_punctuation_and_addresses_may_differ() -> None:
    buyer = replace(FACTS.consignee, name_en="HAMBURG AUTOMOTIVE ＧＭＢＨ.", address_en=("Elsewhere 1",))
    assert told(_credit(applicant=buyer)(FACTS)) == []


def test_the_tolerance_of_the_credit_is_used_up_exactly() -> None:
    amount = Decimal(1000)
    facts = replace(FACTS, total=Decimal(1050))
    credit = _credit(amount=amount, tolerance=Decimal(5))
    assert list(checks_bank.credit_amount(credit(facts))) == []
    assert [one.rule for one in checks_bank.credit_amount(credit(replace(facts, total=Decimal("1050.01"))))] == ["R36"]


def test_a_shipment_on_the_last_days_is_in_time() -> None:
    last = _both(_credit(latest_shipment=date(2026, 11, 28), presentation_days=4, expiry_date=date(2026, 12, 2)))
    assert list(checks_bank.credit_dates(last(FACTS))) == []


@on_both_databases
def test_shipments_that_share_an_invoice_are_one_drawing_on_the_credit(world: World) -> None:
    row = LetterOfCredit.create(
        code="LC-1", number="LC8834/26", issue_date=date(2026, 9, 15), issuing_bank="ELBE BANK", applicant=world.hamburg,
        beneficiary=world.suzhou, currency="EUR", amount=Decimal(20000), expiry_date=date(2026, 12, 21),
        partial_shipments=False, changed_time=NOW,
    )  # fmt: skip
    Shipment.update(letter_of_credit=row).execute()
    joined = shipment(NOW, world, number="S-2026-0002", letter_of_credit=row, invoiced_with=world.shipment)
    other = shipment(NOW, world, number="S-2026-0003", letter_of_credit=row)
    _invoice(world.shipment, "CI-2026-0001", Decimal("5605.00"))
    for one in (Shipment.get_by_id(world.shipment.id), joined):
        credit = shipment_facts(one, "https://rt.example.com").credit
        assert credit
        assert (credit.drawn, credit.shipments) == (0, 2)
    drawn = shipment_facts(other, "https://rt.example.com")
    assert drawn.credit
    assert drawn.credit.drawn == Decimal("5605.00")
    found = [(one.rule, one.severity, one.field) for one in checks_bank.credit_shipments(drawn)]
    assert found == [("R39", "error", "credit:LC-1:partial_shipments")]


def _invoice(of: Shipment, number: str, total: Decimal) -> None:
    IssuedDocument.create(
        shipment=of, party=of.consignee, seller=of.consignor, type="commercial_invoice", number=number, issue_date=date(2026, 11, 20),
        state="issued", facts=f'{{"total":"{total}"}}', sha256="0" * 64, issued_time=NOW,
    )  # fmt: skip


def test_five_per_cent_less_is_no_partial_shipment() -> None:
    enough = _credit(amount=(FACTS.total / Decimal("0.95")).quantize(Decimal(1)) - 1)
    assert list(checks_bank.credit_shipments(enough(FACTS))) == []


def test_plywood_is_no_solid_wood_and_a_marked_pallet_is_in_order() -> None:
    box = _package(package=_code("4D"), customs_package=CodeFacts("23", "wooden box", "木制箱"))
    assert list(checks_bank.wood_declared(box(FACTS))) == []
    pallet = _both(_PALLET, _details(wood_packing="treated", ippc_mark="CN-320 HT"))
    assert list(checks_bank.wood_declared(pallet(FACTS))) == []


def test_a_tenor_with_its_date_is_that_of_the_credit() -> None:
    change = _both(
        _credit(tenor="AT 60 DAYS AFTER B/L DATE"), _details(draft_tenor="AT 60 DAYS AFTER B/L DATE 28 NOV 2026")
    )
    assert list(checks_bank.draft_complete(change(FACTS))) == []


def test_what_the_bank_must_answer_is_never_an_error() -> None:
    for *_, change in BROKEN:
        for problem in told(change(FACTS)):
            if "ask the" in str(problem.message):
                assert problem.severity == "warning"
