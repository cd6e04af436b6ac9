"""Scans per second through the API (token, checks, state, JSON), one by one and in batches of 100.

Rival: bare SQLite inserts of a row of the same size with the same durability (WAL, synchronous FULL, one commit for each
scan or batch). It does nothing else, so the ratio says what all the rest costs.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from accounts.people import create_token, create_user
from app import create_app
from assets.registering import register_assets
from benchmarks.figures import Figure
from config import load_settings
from database import db, migrate
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment

ROUNDS, BOXES, BATCH, SINGLES, BATCHES = 5, 2_000, 100, 100, 20
START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


def run() -> list[Figure]:
    """scan_single_sqlite and scan_batch_sqlite, in scans per second: more is better, so is a higher ratio."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        post, events = _service(Path(folder))
        bare = _Bare(Path(folder) / "bare.db")
        single: list[tuple[float, float]] = []
        batch: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            ones = [next(events) for _ in range(SINGLES)]
            ours = _rate(SINGLES, lambda ones=ones: [post(one, 201) for one in ones])
            single.append((ours, _rate(SINGLES, lambda: [bare.insert(1) for _ in range(SINGLES)])))
            many = [{"events": [next(events) for _ in range(BATCH)]} for _ in range(BATCHES)]
            ours = _rate(BATCH * BATCHES, lambda many=many: [post(one, 200) for one in many])
            batch.append((ours, _rate(BATCH * BATCHES, lambda: [bare.insert(BATCH) for _ in range(BATCHES)])))
        return [
            _figure("scan_single_sqlite", single, "one scan a request"),
            _figure("scan_batch_sqlite", batch, f"{BATCH} scans a request"),
        ]


def _figure(name: str, rounds: list[tuple[float, float]], what: str) -> Figure:
    ours, rivals = (statistics.median(column) for column in zip(*rounds, strict=True))
    return Figure(name, ours, "scans/s", rivals, f"{what}; rival: bare SQLite inserts")


def _rate(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def _service(folder: Path):  # type: ignore[no-untyped-def]
    """(post, an endless stream of events that the rules accept)."""
    app = create_app({"ROUNDTRIP": load_settings({"ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DEMO": "0"})})
    with app.app_context(), db.connection_context():
        migrate()
        user = create_user("bench", "a long password", START, role="scanner_operator")
        token = create_token(user, "bench", START)
        owner = Party.create(code="OWN", own=True, name_en="Owner", country="CN", changed_time=START)
        customer = Party.create(code="CUST", name_en="Customer", country="DE", changed_time=START)
        place = Place.create(code="GATE", party=owner, name_en="Gate", country="CN", changed_time=START)
        box = AssetType.create(
            code="KLT", name_en="KLT", length_mm=600, width_mm=400, height_mm=280, tare=Decimal(3), payload=Decimal(20),
            package_code="4H", cn_package_code="29", gs1_company_prefix="4012345", gs1_asset_type="00001", value=Decimal(12),
            value_currency="EUR", changed_time=START,
        )  # fmt: skip
        codes = [f"KLT{number:06d}" for number in range(BOXES)]
        register_assets(box, codes, owner, place, user, START)
        Shipment.create(
            number="S-1", consignor=owner, consignee=customer, incoterm="FCA", named_place="Suzhou", transport_mode="1",
            currency="EUR", created_time=START, changed_time=START,
        )  # fmt: skip

    client = app.test_client()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def post(body: object, expected: int) -> None:
        answer = client.post("/api/v1/scan-events", data=json.dumps(body), headers=headers)
        assert answer.status_code == expected, answer.get_data(as_text=True)
        results = answer.get_json().get("results", [])
        assert all(result["status"] == 201 for result in results), results[:3]

    def events():  # type: ignore[no-untyped-def]
        moment = START
        while True:
            for kind in ("dispatch", "return", "inspect"):
                moment += timedelta(hours=13)
                for number, code in enumerate(codes):
                    event = {
                        "event_id": str(uuid.uuid4()), "type": kind, "scanned_text": f"HTTPS://RT.EXAMPLE.COM/8003/04012345000016{code}",
                        "event_time": (moment + timedelta(seconds=number)).isoformat(), "place": "GATE", "device": "TC22-01",
                    }  # fmt: skip
                    yield event | ({"shipment": "S-1"} if kind == "dispatch" else {})

    return post, events()


class _Bare:
    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute(
            "CREATE TABLE scan (id INTEGER PRIMARY KEY, event_id TEXT UNIQUE, at TEXT, code TEXT, body TEXT)"
        )

    def insert(self, count: int) -> None:
        rows = [(str(uuid.uuid4()), "2026-01-05 06:00:00.000000", "KLT000001", "x" * 200) for _ in range(count)]
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany("INSERT INTO scan (event_id, at, code, body) VALUES (?, ?, ?, ?)", rows)
        self.connection.execute("COMMIT")
