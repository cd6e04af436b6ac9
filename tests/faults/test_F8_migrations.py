"""F8: the upgrade is killed at every statement: the schema is the old or the new one, and the next start completes it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from playhouse.migrations import Runner
from self_killing import killed_at
from simulated_devices import LARGE, tried
from test_ledger import scan

from assets.ledger import after_migrations
from assets.models import Movement, StockLevel
from assets.registering import register_assets
from assets.scanning import record_scan
from config import ROOT
from database import applied_migrations, migrate, open_database
from database import db as proxy
from docs_gen.models import IssuedDocument

NAMES = sorted(path.stem for path in (ROOT / "migrations").glob("[0-9]*.py"))


def schema(path: Path) -> set[Any]:
    with closing(sqlite3.connect(path)) as file:
        return {
            (name, " ".join((sql or "").split())) for name, sql in file.execute("SELECT name, sql FROM sqlite_master")
        }


def upgrade(path: Path, kill_at: int) -> int:
    """Migrate in a child that kills itself at its n-th statement; gives how many there were, 0 when it was killed."""

    def work(step: Callable[[], None]) -> None:
        open_database(f"sqlite:///{path}")
        with proxy.connection_context():
            proxy.connection().set_trace_callback(lambda _: step())
            after_migrations(migrate(), NOW)

    return killed_at(kill_at, work)


@pytest.fixture
def first(tmp_path: Path, db) -> Path:
    """A database of the first version with a partner in it."""
    db.close()
    path = tmp_path / "first.db"
    open_database(f"sqlite:///{path}")
    with proxy.connection_context():
        Runner(proxy.obj, str(ROOT / "migrations")).up(NAMES[0])
        columns = {row[1]: row for row in proxy.execute_sql("PRAGMA table_info(party)")}
        needed = [name for name, row in columns.items() if row[3] and row[4] is None and name != "id"]
        values = ["SUZHOU" if name == "code" else "2026-11-23 08:00:00.000000" if name.endswith("_time") else 0 if "INT" in columns[name][2] else "x" for name in needed]  # fmt: skip
        proxy.execute_sql(f"INSERT INTO party ({', '.join(needed)}) VALUES ({', '.join('?' for _ in needed)})", values)
        proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return path


def test_F8_killed_at_any_statement_the_schema_is_old_or_new_and_the_next_start_completes_it(
    first, tmp_path, migrated_file
):
    wanted = schema(migrated_file)

    def copy(number: int) -> Path:
        path = tmp_path / f"try-{number}.db"
        shutil.copy(first, path)
        return path

    whole = copy(0)
    statements = upgrade(whole, 0)
    assert schema(whole) == wanted
    between = set(_steps(first, tmp_path))
    places = range(1, statements + 1) if LARGE else range(1, statements, statements // 12)
    for number in places:
        path = copy(number)
        assert upgrade(path, number) == 0
        open_database(f"sqlite:///{path}")
        with proxy.connection_context():
            assert (frozenset(schema(path)), len(applied_migrations())) in between, number
            after_migrations(migrate(), NOW)
            assert proxy.execute_sql("SELECT code FROM party").fetchall() == [("SUZHOU",)]
            assert proxy.execute_sql("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert schema(path) == wanted
        path.unlink()
    tried("F8", f"upgrade from the first version killed at each of {statements} statements", len(places))


def _steps(first: Path, tmp_path: Path):
    """The schema after each of the migrations, with how many there were: nothing else may be found."""
    path = tmp_path / "steps.db"
    shutil.copy(first, path)
    open_database(f"sqlite:///{path}")
    with proxy.connection_context():
        yield frozenset(schema(path)), 1
        for number, name in enumerate(NAMES[1:], 2):
            Runner(proxy.obj, str(ROOT / "migrations")).up(name)
            yield frozenset(schema(path)), number


def test_F8_what_is_made_of_old_events_is_made_when_the_upgrade_was_killed_right_before(world):
    """The books of the ledger follow from its events; a kill between the tables and the books loses neither."""
    register_assets(world.klt, ["KLT000001"], world.suzhou, world.plant, None, NOW)
    record_scan(scan("dispatch"), None, NOW)
    books = sorted(Movement.select(Movement.asset, Movement.quantity).tuples())
    StockLevel.delete().execute()
    Movement.delete().execute()
    after_migrations([], NOW)  # the migration itself had run before the kill
    assert sorted(Movement.select(Movement.asset, Movement.quantity).tuples()) == books
    after_migrations([], NOW)
    assert Movement.select().count() == len(books)
    assert IssuedDocument.select().count() == 0
