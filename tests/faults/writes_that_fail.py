"""Started by test_F4: lets the n-th write fail, or that and all later ones until the disk is mended, for every (step-th) n,
each time on a fresh copy of a data folder, and says what became of it. One process that loads everything once; each try
is a fork of it.

    python writes_that_fail.py FOLDER scan|issue ERRNO MOST STEP one,lasting

The last: what is tried in turn, n by n. Prints a line of JSON for each n: kind, outcome (acknowledged, unavailable,
other: what was raised), state (before, after, between) and faults as a start after the fault finds them; and
after_mending, the same three of the process that went on with the mended disk and was asked again.
"""

from __future__ import annotations

import ctypes
import itertools
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
    """A paper that is rendered already: number, file, mark; or what is left of that to do."""
    document = IssuedDocument.get_or_none(IssuedDocument.state == "numbered") or take_number(
        Shipment.get(), Order("packing_list", reasons=PASS), None, NOW, settings.base_url
    )
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


def outcome_of(verb: str, settings: Settings) -> str:
    try:
        {"scan": scan, "issue": issue}[verb](settings)
    except Exception as error:
        return "unavailable" if unavailable(error) else f"other: {type(error).__name__}: {error}"
    return "acknowledged"


def one_try(pattern: Path, folder: Path, verb: str, n: int, number: int, lasting: bool, pipe: int) -> None:
    shutil.copytree(pattern, folder)
    settings = settings_for(folder)
    open_database(settings.database_url)
    shim = ctypes.CDLL(None)
    told: dict[str, Any] = {}
    with db.connection_context():
        shim.fault_arm(str(folder).encode(), n, number, int(lasting))
        told["outcome"] = outcome_of(verb, settings)
        told["writes"] = shim.fault_count()
        if told["outcome"] != "acknowledged":
            shutil.copytree(folder, as_left(folder))  # what the next start would find
            shim.fault_arm(b"", 0, 0, 0)  # mended
            if not (verb == "issue" and state_of(verb) == "after"):  # the service shows that paper, and issues none
                told["again"] = outcome_of(verb, settings)
    os.write(pipe, json.dumps(told).encode())


def as_left(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}-left")


def found_in(folder: Path, verb: str) -> dict[str, Any]:
    settings = settings_for(folder)
    open_database(settings.database_url)
    with db.connection_context():
        wrong = [one for one in faults(settings) if "has its number but no file yet" not in one]
        return {"state": state_of(verb), "faults": wrong}


def main(pattern: Path, verb: str, number: int, most: int, step: int, kinds: list[str]) -> None:
    for n, kind in zip(range(1, most + 1, step), itertools.cycle(kinds), strict=False):
        folder = pattern.with_name(f"{verb}-{number}-{n}")
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            try:
                one_try(pattern, folder, verb, n, number, kind == "lasting", writing)
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as answer:
            told = json.loads(answer.read() or '{"outcome": "died", "writes": 0}')
        if as_left(folder).exists():
            told["after_mending"] = {"again": told.pop("again", "acknowledged"), **found_in(folder, verb)}
            shutil.rmtree(folder)
            folder = as_left(folder)
        told.update(found_in(folder, verb))
        shutil.rmtree(folder)
        print(json.dumps({"n": n, "kind": kind, **told}), flush=True)
        if told["writes"] < n:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6]), sys.argv[6].split(","))
