"""The service as `flask serve` starts it, in processes of its own, and clients that keep their connections."""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Load:
    """What clients saw: answers in a second, and the times of all answers in ms."""

    rate: float
    times: list[float]

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.times, n=100)[98]


def load(port: int, tokens: Sequence[str], path: str, bodies: Sequence[Iterator[bytes]], seconds: float = 600) -> Load:
    """Every client sends its next body as soon as it has the answer to the last one, until the time is over or it has
    no more. An answer that is no success ends everything."""
    selector = selectors.DefaultSelector()
    clients = []
    for token, own in zip(tokens, bodies, strict=True):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        clients.append(Client(connection, head, own))
        selector.register(connection, selectors.EVENT_READ, clients[-1])
    begun = time.perf_counter()
    until = begun + seconds
    waiting, times = sum(client.send() for client in clients), []
    while waiting:
        ready = selector.select(timeout=30)
        assert ready, "no answer for 30 seconds"
        for key, _ in ready:
            client = key.data
            took = client.read()
            if took is None:
                continue
            times.append(took * 1000)
            if time.perf_counter() >= until or not client.send():
                waiting -= 1
    took = time.perf_counter() - begun
    for client in clients:
        client.connection.close()
    return Load(len(times) / took, times)


class Client:
    def __init__(self, connection: socket.socket, head: bytes, bodies: Iterator[bytes]) -> None:
        self.connection, self.head, self.bodies = connection, head, bodies
        self.sent, self.got = 0.0, b""

    def send(self) -> bool:
        """Send the next body; False when there is none."""
        body = next(self.bodies, None)
        if body is None:
            return False
        self.got, self.sent = b"", time.perf_counter()
        self.connection.sendall(b"%s%d\r\n\r\n%s" % (self.head, len(body), body))
        return True

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


def environment(url: str, folder: Path, port: int) -> dict[str, str]:
    return {
        "ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DATABASE_URL": url.replace("psycopg3://", "postgresql://"),
        "ROUNDTRIP_DEMO": "0", "ROUNDTRIP_PORT": str(port), "ROUNDTRIP_BASE_URL": "https://rt.example.com",
    }  # fmt: skip


@contextmanager
def served(url: str, folder: Path, app: str = "app", calm: bool = True) -> Iterator[int]:
    """`flask serve` until it answers; gives its port. `calm`: and until the workers that render papers have started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "served.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", app, "serve"], stdout=log, stderr=log,
            env=os.environ | environment(url, folder, port),
        )  # fmt: skip
    try:
        while True:
            assert process.poll() is None, (folder / "served.log").read_text()
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=60).read()
                break
            except OSError:
                time.sleep(0.005)
        if calm:
            _calm(process.pid)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _calm(pid: int) -> None:
    """Wait until nothing of it is at work any more: on two cores nothing else could be measured before."""
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
