"""What is asked every day finds its rows by an index, on both databases: its cost does not grow with history.

The real pages and the real scans are run over a ledger of 1,000 boxes and 10,000 events, every statement is taken down,
and the database is asked how it would carry it out. SQLite has no statistics, as in life; PostgreSQL, for which a table of
this size is small enough to read it whole, is forbidden to where it has another way.
"""

import json
import re
import uuid
from contextlib import contextmanager
from datetime import timedelta

import pytest
from conftest import on_both_databases

from accounts.scope import Scope
from alerts.current import current_alerts
from assets import flow, visible
from assets.balances import by_place, overdue
from assets.epcis import document, recorded, rows_of
from assets.ledger import as_told, histories
from assets.ledger_check import faults
from assets.models import Asset, ScanEvent, StockLevel
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from assets.visible import BoxLists, visible_assets, visible_events
from benchmarks.growth import NOW, build
from master_data.models import Party, Place

#: what grows with the boxes or with their history
LARGE = ("scan_event", "asset", "movement", "trip", "exception_case")


@pytest.fixture
def ledger(db):
    build(1_000)


def is_postgresql(db):
    return db.param != "?"


@contextmanager
def taken_down(db):
    """The statements that are run inside, with their values; those for many rows too."""
    statements, execute, cursor = [], db.execute_sql, db.cursor

    def executed(sql, params=None, *args, **kwargs):
        statements.append((sql, params or ()))
        return execute(sql, params, *args, **kwargs)

    class Cursor:
        def __init__(self, real):
            self.real = real

        def execute(self, sql, params=()):
            if statements[-1:] != [(sql, params)]:  # what came by execute_sql is there already
                statements.append((sql, params))
            return self.real.execute(sql, params)

        def executemany(self, sql, rows):
            statements.append((sql, rows[0]))
            return self.real.executemany(sql, rows)

        def __getattr__(self, name):
            return getattr(self.real, name)

    db.execute_sql, db.cursor = executed, lambda *args: Cursor(cursor(*args))
    try:
        yield statements
    finally:
        del db.execute_sql, db.cursor


def read_whole(db, sql, params):
    """The large tables that the statement reads from end to end."""
    if is_postgresql(db):
        for way in ("seqscan", "hashjoin", "mergejoin"):
            db.execute_sql(f"SET enable_{way} = off")
        [plan] = db.execute_sql(f"EXPLAIN (FORMAT JSON) {sql}", params).fetchone()
        plan = json.loads(plan) if isinstance(plan, str) else plan
        return {node["Relation Name"] for node in nodes(plan[0]["Plan"]) if whole(node)} & set(LARGE)
    steps = [row[3] for row in db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()]
    names = dict(re.findall(r'"(\w+)" AS "(\w+)"', sql))
    tables = {alias: table for table, alias in re.findall(r'"(\w+)" AS "(\w+)"', sql)} | {name: name for name in names}
    scanned = {found[1] for step in steps if (found := re.match(r"SCAN (\w+)", step))}
    return {tables.get(name, name) for name in scanned} & set(LARGE)


def whole(node):
    """A table from end to end, or all of an index."""
    if node["Node Type"] == "Seq Scan":
        return True
    return node["Node Type"].startswith("Index") and "Relation Name" in node and "Index Cond" not in node


def nodes(plan):
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def assert_by_index(db, work):
    with taken_down(db) as statements:
        work()
    db.connect(reuse_if_open=True)
    asked = [(sql, params) for sql, params in statements if sql.split()[0] in ("SELECT", "UPDATE", "DELETE")]
    assert asked
    for sql, params in asked:
        assert not read_whole(db, sql, params), sql


@on_both_databases
def test_a_table_that_is_read_whole_is_noticed(db, ledger):
    """The test of this test."""
    sql, params = Asset.select(Asset.id).where(Asset.event_count > 10).sql()
    assert read_whole(db, sql, params) == {"asset"}
    sql, params = Asset.select(Asset.id).where(Asset.code == "KLT0000007").sql()
    assert read_whole(db, sql, params) == set()


@on_both_databases
def test_the_ledger_of_the_benchmark_obeys_the_rules(db, ledger):
    assert list(faults()) == []
    states = {(row.life, row.where, row.condition) for row in StockLevel.select()}
    assert len(states) >= 2
    assert {alert.kind for alert in current_alerts(NOW)} == {"overdue", "unseen", "conflict"}


@on_both_databases
def test_pages_and_alerts(db, ledger, client):
    for page in ("/balances", "/assets/KLT0000007", "/assets/KLT0000160", "/overdue"):
        assert_by_index(db, lambda page=page: client.get(page))
    for question in (
        by_place, lambda: overdue(NOW), lambda: current_alerts(NOW), lambda: flow._ended_at_home(NOW, None),
    ):  # fmt: skip
        assert_by_index(db, question)


@on_both_databases
def test_dispatching_and_bringing_home(db, ledger):
    here = [row.code for row in Asset.select().where(Asset.where == "here").limit(40)]
    away = [row.code for row in Asset.select().where(Asset.where == "out").limit(40)]

    def scans(kind, codes, hours, **fields):
        at = NOW + timedelta(hours=hours)
        return record_scans(
            [ScanInput(str(uuid.uuid4()), kind, code, at, place="GATE", happened=True, **fields) for code in codes], None, at
        )  # fmt: skip

    given = []
    for kind, codes, hours, fields in (
        ("dispatch", here, 1, {"shipment": "S-NOW"}), ("return", away, 2, {}), ("inspect", away, 3, {}),
        ("dispatch", away[20:], 2.5, {"shipment": "S-NOW"}), ("pack", away[:3], 4, {"parent": "(00)340123450000000017"}),
        ("return", ["(00)340123450000000017"], 5, {}),
    ):  # fmt: skip
        assert_by_index(db, lambda a=kind, b=codes, c=hours, d=fields: given.extend(scans(a, b, c, **d)))
    assert {answer.outcome for answer in given} == {"recorded"}
    assert_by_index(db, lambda: scans("void", [""], 6, voids=given[0].event_id, reason="x"))
    assert list(faults()) == []


@on_both_databases
def test_a_history_and_its_events_for_other_systems(db, ledger):
    box = Asset.get(code="KLT0000007")
    for question in (
        lambda: histories([box.id, box.id + 300]),
        lambda: as_told([box.id]),
        lambda: document(rows_of(box), "https://rt.example.com", NOW),
        lambda: document(recorded(NOW - timedelta(days=30), NOW, 100), "https://rt.example.com", NOW),
        lambda: document(recorded(None, NOW, 100, (NOW - timedelta(days=30), 5_000)), "https://rt.example.com", NOW),
    ):
        assert_by_index(db, question)


@pytest.mark.parametrize("address", ["/scan-events", "/movements", "/trips", "/documents"])
def test_a_list_that_shows_the_newest_first_reads_them_in_the_order_of_an_index(db, client, ledger, address):
    with taken_down(db) as statements:
        assert client.get(address).status_code == 200
    [(sql, params)] = [one for one in statements if "ORDER BY" in one[0] and "OFFSET" in one[0]]
    steps = [row[3] for row in db.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()]
    assert any("SCAN t1 USING INDEX" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


@on_both_databases
def test_a_list_of_who_sees_few_boxes_names_them_and_shows_what_it_would_by_judging_each(db, ledger, monkeypatch):
    ours, gate = Party.get(code="OURS"), Place.get(code="GATE")
    other = Party.create(code="OTHER", own=True, name_en="Other", country="CN", changed_time=NOW)
    site = Place.create(code="SITE", party=ours, name_en="Site", country="CN", changed_time=NOW)
    few = [row.id for row in Asset.select().where(Asset.where == "here").limit(30)]
    Asset.update(place=site, return_place=site).where(Asset.id.in_(few)).execute()
    nothing, one_site = Scope(frozenset({other.id}), None), Scope(None, frozenset({site.id}))

    def keys(model, condition):
        return sorted(row.id for row in model.select(model.id).where(condition))

    for scope in (
        nothing,
        one_site,
        Scope(frozenset({ours.id}), frozenset({site.id})),
        Scope(None, frozenset({gate.id})),
    ):
        lists = BoxLists(scope)
        boxes, events = keys(Asset, visible_assets(scope)), keys(ScanEvent, visible_events(scope))
        for passes in (lists.to_list, lists.to_count):
            assert keys(ScanEvent, visible_events(scope, passes)) == events
        assert keys(Asset, lists.assets(scope)) == boxes
        monkeypatch.setattr(visible, "FEW_TO_LIST", 5)  # now more boxes pass than are named
        assert keys(Asset, BoxLists(scope).assets(scope)) == boxes
        monkeypatch.undo()
    assert [BoxLists(scope).few(visible_assets, 100) for scope in (nothing, one_site)] == [[], few]
    for scope in () if is_postgresql(db) else (nothing, one_site):  # PostgreSQL knows how many they are, and chooses
        newest = ScanEvent.select().where(visible_events(scope, BoxLists(scope).to_list))
        assert not read_whole(db, *newest.order_by(ScanEvent.record_time.desc(), ScanEvent.id.desc()).limit(50).sql())


@pytest.mark.parametrize("text", ["nowhere", "T00000"])
def test_what_is_searched_for_everywhere_is_looked_for_in_an_index_only(client, ledger, text):
    """SQLite: no row of a box is read but those that are found; a million rows would be a gigabyte."""
    from database import db as proxy

    with taken_down(proxy.obj) as statements:
        assert client.get(f"/search?q={text}").status_code == 200
    plans = [
        row[3]
        for sql, params in statements
        if sql.startswith("SELECT")
        for row in proxy.execute_sql(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
    ]
    scans = [step for step in plans if step.startswith("SCAN")]
    assert any("within_asset VIRTUAL TABLE" in step for step in scans), scans
    assert not [step for step in scans if "COVERING" not in step and re.search("asset_(?!type)", step)], scans
