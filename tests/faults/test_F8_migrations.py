"""F8: the upgrade is killed at every statement: the schema is the old or the new one, and the next start completes it."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, PASS, PASSWORD, settings_for
from playhouse.migrations import Runner
from self_killing import killed_at
from simulated_devices import LARGE, tried
from test_ledger import scan

from accounts.people import create_user
from assets.ledger import after_migrations
from assets.models import Movement, StockLevel
from assets.registering import register_assets
from assets.scanning import record_scan
from config import ROOT
from database import applied_migrations, migrate, open_database
from database import db as proxy
from docs_gen.issuing import Order, _kept, take_number
from docs_gen.models import IssuedDocument
from docs_gen.register import type_of
from docs_gen.render import Paper
from invariants import faults

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


#: What migrations add rows to: the list of them, and the roles that came later.
GROWING = ("schema_migration", "role", "user_role")


def rows(tables: Iterable[str]) -> dict[str, int]:
    return {name: proxy.execute_sql(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in tables}


def kept() -> tuple[list[Any], list[Any]]:
    """The papers with the hashes of their files, and where each box is, in words that every version has."""
    papers = proxy.execute_sql("SELECT number, state, sha256, facts FROM issued_document ORDER BY id").fetchall()
    boxes = 'SELECT code, life, "where_", "condition", holder_id, shipment_id, event_count FROM asset ORDER BY code'
    return papers, proxy.execute_sql(boxes).fetchall()


@pytest.fixture
def first(tmp_path: Path, app, world) -> Path:
    """A data folder of the first version: the small world, boxes of which one is out, and an issued paper."""
    folder = tmp_path / "first"
    settings = settings_for(folder)
    with app.app_context():
        clerk = create_user("clerk", PASSWORD, NOW)
        codes = ["KLT000001", "KLT000002", "KLT000003"]
        register_assets(world.klt, codes, world.suzhou, world.plant, clerk, NOW - timedelta(days=1))
        document = take_number(world.shipment, Order("packing_list", reasons=PASS), clerk, NOW, settings.base_url)
        _, fault = _kept(document, type_of(document), Paper(b"%PDF-1.7 " + b"x" * 5_000 + b"%%EOF", 1), settings)
        assert fault is None
        record_scan(scan("dispatch"), clerk, NOW + timedelta(hours=1))
    today = proxy.obj.database
    proxy.close()
    open_database(settings.database_url)
    with proxy.connection_context():
        Runner(proxy.obj, str(ROOT / "migrations")).up(NAMES[0])
        proxy.execute_sql("ATTACH ? AS today", (today,))
        proxy.execute_sql("PRAGMA foreign_keys = OFF")
        for name in proxy.get_tables():
            if name != "schema_migration":
                now = {row[1] for row in proxy.execute_sql(f'PRAGMA today.table_info("{name}")')}
                both = [row[1] for row in proxy.execute_sql(f'PRAGMA main.table_info("{name}")') if row[1] in now]
                columns = ", ".join(f'"{column}"' for column in both)
                proxy.execute_sql(f'INSERT INTO main."{name}" ({columns}) SELECT {columns} FROM today."{name}"')
        proxy.execute_sql("DETACH today")
        assert proxy.execute_sql("PRAGMA foreign_key_check").fetchall() == []
        proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return folder / "roundtrip.db"


@pytest.mark.unchecked("each try is checked, and its database deleted")
def test_F8_killed_at_any_statement_the_schema_is_old_or_new_and_the_next_start_completes_it(
    first, tmp_path, migrated_file
):
    wanted = schema(migrated_file)

    with closing(sqlite3.connect(first)) as file:
        tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    open_database(f"sqlite:///{first}")
    with proxy.connection_context():
        before, there = rows(tables), kept()
    [(number, state, sha256, _)], boxes = there
    assert (number, state, [box[2] for box in boxes]) == ("PL-2026-0001", "issued", ["out", "here", "here"])

    def copy(number: int) -> Path:
        folder = tmp_path / f"try-{number}"
        shutil.copytree(first.parent, folder)
        return folder / first.name

    whole = copy(0)
    statements = upgrade(whole, 0)
    assert schema(whole) == wanted
    between = set(_steps(first, tmp_path))
    places = range(1, statements + 1) if LARGE else range(1, statements, statements // 9)
    for number in places:
        path = copy(number)
        assert upgrade(path, number) == 0
        open_database(f"sqlite:///{path}")
        with proxy.connection_context():
            assert (frozenset(schema(path)), len(applied_migrations())) in between, number
            after_migrations(migrate(), NOW)
            after = rows(tables)
            assert {name: after[name] for name in tables if name not in GROWING} == {
                name: count for name, count in before.items() if name not in GROWING
            }
            assert kept() == there
            [file] = path.parent.rglob("*.pdf")
            assert sha256 == file.stem == hashlib.sha256(file.read_bytes()).hexdigest()
            assert list(faults(settings_for(path.parent))) == []
        assert schema(path) == wanted
        shutil.rmtree(path.parent)
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
