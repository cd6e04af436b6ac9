"""Devices that scan against the real server by real HTTP, a server that can be killed, and a network that loses answers.

No sleeps: who waits, waits for a condition.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import samples
from conftest import settings_for
from large import LARGE, tried  # noqa: F401 (for the tests beside)

from accounts.people import create_user
from assets.devices import register
from assets.ledger import histories
from assets.models import Asset, Device, ScanEvent
from assets.registering import register_assets
from assets.state import in_order
from database import db as proxy
from database import open_database, utc_now
from invariants import faults

ROOT = Path(__file__).parent.parent.parent
BOXES_EACH = 40


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _sockets(pid: int) -> set[str]:
    """The sockets that a process has open, by the names that the kernel gives them; none of one that is gone."""
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return {name for name in found if name.startswith("socket:")}


class RealServer:
    """`flask --app app serve` on a data folder of its own; kill() is SIGKILL for all of its processes."""

    def __init__(self, folder: Path, migrated_file: Path) -> None:
        self.port, self.folder = free_port(), folder
        self.up, self.starts = threading.Event(), 0
        folder.mkdir(parents=True)
        shutil.copy(migrated_file, folder / "roundtrip.db")
        self.url = f"sqlite:///{folder / 'roundtrip.db'}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROUNDTRIP_")}
        self.environment = {
            **kept, "ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DEMO": "0", "ROUNDTRIP_WORKERS": "0", "ROUNDTRIP_PORT": str(self.port),
        }  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = self.folder.with_name(f"{self.folder.name}-log-{self.starts}")
        self.starts += 1
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flask", "--app", "app", "serve"], cwd=ROOT, env=self.environment, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        while True:
            try:
                asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                asked.request("GET", "/healthz")
                assert asked.getresponse().status == 200
                break
            except OSError:
                assert self.process.poll() is None, log.read_text()
                # Not a pause for its own sake: select waits for a child that ends, or this long before the next look.
                threading.Event().wait(0.02)
        self.up.set()

    def kill(self) -> None:
        """The power goes: no process of it gets to do anything more."""
        self.up.clear()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_worker(self) -> None:
        """One worker that answers requests dies; the server makes another. (Others of its processes are renderers.)"""
        (listener,) = _sockets(self.process.pid)
        os.kill(next(pid for pid in self.processes()[1:] if listener in _sockets(pid)), signal.SIGKILL)

    def processes(self) -> list[int]:
        """The server and its workers, the first one first."""
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
        return sorted(pid for pid in pids if _group(pid) == self.process.pid)

    def stop(self) -> None:
        """Stop it as an administrator would."""
        self.up.clear()
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=40)


class LossyNetwork:
    """Of three requests one is answered, of one the answer is lost after the server has given it, and one is cut when
    the server has half of its body."""

    def __init__(self, port: int) -> None:
        self.behind, self.lost, self.cut, self.passed = port, 0, 0, 0
        self.fates = itertools.cycle(["lost", "cut", "passed"])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.turn = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.behind)) as server:
            request = _message(client)
            with self.turn:
                fate = next(self.fates)
                setattr(self, fate, getattr(self, fate) + 1)
            if fate == "cut":
                body = request.index(b"\r\n\r\n") + 4
                server.sendall(request[: (body + len(request)) // 2])
                return
            server.sendall(request)
            answer = _message(server)
            if fate == "passed":
                client.sendall(answer)

    def close(self) -> None:
        self.listener.close()


def _message(of: socket.socket) -> bytes:
    """One HTTP message, head and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = of.recv(65_536)
        if not part:
            raise OSError("closed")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        part = of.recv(65_536)
        if not part:
            raise OSError("closed")
        body += part
    return head + b"\r\n\r\n" + body


@dataclass
class SimulatedDevice:
    """Scans its own boxes out and home, keeps each scan until it is answered, and sends in the order of its count."""

    name: str
    token: str
    codes: list[str]
    luck: random.Random
    queue: list[dict[str, Any]] = field(default_factory=list)
    made: list[str] = field(default_factory=list)  # ids of all scans
    answers: dict[str, str] = field(default_factory=dict)  # id → outcome
    said: bytes = b""  # the last answer, as it came
    lost: int = 0  # requests without an answer
    busy: int = 0  # answers that said to come again
    patience: float = 30.0  # seconds
    again: int = 0  # batches that had been taken, and only their answer was lost
    out: dict[str, bool] = field(default_factory=dict)

    def scan(self) -> None:
        """One more scan: the next box goes out, or comes home."""
        number = len(self.made)
        code = self.codes[number % len(self.codes)]
        self.out[code] = not self.out.get(code, False)
        kind = {"type": "dispatch", "shipment": "S-2026-0001"} if self.out[code] else {"type": "return"}
        time = utc_now() - timedelta(hours=60) + timedelta(minutes=2) * (number / len(self.codes))
        event = {
            "event_id": str(uuid.uuid4()), "scanned_text": code, "place": "SZ-PLANT", "happened": True,
            "event_time": time.isoformat(), "sequence": number + 1, **kind,
        }  # fmt: skip
        self.made.append(event["event_id"])
        self.queue.append(event)

    def send(self, port: int, key: str, batch: list[dict[str, Any]], host: str = "127.0.0.1") -> bool:
        """Send one batch; True when it was taken. A busy service asks to come again, as a device does."""
        body = json.dumps({"events": batch, "sent_time": utc_now().isoformat(), "unsent": len(self.queue)})
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key, "Content-Type": "application/json"}
        try:
            asked = http.client.HTTPConnection(host, port, timeout=self.patience)
            asked.request("POST", "/api/v1/scan-events", body, headers)
            answer = asked.getresponse()
            self.said = answer.read()
            told = json.loads(self.said)
        except (OSError, http.client.HTTPException, ValueError):
            self.lost += 1
            return False
        finally:
            asked.close()
        if answer.status == 503:
            assert answer.getheader("Retry-After"), told
            self.busy += 1
            return False
        if answer.status == 409 and told["error"]["reason"] == "key_in_flight":
            return False  # the first try is still at work: the same again, under the same key
        assert answer.status == 200, told
        assert [result["event_id"] for result in told["results"]] == [event["event_id"] for event in batch]
        self.again += answer.getheader("Idempotency-Replayed") == "true"
        for result in told["results"]:
            self.answers[result["event_id"]] = result["outcome"]
        return True


@dataclass
class Fleet:
    """Some devices that scan and upload side by side until they are told to stop, and then send what is left."""

    devices: list[SimulatedDevice]
    port: int
    up: threading.Event
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ending: threading.Event = field(default_factory=threading.Event)
    faults: list[BaseException] = field(default_factory=list)
    hosts: list[str] = field(default_factory=lambda: ["127.0.0.1"])  # several: each try goes to the next one
    tries: Iterator[int] = field(default_factory=itertools.count)
    rest: float = 0.0  # seconds between two batches of a device, as where people scan
    sizes: tuple[int, int] = (1, 40)  # of a batch, at least and at most
    under_way: dict[str, list[str]] = field(default_factory=dict)  # name of a device → ids of the batch that it sends

    def start(self) -> None:
        self.threads = [threading.Thread(target=self._work, args=(device,), daemon=True) for device in self.devices]
        for thread in self.threads:
            thread.start()

    def finish(self) -> None:
        """No new scans; returns when every device has sent all it has."""
        self.ending.set()
        for thread in self.threads:
            thread.join(240)
            assert not thread.is_alive()
        if self.faults:
            raise self.faults[0]

    def _work(self, device: SimulatedDevice) -> None:
        try:
            while not self.ending.is_set() or device.queue:
                while not self.ending.is_set() and len(device.queue) < self.sizes[1] * 1.5:
                    device.scan()
                batch, key = device.queue[: device.luck.randint(*self.sizes)], str(uuid.uuid4())
                self.under_way[device.name] = [event["event_id"] for event in batch]
                while not device.send(self.port, key, batch, self.hosts[next(self.tries) % len(self.hosts)]):
                    self.up.wait(60)
                    if len(self.hosts) > 1:
                        threading.Event().wait(0.05)  # one that is gone says so at once, and again and again
                    if device.luck.random() < 0.2:
                        key = str(uuid.uuid4())  # a device that forgot its key: the ids of the scans have to do
                del device.queue[: len(batch)]
                self.answered.release()
                self.ending.wait(self.rest)
        except BaseException as fault:
            self.faults.append(fault)
            self.answered.release(1_000)


def prepare(server: Any, count: int = 4, boxes_each: int = BOXES_EACH) -> list[SimulatedDevice]:
    """Devices with boxes of their own, stored where the server (or whatever has an `url`) will look. They scan onto
    S-2026-0001; onto S-2026-0002, which says the same, nobody does."""
    open_database(server.url)
    now = utc_now()
    with proxy.connection_context():
        world = samples.world(now)
        samples.shipment(now, world, number="S-2026-0002")
        then = now - timedelta(days=100)
        devices = []
        for number in range(count):
            prefix = chr(ord("A") + number)
            codes = [f"KLT-{prefix}-{n:04d}" for n in range(boxes_each)]
            register_assets(world.klt, codes, world.suzhou, world.plant, None, then)
            user = create_user(f"yard.{prefix.lower()}", "correct horse battery", now, role="scanner_operator")
            _, token = register(f"yard {prefix}", user, now)
            devices.append(SimulatedDevice(f"yard {prefix}", token, codes, random.Random(number)))
    return devices


def in_the_ledger(url: str) -> dict[str, Counter[str]]:
    """Type of row (`event`, `refused`) → how often each id is there, registrations left out."""
    open_database(url)
    found: dict[str, Counter[str]] = {"event": Counter(), "refused": Counter()}
    with proxy.connection_context():
        query = ScanEvent.select(ScanEvent.event_id, ScanEvent.refused).where(ScanEvent.type != "commission")
        for event_id, refused in query.tuples():
            found["refused" if refused else "event"][event_id] += 1
    return found


def nothing_lost_nothing_double(server: RealServer, devices: list[SimulatedDevice]) -> int:
    """Holds the ledger against what the devices scanned; gives the number of scans."""
    found = in_the_ledger(server.url)
    made = [event_id for device in devices for event_id in device.made]
    assert set(found["event"]) == set(made)
    assert set(found["event"].values()) == {1}
    assert not found["refused"]
    assert all(set(device.answers) == set(device.made) for device in devices)
    assert {outcome for device in devices for outcome in device.answers.values()} <= {"recorded", "known"}
    with proxy.connection_context():
        assert list(faults(settings_for(server.folder))) == []
        for device in devices:
            row = Device.get(name=device.name)
            assert (row.last_sequence, json.loads(row.gaps)) == (len(device.made), [])
        boxes = {box.id: box.code for box in Asset.select()}
        order = {event_id: number for device in devices for number, event_id in enumerate(device.made)}
        out = {code: is_out for device in devices for code, is_out in device.out.items()}
        for id_, events in histories(boxes).items():
            told = [
                order[event.event_id] for event in in_order(event for event, _ in events) if event.type != "commission"
            ]
            assert told == sorted(told)  # the order of the device is kept
            assert (Asset.get_by_id(id_).where == "out") == out.get(boxes[id_], False)
    return len(made)
