"""Statements whose text is made once: many rows at once are what they would be one by one, on both databases."""

import pytest
from conftest import NOW, on_both_databases
from peewee import DatabaseError

from assets import ledger, scan_batches
from assets.models import AccountClosing, Asset, Movement, ScanEvent
from master_data.models import Place
from prepared_statements import Slot, prepared


@prepared
def _place(code: Slot, name: Slot, changed: Slot, own: Slot, party: Slot):
    return Place.insert(code=code, name_en=name, changed_time=changed, return_address=own, party=party, country="CN")


@prepared
def _moved(name: Slot, changed: Slot, code: Slot):
    return Place.update(name_en=name, changed_time=changed).where(Place.code == code)


@prepared
def _new(*, model, names):
    return model.insert({name: Slot(at) for at, name in enumerate(names)})


@on_both_databases
def test_rows_that_are_changed_at_once_are_what_they_would_be_one_by_one(db, world):
    rows = [(f"P{number}", "", NOW, False, world.suzhou.id) for number in range(3)]
    _place.run_many(rows)
    _moved.run_at_once([("甲", NOW.replace(hour=1), "P2"), ('{"x", NULL}', NOW.replace(hour=2), "P0")])
    _moved.run_at_once([])
    found = {row.code: (row.name_en, row.changed_time) for row in Place.select().where(Place.code.startswith("P"))}
    assert found["P0"] == ('{"x", NULL}', NOW.replace(hour=2))
    assert found["P1"] == ("", NOW)
    assert found["P2"] == ("甲", NOW.replace(hour=1))


@on_both_databases
def test_rows_that_are_added_at_once_keep_days_nothing_and_truth(db, world):
    names = ("owner", "partner", "closed_until")
    _new.run_at_once([(world.suzhou.id, world.hamburg.id, NOW.date())], model=AccountClosing, names=names)
    assert AccountClosing.get().closed_until == NOW.date()
    asset_names = ("code", "grai", "asset_type", "owner", "created_time", "dirty", "due_day", "life", "where", "condition",
                   "parent", "event_count")  # fmt: skip
    values = [
        ("KLT1", None, world.klt.id, world.suzhou.id, NOW, True, None, "active", "here", "good", "", 1),
        ("KLT2", "0401", world.klt.id, world.suzhou.id, NOW, False, NOW.date(), "active", "here", "good", "", 2),
    ]
    _new.run_at_once(values, model=Asset, names=asset_names)
    found = {row.code: (row.grai, row.dirty, row.due_day, row.created_time) for row in Asset.select()}
    assert found == {"KLT1": (None, True, None, NOW), "KLT2": ("0401", False, NOW.date(), NOW)}


@on_both_databases
def test_what_scans_write_goes_to_postgresql_as_arrays(db, world):
    """What has no such text falls back to one row after the other, and nobody would notice."""
    statements = [
        ledger._write_states._statement({"names": ("life", "due_day", "owner", "seen_time")}),
        ledger._update_trips._statement({"names": ("end_time", "end")}),
        ledger._insert_trips._statement({}),
        ledger._add_levels._statement({}),
        scan_batches._write_notes._statement({}),
        *(
            ledger._insert._statement({"model": model, "names": tuple(model._meta.sorted_field_names[1:])})
            for model in (ScanEvent, Movement)
        ),
    ]
    assert {statement.of_columns is None for statement in statements} == {db.param == "?"}


@on_both_databases
def test_a_text_that_is_too_long_for_its_column_is_not_cut(db, world):
    if db.param == "?":
        return  # SQLite has no lengths
    with pytest.raises(DatabaseError), db.atomic():
        _moved.run_at_once([("x" * 1_000, NOW, world.plant.code)])
