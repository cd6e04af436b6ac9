from decimal import Decimal

import pytest

from form_fields import exact_number


@pytest.mark.parametrize(
    ("text", "number"),
    [("1234.5", "1234.5"), ("1,234.50", "1234.50"), ("1 234", "1234"), ("1'234", "1234"), ("-3", "-3"), ("−3", "-3"),
     ("+3", "3"), (".5", "0.5"), ("5.", "5"), (" 7 ", "7"), ("１，２３４．５", "1234.5"), ("007", "7"),
     ("0.1234567890123456789", "0.1234567890123456789")],
)  # fmt: skip
def test_numbers_are_read_exactly(text, number):
    assert exact_number(text) == Decimal(number)
    assert str(exact_number(text)) == number


@pytest.mark.parametrize(
    "text",
    ["", ".", "-", "1,5", "1.234,5", "12,34", "1e5", "NaN", "Infinity", "0x1", "1_000", "٣", "1.2.3", "9" * 30, "2 m"],
)
def test_what_is_no_number_or_not_clear_is_refused(text):
    assert exact_number(text) is None
