"""F1, F11: nothing lost, nothing double, when the server is killed while devices upload, and answers are lost on the way.

Every second kill takes the whole server, the others one worker of it. A batch that was under way is there whole or not
at all.
"""

from __future__ import annotations

import http.client
import random
import threading
from pathlib import Path
from urllib.parse import quote

import pytest
from simulated_devices import (
    BOXES_EACH,
    LARGE,
    Fleet,
    LossyNetwork,
    RealServer,
    nothing_lost_nothing_double,
    prepare,
    tried,
)

from accounts.people import create_token, create_user
from assets.models import ScanBatch, ScanEvent
from database import db as proxy
from database import open_database, utc_now
from docs_gen.models import IssuedDocument

KILLS = 100 if LARGE else 2  # the server, then one worker of it
SIZES = (200, 200) if LARGE else (1, 40)  # scans in a batch, at least and at most
LONGEST = 0.3 if LARGE else 0.03  # seconds, into batches that run
ANSWERED = 4 if LARGE else 25  # so many batches at most between two kills


@pytest.fixture
def server(tmp_path: Path, migrated_file: Path, app):
    made = RealServer(tmp_path / "data", migrated_file)
    with app.app_context():
        devices = prepare(made, boxes_each=max(BOXES_EACH, SIZES[0]))
    made.start()
    yield made, devices
    made.stop()


def all_or_nothing(server: RealServer, fleet: Fleet) -> int:
    """While the server is down: of each batch that was under way all scans are stored, or none. Gives how many were."""
    open_database(server.url)
    with proxy.connection_context():
        stored = 0
        for ids in list(fleet.under_way.values()):
            found = ScanEvent.select().where(ScanEvent.event_id.in_(ids)).count()
            assert found in (0, len(ids)), (found, len(ids))
            stored += found > 0
    return stored


def test_F1_a_server_that_is_killed_while_devices_upload_loses_nothing_and_takes_nothing_twice(server):
    server, devices = server
    fleet = Fleet(devices, server.port, server.up, sizes=SIZES)
    fleet.start()
    luck = random.Random(1)
    stored = 0
    for kill in range(KILLS):
        for _ in range(luck.randint(1, ANSWERED)):  # so many batches are answered, and others are under way
            fleet.answered.acquire()
        threading.Event().wait(luck.random() * LONGEST)  # somewhere in the middle of them
        if kill % 2:
            server.kill_worker()
        else:
            server.kill()
            stored += all_or_nothing(server, fleet)
            server.start()
        assert not fleet.faults, fleet.faults
    fleet.finish()
    count = nothing_lost_nothing_double(server, devices)
    assert count >= KILLS
    lost = sum(device.lost for device in devices)
    assert lost >= 1  # it was killed under their hands
    with proxy.connection_context():
        batches = ScanBatch.select().count()
    what = f"SIGKILL within {LONGEST * 1000:.0f} ms while 4 devices upload batches of {SIZES[1]}, the whole server and one worker in turn: {count} scans in {batches} batches, {lost} requests unanswered, {stored} of them stored"  # fmt: skip
    tried("F1", what, KILLS)


def issued_through(port: int, token: str, kind: str) -> int:
    """Issue a paper as a program does that comes again until it is answered; gives the answer."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"}
    while True:
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            form = f"replaces=&{quote('reason:')}=Agreed"
            asked.request("POST", f"/shipments/S-2026-0001/documents/{kind}/issue", form, headers)
            return asked.getresponse().status
        except (OSError, http.client.HTTPException):
            pass
        finally:
            asked.close()


def test_F11_answers_are_lost_and_requests_cut_on_their_way_and_nothing_else_is_lost(server, app):
    server, devices = server
    open_database(server.url)
    with proxy.connection_context(), app.app_context():
        clerk = create_user("clerk", "correct horse battery", utc_now(), role="document_clerk")
        token = create_token(clerk, "desk", utc_now())
    network = LossyNetwork(server.port)
    # The answer to the first try is lost, the second try is cut: the third is led to what the first has issued.
    told = [issued_through(network.port, token, kind) for kind in ("commercial_invoice", "packing_list")]
    assert (told, network.lost, network.cut, network.passed) == ([302, 302], 2, 2, 2)
    fleet = Fleet(devices, network.port, server.up)
    fleet.start()
    for _ in range(1_000 if LARGE else 30):
        fleet.answered.acquire()
    fleet.finish()
    network.close()
    assert network.lost >= 30
    assert network.cut >= 30
    assert sum(device.again for device in devices) >= 10  # taken, and answered once more with the same words
    count = nothing_lost_nothing_double(server, devices)
    assert count >= BOXES_EACH
    with proxy.connection_context():
        papers = sorted(IssuedDocument.select(IssuedDocument.number, IssuedDocument.state).tuples())
        assert papers == [("CI-2026-0001", "issued"), ("PL-2026-0001", "issued")]
    what = f"answers lost on the way, and {network.cut} requests cut in the middle, {count} scans, 2 papers"
    tried("F11", what, network.lost)
