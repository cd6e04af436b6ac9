"""What the daily questions cost when the ledger has grown: N boxes with ten events each, on SQLite and on PostgreSQL.

The ledger is made by bulk SQL: boxes that travel together have one history, made by the rules of assets/state.py,
movements.py and trips.py, and copied for each of them. `ledger_check.faults()` finds nothing in it (tests/test_query_plans.py).
The rival of a figure is the same at 10,000 boxes: the ratio says how much it grew while the ledger grew ten or a hundred times.
"""

from __future__ import annotations

import json
import random
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient

from accounts.people import create_token, create_user
from alerts.current import current_alerts
from app import create_app
from assets import movements, trips
from assets import state as rules
from assets.labels import grai
from assets.ledger import LevelKey, change_levels, insert_rows, level_of
from assets.models import Asset, ScanEvent, Trip
from assets.state import Event
from benchmarks.figures import Figure
from benchmarks.worlds import postgresql, sqlite
from config import load_settings
from database import db, migrate, open_database, tuples
from docs_gen.facts import to_json
from docs_gen.samples import sample_facts
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment

SIZES = (10_000, 100_000)
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
ROUNDS = 7
#: boxes of one cohort travel together; so many cohorts after one another have one partner and type
COHORT, TYPES, PARTNERS = 50, 8, 40
ZONE = "Asia/Shanghai"
#: shipments whose papers have facts: to hold all of them would take gigabytes
WITH_FACTS = 300


def run(most: int) -> list[Figure]:
    """balances, box_page, alerts, dispatch_500 and return_100 at each size up to `most` boxes: less is better."""
    figures: list[Figure] = []
    for server in (sqlite, postgresql):
        first: dict[str, float] = {}
        for size in dict.fromkeys((*(size for size in SIZES if size <= most), most)):
            with server() as (url, folder):
                for name, (value, what) in _measured(url, folder, size).items():
                    first.setdefault(name, value)
                    full = f"{name}_{size:.0e}".replace("e+0", "e") + f"_{server.__name__}"
                    figures.append(Figure(full, value, "ms", first[name], what))
    return figures


def _measured(url: str, folder: Path, size: int) -> dict[str, tuple[float, str]]:
    """name → (median in ms, what was measured)."""
    app = create_app({"ROUNDTRIP": load_settings({"ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DEMO": "0"})})
    open_database(url)
    db.connect()
    migrate()
    start = time.perf_counter()
    build(size)
    print(
        f"{url.partition(':')[0]}: {size:,} boxes, {10 * size:,} events in {time.perf_counter() - start:.0f} s",
        flush=True,
    )
    with app.app_context():
        token = create_token(create_user("bench", "a long password", NOW, administrator=True), "bench", NOW)
    db.connect(reuse_if_open=True)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    chance = random.Random(4)
    at_home = [code for (code,) in tuples(Asset.select(Asset.code).where(Asset.where == "here").limit(20_000))]
    away = [code for (code,) in tuples(Asset.select(Asset.code).where(Asset.where == "out").limit(20_000))]
    chance.shuffle(at_home)
    chance.shuffle(away)

    def page(address: Callable[[], str]) -> Callable[[], object]:
        def asked() -> None:
            answer = client.get(address())
            assert answer.status_code == 200, answer.status

        return asked

    def report(kind: str, count: int, codes: list[str]) -> Callable[[], object]:
        return lambda: _post(client, kind, [codes.pop() for _ in range(count)])

    return {
        "balances": (_median(page(lambda: "/balances")), "page of balances"),
        "box_page": (_median(page(lambda: f"/assets/{chance.choice(at_home)}")), "page of one box"),
        "alerts": (
            _median(lambda: current_alerts(NOW)),
            "all alerts: overdue, unseen, damaged, conflicts, pools, customs",
        ),
        "dispatch_500": (_median(report("dispatch", 500, at_home)), "500 dispatches in one request"),
        "return_100": (_median(report("return", 100, away)), "100 returns in one request"),
    }


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS + 2):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[2:])  # the first two warm up


def _post(client: FlaskClient, kind: str, codes: Sequence[str]) -> None:
    events = [
        {
            "event_id": str(uuid.uuid4()), "type": kind, "scanned_text": code, "place": "GATE", "device": "TC22-01",
            "event_time": (NOW + timedelta(seconds=number)).isoformat(), "happened": True,
        }
        | ({"shipment": "S-NOW"} if kind == "dispatch" else {})
        for number, code in enumerate(codes)
    ]  # fmt: skip
    answer = client.post("/api/v1/scan-events", data=json.dumps({"events": events}), content_type="application/json")
    assert all(result["status"] == 201 for result in answer.get_json()["results"])


# the ledger


@dataclass(frozen=True)
class _World:
    ours: Party
    gate: Place
    partners: list[Party]
    kinds: list[AssetType]


def build(boxes: int, partners: int = PARTNERS) -> None:
    """A ledger of so many boxes in an empty, migrated database; `boxes` is a multiple of 50, and each 50 have a partner."""
    world = _world(partners)
    with _bulk():
        with db.atomic():
            levels = _templates(world, boxes // COHORT)
            for sql in _COPIES:
                db.execute_sql(sql.replace("EVENT_ID", _event_id()).replace("SEVEN", _seven()))
        _after_copying()
    change_levels(levels)
    Shipment.create(
        number="S-NOW", consignor=world.ours, consignee=world.partners[0], incoterm="FCA", named_place="Suzhou",
        transport_mode="1", currency="EUR", created_time=NOW, changed_time=NOW,
    )  # fmt: skip


def build_documents(count: int) -> None:
    """So many papers beside a ledger: issued, as rows, without their files. Those of the first shipments have facts."""
    closed = Shipment.select().where(Shipment.state == "closed").count()
    text = "CAST({} AS TEXT)"
    six = f"substr({text.format('1000000 + n.i')}, 2, 6)"
    code = f"substr({text.format('10000000 + n.i')}, 2, 7)"
    series = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
    facts = to_json(sample_facts(3))
    with db.atomic():
        sql = (
            f"{series.format(last=count - 1)} INSERT INTO issued_document (shipment_id, party_id, seller_id, type, part, "
            "number, issue_date, state, failed, facts, keywords, accepted, originals, copies, verify_code, engine, template, "
            "signed, sha256, size, pages, issued_time, void_reason) "
            "SELECT s.id, s.consignee_id, s.consignor_id, CASE n.i %% 2 WHEN 0 THEN 'commercial_invoice' ELSE 'packing_list' END, '', "
            f"CASE n.i %% 2 WHEN 0 THEN 'CI-2026-' ELSE 'PL-2026-' END || {six}, '2026-11-01', 'issued', FALSE, CASE WHEN s.id <= {WITH_FACTS} THEN ? ELSE '{{}}' END, "
            f"'S-' || {code}, '[]', 1, 0, 'verify-' || {code}, 'bench', 'bench', FALSE, '{'0' * 64}', 40000, 1, s.created_time, '' "
            f"FROM n JOIN shipment s ON s.id = 1 + n.i %% {closed}"
        )  # fmt: skip
        sql = sql.replace("?", "%s") if _is_postgresql() else sql.replace("%%", "%")
        db.execute_sql(sql, [facts])


def _world(partners: int) -> _World:
    def party(code: str, own: bool = False) -> Party:
        return Party.create(
            code=code, own=own, name_en=f"Company {code}", country="CN" if own else "DE", changed_time=NOW,
            address_en="1 Long Street\n215000 Suzhou" if own else "1 Long Street\n21079 Hamburg",
        )  # fmt: skip

    ours = party("OURS", own=True)
    gate = Place.create(
        code="GATE", party=ours, name_en="Gate", country="CN", timezone=ZONE, return_address=True, changed_time=NOW
    )
    kinds = [
        AssetType.create(
            code=f"KLT{number}", name_en=f"Box {number}", length_mm=600, width_mm=400, height_mm=280, tare=Decimal(3),
            payload=Decimal(20), package_code="4H", cn_package_code="29", gs1_company_prefix="4012345",
            gs1_asset_type=f"{number:05}", value=Decimal(12), value_currency="EUR", agreed_days_out=60, changed_time=NOW,
        )
        for number in range(TYPES)
    ]  # fmt: skip
    return _World(ours, gate, [party(f"P{number:02}") for number in range(partners)], kinds)


def _history(cohort: int, of: int, world: _World) -> list[Event]:
    """Ten events: two trips, then four of ten are out; of forty one for too long and one without having been inspected,
    and one at home was not seen for long."""
    born = NOW - timedelta(days=700 - 200 * cohort / of)
    away, careless = cohort % 10 < 4, cohort % 40 == 3
    long_ago = cohort % 40 in (13, 17)
    days_ago = 63 if away and long_ago else 230 if long_ago else cohort % 10 * 5 + 5  # 60 days are agreed
    last = NOW - timedelta(days=days_ago, seconds=cohort % 30_000)
    days = [10, 30, 60, 61, 210, 230, 260, 261]
    kinds = ["dispatch", "arrive", "return", "inspect"] * 2
    if careless:
        kinds[-1] = "clean"
    times = [born, *(born + timedelta(days=day) for day in days), last]
    partner = world.partners[cohort % len(world.partners)].id
    found = []
    for seq, kind in enumerate(["commission", *kinds, "dispatch" if away else "clean"]):
        out = kind in ("dispatch", "arrive")
        here = kind != "arrive"
        found.append(
            Event(
                str(seq), kind, times[seq], times[seq] + timedelta(seconds=1), place_id=world.gate.id if here else None,
                place_party_id=world.ours.id if here else None, place_own=here,
                party_id=world.ours.id if kind == "commission" else None,
                shipment_id=cohort * 3 + seq // 4 + 1 if out else None, consignee_id=partner if out else None,
            )
        )  # fmt: skip
    return found


def _templates(world: _World, cohorts: int) -> Counter[LevelKey]:
    """One history for each cohort, by the rules, in tables that are copied for each box; gives the levels of all."""
    events, lines, travels, states, shipments, cases = [], [], [], [], [], []
    levels: Counter[LevelKey] = Counter()
    zone = ZoneInfo(ZONE)
    for cohort in range(cohorts):
        kind = world.kinds[cohort // len(world.partners) % TYPES]
        history = _history(cohort, cohorts, world)
        partner = world.partners[cohort % len(world.partners)].id
        shipments += [
            {
                "id": cohort * 3 + number + 1, "number": f"S-{cohort:06}-{number}", "consignor": world.ours.id,
                "consignee": partner, "state": "closed", "incoterm": "FCA", "named_place": "Suzhou", "transport_mode": "1",
                "currency": "EUR", "created_time": history[0].event_time, "changed_time": history[0].event_time,
            }
            for number in range(3)
        ]  # fmt: skip
        steps = list(rules.steps(history))
        for step in steps:
            one, seq = step.event, int(step.event.event_id)
            events.append(
                (cohort, seq, one.type, one.shipment_id, one.place_id, one.party_id, one.event_time,
                 one.record_time, " ".join(step.broken))
            )  # fmt: skip
            cases += [(cohort, seq, word, one.place_id, one.record_time) for word in step.broken]
            line = movements.line(step)
            if line:
                lines.append((cohort, seq, *line.source[:2], *line.target[:2], one.event_time.astimezone(zone).date()))
        for trip in trips.trips(steps):
            travels.append(
                (cohort, *(int(trip.out_event) if name == "out_event" else getattr(trip, name) for name in _TRIP))
            )
        state = steps[-1].after
        due = (
            state.out_since.astimezone(zone).date() + timedelta(days=kind.agreed_days_out) if state.out_since else None
        )
        states.append(
            (cohort, kind.id, grai(kind, ""), history[0].event_time,
             *(getattr(state, name) for name in _STATE), due, history[-1].event_time)
        )  # fmt: skip
        level = level_of(kind.id, state)
        if level:
            levels[level] += COHORT
    for name, columns, like, rows in (
        ("t_event", "0 AS cohort, 0 AS seq, type, shipment_id, place_id, party_id, event_time, record_time, exception", "scan_event", sorted(events, key=lambda row: row[6])),
        ("t_line", "0 AS cohort, 0 AS seq, from_holder_id, from_place_id, to_holder_id, to_place_id, event_day", "movement", lines),
        ("t_trip", "0 AS cohort, " + ", ".join(_column(Trip, name, "0 AS seq") for name in _TRIP), "trip", travels),
        ("t_state", "0 AS cohort, asset_type_id, code AS grai, created_time, " + ", ".join(_column(Asset, name) for name in _STATE) + ", due_day, last_event_time", "asset", states),
        ("t_case", "0 AS cohort, 0 AS seq, code, place_id, opened_time", "exception_case", cases),
    ):  # fmt: skip
        db.execute_sql(f"CREATE TEMP TABLE {name} AS SELECT {columns} FROM {like} LIMIT 0")
        _insert(name, rows)
    insert_rows(Shipment, shipments)
    return levels


_STATE = rules.FIELDS
_TRIP = tuple(trips.TripFacts.__dataclass_fields__)


def _column(model: Any, name: str, special: str = "") -> str:
    if special and name == "out_event":
        return special
    column = model._meta.fields.get(name.removesuffix("_id")) or model._meta.fields[name]
    return f'"{column.column_name}"'


def _insert(table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    marks = ", ".join([str(db.param)] * len(rows[0]))
    time = ScanEvent.event_time.db_value
    stored = [tuple(time(value) if isinstance(value, datetime) else value for value in row) for row in rows]
    db.cursor().executemany(f"INSERT INTO {table} VALUES ({marks})", stored)


def _is_postgresql() -> bool:
    return db.param != "?"


def _event_id() -> str:
    """Of event `seq` of box `id`: a UUID whose order has nothing to do with time, as in life."""
    number, factor, most = "(a.id * 10 + t.seq)", 2654435761, 4294967296
    if _is_postgresql():
        number = number.replace("a.id", "a.id::bigint")
        return f"lpad(to_hex(mod({number} * {factor}, {most})), 8, '0') || '-0000-4000-8000-' || lpad(to_hex({number}), 12, '0')"
    return f"printf('%08x-0000-4000-8000-%012x', {number} * {factor} % {most}, {number})"


def _seven() -> str:
    """The number of a box in seven digits."""
    number = f"t.cohort * {COHORT} + n.i + 1"
    return f"lpad(({number})::text, 7, '0')" if _is_postgresql() else f"printf('%07d', {number})"


_OF_COHORT = f"CROSS JOIN asset a WHERE a.id > t.cohort * {COHORT} AND a.id <= (t.cohort + 1) * {COHORT}"
_ASSET_STATE = ", ".join(_column(Asset, name) for name in _STATE)
_TRIP_COLUMNS = ", ".join(_column(Trip, name) for name in _TRIP)
_TRIP_VALUES = ", ".join("EVENT_ID" if name == "out_event" else f"t.{_column(Trip, name)}" for name in _TRIP)
_COPIES = (
    f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {COHORT - 1}) "
    f"INSERT INTO asset (id, code, grai, asset_type_id, return_place_id, created_time, {_ASSET_STATE}, "
    "due_day, last_event_time, event_count) "
    f"SELECT t.cohort * {COHORT} + n.i + 1, 'KLT' || SEVEN, t.grai || 'KLT' || SEVEN, t.asset_type_id, 1, t.created_time, "
    f"{', '.join('t.' + name for name in _ASSET_STATE.split(', '))}, t.due_day, t.last_event_time, 10 "
    "FROM t_state t CROSS JOIN n ORDER BY t.cohort, n.i",
    "INSERT INTO scan_event (event_id, type, asset_id, scanned_text, shipment_id, place_id, party_id, quantity, parent, via, document, "
    "photo, event_time, event_zone, record_time, device, happened, refused, exception, warnings, reason, body_sha256, session) "
    "SELECT EVENT_ID, t.type, a.id, a.code, t.shipment_id, t.place_id, t.party_id, 0, '', '', '', '', t.event_time, 480, t.record_time, "
    f"'TC22-01', FALSE, '', t.exception, '', '', '{'0' * 64}', '' FROM t_event t {_OF_COHORT}",
    "INSERT INTO movement (event_id, asset_id, asset_type_id, owner_id, from_holder_id, from_place_id, to_holder_id, to_place_id, quantity, "
    "event_day, booked_day, record_time) SELECT EVENT_ID, a.id, a.asset_type_id, a.owner_id, t.from_holder_id, t.from_place_id, "
    f"t.to_holder_id, t.to_place_id, 1, t.event_day, t.event_day, a.last_event_time FROM t_line t {_OF_COHORT}",
    f"INSERT INTO trip (asset_id, asset_type_id, {_TRIP_COLUMNS}) SELECT a.id, a.asset_type_id, {_TRIP_VALUES} FROM t_trip t {_OF_COHORT}",
    'INSERT INTO exception_case (source, code, event_id, asset_id, asset_type_id, place_id, subject, "values", opened_time, state, note) '
    f"SELECT 'scan', t.code, EVENT_ID, a.id, a.asset_type_id, t.place_id, '', '{{}}', t.opened_time, 'open', '' FROM t_case t {_OF_COHORT}",
)  # fmt: skip


@contextmanager
def _bulk() -> Iterator[None]:
    """Without indexes and reference checks, which are made once at the end; on a database of our own only."""
    if _is_postgresql():
        query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef NOT LIKE 'CREATE UNIQUE%%'"
        db.execute_sql("SET session_replication_role = replica")
        db.execute_sql("SET maintenance_work_mem = '512MB'")
    else:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        db.execute_sql("PRAGMA foreign_keys = OFF")
    indexes = list(db.execute_sql(query).fetchall())
    for name, _ in indexes:
        db.execute_sql(f'DROP INDEX "{name}"')
    yield
    for _, sql in indexes:
        db.execute_sql(sql)
    if _is_postgresql():
        db.execute_sql("SET session_replication_role = DEFAULT")
        db.execute_sql("VACUUM ANALYZE")
    else:
        db.execute_sql("PRAGMA foreign_keys = ON")
        db.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _after_copying() -> None:
    if _is_postgresql():
        for table in ("asset", "shipment"):
            db.execute_sql(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
