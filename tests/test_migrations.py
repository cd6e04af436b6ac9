"""The migrations make exactly what the models say, on both databases, with every CHECK constraint."""

import pytest
from conftest import on_both_databases
from peewee import Check, IntegrityError
from playhouse.schema_diff import diff_models

import accounts.models
import alerts.models
import assets.models
import customs.models
import docs_gen.models
import master_data.models
import shipments.models
import statements.models
from database import Row, migrate

PARTS = (
    accounts.models,
    master_data.models,
    shipments.models,
    assets.models,
    docs_gen.models,
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


def test_sqlite_is_durable_and_keeps_its_references(db):
    pragma = {
        name: db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys", "synchronous")
    }
    assert pragma == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 2}  # 2 is FULL
