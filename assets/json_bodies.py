"""The JSON that the API takes: read with limits, and what is wrong with it told at its field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from flask import request
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from assets.scanned_text import storable
from errors import N_, InvalidInput


def text_only(value: Any) -> Any:
    """Text as a database takes it; anything else is a fault."""
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "text is needed")
    # JSON can carry a NUL and half a surrogate pair, which no database takes; the scan is answered nevertheless.
    return storable(value)


#: 1970 wherever that began first.
_FIRST = datetime(1969, 12, 31, tzinfo=UTC)


def _sane_year(value: datetime) -> datetime:
    # A clock whose battery was empty begins at 1970 and can be corrected; in the west it shows the evening before.
    # Earlier than that no clock shows; and it could not be turned into UTC everywhere.
    if value < _FIRST or value.year >= 2200:
        raise PydanticCustomError("datetime_parsing", "no such year")
    return value


def _stripped(value: str | None) -> str:
    return (value or "").strip()


UuidText = Annotated[str, BeforeValidator(text_only), AfterValidator(lambda text: str(UUID(text)))]
CodeText = Annotated[Annotated[str, BeforeValidator(text_only), Field(max_length=64)] | None, AfterValidator(_stripped)]
TimeText = Annotated[AwareDatetime, BeforeValidator(text_only), AfterValidator(_sane_year)]

_FAULTS = {
    "missing": N_("This is missing."),
    "extra_forbidden": N_("There is no such field."),
    "enum": N_("There is no such kind of scan."),
    "timezone_aware": N_("The time needs its offset from UTC: 2026-11-20T16:05:12+08:00."),
    "datetime_parsing": N_("This is no time like 2026-11-20T16:05:12+08:00."),
    "datetime_from_date_parsing": N_("This is no time like 2026-11-20T16:05:12+08:00."),
    "string_type": N_("Text is needed here."),
    "bool_type": N_("true or false is needed here."),
    "int_type": N_("A whole number is needed here."),
    "greater_than_equal": N_("This number is too small."),
    "less_than_equal": N_("This number is too large."),
    "string_too_long": N_("This is too long."),
    "too_long": N_("This is too long."),
}
_FAULT = N_("This cannot be taken.")


def fault_of(error: ValidationError) -> tuple[str, str]:
    """(field, sentence marked with N_) of the first thing that is wrong; field '' when it is the whole."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return (str(fault["loc"][0])[:64] if fault["loc"] else ""), _FAULTS.get(fault["type"], _FAULT)


def json_body(else_: str, **values: Any) -> dict[str, Any]:
    """The JSON object of this request. Raises InvalidInput(body); `else_`: the sentence for what is no object."""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise InvalidInput("body", N_("This is no JSON.")) from error
    if not isinstance(body, dict):
        raise InvalidInput("body", else_, **values)
    return body
