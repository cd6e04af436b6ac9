"""An installation moves from SQLite to PostgreSQL and back by one command: everything or nothing, and it proves itself."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, PASS, on_both_databases, settings_for
from flask import Flask
from samples import World

import moving
from accounts import audit
from accounts.keys import accept_keys, other_keys
from accounts.models import AuditEntry, InstallationNote
from accounts.people import create_user
from assets.registering import register_assets
from commands import move_database
from config import Settings
from database import db as proxy
from database import open_database, tables
from docs_gen.issuing import Order, issue_document
from docs_gen.models import IssuedDocument
from invariants import faults
from shipments.models import ShipmentLine


@pytest.fixture
def settings(app: Flask, world: World, tmp_path: Path) -> Settings:
    """An installation on SQLite with boxes, a paper, amounts and people."""
    settings = settings_for(tmp_path)
    with app.app_context():
        clerk = create_user("clerk", "a long password", NOW)
        register_assets(world.klt, ["KLT000001", "KLT000002"], world.suzhou, world.plant, clerk, NOW)
        issue_document(world.shipment, Order("packing_list", reasons=PASS), clerk, NOW, settings)
    ShipmentLine.update(unit_price=Decimal("1234567890123.4500")).where(ShipmentLine.position == 1).execute()
    proxy.close()
    return settings


@pytest.fixture
def empty(postgresql: Any, postgresql_server: Any) -> Callable[[str], str]:
    """The address of an empty PostgreSQL of this name."""

    def make(name: str) -> str:
        postgresql.execute(f"DROP DATABASE IF EXISTS {name}")
        postgresql.execute(f"CREATE DATABASE {name}")
        return str(postgresql_server.get_uri(name)).replace("postgresql://", "psycopg3://")

    return make


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    if not proxy.is_closed():
        proxy.close()


def _all_rows(url: str) -> dict[str, int]:
    open_database(url)
    with proxy.connection_context():
        return {name: proxy.execute_sql(f'SELECT COUNT(*) FROM "{name}"').fetchone()[0] for name in tables()}


def test_everything_moves_to_postgresql_and_back_and_is_the_same(
    settings: Settings, empty: Callable[[str], str], tmp_path: Path
) -> None:
    told: list[str] = []
    there = empty("moved_there")
    moved = moving.move_database(settings.database_url, there, settings, told=told.append)
    assert moved.faults == ()
    assert moved.rows == sum(n for name, n in _all_rows(there).items() if name != "schema_migration")
    assert any(line.split()[1:3] == ["issued_document:", "1"] for line in told)
    with proxy.connection_context():
        price = ShipmentLine.get(ShipmentLine.position == 1).unit_price
        assert str(price) == "1234567890123.4500"  # not a digit more or less
        assert list(audit.broken(audit.lines())) == []
        assert list(faults(settings)) == []
        again = IssuedDocument.get()
        assert again.issued_time == NOW
    back = f"sqlite:///{tmp_path / 'back.db'}"
    moving.move_database(there, back, replace(settings, data_dir=tmp_path), told=told.append)
    sums = [
        [line.rpartition(" ")[2] for line in told if f" {name}: " in line] for name in ("scan_event", "audit_entry")
    ]
    assert all(len(each) == 2 and each[0] == each[1] for each in sums)
    one, two = (sqlite3.connect(path) for path in (tmp_path / "roundtrip.db", tmp_path / "back.db"))
    for table in (name for name in _all_rows(back) if name != "schema_migration"):
        rows = [list(each.execute(f'SELECT * FROM "{table}" ORDER BY 1')) for each in (one, two)]
        assert rows[0] == rows[1], table  # value by value, as SQLite had them


def test_after_the_move_the_service_goes_on_where_it_was(
    app: Flask, settings: Settings, empty: Callable[[str], str]
) -> None:
    there = empty("moved_on")
    moving.move_database(settings.database_url, there, settings)
    with app.app_context(), proxy.connection_context():
        assert create_user("next", "a long password", NOW).id  # the next key is free
        document = IssuedDocument.get()
        second = issue_document(document.shipment, Order("packing_list", reasons=PASS), None, NOW, settings)
        assert (second.number, second.replaces_id) == ("PL-2026-0002", document.id)
        with pytest.raises(Exception, match="never changed or deleted"), proxy.atomic():
            proxy.execute_sql("DELETE FROM audit_entry")
        assert list(faults(settings)) == []


@pytest.mark.parametrize("what", ["not empty", "fault", "nonsense", "copy"])
def test_what_is_not_as_it_should_be_moves_nothing(
    settings: Settings, empty: Callable[[str], str], what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    there = empty("moved_not")
    before = shutil.copy(tmp_path / "roundtrip.db", tmp_path / "before.sqlite")
    rows = 0
    if what == "not empty":
        open_database(there)
        with proxy.connection_context():
            proxy.execute_sql("CREATE TABLE somebodys (id INTEGER)")
        rows = 1
    elif what == "fault":
        next(settings.data_dir.glob("files/??/*.pdf")).unlink()
    else:
        with sqlite3.connect(tmp_path / "roundtrip.db") as file:  # a value that SQLite takes and PostgreSQL has not
            value = "a\0b" if what == "copy" else "many"
            column = ("party", "name_en") if what == "copy" else ("shipment_line", "quantity")
            file.execute(f"UPDATE {column[0]} SET {column[1]} = ?", (value,))
    (tmp_path / "before.sqlite").unlink()
    assert before
    with pytest.raises(moving.MoveFault):
        moving.move_database(settings.database_url, there, settings, with_faults=what in ("nonsense", "copy"))
    assert len(_all_rows(there)) == rows


def test_faults_move_along_when_one_says_so_and_are_told(settings: Settings, empty: Callable[[str], str]) -> None:
    next(settings.data_dir.glob("files/??/*.pdf")).unlink()
    moved = moving.move_database(settings.database_url, empty("moved_faulty"), settings, with_faults=True)
    assert len(moved.faults) == 1
    assert "is missing" in moved.faults[0]


def test_nobody_writes_into_the_old_database_meanwhile(settings: Settings, empty: Callable[[str], str]) -> None:
    tried: list[str] = []

    def write(_: str) -> None:
        if not tried:
            with sqlite3.connect(settings.data_dir / "roundtrip.db", timeout=0) as other:
                try:
                    other.execute("UPDATE party SET name_en = 'x'")
                except sqlite3.OperationalError as error:
                    tried.append(str(error))

    moving.move_database(settings.database_url, empty("moved_still"), settings, told=write)
    assert tried == ["database is locked"]


def test_the_command_says_what_to_do_next(app: Flask, settings: Settings, empty: Callable[[str], str]) -> None:
    from serve import address_is_taken

    app.config["ROUNDTRIP"] = replace(settings, port=8499)
    assert not address_is_taken(app.config["ROUNDTRIP"])
    result = app.test_cli_runner().invoke(move_database, [settings.database_url, empty("moved_told")])
    assert result.exit_code == 0, result.output
    assert "No fault found, neither here nor there." in result.output
    assert "ROUNDTRIP_DATABASE_URL" in result.output
    wrong = app.test_cli_runner().invoke(move_database, ["oracle://x", "y"])
    assert (wrong.exit_code, "oracle:// is not known" in wrong.output) == (1, True)


@on_both_databases
def test_hosts_of_one_database_must_have_the_same_keys(app: Flask, db: Any) -> None:
    settings: Settings = app.config["ROUNDTRIP"]
    other = replace(settings, totp_key="another key of a second host ........")
    assert other_keys(settings) == []
    several = "Sqlite" not in type(db).__name__
    assert other_keys(other) == (["ROUNDTRIP_TOTP_KEY"] if several else [])
    accept_keys(other)
    assert other_keys(other) == []
    assert (other_keys(settings) != []) == several
    for note in InstallationNote.select():
        assert settings.secret_key not in note.value
    assert AuditEntry.select().count() == 0
