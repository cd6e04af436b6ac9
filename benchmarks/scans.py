"""Scans per second through the service as it is served, two web processes, SQLite (synchronous FULL) and PostgreSQL.

scan_single_*: eight devices, each with a token and a connection of its own, send one scan after the other. Rival: the same
with a POST that is authenticated alike and does nothing, on the same server in the same run.
scan_batch_*: four devices send batches of 200. Rival: bare inserts of as many rows of the same size with the same durability
and one commit for each batch, which do nothing else: the ratio says what all the rest costs.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import count, islice
from pathlib import Path

import psycopg

from accounts.people import create_user
from app import create_app
from assets.devices import register
from benchmarks.figures import Figure
from benchmarks.servers import Load, environment, load, served
from benchmarks.worlds import START, boxes_and_shipment, postgresql, sqlite
from config import load_settings
from database import close_all, db, migrate, utc_now

CLIENTS, SECONDS, ROUNDS, BOXES = 8, 5.0, 3, 4_000
SENDERS, BATCH, BATCHES = 4, 200, 10
SCANS, NOTHING = "/api/v1/scan-events", "/api/v1/nothing"


def run() -> list[Figure]:
    """scan_single_* and scan_batch_* (scans/s: more is better), and the 99th percentile of single scans (ms)."""
    figures = []
    for name, server in (("sqlite", sqlite), ("postgresql", postgresql)):
        with server() as (url, folder):
            tokens, codes = _filled(url, folder)
            with served(url, folder, "benchmarks.does_nothing") as port:
                scans = _scans(codes)
                figures += _single(name, port, tokens, scans)
                figures.append(_batch(name, port, tokens, scans, _bare(url, folder)))
    return figures


def _single(name: str, port: int, tokens: Sequence[str], scans: Sequence[Iterator[dict[str, object]]]) -> list[Figure]:
    bodies = [(json.dumps(event).encode() for event in own) for own in scans]
    load(port, tokens, SCANS, bodies, 1.0)
    load(port, tokens, NOTHING, _nothing(), 1.0)
    ours: list[Load] = []
    rivals: list[Load] = []
    for _ in range(ROUNDS):
        ours.append(load(port, tokens, SCANS, bodies, SECONDS))
        rivals.append(load(port, tokens, NOTHING, _nothing(), SECONDS))
    rate, rival = (statistics.median(one.rate for one in loads) for loads in (ours, rivals))
    p99, rival_p99 = (statistics.median(one.p99 for one in loads) for loads in (ours, rivals))
    what = f"one scan a request, {CLIENTS} clients; rival: a POST that does nothing"
    return [
        Figure(f"scan_single_{name}", rate, "scans/s", rival, what),
        Figure(f"scan_single_{name}_p99", p99, "ms", rival_p99, what),
    ]


def _batch(
    name: str, port: int, tokens: Sequence[str], scans: Sequence[Iterator[dict[str, object]]], bare: Callable[[], None]
) -> Figure:
    ours, rivals = [], []
    for _ in range(ROUNDS + 1):
        bodies = [
            [json.dumps({"events": list(islice(own, BATCH))}).encode() for _ in range(BATCHES)]
            for own in scans[:SENDERS]
        ]
        found = load(port, tokens[:SENDERS], SCANS, [iter(own) for own in bodies])
        ours.append(found.rate * BATCH)
        begun = time.perf_counter()
        for _ in range(SENDERS * BATCHES):
            bare()
        rivals.append(SENDERS * BATCHES * BATCH / (time.perf_counter() - begun))
    rate, rival = statistics.median(ours[1:]), statistics.median(rivals[1:])  # the first round warms up
    return Figure(f"scan_batch_{name}", rate, "scans/s", rival, f"batches of {BATCH}; rival: bare inserts")


def _filled(url: str, folder: Path) -> tuple[list[str], list[str]]:
    """(tokens of the devices, codes of the boxes) in a new database."""
    app = create_app({"ROUNDTRIP": load_settings(environment(url, folder, 8000))})
    with app.app_context(), db.connection_context():
        migrate()
        codes = boxes_and_shipment(BOXES)
        user = create_user("bench", "a long password", utc_now(), role="scanner_operator")
        tokens = [register(f"TC22-{number:02}", user, utc_now())[1] for number in range(CLIENTS)]
    close_all()
    return tokens, codes


def _scans(codes: Sequence[str]) -> list[Iterator[dict[str, object]]]:
    """Of each client: scans that the rules accept, of boxes that no other client has."""

    def of(own: Sequence[str]) -> Iterator[dict[str, object]]:
        begun, sequence = START + timedelta(days=1), 0
        for turn in count():
            kind = ("dispatch", "return", "inspect")[turn % 3]
            for number, code in enumerate(own):
                sequence += 1
                moment = begun + timedelta(hours=13 * turn, seconds=number)
                event: dict[str, object] = {
                    "event_id": str(uuid.uuid4()), "type": kind, "event_time": moment.isoformat(timespec="milliseconds"),
                    "scanned_text": f"https://rt.example.com/8003/04012345000016{code}", "place": "GATE",
                    "sequence": sequence,
                }  # fmt: skip
                yield event | ({"shipment": "S-1"} if kind == "dispatch" else {})

    return [of(codes[number::CLIENTS]) for number in range(CLIENTS)]


def _nothing() -> list[Iterator[bytes]]:
    body = json.dumps(next(_scans(["KLT000000"] * CLIENTS)[0])).encode()
    return [iter(lambda: body, None) for _ in range(CLIENTS)]


def _bare(url: str, folder: Path) -> Callable[[], None]:
    """Inserts of a batch by the driver alone."""
    table = "CREATE TABLE bare (id {key}, event_id TEXT UNIQUE, at TEXT, code TEXT, body TEXT)"

    def rows() -> list[tuple[str, ...]]:
        return [(str(uuid.uuid4()), "2026-01-05 06:00:00.000000", "KLT000001", "x" * 200) for _ in range(BATCH)]

    if url.startswith("sqlite"):
        with closing(sqlite3.connect(folder / "bare.db")) as new:
            new.execute(table.format(key="INTEGER PRIMARY KEY"))
        connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full"):
            connection.execute(f"PRAGMA {pragma}")

        def insert() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO bare (event_id, at, code, body) VALUES (?, ?, ?, ?)", rows())
            connection.execute("COMMIT")

        return insert
    server = psycopg.connect(url.replace("psycopg3://", "postgresql://"))
    server.execute(table.format(key="BIGSERIAL PRIMARY KEY"))
    server.commit()

    def insert_there() -> None:
        with server.cursor() as cursor:
            cursor.executemany("INSERT INTO bare (event_id, at, code, body) VALUES (%s, %s, %s, %s)", rows())
        server.commit()

    return insert_there
