"""Lists and sums for who is limited to entities and sites: found by other ways than one by one, they come to the same."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import samples
from conftest import NOW, on_both_databases
from flask import Flask

from accounts.scope import Scope, acting_as, seen
from assets.balances import box_sums
from assets.models import Asset, Movement, Trip
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from assets.visible import BoxLists, visible_assets, visible_movements, visible_trips
from database import Database, tuples
from master_data.models import Party, Place

HOUR = timedelta(hours=1)


def scan(kind: str, code: str, hours: int, **fields: Any) -> None:
    one = ScanInput(str(uuid.uuid4()), kind, code, NOW + hours * HOUR, happened=True, **fields)
    assert record_scan(one, None, one.event_time).outcome == "recorded"


@pytest.fixture
def scopes(world: samples.World) -> list[Scope]:
    """Two entities whose boxes went, came back, stand at each other's places and were sold; each scope that there is."""
    other = samples.party(NOW, code="WUXI", name_en="Wuxi Steering Co., Ltd.", name_zh="无锡转向")
    place = {"name_en": "x", "country": "CN", "timezone": "Asia/Shanghai", "changed_time": NOW}
    theirs = Place.create(code="WX-PLANT", party=other, **place)
    store = Place.create(code="SZ-STORE", party=world.suzhou, **place)
    register_assets(world.klt, [f"KLT-S{n}" for n in range(6)], world.suzhou, world.plant, None, NOW)
    register_assets(world.klt, [f"KLT-W{n}" for n in range(4)], other, theirs, None, NOW)
    register_assets(world.klt, ["KLT-H0", "KLT-H1"], world.hamburg, world.warehouse, None, NOW)
    for code in ("KLT-S0", "KLT-S1", "KLT-W0", "KLT-H0"):
        scan("dispatch", code, 1, shipment="S-2026-0001", place="SZ-PLANT" if "S" in code[4] else "WX-PLANT")
    scan("return", "KLT-S0", 2, place="WX-PLANT", party="HAMBURG")
    scan("return", "KLT-W0", 2, place="SZ-STORE", party="HAMBURG")
    scan("owner_change", "KLT-W1", 3, party="SUZHOU")
    scan("owner_change", "KLT-S2", 3, party="WUXI")
    scan("transfer_out", "KLT-S3", 4, place="SZ-PLANT", destination="SZ-STORE")
    scan("receive", "KLT-H1", 5, place="SZ-PLANT")
    scan("lost", "KLT-S4", 6, reason="x")
    for owner, at in (("SUZHOU", "SZ-PLANT"), ("WUXI", "WX-PLANT")):
        one = ScanInput(
            str(uuid.uuid4()), "commission", "", NOW, asset_type="EPAL", quantity=9, place=at, owner=owner
        )  # fmt: skip
        assert record_scan(one, None, NOW).outcome == "recorded"
    ours, others = frozenset({world.suzhou.id}), frozenset({other.id})
    return [
        Scope(entities, sites)
        for entities in (None, ours, others, ours | others)
        for sites in (None, frozenset({world.plant.id}), frozenset({theirs.id, store.id}))
    ]


@on_both_databases
def test_movements_and_trips_that_are_found_by_their_boxes_are_those_that_the_rule_lets_pass(
    db: Database, app: Flask, scopes: list[Scope]
) -> None:
    said = Counter[bool]()
    for scope in scopes:
        with app.test_request_context(), acting_as(scope):
            for most in (1_000, 1):  # named; too many to be named
                lists = BoxLists(scope)
                found = set(tuples(seen(partial(lists.movements, most), Movement.select(Movement.id))))
                assert found == set(tuples(seen(visible_movements, Movement.select(Movement.id)))), scope
                said[bool(found)] += 1
            lists = BoxLists(scope)
            trips = set(tuples(seen(partial(visible_trips, passes=lists.to_list), Trip.select(Trip.id))))
            assert trips == set(tuples(seen(visible_trips, Trip.select(Trip.id)))), scope
    assert said[True] > 10


@on_both_databases
def test_sums_of_boxes_are_those_of_the_boxes_that_the_rule_lets_pass(
    db: Database, app: Flask, scopes: list[Scope]
) -> None:
    assert Party.select().where(Party.own).count() == 2
    for scope in scopes:
        with app.test_request_context(), acting_as(scope):
            boxes = seen(visible_assets, Asset.select()).where(Asset.life.in_(["active", "lost"]))
            right = Counter((box.holder_id, box.life, box.where, box.condition) for box in boxes)
            found: Counter[Any] = Counter()
            for *key, count in box_sums("holder", "life", "where", "condition"):
                found[tuple(key)] += int(count)
            if scope.sites is not None or scope.entities is None:  # without sites a foreign box is its holder's
                assert found == right, scope
