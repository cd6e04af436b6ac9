"""Form fields for exact numbers and codes. What was typed stays in the field, also when it is wrong."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from wtforms import DateField, DateTimeLocalField, Field, StringField
from wtforms.validators import StopValidation

from errors import N_, InvalidInput, Message
from i18n import translated

#: Commas only where they part thousands: 1,5 could mean 1.5 or 15, so it is refused.
_NUMBER = re.compile(r"[+-]?(?:\d{1,20}|\d{1,3}(?:[,' ]\d{3}){1,6})?(?:\.\d{0,20})?")


def exact_number(text: str) -> Decimal | None:
    """The number in a text, exactly: `1,234.50`, full-width digits too. None when it is none or not clear."""
    text = unicodedata.normalize("NFKC", text).strip().replace("−", "-")
    if not text.isascii() or not _NUMBER.fullmatch(text) or not any(c.isdigit() for c in text):
        return None
    number = Decimal(re.sub(r"[,' +]", "", text))
    return number if len(number.as_tuple().digits) <= 25 else None  # within the 28 digits of Decimal's arithmetic


class ExactField(StringField):
    """A decimal number. `data` is a Decimal, or None when nothing or no number was typed."""

    wrong = N_("“%(text)s” is not a number; write it like 1234.5, with a point before the decimals.")

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = self.read(text) if text else None
        if text and self.data is None:
            raise ValueError(translated(Message(self.wrong, {"text": text[:30]})))

    def read(self, text: str) -> Any:
        """The value of a text, None when it is wrong."""
        return exact_number(text)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else f"{self.data:f}" if isinstance(self.data, Decimal) else str(self.data)


class WholeField(ExactField):
    """A whole number. `data` is an int, or None when nothing or no whole number was typed."""

    wrong = N_("“%(text)s” is not a whole number.")

    def read(self, text: str) -> Any:
        number = exact_number(text)
        return int(number) if number is not None and number == int(number) else None


class DayField(DateField):
    """A day. `data` is a date, or None when nothing or no date was typed."""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if text:
            try:
                self.data = date.fromisoformat(text)
            except ValueError:
                text = N_("“%(text)s” is not a date; write it like 2026-11-23.")
                raise ValueError(translated(Message(text, {"text": valuelist[0][:30]}))) from None


class MomentField(DateTimeLocalField):
    """A time of the place, without zone. `data` is a datetime, or None when nothing or no time was typed."""

    def __init__(self, label: Any, **kwargs: Any) -> None:
        super().__init__(label, format="%Y-%m-%dT%H:%M", **kwargs)

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if text:
            try:
                value = datetime.fromisoformat(text)
            except ValueError:
                value = None
            if value is None or value.tzinfo is not None:
                wrong = N_("“%(text)s” is not a date with its time; write it like 2026-11-23T14:30.")
                raise ValueError(translated(Message(wrong, {"text": text[:30]})))
            self.data = value.replace(second=0, microsecond=0)


class CodeField(StringField):
    """A code: blanks around it do not count; with `upper` it is stored in capitals."""

    def __init__(self, *args: Any, upper: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.upper = upper

    def process_data(self, value: Any) -> None:
        self.data = value or ""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = unicodedata.normalize("NFKC", valuelist[0]).strip() if valuelist else ""
        self.data = text.upper() if self.upper else text


class TextField(StringField):
    """A text in one form (NFC) without blanks around it and with plain line ends."""

    def process_data(self, value: Any) -> None:
        self.data = value or ""

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0] if valuelist else ""
        self.data = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()


class Obeys:
    """A validator: what is filled in obeys a rule, and is stored as the rule gives it. The rule gets the field."""

    def __init__(self, rule: Callable[[Field], Any]) -> None:
        self.rule = rule

    def __call__(self, form: Any, field: Field) -> None:
        if field.errors or field.data in (None, ""):
            return
        try:
            field.data = self.rule(field)
        except InvalidInput as error:
            raise StopValidation(translated(error)) from None
