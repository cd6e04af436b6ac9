"""The database: one connection a request, exact columns, taking turns, migrations.

The same code runs on SQLite and on PostgreSQL. What differs between them is hidden here and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from peewee import (
    SQL,
    Database,
    DatabaseProxy,
    DateTimeField,
    Field,
    Model,
    NodeList,
    PeeweeException,
    SqliteDatabase,
)
from playhouse.db_url import connect
from playhouse.migrations import Runner
from playhouse.pool import PooledDatabase

from config import ROOT

db = DatabaseProxy()

#: WAL lets readers go on while one writes; synchronous FULL: what was acknowledged is on the disk.
_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    "synchronous": "full",
    "busy_timeout": 10_000,
    "cache_size": -32_000,
}


class Row(Model):
    """Base of all tables: columns, keys and constraints, no behaviour."""

    class Meta:
        database = db
        legacy_table_names = False

    if TYPE_CHECKING:  # what peewee adds to a class when it is made: the key, <foreign key>_id, backrefs
        id: Any

        def __getattr__(self, name: str) -> Any: ...


class Exact(Field):
    """An exact decimal number of any size: NUMERIC on PostgreSQL, text on SQLite.

    SQLite's own DECIMAL is a double and loses the 17th digit; a float is never taken.
    """

    field_type = "EXACT"

    def db_value(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, float):
            raise TypeError("a float is not exact; pass Decimal, int or str")
        number = Decimal(value)
        return number if _is_postgresql() else format(number, "f")

    def python_value(self, value: Any) -> Decimal | None:
        return None if value is None else Decimal(str(value))


class Instant(DateTimeField):
    """A point in time: stored in UTC without zone, given and taken as an aware datetime."""

    def db_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError("an instant needs a time zone")
            value = value.astimezone(UTC).replace(tzinfo=None)
            # Fixed width, so that SQLite's text comparison orders times as times.
            return value if _is_postgresql() else value.isoformat(" ", timespec="microseconds")
        return value

    def python_value(self, value: Any) -> datetime | None:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return None if value is None else value.replace(tzinfo=UTC)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _is_postgresql() -> bool:
    return db.obj is not None and not isinstance(db.obj, SqliteDatabase)


def open_database(url: str) -> Database:
    """Point `db` at the database of `url`; it connects at the first `db.connect()`, so this may run before a fork."""
    if url.startswith("sqlite"):
        database = connect(url, pragmas=_SQLITE_PRAGMAS, field_types={"EXACT": "TEXT"})
        database.register_function(_lower, "LOWER", 1)  # SQLite's own knows ASCII only: Ü stays Ü
    else:
        database = connect(url, unquote_user=True, unquote_password=True, field_types={"EXACT": "NUMERIC"})
    db.initialize(database)
    return database


def close_all() -> None:
    """Close every connection of this process, those that wait in a pool too: to be called before a fork."""
    if isinstance(db.obj, PooledDatabase):
        db.obj.close_all()
    elif not db.is_closed():
        db.close()


def end_of_request() -> None:
    """Give a PostgreSQL connection back to the pool. SQLite's stays with its thread: a new one sets its pragmas anew,
    and closing the last one empties the WAL file, which costs more than most requests."""
    if _is_postgresql() and not db.is_closed():
        db.close()


@contextmanager
def taking_turns() -> Iterator[None]:
    """A transaction for read-then-write in which writers follow one another.

    SQLite: IMMEDIATE, the write lock comes first (a deferred transaction that reads and then writes fails at once when
    another writer is there). PostgreSQL does not know the word; there, read the rows to be changed with `locked()`.
    """
    with db.atomic() if _is_postgresql() or db.transaction_depth() else db.atomic("IMMEDIATE"):
        yield


@contextmanager
def one_view() -> Iterator[None]:
    """Several queries that see one state of the database, whatever others write in between; for reading only."""
    if db.transaction_depth():
        yield  # the caller's transaction
        return
    with db.atomic():
        if _is_postgresql():
            db.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def about_to_write(model: type[Model]) -> None:
    """Wait until nobody keeps writers out of this table: what is read from now on holds when it is written."""
    if _is_postgresql():
        db.execute_sql(f'LOCK TABLE "{model._meta.table_name}" IN ROW EXCLUSIVE MODE')


def keep_writers_out(model: type[Model]) -> None:
    """Until the transaction ends nobody adds to this table; who is at it is waited for. SQLite has locked it."""
    if _is_postgresql():
        db.execute_sql(f'LOCK TABLE "{model._meta.table_name}" IN SHARE ROW EXCLUSIVE MODE')


def one_of(field: Any, keys: Iterable[Any]) -> Any:
    """Condition: `field` is one of many `keys` (texts or numbers), given as one value of the statement: to write and to
    read a list of 500 places for values takes longer than to find the rows."""
    if _is_postgresql():
        return NodeList((field, SQL("= ANY(%s)", [list(keys)])))
    return field.in_(SQL("(SELECT value FROM json_each(?))", [json.dumps(list(keys))]))


def locked(query: Any) -> Any:
    """`query` with its rows locked until the transaction ends; SQLite needs none, there the whole file is locked."""
    return query.for_update() if _is_postgresql() else query


def tuples(query: Any) -> list[Any]:
    """All rows of a query as tuples: for counts and for keys, where rows of a model would be in the way."""
    return list(query.tuples())


def migrate() -> list[str]:
    """Bring the schema up to date; gives the names of the migrations that ran. Repeating it changes nothing."""
    return Runner(db.obj, str(ROOT / "migrations")).up()


class DatabaseFault(Exception):
    """The database cannot be used; `str()` says in one line why."""


@contextmanager
def connected(*, migrated: bool = True) -> Iterator[None]:
    """A connection for the length of a command.

    Raises DatabaseFault when there is none to be had, and, with `migrated`, when the schema is not up to date.
    """
    try:
        db.connect(reuse_if_open=True)
        pending = migrated and any(not one.applied for one in Runner(db.obj, str(ROOT / "migrations")).status())
    except PeeweeException as error:
        reason = str(error).partition("\n")[0]
        raise DatabaseFault(f"ROUNDTRIP_DATABASE_URL: the database cannot be used: {reason}") from error
    try:
        if pending:
            raise DatabaseFault("The database is not up to date. Run: flask --app app migrate")
        yield
    finally:
        db.close()


def utc_now() -> datetime:
    """Now, in UTC. Rules and verbs take `now` as an argument; only views, commands and jobs call this."""
    return datetime.now(UTC)
