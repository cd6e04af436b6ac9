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

import psycopg
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


@pytest.fixture
def first_on_postgresql(first: Path, postgresql: Any, postgresql_server: Any) -> Callable[[], str]:
    """Gives the address of one more database of the first version, with the same in it."""
    postgresql.execute("DROP DATABASE IF EXISTS first_version WITH (FORCE)")
    postgresql.execute("CREATE DATABASE first_version")
    open_database(_address(postgresql_server, "first_version"))
    with proxy.connection_context():
        Runner(proxy.obj, str(ROOT / "migrations")).up(NAMES[0])
    uri = postgresql_server.get_uri("first_version")
    with closing(sqlite3.connect(first)) as file, psycopg.connect(uri) as there:
        there.execute("SET session_replication_role = replica")  # no trigger, no reference
        columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s"
        for (name,) in there.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            if name == "schema_migration":
                continue
            kinds = dict(there.execute(columns, (name,)).fetchall())
            names = ", ".join(f'"{column}"' for column in kinds)
            for row in file.execute(f'SELECT {names} FROM "{name}"'):
                values = [
                    bool(value) if kind == "boolean" and value is not None else value
                    for value, kind in zip(row, kinds.values(), strict=True)
                ]
                there.execute(f'INSERT INTO "{name}" ({names}) VALUES ({", ".join(["%s"] * len(row))})', values)
            if "id" in kinds:
                there.execute(
                    f"""SELECT setval(pg_get_serial_sequence('"{name}"', 'id'), max(id)) FROM "{name}" HAVING max(id) > 0"""
                )

    def one_more() -> str:
        proxy.close()
        postgresql.execute("DROP DATABASE IF EXISTS upgraded WITH (FORCE)")
        postgresql.execute("CREATE DATABASE upgraded TEMPLATE first_version")
        return _address(postgresql_server, "upgraded")

    return one_more


def _address(server: Any, name: str) -> str:
    return str(server.get_uri(name)).replace("postgresql://", "psycopg3://")


def signature() -> frozenset[Any]:
    """What the schema of the PostgreSQL database that is open consists of."""
    return frozenset(row for part in _SCHEMA for row in proxy.execute_sql(part).fetchall())


_SCHEMA = (
    """SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length
       FROM information_schema.columns WHERE table_schema = 'public'""",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace""",
    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
)


def upgrade_postgresql(url: str, kill_at: int) -> int:
    """As `upgrade`; what is killed leaves a server that takes back what was not committed."""

    def work(step: Callable[[], None]) -> None:
        open_database(url).query_hooks.append(lambda _: step())
        with proxy.connection_context():
            after_migrations(migrate(), NOW)

    return killed_at(kill_at, work)


@pytest.mark.unchecked("each try is checked, and its database replaced")
def test_F8_killed_at_any_statement_on_postgresql_it_is_old_or_new_and_the_next_start_completes_it(
    first, first_on_postgresql, postgresql_server
):
    open_database(_address(postgresql_server, "migrated"))
    with proxy.connection_context():
        wanted = signature()
    open_database(first_on_postgresql())
    between = set()
    with proxy.connection_context():
        tables = proxy.get_tables()
        before, there = rows(tables), kept()
        between.add((signature(), 1))
        for number, name in enumerate(NAMES[1:], 2):
            Runner(proxy.obj, str(ROOT / "migrations")).up(name)
            between.add((signature(), number))
    assert wanted in {found for found, _ in between}
    assert [box[2] for box in there[1]] == ["out", "here", "here"]
    statements = upgrade_postgresql(first_on_postgresql(), 0) if LARGE else 0
    places = range(1, statements + 1, STEP) if LARGE else (400,)  # in the midst of them
    for number in places:
        url = first_on_postgresql()
        assert upgrade_postgresql(url, number) == 0
        open_database(url)
        with proxy.connection_context():
            assert (signature(), len(applied_migrations())) in between, number
            after_migrations(migrate(), NOW)
            assert signature() == wanted
            after = rows(tables)
            assert {name: after[name] for name in tables if name not in GROWING} == {
                name: count for name, count in before.items() if name not in GROWING
            }
            assert kept() == there
            assert list(faults(settings_for(first.parent, url))) == []
    proxy.close()
    what = f"upgrade on PostgreSQL killed at every {STEP}th of {statements} statements"
    tried("F8", what, len(places))


#: To make a database anew for each of them would take hours.
STEP = 5


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
