"""Moving an installation: its database from SQLite to PostgreSQL (or back), its kept files to a store and back.

The database is moved in one transaction of the new one. The old one is read as it is at one moment, and nobody writes
to it meanwhile. Every table is copied in bulk, counted, and summed up on both sides; then what must hold
(`invariants`) is looked at on both sides, and only when both say the same is the move committed. Whatever fails before
leaves the new database as empty as it was.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from peewee import Database, PeeweeException, SqliteDatabase

import archive
from config import Settings, Store
from database import applied_migrations, db, migrate, open_database, tables
from invariants import faults

_ROWS, _FILES = 5_000, 64  # held in memory at once
_HISTORY = "schema_migration"
_Rows = Generator[tuple[Any, ...], None, None]


class MoveFault(Exception):
    """Nothing was moved; `str()` says in one sentence why."""


@dataclass(frozen=True)
class Moved:
    """How many rows of how many tables were moved, and the faults that both sides have in common."""

    tables: int
    rows: int
    seconds: float
    faults: tuple[str, ...] = ()


# the database


def move_database(
    source_url: str, target_url: str, settings: Settings, *, with_faults: bool = False,
    told: Callable[[str], None] = lambda _: None,
) -> Moved:  # fmt: skip
    """Copy all of the database of one address into the empty one of another. `settings`: for what the check looks at.

    `with_faults`: also when the check finds faults, as long as it finds the same in the copy. `told` is given a line
    for each step. Afterwards `db` is the new database, and closed.

    Raises MoveFault: one cannot be opened, the old one is not up to date or has faults, the new one is not empty, or
    the copy is not what it should be. Then nothing is in the new one.
    """
    begun = time.monotonic()
    source = _opened(source_url, "the database to be moved")
    try:
        with _held_still(source):
            if not tables():
                raise MoveFault("The database to be moved is empty.")
            ran = applied_migrations()
            told("Looking at the old database …")
            before = sorted(faults(settings))
            if before and not with_faults:
                raise MoveFault("The old database has faults, of which the first is: " + before[0])
            target = _opened(target_url, "the new database")
            try:
                with _all_or_nothing(target):
                    rows = _copy(source, target, ran, told)
                    told("Looking at the new database …")
                    after = sorted(faults(settings))
                    if after != before:
                        other = sorted(set(after) ^ set(before)) or after
                        raise MoveFault("The copy is not as whole as the original: " + other[0])
            finally:
                _close(target)
                db.initialize(source)
    except PeeweeException as error:
        raise MoveFault(f"The database did not do what it was asked: {str(error).splitlines()[0]}") from error
    finally:
        _close(source)
    db.initialize(target)
    return Moved(len(rows), sum(rows.values()), time.monotonic() - begun, tuple(before))


def _some(rows: Iterable[Any], count: int) -> Iterator[list[Any]]:
    left = iter(rows)
    while some := list(islice(left, count)):
        yield some


def _opened(url: str, what: str) -> Database:
    """The database of this address, connected, and `db` with it."""
    database = open_database(url)
    try:
        database.connect()
    except PeeweeException as error:
        raise MoveFault(f"{what} cannot be opened: {str(error).splitlines()[0]}") from error
    return database


def _close(database: Database) -> None:
    if not database.is_closed():
        database.close()


def _is_sqlite(database: Database) -> bool:
    return isinstance(database, SqliteDatabase)


@contextmanager
def _held_still(source: Database) -> Iterator[None]:
    """A transaction of the old database in which nothing changes: writers wait, and are told that it is busy.

    What the check lets join the chain of the audit is kept.
    """
    if _is_sqlite(source):
        with source.atomic("IMMEDIATE"):
            yield
        return
    with source.atomic():
        source.execute_sql("SET LOCAL idle_in_transaction_session_timeout = 0")  # while the copy is looked at
        for table in tables():
            source.execute_sql(f'LOCK TABLE "{table}" IN EXCLUSIVE MODE')
        yield


@contextmanager
def _all_or_nothing(target: Database) -> Iterator[None]:
    if _is_sqlite(target):
        target.execute_sql("PRAGMA foreign_keys = OFF")  # not within a transaction
        with target.atomic("IMMEDIATE"):
            yield
        target.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return
    with target.atomic():
        yield


def _copy(source: Database, target: Database, ran: list[str], told: Callable[[str], None]) -> dict[str, int]:
    """All tables of one into the other; gives the rows of each."""
    db.initialize(source)
    names = [name for name in tables() if name != _HISTORY]
    columns = {name: _columns(source, name) for name in names}
    db.initialize(target)
    if tables():
        raise MoveFault("The new database is not empty; one is only moved into an empty one.")
    migrate()
    if sorted(applied_migrations()) != sorted(ran):
        raise MoveFault("The old database is not up to date. Run: flask --app app migrate")
    if strange := set(names) ^ {name for name in tables() if name != _HISTORY}:
        raise MoveFault(f"Only one of the two databases has the table {min(strange)}.")
    kinds = {name: _kinds(target if _is_sqlite(source) else source, name, columns[name]) for name in names}
    constraints = [] if _is_sqlite(target) else _without_references(target)
    counts = {}
    for number, name in enumerate(names, 1):
        if target.execute_sql(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0]:  # noqa: S608 (our own names)
            target.execute_sql(f'DELETE FROM "{name}"')  # noqa: S608
        sums, there = _Sums(), _Sums()
        with closing(_rows(source, name, columns[name], kinds[name])) as rows:
            _insert(target, name, columns[name], kinds[name], sums.of(rows))
        with closing(_rows(target, name, columns[name], kinds[name])) as rows:
            for _ in there.of(rows):
                pass
        if (there.count, there.digest()) != (sums.count, sums.digest()):
            raise MoveFault(f"The table {name}: the {there.count} rows of the copy are not the {sums.count} it had.")
        counts[name] = sums.count
        told(f"{number}/{len(names)} {name}: {sums.count} rows, SHA-256 {sums.digest()[:16]}…")
    for table, constraint, definition in constraints:  # each is held against all rows
        target.execute_sql(f'ALTER TABLE "{table}" ADD CONSTRAINT "{constraint}" {definition}')
    if not _is_sqlite(target):
        _set_sequences(target, names)
        target.execute_sql("ANALYZE")
    return counts


def _columns(database: Database, table: str) -> list[str]:
    return [column.name for column in database.get_columns(table)]


_KINDS = {
    "boolean": "boolean", "timestamp without time zone": "time", "date": "day", "numeric": "exact", "bytea": "bytes",
    "integer": "whole", "bigint": "whole", "smallint": "whole", "real": "float", "double precision": "float",
}  # fmt: skip


def _kinds(postgresql: Database, table: str, columns: list[str]) -> list[str]:
    """What each column holds, as PostgreSQL says: SQLite keeps booleans as numbers, times and exact numbers as text."""
    found = dict(
        postgresql.execute_sql(
            "SELECT column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = %s",
            (table,),
        ).fetchall()
    )
    return [_KINDS.get(found[column], "text") for column in columns]


#: kind → the value that both databases mean, of what one of them gave
_MEANT: dict[str, Callable[[Any], Any]] = {
    "boolean": bool,
    "time": lambda value: value if isinstance(value, datetime) else datetime.fromisoformat(value),
    "day": lambda value: value if isinstance(value, date) else date.fromisoformat(value),
    "exact": lambda value: Decimal(str(value)),
    "bytes": bytes,
    "whole": int,
    "float": float,
    "text": str,
}

#: kind → how SQLite is given it, as `database.Exact` and `Instant` write it
_TO_SQLITE: dict[str, Callable[[Any], Any]] = {
    "time": lambda value: value.isoformat(" ", timespec="microseconds"),
    "day": lambda value: value.isoformat(),
    "exact": lambda value: format(value, "f"),
    "boolean": int,
}


def _rows(database: Database, table: str, columns: list[str], kinds: list[str]) -> _Rows:
    """All rows in the order of their keys, each value as it is meant; some thousand are held at a time."""
    readers = [_MEANT[kind] for kind in kinds]
    names = ", ".join(f'"{column}"' for column in columns)
    order = ", ".join(f'"{one}"' for one in (["id"] if "id" in columns else columns))
    query = f'SELECT {names} FROM "{table}" ORDER BY {order}'  # noqa: S608 (our own names)
    if _is_sqlite(database):
        cursor = database.connection().execute(query)
    else:
        cursor = database.connection().cursor(name="moving")  # a plain one would hold the whole answer
        cursor.execute(query)
    try:
        while some := cursor.fetchmany(_ROWS):
            for row in some:
                yield tuple(None if value is None else meant(value) for meant, value in zip(readers, row, strict=True))
    except ValueError as error:
        raise MoveFault(f"The table {table} holds a value that is none of its kind: {error}") from error
    finally:
        cursor.close()


class _Sums:
    """How many rows passed by, and one hash of all of them."""

    def __init__(self) -> None:
        self.count, self._sha256 = 0, hashlib.sha256()

    def of(self, rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        for row in rows:
            self.count += 1
            self._sha256.update(repr(row).encode())
            yield row

    def digest(self) -> str:
        return self._sha256.hexdigest()


def _insert(target: Database, table: str, columns: list[str], kinds: list[str], rows: Iterable[Any]) -> None:
    names = ", ".join(f'"{column}"' for column in columns)
    if _is_sqlite(target):
        writers = [_TO_SQLITE.get(kind) for kind in kinds]
        places = ", ".join("?" * len(columns))
        statement = f'INSERT INTO "{table}" ({names}) VALUES ({places})'  # noqa: S608 (our own names)
        for some in _some(rows, _ROWS):
            target.connection().executemany(
                statement,
                [
                    tuple(
                        value if value is None or writer is None else writer(value)
                        for writer, value in zip(writers, row, strict=True)
                    )
                    for row in some
                ],
            )
        return
    with target.connection().cursor() as cursor:
        try:
            with cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
        except MoveFault:
            raise
        except Exception as error:  # psycopg's own, which peewee does not see here
            raise MoveFault(f"The table {table} could not be copied: {str(error).splitlines()[0]}") from error


def _without_references(target: Database) -> list[tuple[str, str, str]]:
    """Take the references away, so that tables may come in any order; gives what makes them anew."""
    found = target.execute_sql(
        "SELECT cl.relname, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint c"
        " JOIN pg_class cl ON cl.oid = c.conrelid"
        " WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace ORDER BY 1, 2"
    ).fetchall()
    for table, constraint, _ in found:
        target.execute_sql(f'ALTER TABLE "{table}" DROP CONSTRAINT "{constraint}"')
    return list(found)


def _set_sequences(target: Database, names: list[str]) -> None:
    """The next key that the database gives follows the highest that is there."""
    for name in names:
        found = target.execute_sql("SELECT pg_get_serial_sequence(%s, 'id')", (f'"{name}"',)).fetchone()[0]
        if found:
            highest = target.execute_sql(f'SELECT MAX(id) FROM "{name}"').fetchone()[0]  # noqa: S608
            target.execute_sql("SELECT setval(%s, %s, %s)", (found, highest or 1, highest is not None))


# the files

_FOLDERS = {"files": ".pdf", "photos": ".jpg", "pictures": ".png", "packs": ".zip"}


@dataclass(frozen=True)
class MovedFiles:
    """How many files lie at the new place now that were not there before; faults are a sentence each."""

    moved: int
    there: int  # were there already
    size: int  # bytes of what was moved
    faults: tuple[str, ...]


def move_files(source: Store, target: Store, shown_as: Mapping[str, str]) -> MovedFiles:
    """Copy every kept file from one place to another. Each is held against its SHA-256 when it is read, and read back
    from where it went. Nothing is deleted; what is there already is looked at and left. `shown_as`: SHA-256 → name
    of a paper.

    Raises Unavailable when a store does not answer: what was copied stays, and the next call goes on.
    """
    moved = there = size = 0
    lost: list[str] = []
    for folder, suffix in _FOLDERS.items():
        here, new = source / folder, target / folder
        known = set(archive.names(new))
        wanted = [name for name in archive.names(here) if name.endswith(suffix) and len(name) == 67 + len(suffix)]
        there += sum(name in known for name in wanted)
        keys = [(name[3 : -len(suffix)], suffix) for name in wanted if name not in known]
        for some in _some(keys, _FILES):
            kept = []
            for sha256, _, data in archive.read_many(here, some):
                if isinstance(data, archive.ArchiveFault):
                    lost.append(str(data))
                    continue
                archive.keep(new, data, suffix=suffix, shown_as=shown_as.get(sha256, ""))
                kept.append((sha256, suffix))
                size += len(data)
            for _, _, back in archive.read_many(new, kept):
                if isinstance(back, archive.ArchiveFault):
                    lost.append(str(back))
                else:
                    moved += 1
    return MovedFiles(moved, there, size, tuple(lost))
