"""The migrations make exactly what the models say, on both databases, with every CHECK constraint."""

import importlib.util
import shutil
import tempfile
from pathlib import Path

import pytest
from conftest import on_both_databases
from peewee import Check, IntegrityError
from playhouse.migrations import Runner
from playhouse.schema_diff import diff_models

import accounts.models
import alerts.models
import assets.models
import customs.models
import docs_gen.models
import jobs.models
import master_data.models
import shipments.models
import statements.models
from accounts.models import ApiToken, User
from config import ROOT
from database import Row, migrate, open_database

PARTS = (
    accounts.models,
    master_data.models,
    shipments.models,
    assets.models,
    docs_gen.models,
    jobs.models,
    statements.models,
    customs.models,
    alerts.models,
)
MODELS = [
    thing
    for part in PARTS
    for thing in vars(part).values()
    if isinstance(thing, type) and issubclass(thing, Row) and thing is not Row and thing.__module__ == part.__name__
]


@on_both_databases
def test_schema_matches_the_models(db):
    assert not diff_models(db, MODELS)


@on_both_databases
def test_repeating_the_migrations_changes_nothing(db):
    assert migrate() == []


def test_every_check_of_the_models_is_in_the_schema(db):
    """diff_models does not see CHECK constraints, so they are compared here."""
    for model in MODELS:
        sql = db.execute_sql("SELECT sql FROM sqlite_master WHERE name = ?", [model._meta.table_name]).fetchone()[0]
        for constraint in model._meta.constraints or []:
            assert constraint.sql in sql, f"{model.__name__}: {constraint.sql}"
            assert isinstance(constraint, type(Check("1")))


@on_both_databases
def test_the_database_refuses_what_the_models_forbid(db, world):
    world.shipment.state = "flying"
    with pytest.raises(IntegrityError), db.atomic():
        world.shipment.save()
    with pytest.raises(IntegrityError), db.atomic():
        world.suzhou.delete_instance()


def test_sqlite_is_durable_and_keeps_its_references(tmp_path):
    db = open_database(f"sqlite:///{tmp_path / 'roundtrip.db'}")  # as the service opens it, not as the tests' fixture
    pragma = {
        name: db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys", "synchronous")
    }
    db.close()
    assert pragma == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}  # 2 is FULL


def test_who_was_there_before_there_were_roles_keeps_what_they_could_do(tmp_path):
    """Everybody could do all but what is for administrators, and see all of it; so could a program with a token."""
    older = tmp_path / "older"
    older.mkdir()
    for path in (ROOT / "migrations").glob("0*.py"):
        if path.name < "0010":
            shutil.copy(path, older)
    database = open_database(f"sqlite:///{tmp_path / 'old.db'}")
    with database.connection_context():
        Runner(database, str(older)).up()
        person = "INSERT INTO user (email, username, password, active, fs_uniquifier, must_change_password, language, created_time)"
        database.execute_sql(
            f"{person} VALUES ('a', 'anna', 'x', 1, '1', 0, '', '2026-01-01'), ('b', 'boss', 'x', 1, '2', 0, '', '2026-01-01')"
        )
        database.execute_sql("INSERT INTO role (name, description) VALUES ('administrator', '')")
        database.execute_sql("INSERT INTO user_role (user_id, role_id) VALUES (2, 1)")
        database.execute_sql(
            "INSERT INTO api_token (name, scope, user_id, sha256, created_time) VALUES ('p', '', 1, 'h', '2026-01-01')"
        )
        assert "0010_people" in migrate()
        anna, boss = User.select().order_by(User.id)
        assert {role.name for role in anna.roles} == {"document_clerk", "logistics_lead"}
        assert {role.name for role in boss.roles} == {"administrator"}
        assert (anna.all_entities, anna.all_sites, anna.partner_id) == (True, True, None)
        assert ApiToken.get().rights == "*"


#: A stand-in for pg_trgm, which the PostgreSQL of the tests lacks: an extension as that is, with an operator class of
#: the same name, under which an empty table can have an index.
_TRGM = {
    "pg_trgm.control": "default_version = '1.6'\ntrusted = true\nrelocatable = true\n",
    "pg_trgm--1.6.sql": """CREATE OPERATOR CLASS gin_trgm_ops FOR TYPE text USING gin AS
        OPERATOR 1 pg_catalog.=, FUNCTION 1 bttextcmp(text, text),
        FUNCTION 2 gin_extract_tsvector(tsvector, internal, internal),
        FUNCTION 3 gin_extract_tsquery(tsvector, internal, int2, internal, internal, internal, internal),
        FUNCTION 4 gin_tsquery_consistent(internal, int2, tsvector, int4, internal, internal, internal, internal);""",
}


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_the_search_within_codes_has_its_index_wherever_pg_trgm_lies_and_goes_without_it(db):
    spec = importlib.util.spec_from_file_location("m0023", ROOT / "migrations" / "0023_search_within.py")
    migration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)

    def indexes(*before):
        with db.atomic():  # as the runner does
            migration.down(None, db)
            for statement in ("DROP EXTENSION IF EXISTS pg_trgm CASCADE", *before):
                db.execute_sql(statement)
            migration.up(None, db)
        found = db.execute_sql("SELECT indexname FROM pg_indexes WHERE starts_with(indexname, 'within')")
        return {name for (name,) in found}

    both = {"within_asset", "within_issued_document"}
    with tempfile.TemporaryDirectory() as folder:  # the server runs as somebody else
        there = Path(folder) / "extension"
        there.mkdir()
        for name, text in _TRGM.items():
            (there / name).write_text(text)
        Path(folder).chmod(0o755)
        db.execute_sql(f"SET extension_control_path = '{folder}:$system'")
        assert indexes() == both
        assert indexes('CREATE SCHEMA "Ext ""1"', 'CREATE EXTENSION pg_trgm SCHEMA "Ext ""1"') == both
        closed = (
            "CREATE ROLE guest", "GRANT CREATE ON SCHEMA public TO guest", "ALTER TABLE asset OWNER TO guest",
            "ALTER TABLE issued_document OWNER TO guest", "CREATE SCHEMA closed",
            "CREATE EXTENSION pg_trgm SCHEMA closed", "SET LOCAL ROLE guest",
        )  # fmt: skip
        assert indexes(*closed) == set()
        db.execute_sql("REASSIGN OWNED BY guest TO CURRENT_USER; DROP OWNED BY guest; DROP ROLE guest")
        refuse = (
            "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS "
            "'BEGIN RAISE EXCEPTION ''not on our list''; END'",
            "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION') "
            "EXECUTE FUNCTION refuse()",
        )
        assert indexes(*refuse) == set()  # listed as trusted, and not allowed
        db.execute_sql("DROP EVENT TRIGGER refuse; DROP FUNCTION refuse; RESET extension_control_path")
    assert indexes() == set()  # not there at all
