"""The code lists are whole: unique codes, both names, a source for each row, and references that exist."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from master_data import codes

FILES = sorted((Path(codes.__file__).parent / "data").glob("*.csv"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_list_has_unique_codes_with_both_names_and_a_source(path):
    entries = rows(path)
    assert entries
    assert len({row["code"] for row in entries}) == len(entries)
    for row in entries:
        assert None not in row, row  # as many cells as the header
        assert all((row["code"], row["en"], row["zh"], row["source"])), row


def test_each_unit_of_rec_20_has_a_chinese_customs_unit():
    assert {
        unit.code: unit.more["cn_code"] for unit in codes.UNITS.values() if unit.more["cn_code"] not in codes.CN_UNITS
    } == {}


def test_each_package_of_rec_21_has_a_chinese_kind_of_package():
    assert {
        p.code: p.more["cn_code"] for p in codes.PACKAGES.values() if p.more["cn_code"] not in codes.CN_PACKAGES
    } == {}


def test_incoterms_2020_are_complete():
    assert set(codes.INCOTERMS) == {"EXW", "FCA", "CPT", "CIP", "DAP", "DPU", "DDP", "FAS", "FOB", "CFR", "CIF"}
    assert {code for code, term in codes.INCOTERMS.items() if term.more["sea_only"] == "1"} == {
        "FAS",
        "FOB",
        "CFR",
        "CIF",
    }
    assert {code for code, term in codes.INCOTERMS.items() if term.more["insurance"] == "1"} == {"CIP", "CIF"}
    for term in codes.INCOTERMS.values():
        assert term.more["freight"] in ("COLLECT", "PREPAID")
        assert term.more["place_side"] in ("origin", "destination")
        assert term.more["price_term"] in codes.PRICE_TERMS


def test_customs_codes_keep_leading_zeros_and_their_length():
    assert {len(code) for code in codes.CUSTOMS_REGIMES} == {4}
    assert {len(code) for code in codes.DUTY_NATURES} == {3}
    assert {len(code) for code in codes.CN_UNITS} == {3}
    assert {len(code) for code in codes.CN_PACKAGES} == {2}
    assert codes.CUSTOMS_REGIMES["0110"].zh == "一般贸易"


def test_countries_are_those_of_iso_3166_in_both_languages():
    assert len(codes.countries()) == 249
    assert all(country.en and country.zh for country in codes.countries().values())
    assert (codes.countries()["DE"].en, codes.countries()["DE"].zh) == ("Germany", "德国")
    assert not codes.is_country("UK")
    assert not codes.is_country("de")


@pytest.mark.parametrize(("code", "decimals"), [("USD", 2), ("EUR", 2), ("CNY", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3)])
def test_currencies_have_the_decimals_of_iso_4217(code, decimals):
    assert codes.currency_decimals(code) == decimals
    assert code in codes.currencies()


def test_metals_and_test_codes_are_no_currencies():
    assert not {"XAU", "XXX", "XTS"} & set(codes.currencies())


def test_a_choice_shows_the_code_and_both_names():
    assert codes.label(codes.countries()["DE"]) == "DE · Germany · 德国"
    assert codes.label(codes.PRICE_TERMS["1"]) == "1 · CIF"
    assert ("H87", "H87 · piece · 件") in codes.options(codes.UNITS)
