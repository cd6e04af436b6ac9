"""The service as `flask serve` starts it, with clients that keep their connections: single scans, and how soon it is there.

scan_single_*: eight devices, each with a token and a connection of its own, send one scan after the other to two web
processes. Rival: the same with a POST that is authenticated alike and does nothing, on the same server in the same run.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path

from accounts.people import create_user
from app import create_app
from assets.devices import register
from benchmarks.figures import Figure
from benchmarks.worlds import START, boxes_and_shipment, postgresql, sqlite
from config import load_settings
from database import close_all, db, migrate, utc_now

CLIENTS, SECONDS, ROUNDS, BOXES = 8, 5.0, 3, 4_000
SCANS, NOTHING = "/api/v1/scan-events", "/api/v1/nothing"


def single() -> list[Figure]:
    """scan_single_sqlite and scan_single_postgresql (scans/s: more is better), and the 99th percentile of each in ms."""
    figures = []
    for name, server in (("sqlite", sqlite), ("postgresql", postgresql)):
        with server() as (url, folder):
            figures += _single(name, url, folder)
    return figures


@dataclass(frozen=True)
class _Load:
    """What clients saw: answers in a second, and the times of all answers in ms."""

    rate: float
    times: list[float]

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.times, n=100)[98]


def _single(name: str, url: str, folder: Path) -> list[Figure]:
    tokens, codes = _filled(url, folder)
    with served(url, folder, "benchmarks.does_nothing") as port:
        scans = _scans(codes)
        for path, bodies in ((SCANS, scans), (NOTHING, _nothing())):
            _load(port, tokens[:1], path, bodies[:1], 2.0)  # the first answers come while workers still start
            _load(port, tokens, path, bodies, 1.0)
        ours, rivals = [], []
        for _ in range(ROUNDS):
            ours.append(_load(port, tokens, SCANS, scans, SECONDS))
            rivals.append(_load(port, tokens, NOTHING, _nothing(), SECONDS))
    rate, rival = (statistics.median(one.rate for one in loads) for loads in (ours, rivals))
    what = f"one scan a request, {CLIENTS} clients, 2 web processes"
    return [
        Figure(f"scan_single_{name}", rate, "scans/s", rival, f"{what}; rival: an authenticated POST that does nothing"),
        Figure(
            f"scan_single_{name}_p99", statistics.median(one.p99 for one in ours), "ms",
            statistics.median(one.p99 for one in rivals), f"{what}; rival: the same",
        ),
    ]  # fmt: skip


def _filled(url: str, folder: Path) -> tuple[list[str], list[str]]:
    """(tokens of the devices, codes of the boxes) in a new database."""
    app = create_app({"ROUNDTRIP": load_settings(_environment(url, folder, 8000))})
    with app.app_context(), db.connection_context():
        migrate()
        codes = boxes_and_shipment(BOXES)
        user = create_user("bench", "a long password", utc_now(), role="scanner_operator")
        tokens = [register(f"TC22-{number:02}", user, utc_now())[1] for number in range(CLIENTS)]
    close_all()
    return tokens, codes


def _scans(codes: Sequence[str]) -> list[Iterator[bytes]]:
    """Of each client: scans that the rules accept, of boxes that no other client has."""

    def of(own: Sequence[str]) -> Iterator[bytes]:
        sequence = 0
        begun = START + timedelta(days=1)
        for turn in count():
            kind = ("dispatch", "return", "inspect")[turn % 3]
            for number, code in enumerate(own):
                sequence += 1
                moment = begun + timedelta(hours=13 * turn, seconds=number)
                event = {
                    "event_id": str(uuid.uuid4()), "type": kind, "event_time": moment.isoformat(timespec="milliseconds"),
                    "scanned_text": f"https://rt.example.com/8003/04012345000016{code}", "place": "GATE",
                    "sequence": sequence,
                }  # fmt: skip
                yield json.dumps(event | ({"shipment": "S-1"} if kind == "dispatch" else {})).encode()

    return [of(codes[number::CLIENTS]) for number in range(CLIENTS)]


def _nothing() -> list[Iterator[bytes]]:
    body = next(_scans(["KLT000000"] * CLIENTS)[0])
    return [iter(lambda: body, None) for _ in range(CLIENTS)]


def _load(port: int, tokens: Sequence[str], path: str, bodies: Sequence[Iterator[bytes]], seconds: float) -> _Load:
    """Every client sends its next body as soon as it has the answer to the last one. One that is no success ends it."""
    selector = selectors.DefaultSelector()
    clients = []
    for token, own in zip(tokens, bodies, strict=True):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        clients.append(_Client(connection, head, own))
        selector.register(connection, selectors.EVENT_READ, clients[-1])
    begun = time.perf_counter()
    until = begun + seconds
    for client in clients:
        client.send()
    waiting, times = len(clients), []
    while waiting:
        ready = selector.select(timeout=30)
        assert ready, "no answer for 30 seconds"
        for key, _ in ready:
            client = key.data
            took = client.read()
            if took is None:
                continue
            times.append(took * 1000)
            if time.perf_counter() < until:
                client.send()
            else:
                waiting -= 1
    took = time.perf_counter() - begun
    for client in clients:
        client.connection.close()
    return _Load(len(times) / took, times)


class _Client:
    def __init__(self, connection: socket.socket, head: bytes, bodies: Iterator[bytes]) -> None:
        self.connection, self.head, self.bodies = connection, head, bodies
        self.sent, self.got = 0.0, b""

    def send(self) -> None:
        body = next(self.bodies)
        self.got, self.sent = b"", time.perf_counter()
        self.connection.sendall(b"%s%d\r\n\r\n%s" % (self.head, len(body), body))

    def read(self) -> float | None:
        """Seconds that the answer took; None while it is not here whole."""
        some = self.connection.recv(65_536)
        assert some, "the server hung up"
        self.got += some
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end or len(body) < int(re.search(rb"(?i)content-length: (\d+)", head)[1]):  # type: ignore[index]
            return None
        assert head.split(b" ", 2)[1] in (b"200", b"201"), self.got.decode()
        return time.perf_counter() - self.sent


# the service


def _environment(url: str, folder: Path, port: int) -> dict[str, str]:
    return {
        "ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DATABASE_URL": url.replace("psycopg3://", "postgresql://"),
        "ROUNDTRIP_DEMO": "0", "ROUNDTRIP_PORT": str(port), "ROUNDTRIP_BASE_URL": "https://rt.example.com",
    }  # fmt: skip


@contextmanager
def served(url: str, folder: Path, app: str = "app") -> Iterator[int]:
    """`flask serve` in a process of its own, until it answers; gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "served.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", app, "serve"], stdout=log, stderr=log,
            env=os.environ | _environment(url, folder, port),
        )  # fmt: skip
    try:
        while True:
            assert process.poll() is None, (folder / "served.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.01)
        _calm(process.pid)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _calm(pid: int) -> None:
    """Wait until the processes that render papers have started too: on two cores nothing else can be measured before."""
    before, until = _cpu(pid), time.monotonic() + 60
    while time.monotonic() < until:
        time.sleep(1)
        now = _cpu(pid)
        if now - before < 0.05:
            return
        before = now


def _cpu(pid: int) -> float:
    """Seconds of processor time that a process and its children have had."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(map(_cpu, children))
