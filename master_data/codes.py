"""Code lists: countries, currencies, units, packages, Incoterms, and the tables of the China declaration.

Countries come from pycountry (ISO 3166), currencies with their minor units from iso4217, the names of both from Babel
(CLDR; its minor units are what shops use, not ISO's). The other lists are CSV files in `data/`, each row with its
source; no package carries them.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from zoneinfo import available_timezones

import pycountry
from babel import Locale
from babel.numbers import get_currency_name
from iso4217 import Currency

_LOCALES = {"en": Locale("en"), "zh": Locale.parse("zh_CN")}


@dataclass(frozen=True)
class Code:
    """One entry of a code list; `more` holds the further columns of its file."""

    code: str
    en: str
    zh: str
    more: dict[str, str] = field(default_factory=dict, compare=False)

    def name(self, language: str) -> str:
        """Name in `en` or `zh`."""
        return self.zh if language == "zh" else self.en


def _read(name: str) -> dict[str, Code]:
    with (Path(__file__).parent / "data" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: Code(row.pop("code"), row.pop("en"), row.pop("zh"), row) for row in csv.DictReader(file)}


UNITS = _read("units")  # UN/ECE Rec. 20; more: cn_code
PACKAGES = _read("packages")  # UN/ECE Rec. 21; more: cn_code
INCOTERMS = _read("incoterms")  # more: sea_only, freight, insurance, place_side, price_term
TRANSPORT_MODES = _read("transport_modes")  # UN/ECE Rec. 19; more: cn_code, cn_name
PRICE_TERMS = _read("price_terms")  # 成交方式
CN_PACKAGES = _read("cn_packages")  # 包装种类
CN_UNITS = _read("cn_units")  # 计量单位
CUSTOMS_REGIMES = _read("customs_regimes")  # 监管方式
DUTY_NATURES = _read("duty_natures")  # 征免性质
DUTY_MODES = _read("duty_modes")  # 征免


#: the member states of the European Union, ISO 3166-1 alpha-2
EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)


@cache
def countries() -> dict[str, Code]:
    """ISO 3166-1: alpha-2 → Code with alpha3 in `more`."""
    return {
        c.alpha_2: Code(
            c.alpha_2,
            _LOCALES["en"].territories.get(c.alpha_2, c.name),
            _LOCALES["zh"].territories.get(c.alpha_2, c.name),
            {"alpha3": c.alpha_3},
        )
        for c in pycountry.countries
    }


def is_country(code: str) -> bool:
    """True for an ISO 3166-1 alpha-2 code in use."""
    return code in countries()


@cache
def currencies() -> dict[str, Code]:
    """ISO 4217 codes of money; metals, funds and test codes have no minor unit and are left out."""
    return {
        c.code: Code(c.code, get_currency_name(c.code, locale="en"), get_currency_name(c.code, locale="zh_CN"))
        for c in Currency
        if c.exponent is not None
    }


def currency_decimals(code: str) -> int:
    """Minor-unit digits of a currency by ISO 4217: USD 2, JPY 0, KWD 3."""
    return Currency(code).exponent or 0


@cache
def timezones() -> tuple[str, ...]:
    """Names of the time zones of the IANA database; asking the system for them takes a tenth of a second."""
    return tuple(sorted(available_timezones()))


def label(code: Code) -> str:
    """How a code is shown where one is chosen: `DE · Germany · 德国`, so that either name finds it."""
    names = dict.fromkeys(name for name in (code.en, code.zh) if name and name != code.code)
    return " · ".join([code.code, *names])


def options(known: Mapping[str, Code]) -> list[tuple[str, str]]:
    """A list as choices: code and label, in the order of the list."""
    return [(code.code, label(code)) for code in known.values()]
