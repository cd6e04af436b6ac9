"""Amounts of money in words, English and Chinese 大写, as banks read them.

English: the currency first, `SAY US DOLLARS … AND CENTS SIXTY ONLY`; the name of the currency is CLDR's. Chinese:
after 正确填写票据和结算凭证的基本规定; 人民币 stands in front, another currency's word takes the place of 元. Both
write exactly the amount that is given: it has at most the currency's decimals, and it is not negative.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

from babel.numbers import get_currency_name
from num2words import num2words

from master_data.codes import currency_decimals

#: The minor unit by name (one, several); a currency that is not here gets a fraction, AND 60/100.
_MINOR = {
    **dict.fromkeys(("USD", "EUR", "AUD", "CAD", "HKD", "NZD", "SGD", "TWD", "ZAR"), ("cent", "cents")),
    **dict.fromkeys(("KWD", "BHD", "JOD", "AED"), ("fils", "fils")),
    "GBP": ("penny", "pence"),
    "CNY": ("fen", "fen"),
    "INR": ("paisa", "paise"),
    "OMR": ("baisa", "baisa"),
    "TND": ("millime", "millimes"),
}

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ((10**8, "亿"), (10**4, "万"), (1000, "仟"), (100, "佰"), (10, "拾"))


def english(amount: Decimal, currency: str) -> str:
    """`SAY US DOLLARS TWELVE THOUSAND THREE HUNDRED FORTY-FIVE AND CENTS SIXTY ONLY`; ValueError as `_split`."""
    whole, minor, decimals = _split(amount, currency)
    text = f"SAY {get_currency_name(currency, count=whole, locale='en')} {_cardinal(whole)}"
    if minor and currency in _MINOR:
        text += f" AND {_MINOR[currency][minor != 1]} {_cardinal(minor)}"
    elif minor:
        text += f" AND {minor:0{decimals}}/{10**decimals}"
    return f"{text} ONLY".upper()


def chinese(amount: Decimal, currency: str) -> str:
    """`人民币壹仟肆佰零玖元伍角`, `壹拾万美元整`. Raises ValueError as `_split` does.

    House style where the rule leaves a choice: no 整 after 角; no 零 between 元 and 角.
    """
    whole, minor, decimals = _split(amount, currency)
    unit = "元" if currency == "CNY" else get_currency_name(currency, locale="zh_CN")
    parts = [_daxie(whole) + unit] if whole or not minor else []
    pending_zero = False
    for digit, name in zip(f"{minor:0{decimals}}" if decimals else "", "角分厘", strict=False):
        if digit == "0":
            pending_zero = bool(parts)
        else:
            parts.append(("零" if pending_zero else "") + _DIGITS[int(digit)] + name)
            pending_zero = False
    if not whole and minor and currency != "CNY":
        parts.insert(0, unit)  # less than one: the currency must still be named
    return ("人民币" if currency == "CNY" else "") + "".join(parts) + ("" if minor else "整")


def packages_english(count: int) -> str:
    """`SAY THIRTEEN (13) PACKAGES ONLY`."""
    return f"SAY {_cardinal(count)} ({count}) PACKAGE{'' if count == 1 else 'S'} ONLY".upper()


def packages_chinese(count: int) -> str:
    """`合计壹拾叁件`."""
    return f"合计{_daxie(count)}件" if count else "合计 0 件"  # 零件 would read as spare parts


def _split(amount: Decimal, currency: str) -> tuple[int, int, int]:
    """Whole units, minor units, decimals. ValueError when negative or finer than the currency: round first."""
    decimals = currency_decimals(currency)
    with localcontext(prec=100):  # the usual 28 digits would round the largest amounts
        scaled = amount.scaleb(decimals)
    if amount < 0 or scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} cannot be written in words of {currency}")
    whole, minor = divmod(int(scaled), 10**decimals)
    return whole, minor, decimals


def _cardinal(number: int) -> str:
    return num2words(number, to="cardinal", lang="en").replace(",", "").replace(" and ", " ")


def _daxie(number: int) -> str:
    """A whole number, 100000 → 壹拾万. A gap of empty places is one 零, and none stands at the end."""
    if number < 10:
        return _DIGITS[number]
    size, name = next((size, name) for size, name in _PLACES if number >= size)
    head, rest = divmod(number, size)
    text = _daxie(head) + name
    if rest:
        text += ("零" if rest < size // 10 else "") + _daxie(rest)
    return text
