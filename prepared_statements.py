"""Statements whose text is made once: for what is asked with every scan and every request.

peewee takes longer to write a statement than SQLite takes to answer it. A function that gives a query for places in
which values will stand (`Slot`) is called once for each kind of database; after that the values go to the driver with
the same text, which SQLite and PostgreSQL have prepared by then, too.
"""

from __future__ import annotations

import json
import re
from collections import namedtuple
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache, partial
from inspect import signature
from typing import Any

from peewee import (  # type: ignore[attr-defined]
    OP,
    SQL,
    BooleanField,
    ColumnBase,
    DateField,
    Expression,
    Field,
    ForeignKeyField,
    ModelInsert,
    ModelSelect,
    ModelUpdate,
    Node,
    NodeList,
    Select,
    SqliteDatabase,
    __exception_wrapper__,
)

from database import Exact, Instant, db

#: How many shapes of one statement are kept: it has one for each scope (accounts.scope) in which it is asked.
_MOST_SHAPES = 256


class Slot(Node):
    """The place of a value in a statement. `many`: of the keys of `any_of`."""

    def __init__(self, at: int) -> None:
        self.at, self.many = at, False

    def __sql__(self, ctx: Any) -> Any:
        return ctx.value(_Mark(self), converter=False)


class _Mark:
    """What stands among the values of a query where a slot is; peewee would take a node for SQL."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot


def any_of(field: Any, slot: Slot) -> Any:
    """`database.one_of` for keys that are not known yet."""
    slot.many = True
    if _is_postgresql():
        return NodeList((field, SQL("= ANY("), slot, SQL(")")))
    return NodeList((field, SQL("IN (SELECT value FROM json_each("), slot, SQL("))")))


class Prepared:
    """A statement; made by `prepared`. Values stand in the order of the function's parameters. Its keyword-only ones
    make a shape of the statement each, and have to be hashable."""

    def __init__(self, build: Callable[..., Any]) -> None:
        self._build, self.__doc__, self.__name__ = build, build.__doc__, build.__name__
        parameters = signature(build).parameters.values()
        self._count = sum(one.kind is one.POSITIONAL_OR_KEYWORD for one in parameters)
        self._shaped = lru_cache(_MOST_SHAPES)(self._made)

    def _made(self, postgresql: bool, shape: tuple[tuple[str, Hashable], ...]) -> _Statement:
        return _Statement(self._build(*map(Slot, range(self._count)), **dict(shape)), postgresql)

    def _statement(self, shape: dict[str, Hashable]) -> _Statement:
        return self._shaped(_is_postgresql(), tuple(shape.items()))

    def __call__(self, *values: Any, **shape: Hashable) -> list[Any]:
        """The rows, as named tuples: a foreign key is called as its column is, `place_id`."""
        statement = self._statement(shape)
        return statement.named(statement.ask(values).fetchall())

    def one(self, *values: Any, **shape: Hashable) -> Any:
        """The first row, or None."""
        statement = self._statement(shape)
        row = statement.ask(values).fetchone()
        return None if row is None else statement.named([row])[0]

    def dicts(self, *values: Any, **shape: Hashable) -> list[dict[str, Any]]:
        """The rows as peewee's `dicts()` has them: a foreign key is called by its field, `place`."""
        statement = self._statement(shape)
        rows = statement.ask(values).fetchall()
        return [dict(zip(statement.fields, row, strict=True)) for row in statement.converted(rows)]

    def models(self, *values: Any, **shape: Hashable) -> list[Any]:
        """The rows as objects of the model, with those that were joined."""
        statement = self._statement(shape)
        return statement.objects(statement.ask(values))

    def run(self, *values: Any, **shape: Hashable) -> int:
        """For a statement that changes rows: how many. It is not told to the watchers (`database.Row`)."""
        return int(self._statement(shape).ask(values).rowcount)

    def run_many(self, rows: Iterable[Sequence[Any]], **shape: Hashable) -> None:
        """The same for many rows of values at once."""
        statement = self._statement(shape)
        with __exception_wrapper__:
            db.obj.cursor().executemany(statement.sql, statement.filled_many(rows))

    def run_at_once(self, rows: Iterable[Sequence[Any]], **shape: Hashable) -> None:
        """`run_many` for rows that change or add a different row each; PostgreSQL takes them as one statement."""
        statement = self._statement(shape)
        if statement.of_columns is None:
            self.run_many(rows, **shape)
        elif given := list(rows):
            with __exception_wrapper__:
                db.obj.cursor().execute(statement.of_columns, statement.columns(given))


def prepared(build: Callable[..., Any]) -> Prepared:
    """Decorator of a function that takes slots and gives a query."""
    return Prepared(build)


class _Stands:
    """What a condition is about, while its text is made: its columns, where the real table's come later."""

    def __getattr__(self, name: str) -> Any:
        return SQL(f"<{name}>")


class _Condition(ColumnBase):  # type: ignore[misc]
    """A condition on rows of `table` of which the text is known."""

    def __init__(self, table: Any, parts: Sequence[str], values: Sequence[Any]) -> None:
        self._table, self._parts, self._values = table, parts, values

    def __sql__(self, ctx: Any) -> Any:
        for number, part in enumerate(self._parts):
            if number % 2:
                ctx.sql(getattr(self._table, part))
            else:
                ctx.literal(part)
        # All values of the text stand together: between them the columns of the table, which have none.
        ctx._values.extend(self._values)
        return ctx


def prepared_condition(build: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a function (table, *shape) → condition whose text is long: it is made once for each shape. Of the
    table it may ask for plain columns only."""

    @lru_cache(_MOST_SHAPES)
    def made(postgresql: bool, shape: tuple[Hashable, ...]) -> tuple[list[str], list[Any]]:
        text, values = db.get_sql_context().sql(Select([], [SQL("1")]).where(build(_Stands(), *shape))).query()
        # Its own tables have names that those of the query around it have not.
        text = re.sub(r'"t(\d+)"', r'"s\1"', text.partition(" WHERE ")[2])
        return re.split(r"<(\w+)>", text), values

    def condition(table: Any, *shape: Hashable) -> Any:
        return _Condition(table, *made(_is_postgresql(), shape))

    return condition


class _Statement:
    """Text and values of a query, and what its columns are called and converted by."""

    def __init__(self, query: Any, postgresql: bool) -> None:
        self.sql, values = query.sql()
        self._query, self._postgresql = query, postgresql
        self._values = values
        #: The values of a row stand in the statement as they are given.
        self._as_given = [one.slot.at if isinstance(one, _Mark) else None for one in values] == [*range(len(values))]
        self._wrapper: Any = None
        columns: list[Any] = list(query._returning) if isinstance(query, ModelSelect) else []  # type: ignore[attr-defined]
        fields = [getattr(column.unwrap(), "field", column.unwrap()) for column in columns]
        self.fields = [
            column._alias if column.is_alias() else field.name if isinstance(field, Field) else f"column_{number}"
            for number, (column, field) in enumerate(zip(columns, fields, strict=True))
        ]
        names = [
            field.object_id_name if isinstance(field, ForeignKeyField) and not column.is_alias() else name
            for column, field, name in zip(columns, fields, self.fields, strict=True)
        ]
        self._row: Any = namedtuple("Row", names, rename=True)._make if names else None  # type: ignore[misc, attr-defined]
        found = [(number, _converter(field, postgresql)) for number, field in enumerate(fields)]
        self._converters = [(number, converter) for number, converter in found if converter]

    @cached_property
    def of_columns(self) -> str | None:
        """Text of the same statement for many rows at once, which are given as one array for each column. None where
        there is no such text: on SQLite, and for other statements than a plain INSERT or UPDATE."""
        query = self._query
        parts = self.sql.partition(" RETURNING ")[0].split("%s")
        fields = _fields_of_slots(query) if self._postgresql else {}
        marks = [one.slot.at for one in self._values if isinstance(one, _Mark)]
        if not fields or sorted(marks) != sorted(fields) or sorted(marks) != [*range(len(marks))]:
            return None
        if len(marks) < len(self._values) or "%" in "".join(parts):
            return None
        columns = ", ".join(f"c{at}" for at in range(len(marks)))
        arrays = ", ".join(f"%s::{_array(fields[at])}" for at in range(len(marks)))
        given = f" FROM unnest({arrays}) AS given ({columns})"
        text = parts[0] + "".join(f"given.c{at}{part}" for at, part in zip(marks, parts[1:], strict=True))
        if isinstance(query, ModelInsert):
            before, _, values = text.partition(" VALUES (")
            values, _, after = values.partition(")")
            return f"{before} SELECT {values}{given}{after}"
        before, _, where = text.partition(" WHERE ")
        return f"{before}{given} WHERE {where}"

    def columns(self, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """The values of many rows, as arrays for `of_columns`."""
        return [
            [_instant_on_postgresql(value) if value.__class__ is datetime else value for value in column]
            for column in zip(*rows, strict=True)
        ]

    def filled(self, values: Sequence[Any]) -> list[Any]:
        """The values for the driver."""
        return [
            (self._keys(values[one.slot.at]) if one.slot.many else stored(values[one.slot.at]))
            if isinstance(one, _Mark)
            else one
            for one in self._values
        ]

    def filled_many(self, rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
        """The values of many rows, none of them keys."""
        of_days = _AS_TEXT if not self._postgresql else _TIMES
        if not self._as_given:
            rows = map(self._in_order, rows)
        return [[stored(value) if value.__class__ in of_days else value for value in row] for row in rows]

    def _in_order(self, row: Sequence[Any]) -> list[Any]:
        return [row[one.slot.at] if isinstance(one, _Mark) else one for one in self._values]

    def _keys(self, values: Iterable[Any]) -> Any:
        return list(values) if self._postgresql else json.dumps(list(values))

    def ask(self, values: Sequence[Any]) -> Any:
        return db.obj.execute_sql(self.sql, self.filled(values))

    def converted(self, rows: Sequence[Any]) -> list[Sequence[Any]]:
        if not self._converters:
            return list(rows)
        found: list[Sequence[Any]] = []
        for row in map(list, rows):
            for number, converter in self._converters:
                if row[number] is not None:
                    row[number] = converter(row[number])
            found.append(row)
        return found

    def named(self, rows: Sequence[Any]) -> list[Any]:
        return [self._row(row) for row in self.converted(rows)]

    def objects(self, cursor: Any) -> list[Any]:
        rows = cursor.fetchall()
        if self._wrapper is None:  # what peewee finds out of the columns is the same for every answer
            wrapper = self._query._get_cursor_wrapper(cursor)
            wrapper.initialize()
            wrapper.cursor = None  # it would keep SQLite's files open after its connection was closed
            self._wrapper = wrapper
        found = [self._wrapper.process_row(row) for row in rows]
        for one in found:
            one._dirty.clear()
        return found


def _fields_of_slots(query: Any) -> dict[int, Field]:
    """Of a plain INSERT or UPDATE: the number of each slot and the column that its value is for."""
    if isinstance(query, ModelInsert):
        pairs = list(query._insert.items()) if isinstance(query._insert, dict) else []  # type: ignore[attr-defined]
    elif isinstance(query, ModelUpdate):
        pairs = [*query._update.items(), *_equalities(query._where)]  # type: ignore[attr-defined]
    else:
        pairs = []
    return {value.at: field for field, value in pairs if isinstance(value, Slot) and isinstance(field, Field)}


def _equalities(condition: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(condition, Expression) and condition.op == OP.AND:
        yield from _equalities(condition.lhs)
        yield from _equalities(condition.rhs)
    elif isinstance(condition, Expression) and condition.op == OP.EQ:
        yield condition.lhs, condition.rhs


_ARRAYS = {"INT": "integer", "AUTO": "integer", "BIGINT": "bigint", "BOOL": "boolean", "DATETIME": "timestamp",
           "DATE": "date", "EXACT": "numeric"}  # fmt: skip


def _array(field: Any) -> str:
    """The type of an array on PostgreSQL; texts go into their columns as texts, so that one too long is refused."""
    while isinstance(field, ForeignKeyField):
        field = field.rel_field
    return _ARRAYS.get(field.field_type, "text") + "[]"


def stored(value: Any) -> Any:
    """A value as the driver takes it: instants as `database.Instant` stores them."""
    if isinstance(value, datetime):
        return _instant_on_postgresql(value) if _is_postgresql() else _instant_as_text(value)
    if isinstance(value, date) and not _is_postgresql():
        return value.isoformat()
    return value


#: The kinds of values that are not stored as they are, on PostgreSQL and on SQLite.
_TIMES, _AS_TEXT = frozenset([datetime]), frozenset([datetime, date])


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


@lru_cache(4_096)  # a scan has few times, which stand in many columns
def _instant_as_text(value: datetime) -> str:
    return _utc(value).isoformat(" ", "microseconds")[:26]  # without +00:00


def _instant_on_postgresql(value: datetime) -> datetime:
    return _utc(value).replace(tzinfo=None)


def _converter(field: Any, postgresql: bool) -> Callable[[Any], Any] | None:
    if isinstance(field, Instant):
        return partial(datetime.replace, tzinfo=UTC) if postgresql else _instant
    if isinstance(field, Exact):
        return field.python_value
    if isinstance(field, DateField):
        return None if postgresql else date.fromisoformat
    if isinstance(field, BooleanField):
        return None if postgresql else bool
    return None


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text + "+00:00")


def _is_postgresql() -> bool:
    return not isinstance(db.obj, SqliteDatabase)
