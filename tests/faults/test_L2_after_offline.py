"""L2: devices that were offline send all they kept, at once; many batches come twice or thrice, and no scan does."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import settings_for
from simulated_devices import LARGE, RealServer, SimulatedDevice, in_the_ledger, prepare, tried

from assets.models import Device
from database import db as proxy
from invariants import faults

DEVICES, SCANS, BATCH = (20, 2_000, 200) if LARGE else (4, 100, 10)
TWICE, THRICE = 0.30, 0.05  # of the batches
SECONDS = 120


@pytest.fixture
def offline(tmp_path: Path, migrated_file: Path, app: Any) -> Any:
    """The real server, and devices that have scanned for long and sent nothing."""
    server = RealServer(tmp_path / "data", migrated_file)
    with app.app_context():
        devices = prepare(server, DEVICES)
    for device in devices:
        device.patience = 60.0
        for _ in range(SCANS):
            device.scan()
    server.start()
    yield server, devices
    server.stop()


def times_each(count: int) -> list[int]:
    """How often each of so many batches is sent, in an order that is the same each time."""
    twice, thrice = round(count * TWICE), round(count * THRICE)
    times = [2] * twice + [3] * thrice + [1] * (count - twice - thrice)
    random.Random(20261126).shuffle(times)
    return times


def upload(device: SimulatedDevice, port: int, times: list[int], gate: threading.Barrier) -> list[tuple[bytes, ...]]:
    """Sends all in its order; a batch that is sent again comes with its key right after, as when its answer was lost.
    Gives the answers to each batch."""
    gate.wait(60)
    given = []
    for often in times:
        batch, key, answers = device.queue[:BATCH], str(uuid.uuid4()), []
        while len(answers) < often:
            if device.send(port, key, batch):
                answers.append(device.said)
            else:
                threading.Event().wait(0.1)  # it was asked to come again
        del device.queue[: len(batch)]
        given.append(tuple(answers))
    return given


def test_L2_devices_that_were_offline_send_all_at_once_and_some_twice_and_each_scan_is_there_once(offline: Any) -> None:
    server, devices = offline
    each = SCANS // BATCH
    times = times_each(DEVICES * each)
    gate = threading.Barrier(DEVICES + 1)
    with ThreadPoolExecutor(DEVICES) as pool:
        working = [
            pool.submit(upload, device, server.port, times[place * each :][:each], gate)
            for place, device in enumerate(devices)
        ]
        gate.wait(60)
        start = time.monotonic()
        answers = [given for work in working for given in work.result()]
        took = time.monotonic() - start
    assert [len(given) for given in answers] == times
    assert [given for given in answers if len(set(given)) > 1] == []  # the second answer is the first, to the byte
    assert sum(device.again for device in devices) >= sum(times) - len(times)
    assert all(set(device.answers.values()) == {"recorded"} for device in devices)
    found = in_the_ledger(server.url)
    assert found["event"] == Counter({id_: 1 for device in devices for id_ in device.made})
    assert (found["event"].total(), found["refused"].total()) == (DEVICES * SCANS, 0)
    with proxy.connection_context():
        assert [row.last_sequence for row in Device.select()] == [SCANS] * DEVICES
        assert list(faults(settings_for(server.folder))) == []
    assert took <= SECONDS or not LARGE, took  # how fast, on a machine that does nothing else
    busy = sum(device.busy + device.lost for device in devices)
    what = f"{DEVICES} devices × {SCANS} scans after offline in {took:.0f} s, {times.count(2)} batches of {len(times)} sent twice, {times.count(3)} thrice, {busy} tries told to come again"  # fmt: skip
    tried("L2", what, DEVICES * SCANS)
