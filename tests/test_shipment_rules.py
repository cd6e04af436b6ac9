"""The rules of an entered shipment, on plain values."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest

from master_data import codes
from shipments.models import Package, Shipment
from shipments.rules import (
    _ANY_MODE,
    MAX_LINES,
    NEXT_STATES,
    PACKAGE_MARKS_LIMIT,
    STATES,
    TEXT_LIMITS,
    Known,
    LineEntry,
    OtherShipment,
    PackageEntry,
    ShipmentEntry,
    decimals,
    may_follow,
    problems,
    propose_packages,
)  # fmt: skip

TODAY = date(2026, 11, 23)
KLT = SimpleNamespace(
    code="KLT6428", package_code="4H", tare=Decimal("2.95"), payload=Decimal(20), pieces_per_box=2,
    length_mm=594, width_mm=396, height_mm=280,
)  # fmt: skip
RACK = SimpleNamespace(part_no="10-4711", net_mass=Decimal("7.25"))
KNOWN = Known(
    parties={"SUZHOU": SimpleNamespace(own=True), "HAMBURG": SimpleNamespace(own=False)},
    places={"SZ-PLANT": SimpleNamespace()},
    products={"10-4711": RACK},
    asset_types={"KLT6428": KLT},
)
LINE = LineEntry("10-4711", Decimal(24), Decimal("182.50"))
BOX = PackageEntry("KLT6428", "4H", 12, "10-4711", Decimal(2), Decimal("14.5"), Decimal("17.45"), 594, 396, 280)
GOOD = ShipmentEntry(
    consignor="SUZHOU", consignee="HAMBURG", ship_from="SZ-PLANT", incoterm="CIF", named_place="Hamburg",
    transport_mode="1", port_of_loading="CNSHA", port_of_discharge="DEHAM", freight_container_no="CSQU3054383",
    currency="EUR", freight=Decimal(820), insurance=Decimal("46.50"), customs_office="2248", exit_port="310001",
    destination_port="DEU066", invoice_date=TODAY, lines=(LINE,), packages=(BOX,),
)  # fmt: skip


def found(entry=GOOD, **changes):
    """field → sentence, of everything wrong with the good shipment after these changes."""
    return {p.field: str(p.message) for p in problems(replace(entry, **changes), KNOWN, TODAY)}


def in_line(**changes):
    return found(lines=(replace(LINE, **changes),))


def in_package(**changes):
    return found(packages=(replace(BOX, **changes),))


def test_a_good_shipment_has_no_problem():
    assert found() == {}


def test_every_problem_is_reported_at_once():
    assert set(found(ShipmentEntry())) == {
        "consignor", "consignee", "incoterm", "named_place", "transport_mode", "currency", "lines-0-product",
    }  # fmt: skip


def test_incoterm_needs_a_named_place():
    assert found(named_place="") == {"named_place": "CIF needs a named place, for example CIF Hamburg."}
    assert "FCA Shanghai" in found(incoterm="FCA", named_place="")["named_place"]


def test_unknown_incoterm():
    assert found(incoterm="DAT") == {"incoterm": "DAT is not an Incoterm 2020."}


@pytest.mark.parametrize(("term", "right"), [("FAS", "FCA"), ("FOB", "FCA"), ("CFR", "CPT"), ("CIF", "CIP")])
@pytest.mark.parametrize(("mode", "name"), [("4", "air"), ("2", "rail"), ("3", "road"), ("5", "mail")])
def test_sea_term_with_another_mode_names_the_right_term(term, right, mode, name):
    sentence = f"{term} is for sea transport only, but the mode is {name}; use {right} instead."
    assert found(incoterm=term, transport_mode=mode) == {"incoterm": sentence}


def test_terms_for_any_mode_go_by_air():
    for term in set(codes.INCOTERMS) - set(_ANY_MODE):
        assert found(incoterm=term, transport_mode="4") == {}


def test_every_sea_term_has_its_term_for_any_mode():
    assert set(_ANY_MODE) == {code for code, term in codes.INCOTERMS.items() if term.more["sea_only"] == "1"}


@pytest.mark.parametrize(
    ("currency", "amount", "wrong"),
    [("EUR", "1.50", False), ("EUR", "1.505", True), ("JPY", "100", False), ("JPY", "100.5", True), ("JPY", "100.0", False),
     ("KWD", "1.505", False), ("KWD", "1.5055", True)],
)  # fmt: skip
def test_amounts_have_the_decimals_of_their_currency(currency, amount, wrong):
    amounts = ("freight", "insurance", "other_charges")
    assert set(found(currency=currency, **dict.fromkeys(amounts, Decimal(amount)))) == (
        set(amounts) if wrong else set()
    )


def test_wrong_decimals_are_said_with_numbers():
    assert found(currency="JPY", freight=Decimal("820.50")) == {
        "freight": "JPY has 0 decimals, 820.50 has 1.",
        "insurance": "JPY has 0 decimals, 46.50 has 1.",
    }


def test_unknown_currency():
    assert found(currency="RMB") == {"currency": "RMB is not a currency of ISO 4217."}
    assert "currency" in found(currency="XAU")  # gold is in ISO 4217, but nobody pays freight with it


def test_only_other_charges_may_be_negative():
    assert found(other_charges=Decimal(-5)) == {}
    assert set(found(freight=Decimal(-1), insurance=Decimal(-1))) == {"freight", "insurance"}


def test_zero_lines():
    assert found(lines=()) == {"lines-0-product": "A shipment needs at least one line: enter what is sent."}


def test_too_many_lines():
    assert "lines-0-product" in found(lines=(LINE,) * (MAX_LINES + 1))
    assert found(lines=(LINE,) * MAX_LINES) == {}


@pytest.mark.parametrize("quantity", ["0", "-1"])
def test_quantity_is_above_zero(quantity):
    assert in_line(quantity=Decimal(quantity)) == {"lines-0-quantity": "The quantity must be above 0."}


def test_unit_price_has_at_most_six_decimals():
    assert in_line(unit_price=Decimal("0.123456")) == {}
    assert in_line(unit_price=Decimal("0.1234567")) == {"lines-0-unit_price": "At most 6 decimals; these are 7."}
    assert in_line(unit_price=Decimal(0)) == {}
    assert "lines-0-unit_price" in in_line(unit_price=Decimal(-1))


def test_unknown_product():
    assert in_line(product="X<1>") == {"lines-0-product": "There is no product with the part number X<1>."}


def test_a_problem_names_its_row():
    assert set(found(lines=(LINE, replace(LINE, quantity=None), LINE))) == {"lines-1-quantity"}


def test_codes_are_found_in_small_letters_too():
    assert found(consignee="hamburg") == {}


def test_unknown_and_foreign_parties():
    assert "There is no partner with the code X" in found(consignee="X")["consignee"]
    assert found(consignor="HAMBURG", consignee="SUZHOU") == {
        "consignor": "HAMBURG is not one of our own companies; only these send."
    }
    assert set(found(consignee="SUZHOU")) == {"consignee"}
    assert set(found(ship_from="MOON", notify_party="X")) == {"ship_from", "notify_party"}


def test_net_above_gross():
    assert in_package(net_mass=Decimal("17.5")) == {
        "packages-0-gross_mass": "The net mass (17.5 kg) is above the gross mass (17.45 kg)."
    }


def test_gross_holds_the_tare_of_the_box():
    assert in_package(gross_mass=Decimal("17.44")) == {
        "packages-0-gross_mass": "17.44 kg is below net mass and empty box together: 14.5 + 2.95 = 17.45 kg."
    }
    assert in_package(gross_mass=Decimal("17.44"), asset_type="") == {}


def test_payload_of_the_box():
    assert in_package(net_mass=Decimal("20.1"), gross_mass=Decimal(24)) == {
        "packages-0-net_mass": "20.1 kg is more than this box may carry (20 kg)."
    }


@pytest.mark.parametrize(
    "changes",
    [{"count": 0}, {"count": -1}, {"count": None}, {"package_code": "ZZ"}, {"package_code": ""}, {"asset_type": "X"},
     {"product": "X"}, {"pieces": Decimal(-1)}, {"length_mm": -1}, {"gross_mass": None}, {"net_mass": None},
     {"marks": "x" * 256}, {"net_mass": Decimal("1.234567")}, {"product": ""}],
)  # fmt: skip
def test_wrong_package(changes):
    assert set(in_package(**changes)) == {f"packages-0-{next(iter(changes))}"}


def test_a_package_without_mass_is_none():
    assert "packages-0-gross_mass" in in_package(asset_type="", net_mass=Decimal(0), gross_mass=Decimal(0))


@pytest.mark.parametrize("code", ["SHA", "CNSH1", "cnsha", "CNSHA1", "CN-SH"])
def test_wrong_locode(code):
    assert "is not a UN/LOCODE" in found(port_of_loading=code)["port_of_loading"]


def test_locode_of_no_country():
    assert found(port_of_discharge="XXHAM") == {"port_of_discharge": "XXHAM: there is no country XX."}


def test_check_digit_of_the_freight_container_is_said():
    assert found(freight_container_no="CSQU3054384") == {
        "freight_container_no": "The check digit of CSQU3054384 should be 3 (ISO 6346), not 4; read the number again."
    }


@pytest.mark.parametrize("code", ["CSQ3054383", "CSQA3054383", "CSQU305438", "CSQU30543833", "CSQU305438É"])
def test_wrong_freight_container_number(code):
    assert "is not a freight container number" in found(freight_container_no=code)["freight_container_no"]


def test_air_waybill():
    by_air = replace(GOOD, incoterm="CIP", transport_mode="4")
    for good in ("618-12345675", "61812345675", "618-1234 5675".replace(" ", ""), "618-12345675_H001"):
        assert found(by_air, transport_document_no=good) == {}
    assert found(by_air, transport_document_no="618-12345674") == {
        "transport_document_no": "The check digit of 618-12345674 should be 5, not 4; read the number again."
    }
    assert "is not an air waybill number" in found(by_air, transport_document_no="COSU1")["transport_document_no"]
    assert found(transport_document_no="COSU1") == {}  # by sea any number


@pytest.mark.parametrize(
    ("name", "value"),
    [("customs_regime", "110"), ("customs_regime", ""), ("duty_nature", "9"), ("duty_mode", "0"),
     ("customs_office", "22"), ("customs_office", "２２４８"), ("exit_port", "CNSHA"), ("destination_port", "DEHAM"), ("trading_country", "UK"),
     ("destination_country", "Germany"), ("invoice_date", date(1026, 1, 1)), ("departure_date", date(2062, 1, 1)),
     ("transport_mode", "9"), ("remarks", "a\x00b")],
)  # fmt: skip
def test_wrong_code_or_date(name, value):
    assert set(found(**{name: value})) == {name}


@pytest.mark.parametrize("name", TEXT_LIMITS)
def test_texts_have_a_limit_that_is_said(name):
    text = "名" * TEXT_LIMITS[name]
    assert name not in found(**{name: text})
    sentence = found(**{name: text + "x"})[name]
    assert sentence == f"At most {TEXT_LIMITS[name]} characters have room here; these are {len(text) + 1}."


def test_limits_are_those_of_the_columns():
    for name, limit in TEXT_LIMITS.items():
        column = getattr(Shipment, name)
        assert name in ("marks", "remarks") or column.max_length == limit
    assert Package.marks.max_length == PACKAGE_MARKS_LIMIT


def test_decimals_do_not_count_zeros_at_the_end():
    assert [decimals(Decimal(text)) for text in ("1", "1.0", "1.50", "0.001", "1E3")] == [0, 0, 1, 3, 0]


def test_states_lead_to_states():
    assert set(NEXT_STATES) == set(STATES)
    assert may_follow("open", "dispatched")
    assert not may_follow("open", "closed")
    assert not may_follow("open", "nonsense")


def test_proposed_packages_hold_all_pieces_and_obey_the_rules():
    made = propose_packages([replace(LINE, quantity=Decimal(25))], "klt6428", KNOWN)
    assert [(p.count, p.pieces, p.net_mass, p.gross_mass) for p in made] == [
        (12, Decimal(2), Decimal("14.50"), Decimal("17.45")),
        (1, Decimal(1), Decimal("7.25"), Decimal("10.20")),
    ]
    assert found(packages=tuple(made)) == {}


def test_proposed_packages_are_not_overloaded():
    heavy = replace(KNOWN, products={"10-4711": SimpleNamespace(part_no="10-4711", net_mass=Decimal(15))})
    assert [(p.count, p.pieces) for p in propose_packages([LINE], "KLT6428", heavy)] == [(24, 1)]
    too_heavy = replace(KNOWN, products={"10-4711": SimpleNamespace(part_no="10-4711", net_mass=Decimal(21))})
    assert propose_packages([LINE], "KLT6428", too_heavy) == []
    assert propose_packages([LINE], "UNKNOWN", KNOWN) == []


# ---- more roles, and shipments on one invoice

OTHER = OtherShipment("S-2026-0007", "SUZHOU", "HAMBURG", "EUR", "CIF")


def with_invoice(other=OTHER, followers=(), number="S-2026-0008", **changes):
    """field → sentence, of the good shipment when it is to be invoiced with `other`."""
    entry = replace(GOOD, invoiced_with="S-2026-0007" if other else "", **changes)
    known = replace(KNOWN, number=number, invoice_shipment=other, followers=tuple(followers))
    return {p.field: str(p.message) for p in problems(entry, known, TODAY)}


@pytest.mark.parametrize("name", ["notify_party", "buyer", "manufacturer", "forwarder", "carrier", "broker"])
def test_every_role_is_a_known_party(name):
    assert found(**{name: "HAMBURG"}) == {}
    assert found(**{name: "NOBODY"}) == {name: "There is no partner with the code NOBODY; choose one of the list."}


def test_other_codes_that_are_not_known():
    assert "no place with the code X" in found(deliver_to="X")["deliver_to"]
    assert "no letter of credit with the code X" in found(letter_of_credit="X")["letter_of_credit"]
    assert found(invoiced_with="S-1") == {"invoiced_with": "There is no shipment S-1."}


@pytest.mark.parametrize("group", ["ABCDE", "a", "A B", "甲", "A-1"])
def test_an_invoice_group_is_short_and_plain(group):
    assert in_line(invoice_group=group) == {
        "lines-0-invoice_group": "An invoice group is 1 to 4 letters A–Z or digits, like A."
    }
    assert in_line(invoice_group="B12") == {}


def test_a_shipment_may_share_the_invoice_of_another():
    assert with_invoice() == {}
    assert with_invoice(consignor="suzhou", consignee="hamburg") == {}
    assert with_invoice(number="") == {}  # a new shipment


@pytest.mark.parametrize(
    ("other", "sentence"),
    [({"number": "S-2026-0008"}, "A shipment cannot be invoiced with itself; leave this empty."),
     ({"state": "cancelled"}, "S-2026-0007 is cancelled."),
     ({"invoiced_with": "S-2026-0001"}, "S-2026-0007 is itself invoiced with S-2026-0001; name that one here."),
     ({"consignor": "SUZHOU-2"}, "S-2026-0007 differs in the consignor; shipments on one invoice have it in common."),
     ({"consignee": "NAGOYA"}, "S-2026-0007 differs in the consignee; shipments on one invoice have it in common."),
     ({"currency": "USD"}, "S-2026-0007 differs in the currency; shipments on one invoice have it in common."),
     ({"incoterm": "FOB"}, "S-2026-0007 differs in the Incoterm; shipments on one invoice have it in common.")],
)  # fmt: skip
def test_a_shared_invoice_has_its_conditions(other, sentence):
    assert with_invoice(replace(OTHER, **other)) == {"invoiced_with": sentence}


def test_a_shipment_that_carries_the_invoice_of_others_joins_no_other_and_stays_as_they_are():
    follower = replace(OTHER, number="S-2026-0009", invoiced_with="S-2026-0008")
    assert with_invoice(followers=[follower]) == {
        "invoiced_with": "S-2026-0009 is invoiced with this shipment, so this one cannot be invoiced with another."
    }
    assert with_invoice(None, [follower]) == {}
    assert with_invoice(None, [follower], currency="USD") == {
        "currency": "S-2026-0009 is on the invoice of this shipment and would differ; change it there first."
    }
