"""The database: one connection a request, exact columns, taking turns, migrations.

The same code runs on SQLite and on PostgreSQL. What differs between them is hidden here and nowhere else.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import sqlite3
import struct
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from peewee import (  # type: ignore[attr-defined]
    SQL,
    Database,
    DatabaseProxy,
    DateTimeField,
    Expression,
    Field,
    Model,
    ModelDelete,
    ModelInsert,
    ModelUpdate,
    NodeList,
    OperationalError,
    PeeweeException,
    SelectBase,
    SqliteDatabase,
    __exception_wrapper__,
)
from playhouse.db_url import connect
from playhouse.migrations import Runner
from playhouse.pool import MaxConnectionsExceeded, PooledDatabase

from config import ROOT
from errors import Unavailable

log = logging.getLogger("roundtrip")

db = DatabaseProxy()


class _NoEmptyQuery:
    """To see whether what stands behind IN is an empty list, peewee writes it down once more: a query in a query in a
    query eight times, which was most of what a page costs who is limited to some entities. A query is never `()`."""

    ask = Expression._is_rhs_empty  # type: ignore[attr-defined]

    @staticmethod
    def asked(expression: Any, right: Any, context: Any) -> bool:
        return not isinstance(right, SelectBase) and bool(_NoEmptyQuery.ask(expression, right, context))


Expression._is_rhs_empty = _NoEmptyQuery.asked  # type: ignore[attr-defined]

#: WAL lets readers go on while one writes; synchronous FULL: what was acknowledged is on the disk.
_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "foreign_keys": 1,
    "synchronous": "full",
    "busy_timeout": 10_000,
    "cache_size": -32_000,
    # Pages of 4 KB in the WAL before they are copied into the file, which waits for the disk twice. Scans write the
    # same pages of the indexes again and again: of four times as many a fourth is copied.
    "wal_autocheckpoint": 4_000,
}


#: What stands in no address unless it says otherwise. A host that is gone, or cut off, is noticed in half a minute on
#: both sides: the server then ends its transaction, and others get the rows that it had locked. Who waits for a lock is
#: told after ten seconds that the database is busy, as on SQLite.
_POSTGRESQL = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "options": (
        "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s -c tcp_keepalives_idle=10"
        " -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=20s"
    ),
}


@dataclass(frozen=True)
class Change:
    """What one statement did to a table. Of many rows only the first `_MOST_TOLD` are told one by one."""

    table: str
    verb: str  # created, changed, deleted
    rows: tuple[tuple[Any, dict[str, Any], dict[str, Any]], ...]  # key (None: not known yet), before, after
    count: int  # of all rows
    named: tuple[dict[str, Any], ...] = ()  # changed rows: what each is known by, as it was before


#: Told of every change of a watched table, in the transaction of the change. `accounts.audit` is.
watchers: list[Callable[[Change], None]] = []

_MOST_TOLD = 100
_HIDDEN = "•••"


class _Watched:
    """A statement that tells the watchers what it did. What it changes is read before and after, in one transaction."""

    model: Any
    _where: Any
    _insert: Any
    _update: Any
    _columns: Any

    def _execute(self, database: Any) -> Any:
        names = self._told() if watchers and self.model._meta.watched else []
        if not names:
            return super()._execute(database)  # type: ignore[misc]
        with in_one():
            before = self._rows(names, self._where) if not isinstance(self, ModelInsert) else []
            result = super()._execute(database)  # type: ignore[misc]
            change = self._change(names, before, result)
            if change.count:
                for watcher in watchers:
                    watcher(change)
        return result

    def _told(self) -> list[str]:
        return [one.name for one in self.model._meta.sorted_fields if one.name not in self.model._meta.unwatched]

    def _rows(self, names: list[str], where: Any) -> list[dict[str, Any]]:
        fields = [getattr(self.model, name) for name in dict.fromkeys(["id", *names, *self.model._meta.named])]
        query = self.model.select(*fields).order_by(self.model.id).limit(_MOST_TOLD)
        return [_shown(self.model, row) for row in (query.where(where) if where is not None else query).dicts()]

    def _change(self, names: list[str], before: list[dict[str, Any]], result: Any) -> Change:
        raise NotImplementedError


def _shown(model: Any, row: dict[str, Any]) -> dict[str, Any]:
    """The values of a row, without those that nobody may read."""
    return {name: _HIDDEN if name in model._meta.secret and value else value for name, value in row.items()}


def tell_created(model: Any, rows: Mapping[int, dict[str, Any]]) -> None:
    """Tell the watchers, in the same transaction, of rows of a watched table (key → values) that were written past
    them: in one change, however many statements it took."""
    unwatched = model._meta.unwatched
    told: list[Any] = []
    for key, row in list(rows.items())[:_MOST_TOLD]:
        values = {name: value for name, value in row.items() if name not in unwatched and value not in (None, "")}
        told.append((key, {}, _shown(model, values)))
    for watcher in watchers if rows else ():
        watcher(Change(model._meta.table_name, "created", tuple(told), len(rows)))


class _WatchedInsert(_Watched, ModelInsert):
    def _change(self, names: list[str], before: list[dict[str, Any]], result: Any) -> Change:
        several = not isinstance(self._insert, dict)
        rows = self._insert if several else [self._insert]
        told: list[Any] = []
        for row in rows[:_MOST_TOLD]:
            if not isinstance(row, dict):
                row = dict(zip(self._columns or self.get_default_columns(), row, strict=False))
            values: dict[Any, Any] = {getattr(key, "name", key): value for key, value in row.items()}
            values = {name: values[name] for name in names if values.get(name) not in (None, "")}
            told.append((None if several else result, {}, _shown(self.model, values)))
        return Change(self.model._meta.table_name, "created", tuple(told), len(rows))

    def _execute(self, database: Any) -> Any:
        if self._insert is not None and not isinstance(self._insert, dict | list):
            self._insert = list(self._insert)  # a generator is read once, and it is told afterwards
        return super()._execute(database)


class _WatchedUpdate(_Watched, ModelUpdate):
    def _told(self) -> list[str]:
        changed = {getattr(key, "name", key) for key in self._update}
        return [name for name in super()._told() if name in changed]

    def _change(self, names: list[str], before: list[dict[str, Any]], result: Any) -> Change:
        keys = [row["id"] for row in before]
        after = {row["id"]: row for row in self._rows(names, self.model.id.in_(keys))}
        told: list[Any] = []
        named: list[dict[str, Any]] = []
        for row in before:
            now = after.get(row["id"], {})
            names_ = [name for name in names if row[name] != now.get(name) or row[name] == _HIDDEN]
            if names_:
                told.append((row["id"], {n: row[n] for n in names_}, {n: now.get(n) for n in names_}))
                named.append({name: row[name] for name in self.model._meta.named if row[name] not in (None, "")})
        count = len(told) if len(before) < _MOST_TOLD else result
        return Change(self.model._meta.table_name, "changed", tuple(told), count, tuple(named))


class _WatchedDelete(_Watched, ModelDelete):
    def _change(self, names: list[str], before: list[dict[str, Any]], result: Any) -> Change:
        gone = [(row["id"], {name: row[name] for name in names if row[name] not in (None, "")}) for row in before]
        return Change(self.model._meta.table_name, "deleted", tuple((key, row, {}) for key, row in gone), result)


class Row(Model):
    """Base of all tables: columns, keys and constraints, no behaviour. What is done to it is told to the watchers.

    `Meta.watched` False: the table is itself a record of what happened, or follows from one. `unwatched`: columns that
    a machine writes, like the time when a token was last used. `secret`: columns whose values nobody is told. `named`:
    columns by which people know a row; of a part of something, first what it is a part of.
    """

    class Meta:
        database = db
        legacy_table_names = False
        watched = True
        unwatched: tuple[str, ...] = ()
        secret: tuple[str, ...] = ()
        named: tuple[str, ...] = ()

    @classmethod
    def insert(cls, __data: Any = None, **insert: Any) -> Any:
        return _WatchedInsert(cls, cls._normalize_data(__data, insert))  # type: ignore[attr-defined]

    @classmethod
    def insert_many(cls, rows: Any, fields: Any = None) -> Any:
        return _WatchedInsert(cls, insert=rows, columns=fields)

    @classmethod
    def update(cls, __data: Any = None, **update: Any) -> Any:
        return _WatchedUpdate(cls, cls._normalize_data(__data, update))  # type: ignore[attr-defined]

    @classmethod
    def delete(cls) -> Any:
        return _WatchedDelete(cls)

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
        given = parse_qs(urlsplit(url).query)
        known = {name: value for name, value in _POSTGRESQL.items() if name not in given}
        database = connect(url, unquote_user=True, unquote_password=True, field_types={"EXACT": "NUMERIC"}, **known)
    database.query_hooks.append(_noted)
    db.initialize(database)
    return database


#: What was asked of the database: statement and values.
Question = tuple[str, tuple[Any, ...]]
_notes = threading.local()


def _noted(event: Any) -> None:
    questions = getattr(_notes, "questions", None)
    if questions is not None and event.sql.lstrip("(").startswith(("SELECT", "WITH")):
        questions.append((sys.intern(event.sql), tuple(event.params or ())))


@contextmanager
def noting_questions() -> Iterator[list[Question]]:
    """Notes every question that this thread asks meanwhile, in their order. Not to be nested."""
    _notes.questions = []
    try:
        yield _notes.questions
    finally:
        _notes.questions = None


def answers_digest(questions: Iterable[Question]) -> str:
    """Asks all of them and gives a digest of the answers. What follows from the answers alone is the same as long as
    the digest is: the first question was the same, so its answer leads to the same second one, and so on."""
    digest = hashlib.blake2b(digest_size=32)
    for sql, params in questions:
        digest.update(repr(db.execute_sql(sql, params).fetchall()).encode())
    return digest.hexdigest()


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


#: Primary result codes of SQLite, SQLSTATEs of PostgreSQL (or their classes), numbers of the system → our word.
_SQLITE_WORDS = {5: "busy", 6: "busy", 15: "busy", 13: "no_space", 8: "read_only", 10: "io_error", 14: "io_error"}
_POSTGRESQL_WORDS = {
    "53100": "no_space", "53": "busy", "55P03": "busy", "40": "busy", "57P": "busy", "08": "busy", "25006": "read_only",
    "58": "io_error",
}  # fmt: skip
_SYSTEM_WORDS = {
    errno.ENOSPC: "no_space", errno.EDQUOT: "no_space", errno.EFBIG: "no_space", errno.EROFS: "read_only",
    errno.EIO: "io_error",
}  # fmt: skip


def unavailable(error: BaseException) -> Unavailable | None:
    """What an error of a driver or of the system means when it is the machine that cannot, and not what was asked."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, Unavailable):
            return seen
        word = None
        if isinstance(seen, sqlite3.Error):
            word = _SQLITE_WORDS.get(getattr(seen, "sqlite_errorcode", 0) & 0xFF)
        elif isinstance(seen, MaxConnectionsExceeded):
            word = "busy"
        elif isinstance(seen, OSError):
            word = _SYSTEM_WORDS.get(seen.errno or 0)
        elif type(seen).__module__.startswith("psycopg"):
            state = getattr(seen, "sqlstate", None)
            if state is None:  # no answer of the server at all: it is restarting, or the line is cut
                word = "busy" if type(seen).__name__ in ("OperationalError", "ConnectionTimeout") else None
            else:
                word = next(
                    (_POSTGRESQL_WORDS[key] for n in (5, 3, 2) if (key := state[:n]) in _POSTGRESQL_WORDS), None
                )
        if word:
            return Unavailable(word)
        seen = seen.__cause__ or seen.__context__
    return None


def drop_connection(fault: Unavailable) -> None:
    """Close the connection of this thread, and those that wait in the pool: after a fault of the disk, or of the line
    to the server, they are worth nothing, and the next request opens new ones."""
    if fault.reason == "no_files":
        return  # that is no fault of the database
    if not _is_postgresql() and fault.reason in ("busy", "no_space"):
        return  # SQLite's is sound, and to open another one may need room, too
    try:
        if not db.is_closed():
            while db.transaction_depth():
                db.pop_transaction()
            if isinstance(db.obj, PooledDatabase):
                db.manual_close()
            else:
                db.close()
        if isinstance(db.obj, PooledDatabase):
            db.obj.close_idle()
    except Exception:
        log.warning("a broken connection could not be closed", exc_info=True)


@contextmanager
def sound_connection() -> Iterator[None]:
    """For work outside of requests: a fault of the line to the database leaves no broken connection to its thread."""
    try:
        yield
    except Exception as error:
        if fault := unavailable(error):
            drop_connection(fault)
        raise


_places: threading.BoundedSemaphore | None = None
_PATIENCE = 0.25  # seconds
_turn = threading.Lock()
_LOOK = 0.000_25  # seconds between two looks whether it is our turn


def leave_threads_for_readers(writers: int) -> None:
    """From now on at most so many threads of this process wait for SQLite's write lock at once. Who comes after them
    waits a moment and is told that the database is busy: pages can be read however long somebody holds it."""
    global _places
    _places = threading.BoundedSemaphore(writers)


@contextmanager
def _place() -> Iterator[None]:
    places = _places
    if places is None:
        yield
        return
    if not places.acquire(timeout=_PATIENCE):
        raise Unavailable("busy")
    try:
        yield
    finally:
        places.release()


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other writer of ours is at work: what shall be written may be gathered within, and `taking_turns()`
    waits for nobody any more. On PostgreSQL, where writers of other processes lock rows, only those of this process."""
    if _own.has_turn:
        yield
        return
    with ExitStack() as leaving:
        if not _is_postgresql():
            leaving.enter_context(_place())
        _wait_for_turn(leaving)
        _own.has_turn = True
        yield


class _Own(threading.local):
    """Of each thread: whether it has its turn."""

    has_turn = False


_own = _Own()


def _wait_for_turn(leaving: ExitStack) -> None:
    """Of a process one thread looks at the others; its other ones sleep until it is through."""
    patience = 10.0  # seconds, as for a lock of the database
    if not _is_postgresql():
        [(milliseconds,)] = db.connection().execute("PRAGMA busy_timeout")  # without the hooks of peewee: asked often
        patience = milliseconds / 1000
    until = time.monotonic() + patience
    if not _turn.acquire(timeout=patience):
        raise Unavailable("busy")
    leaving.callback(_turn.release)
    leaving.callback(_leave_turn)
    if not _is_postgresql():
        _after_other_processes(until)


def _after_other_processes(until: float) -> None:
    """Wait until no other process of ours has its turn: to look at a byte costs next to nothing, and a BEGIN that fails
    costs as much as a scan. Who comes from elsewhere is still found by BEGIN."""
    global _turn_file
    # Opened for each turn: a file that is kept open would hold the file system, which may have to be unmounted and
    # repaired under the running service, and be another one than that of the others afterwards.
    file = _turn_file = _open_claims()
    while not _byte_is_locked(file, _TURNS):
        if time.monotonic() > until:
            raise Unavailable("busy")
        time.sleep(_LOOK)


_TURNS = 1 << 60  # a byte beyond all that `claiming` locks
_turn_file: int | None = None  # of the one thread of this process that takes its turn; the lock belongs to it


def _leave_turn() -> None:
    global _turn_file
    _own.has_turn = False
    if _turn_file is not None:
        os.close(_turn_file)
        _turn_file = None


# A forked process would be in the turn of its parent, and hold it when the parent is killed.
os.register_at_fork(after_in_child=_leave_turn)


@contextmanager
def taking_turns() -> Iterator[None]:
    """A transaction for read-then-write in which writers follow one another.

    SQLite: IMMEDIATE, the write lock comes first (a deferred transaction that reads and then writes fails at once when
    another writer is there). PostgreSQL does not know the word; there, read the rows to be changed with `locked()`.
    """
    if _is_postgresql() or db.transaction_depth():
        with db.atomic():
            yield
        return
    with turn(), db.atomic("IMMEDIATE"):
        yield


#: Added to the name of SQLite's file: the file in which `claiming` locks single bytes. It stays empty.
CLAIMS = "-claims"
_ONE_BYTE = "hhqqi4x"  # struct flock: type, whence, start, length, process


@contextmanager
def claiming(names: Collection[str]) -> Iterator[set[str]]:
    """`taking_turns()` in which those of `names` that it gives are ours alone in all processes. Somebody has the others
    at this moment; nobody waits for that. Whoever is killed has them no longer: nothing of it is written down.

    SQLite: a lock on one byte of an empty file, by the open file and not by the process, so that threads know each
    other's. PostgreSQL: an advisory lock of the transaction.
    """
    places = {name: _place_of(name) for name in names}
    if _is_postgresql():
        with taking_turns():
            ask = "SELECT pg_try_advisory_xact_lock(%s)"
            yield {name for name, place in places.items() if db.execute_sql(ask, (place,)).fetchone()[0]}
        return
    if not places:
        with taking_turns():
            yield set()
        return
    claims = _open_claims()
    try:
        ours = {name for name, place in places.items() if _byte_is_locked(claims, place)}
        with taking_turns() if ours else nullcontext():
            yield ours
    finally:
        os.close(claims)  # and with it the lock


def hold(name: str) -> Callable[[], None] | None:
    """Have `name` for us alone in all processes, without a transaction, until the function that is given is called by
    the same thread; None while somebody else has it. Whoever is killed has it no longer.

    SQLite: a lock on one byte, as of `claiming`. PostgreSQL: an advisory lock of the connection.
    """
    place = _place_of(name)
    if not _is_postgresql():
        file = _open_claims()
        if _byte_is_locked(file, place):
            return lambda: os.close(file)
        os.close(file)
        return None
    if not db.execute_sql("SELECT pg_try_advisory_lock(%s)", (place,)).fetchone()[0]:
        return None
    holding = db.connection()

    def let_go() -> None:
        if db.is_closed() or db.connection() is not holding:
            return  # it was dropped, and its lock with it
        try:
            db.execute_sql("SELECT pg_advisory_unlock(%s)", (place,))
        except Exception as error:  # so that nobody gets it of the pool with the lock
            if (fault := unavailable(error)) is None:
                raise
            drop_connection(fault)

    return let_go


def _place_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")


def _claims_path() -> str:
    return str(db.obj.database) + CLAIMS


def _open_claims() -> int:
    return os.open(_claims_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _byte_is_locked(file: int, place: int) -> bool:
    """Lock a byte for us; False when somebody else has it."""
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_ONE_BYTE, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0))
    except BlockingIOError:
        return False
    return True


@contextmanager
def sent_together() -> Iterator[None]:
    """Within a transaction: PostgreSQL is sent one statement after another, and is waited for where an answer is looked
    at, and in the end. SQLite has no way to go. What a statement broke may so be raised at a later one."""
    if not _is_postgresql():
        yield
        return
    try:
        with db.connection().pipeline():
            yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "psycopg":
            raise
        with __exception_wrapper__:  # as peewee does where it looks at an answer itself
            raise


@contextmanager
def only_if_free() -> Iterator[None]:
    """For a write that may as well be left out, like the time when somebody was last seen: it does not wait until
    another writer is through, and what keeps it from being written is nobody's trouble."""
    waits = None if _is_postgresql() else db.execute_sql("PRAGMA busy_timeout").fetchone()[0]
    try:
        if waits is not None:
            db.execute_sql("PRAGMA busy_timeout = 0").fetchall()
        with db.atomic():
            yield
    except OperationalError as error:
        log.debug("left out: %s", error)
    finally:
        if waits is not None:
            db.execute_sql(f"PRAGMA busy_timeout = {waits}").fetchall()


@contextmanager
def in_one() -> Iterator[None]:
    """Statements that stand or fall together: the transaction that is there, or one of their own."""
    if db.transaction_depth():
        yield
        return
    with taking_turns():
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
            db.execute_sql("SET LOCAL idle_in_transaction_session_timeout = 0")  # pg_dump takes its time over it
        yield


def about_to_write(model: type[Model]) -> None:
    """Wait until nobody keeps writers out of this table: what is read from now on holds when it is written."""
    if _is_postgresql():
        db.execute_sql(f'LOCK TABLE "{model._meta.table_name}" IN ROW EXCLUSIVE MODE')


def keep_writers_out(model: type[Model]) -> None:
    """Until the transaction ends nobody adds to this table; who is at it is waited for. SQLite has locked it."""
    if _is_postgresql():
        db.execute_sql(f'LOCK TABLE "{model._meta.table_name}" IN SHARE ROW EXCLUSIVE MODE')


def save_one(model: type[Model], same: Mapping[str, Any], values: Mapping[str, Any], **new: Any) -> None:
    """Give the one row with the values `same` these `values`, or make it, and then with those of `new` too. Of two who
    save at once the second finds what the first made; who reads meanwhile finds the row as it was before or after."""
    with taking_turns():
        keep_writers_out(model)
        if not model.update(dict(values)).where(*(getattr(model, name) == same[name] for name in same)).execute():
            model.create(**same, **values, **new)


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


def in_steps(query: Any, key: Any, size: int = 1_000) -> Iterator[Any]:
    """All rows of a query as tuples, in the order of `key`, its first column: read `size` at a time, so that a table of
    any length fits. (A cursor of PostgreSQL's driver holds the whole answer.)"""
    last: Any = None
    while rows := tuples((query if last is None else query.where(key > last)).order_by(key).limit(size)):
        yield from rows
        last = rows[-1][0]


def migrate() -> list[str]:
    """Bring the schema up to date; gives the names of the migrations that ran. Repeating it changes nothing."""
    return Runner(db.obj, str(ROOT / "migrations")).up()


@contextmanager
def starting_alone() -> Iterator[None]:
    """While one host gets the database ready, others that start at the same time wait for it. (SQLite has one host.)"""
    if not _is_postgresql():
        yield
        return
    db.execute_sql("SET lock_timeout = 0")
    db.execute_sql("SELECT pg_advisory_lock(hashtext('roundtrip starts'))")
    db.execute_sql("RESET lock_timeout")
    try:
        yield
    finally:
        db.execute_sql("SELECT pg_advisory_unlock(hashtext('roundtrip starts'))")


def clock_off() -> float:
    """Seconds by which the clock of this host is before (+) or behind that of the database's host; 0.0 on SQLite."""
    if not _is_postgresql():
        return 0.0
    before = utc_now()
    [(there,)] = db.execute_sql("SELECT clock_timestamp()").fetchall()
    after = utc_now()
    return ((before - there) + (after - before) / 2).total_seconds()


_off: tuple[float, float] = (0.0, 0.0)  # when it was looked at, by this process' own clock; what was found
_LOOK_AGAIN = 30.0  # seconds


def shared_now() -> datetime:
    """Now by the clock that all hosts share, the database's: for leases, which one host gives and another one ends."""
    global _off
    if not _is_postgresql():
        return utc_now()
    if not _off[0] or time.monotonic() - _off[0] > _LOOK_AGAIN:
        _off = time.monotonic(), clock_off()
    return utc_now() - timedelta(seconds=_off[1])


def applied_migrations() -> list[str]:
    """The names of the migrations that this database has had, in their order."""
    return [one.name for one in Runner(db.obj, str(ROOT / "migrations")).status() if one.applied]


def known_migrations() -> list[str]:
    """The names of the migrations that this version has."""
    return sorted(path.stem for path in (ROOT / "migrations").glob("[0-9]*.py"))


def tables() -> list[str]:
    """The names of all tables that are there; none in an empty database. Those of an index are none."""
    return sorted(name for name in db.get_tables() if not name.startswith(("sqlite_", "within_")))


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
