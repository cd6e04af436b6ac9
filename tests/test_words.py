"""Amounts in words: the table of the rules, and agreement with an independent library over many amounts."""

from __future__ import annotations

from decimal import Decimal

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs_gen import words

CHINESE = {
    "0": "人民币零元整",
    "0.01": "人民币壹分",
    "0.30": "人民币叁角",
    "0.05": "人民币伍分",
    "10": "人民币壹拾元整",
    "1000": "人民币壹仟元整",
    "100000": "人民币壹拾万元整",
    "107000.53": "人民币壹拾万柒仟元伍角叁分",
    "1409.50": "人民币壹仟肆佰零玖元伍角",
    "1680.32": "人民币壹仟陆佰捌拾元叁角贰分",
    "6007.14": "人民币陆仟零柒元壹角肆分",
    "16409.02": "人民币壹万陆仟肆佰零玖元零贰分",
    "325.04": "人民币叁佰贰拾伍元零肆分",
    "2.01": "人民币贰元零壹分",
    "10000000": "人民币壹仟万元整",
    "100000000": "人民币壹亿元整",
    "100000001": "人民币壹亿零壹元整",
    "1000000000000": "人民币壹万亿元整",
}


@pytest.mark.parametrize(("amount", "text"), CHINESE.items())
def test_chinese_by_the_rules_of_banks(amount: str, text: str) -> None:
    assert words.chinese(Decimal(amount), "CNY") == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("12345.60", "USD", "SAY US DOLLARS TWELVE THOUSAND THREE HUNDRED FORTY-FIVE AND CENTS SIXTY ONLY"),
        ("1", "USD", "SAY US DOLLAR ONE ONLY"),
        ("1.01", "EUR", "SAY EURO ONE AND CENT ONE ONLY"),
        ("1000000.00", "EUR", "SAY EUROS ONE MILLION ONLY"),
        ("5", "JPY", "SAY JAPANESE YEN FIVE ONLY"),
        ("2.345", "KWD", "SAY KUWAITI DINARS TWO AND FILS THREE HUNDRED FORTY-FIVE ONLY"),
        ("5.50", "CHF", "SAY SWISS FRANCS FIVE AND 50/100 ONLY"),
        ("5.05", "CHF", "SAY SWISS FRANCS FIVE AND 05/100 ONLY"),
        ("105.02", "GBP", "SAY BRITISH POUNDS ONE HUNDRED FIVE AND PENCE TWO ONLY"),
    ],
)
def test_english_names_the_currency_first(amount: str, currency: str, text: str) -> None:
    assert words.english(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("5605", "EUR", "伍仟陆佰零伍欧元整"),
        ("0.30", "USD", "美元叁角"),
        ("100000", "JPY", "壹拾万日元整"),
        ("2.305", "KWD", "贰科威特第纳尔叁角零伍厘"),
    ],
)
def test_chinese_names_another_currency_in_the_place_of_yuan(amount: str, currency: str, text: str) -> None:
    assert words.chinese(Decimal(amount), currency) == text


@given(st.integers(0, 10**18 - 1))
def test_chinese_agrees_with_an_independent_writer(fen: int) -> None:
    amount = Decimal(fen) / 100
    if fen < 10**17:  # what the other one can
        assert words.chinese(amount, "CNY") == "人民币" + cn2an.an2cn(f"{fen // 100}.{fen % 100:02}", "rmb")


@pytest.mark.parametrize("language", [words.english, words.chinese])
@pytest.mark.parametrize(("amount", "currency"), [("-1", "USD"), ("1.005", "USD"), ("0.5", "JPY")])
def test_negative_or_finer_than_the_currency_is_refused(language: object, amount: str, currency: str) -> None:
    with pytest.raises(ValueError, match="words"):
        language(Decimal(amount), currency)  # type: ignore[operator]


def test_packages_in_words() -> None:
    assert words.packages_english(40) == "SAY FORTY (40) PACKAGES ONLY"
    assert words.packages_english(1) == "SAY ONE (1) PACKAGE ONLY"
    assert words.packages_chinese(113) == "合计壹佰壹拾叁件"
