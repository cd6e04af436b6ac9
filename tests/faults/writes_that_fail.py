"""Started by test_F4: lets the n-th write fail, for every (step-th) n, each time on a fresh copy of a data folder, and says what
became of it. One process that loads everything once; each try is a fork of it.

    python writes_that_fail.py FOLDER scan|issue ERRNO MOST STEP

Prints a line of JSON for each n: outcome (acknowledged, unavailable, other: what was raised), state (before, after,
between), faults.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import NOW, PASS, settings_for  # noqa: E402

from accounts.models import User  # noqa: E402
from assets.models import ScanBatch, ScanEvent  # noqa: E402
from assets.scan_batches import Request, Sender, Taken, Told, answer, key_of  # noqa: E402
from assets.scan_told import ScanInput  # noqa: E402
from config import Settings  # noqa: E402
from database import db, open_database, unavailable  # noqa: E402
from docs_gen.issuing import Order, _kept, take_number  # noqa: E402
from docs_gen.models import IssuedDocument  # noqa: E402
from docs_gen.register import type_of  # noqa: E402
from docs_gen.render import Paper  # noqa: E402
from invariants import faults  # noqa: E402
from shipments.models import Shipment  # noqa: E402


def scan(_: Settings) -> None:
    """A batch of six scans, as the API takes it."""
    user = User.get()
    told = [
        Told(
            ScanInput(
                str(uuid.uuid5(uuid.NAMESPACE_OID, str(n))), "dispatch", f"KLT00000{n}", NOW, shipment="S-2026-0001"
            )
        )
        for n in range(1, 7)
    ]

    def answered(taken: Taken) -> tuple[int, dict[str, Any]]:
        answers = taken.answers
        assert {one.outcome for one in answers} == {"recorded"}, answers
        return 200, {"results": [{"event_id": one.event_id, "outcome": "recorded"} for one in answers]}

    answer(Request(told, Sender(user), answered, key_of("a-key", "somebody", {})), NOW)


def issue(settings: Settings) -> None:
    """A paper that is rendered already: number, file, mark."""
    document = take_number(Shipment.get(), Order("packing_list", reasons=PASS), None, NOW, settings.base_url)
    _, fault = _kept(document, type_of(document), Paper(b"%PDF-1.7 " + b"x" * 50_000, 1), settings)
    if fault:
        raise fault


def state_of(verb: str) -> str:
    if verb == "scan":
        events = ScanEvent.select().where(ScanEvent.type == "dispatch").count()
        found = (events, ScanBatch.select().count())
        return {(0, 0): "before", (6, 1): "after"}.get(found, f"between: {found}")
    # A paper with its number and no file is what the service finishes by itself: number and row are one.
    states = [row.state for row in IssuedDocument.select()]
    return {(): "before", ("numbered",): "numbered", ("issued",): "after"}.get(tuple(states), f"between: {states}")


def one_try(pattern: Path, folder: Path, verb: str, n: int, number: int, pipe: int) -> None:
    shutil.copytree(pattern, folder)
    settings = settings_for(folder)
    open_database(settings.database_url)
    shim = ctypes.CDLL(None)
    told: dict[str, Any] = {"n": n}
    with db.connection_context():
        shim.fault_arm(str(folder).encode(), n, number, 0)
        try:
            {"scan": scan, "issue": issue}[verb](settings)
            told["outcome"] = "acknowledged"
        except Exception as error:
            word = unavailable(error)
            told["outcome"] = "unavailable" if word else f"other: {type(error).__name__}: {error}"
        told["writes"] = shim.fault_count()
    os.write(pipe, json.dumps(told).encode())


def main(pattern: Path, verb: str, number: int, most: int, step: int) -> None:
    for n in range(1, most + 1, step):
        folder = pattern.with_name(f"{verb}-{number}-{n}")
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                one_try(pattern, folder, verb, n, number, writing)
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as answer:
            told = json.loads(answer.read() or '{"outcome": "died", "writes": 0}')
        settings = settings_for(folder)
        open_database(settings.database_url)
        with db.connection_context():
            told["state"] = state_of(verb)
            told["faults"] = [one for one in faults(settings) if "has its number but no file yet" not in one]
        shutil.rmtree(folder)
        print(json.dumps({"n": n, **told}), flush=True)
        if told["writes"] < n:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
