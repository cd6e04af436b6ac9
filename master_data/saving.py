"""The verbs of master data: save a row, put it away or take it up again. Nothing is ever deleted; papers name it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from peewee import IntegrityError, fn

from database import Row, taking_turns
from errors import N_, InvalidInput
from master_data.models import Product

TAKEN = N_("%(code)s is there already. Choose another one, or change that entry.")
GRAI_TAKEN = N_("Box type %(code)s has this GS1 number already. Each type needs its own.")


def key_of(model: type[Row]) -> str:
    """The name of the column that people know a row by."""
    return "part_no" if model is Product else "code"


def other_with(row: Row, key: str) -> Row | None:
    """Another row of the same table with this code, capitals or not: SZ-01 and sz-01 would be mixed up."""
    column = getattr(type(row), key_of(type(row)))
    # The key itself as well: SQLite's UPPER knows ASCII only.
    same = (column == key) | (fn.UPPER(column) == key.upper())
    return type(row).select().where(same, type(row).id != (row.id or 0)).first()  # type: ignore[attr-defined]


def save(row: Row, values: Mapping[str, Any], now: datetime) -> None:
    """Write the checked `values` into the row, new or not. Raises InvalidInput when its code is another's."""
    name = key_of(type(row))
    taken = InvalidInput(name, TAKEN, code=values[name])
    try:
        with taking_turns():
            if other_with(row, values[name]):
                raise taken
            for column, value in values.items():
                setattr(row, column, value)
            row.changed_time = now  # type: ignore[attr-defined]
            row.save()
    except IntegrityError:  # the unique index, when two came at once
        raise taken from None


def set_archived(row: Row, archived: bool, now: datetime) -> None:
    """Put a row away (it is offered no more, but stays where it is named) or take it up again."""
    type(row).update(archived=archived, changed_time=now).where(type(row).id == row.id).execute()  # type: ignore[attr-defined]
