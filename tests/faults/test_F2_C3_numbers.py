"""F2, C3: an issuing process is killed at each of its steps, and many take numbers at once: never a gap, a double number,
a half file, or a file without its paper."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import samples
from conftest import NOW, PASS, on_both_databases, settings_for
from flask import Flask
from peewee import OperationalError
from samples import World
from self_killing import killed_at
from simulated_devices import LARGE, tried

from config import Settings
from database import close_all, open_database, unavailable, utc_now
from database import db as proxy
from docs_gen.integrity import faults as paper_faults
from docs_gen.issuing import Order, finish_unfinished, issue_document, take_number, void_document
from docs_gen.models import IssuedDocument, PaperSet
from docs_gen.paper_sets import order_set, results
from errors import InvalidInput, Refused, Unavailable
from invariants import faults
from jobs import running
from jobs.models import Job
from shipments.models import Shipment

_FORK = multiprocessing.get_context("fork")
#: Of each step in the large version; fewer where the machine has much else to do.
REPEATS = int(os.environ.get("FAULTS_REPEATS", "20"))
PROCESSES, EACH = (20, 50) if LARGE else (6, 10)


@pytest.fixture
def settings(app: Flask) -> Settings:
    settings: Settings = app.config["ROUNDTRIP"]
    return settings


def _copies(shipment: Shipment, count: int) -> list[int]:
    """So many shipments like this one, without boxes' scans: one paper of a kind each."""
    ids = []
    with proxy.atomic():
        for number in range(count):
            values = {name: getattr(shipment, name) for name in shipment._meta.sorted_field_names if name != "id"}
            copy = Shipment.create(**{**values, "number": f"S-2026-1{number:04}"})
            for row in (*shipment.lines, *shipment.packages):
                kept = {name: getattr(row, name) for name in row._meta.sorted_field_names if name != "id"}
                type(row).create(**{**kept, "shipment": copy})
            ids.append(copy.id)
    return ids


_FAILED = "it failed"


def _take(ids: list[int], gate: Any, base_url: str, luck: random.Random, told: Path) -> None:
    """Every tenth fails in the middle of its transaction, one process in five is killed in it. Who is told that the
    database is busy, as the last in the queue of a slow machine is, comes again. `told`: a line for each number that
    this process was told, or that it failed."""
    doomed = luck.random() < 0.2
    gate.wait()
    with proxy.connection_context(), told.open("w", buffering=1) as lines:
        for place, id in enumerate(ids):
            fails = place == len(ids) // 2 if doomed else luck.random() < 0.1
            while not (said := _taken(id, base_url, fails, doomed)):
                pass
            lines.write(f"{said}\n")


def _taken(id: int, base_url: str, fails: bool, doomed: bool) -> str:
    """One number; '' when the database was busy."""
    order = Order("packing_list", reasons=PASS)
    try:
        if not fails:
            return take_number(Shipment.get_by_id(id), order, None, NOW, base_url).number
        with proxy.atomic() if "Sqlite" not in type(proxy.obj).__name__ else proxy.atomic("IMMEDIATE"):
            take_number(Shipment.get_by_id(id), order, None, NOW, base_url)
            if doomed:
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError(_FAILED)
    except RuntimeError:
        return _FAILED
    except (OperationalError, Unavailable) as error:
        told = unavailable(error)
        if told is None or told.reason != "busy":
            raise
        return ""


@pytest.mark.unchecked("numbers are taken, and nothing is rendered", "I5 PL-2026-")
@on_both_databases
def test_C3_many_processes_of_which_some_fail_and_some_are_killed_take_numbers_without_gaps(
    db: Any, world: World, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ids = _copies(world.shipment, PROCESSES * EACH)
    close_all()
    if not proxy.is_closed():
        proxy.close()
    gate = _FORK.Barrier(PROCESSES)
    chunks = [ids[start : start + EACH] for start in range(0, len(ids), EACH)]
    folder = tmp_path_factory.mktemp("told")
    told = [folder / str(n) for n in range(PROCESSES)]
    processes = [
        _FORK.Process(target=_take, args=(chunk, gate, settings.base_url, random.Random(n + 1), told[n]))
        for n, chunk in enumerate(chunks)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    codes = [process.exitcode for process in processes]
    assert set(codes) == {0, -signal.SIGKILL}  # some were killed, and none failed otherwise
    proxy.connect(reuse_if_open=True)
    numbers = sorted(row.number for row in IssuedDocument.select())
    assert numbers == [f"PL-2026-{number:04}" for number in range(1, len(numbers) + 1)]
    # Not one is lost that somebody was told, nor was one taken that nobody was told: who was killed had not kept any.
    said = [path.read_text().splitlines() for path in told]
    assert [len(lines) for lines in said] == [EACH if code == 0 else EACH // 2 for code in codes]
    assert numbers == sorted(line for lines in said for line in lines if line != _FAILED)
    killed = codes.count(-signal.SIGKILL)
    tried(
        "C3",
        f"{PROCESSES} processes × {EACH} numbers, 10 % failed, {killed} processes killed, {type(db).__name__}",
        len(numbers),
    )


def test_C3_a_void_number_is_kept_and_each_year_and_seller_has_a_series(world: World, settings: Settings) -> None:
    """The year is that of the place from which the goods leave: Suzhou is eight hours before UTC."""
    before, after = datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), datetime(2026, 12, 31, 16, 0, tzinfo=UTC)
    ids = _copies(world.shipment, 5)
    other = samples.party(NOW, code="TAICANG", name_en="Taicang Stabil Columns Co., Ltd.")
    Shipment.update(consignor=other).where(Shipment.id.in_(ids[3:])).execute()
    order = Order("china_export_declaration", reasons=PASS)
    papers = [
        issue_document(Shipment.get_by_id(id), order, None, moment, settings)
        for id, moment in zip(ids, (before, before, after, before, after), strict=True)
    ]
    assert [(one.seller, one.number) for one in papers] == [
        (world.suzhou, "CD-2026-0001"), (world.suzhou, "CD-2026-0002"), (world.suzhou, "CD-2027-0001"),
        (other, "CD-2026-0001"), (other, "CD-2027-0001"),
    ]  # fmt: skip
    with pytest.raises(InvalidInput):
        void_document(papers[1], " ", None, NOW)
    void_document(papers[1], " Wrong truck. ", None, NOW)
    again = issue_document(Shipment.get_by_id(ids[1]), order, None, before, settings)
    assert (again.seller, again.number) == (world.suzhou, "CD-2026-0003")
    kept = IssuedDocument.get(seller=world.suzhou, number="CD-2026-0002")
    assert (kept.status, kept.void_reason, kept.voided_time) == ("void", "Wrong truck.", NOW)
    assert IssuedDocument.select().where(IssuedDocument.voided_time.is_null(False)).count() == 1
    assert list(paper_faults(settings.archive_dir)) == []


# F2: every step


def _at_step(number: int, work: Callable[[], None]) -> int:
    """`killed_at`, whose steps are statements, syncs, files that are opened to be written, and renames."""

    def stepping(step: Callable[[], None]) -> None:
        def hook(event: str, values: tuple[Any, ...]) -> None:
            if event == "os.rename" or (
                event == "open" and ".pdf" not in str(values[0]) and "files/" in str(values[0])
            ):
                step()

        real = os.fsync
        os.fsync = lambda fd: (step(), real(fd), step())[1]  # type: ignore[assignment]
        with proxy.connection_context():
            proxy.connection().set_trace_callback(lambda _: step())
            sys.addaudithook(hook)
            work()

    return killed_at(number, stepping)


@pytest.fixture
def pattern(world: World, settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A data folder to be copied for each try."""
    proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    proxy.close()
    made = tmp_path / "pattern"
    made.mkdir()
    shutil.copy(tmp_path / "roundtrip.db", made)
    yield made
    proxy.close()


def finish(settings: Settings) -> None:
    """As at the next start; and again where a paper took too long, as on a machine that has twenty other things to do."""
    for _ in range(5):
        finish_unfinished(settings)
        if not IssuedDocument.select().where(IssuedDocument.state == "numbered").exists():
            break


@pytest.mark.unchecked("each try is checked, and its database deleted")
def test_F2_killed_at_any_step_of_issuing_it_is_before_or_finished_and_never_half(
    pattern: Path, tmp_path: Path
) -> None:
    def one(number: int) -> int:
        folder = tmp_path / f"try-{number}"
        shutil.copytree(pattern, folder)
        settings = settings_for(folder)
        open_database(settings.database_url)

        def work() -> None:
            os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])  # one worker is enough, and half as much to start
            with contextlib.suppress(Refused):  # a paper may take too long where much else is done, and that is told
                issue_document(Shipment.get(), Order("packing_list", reasons=PASS), None, NOW, settings)

        steps = _at_step(number, work)
        with proxy.connection_context():
            for path in settings.archive_dir.rglob("*.pdf"):  # under its final name it is whole, at any moment
                assert path.read_bytes().rstrip().endswith(b"%%EOF")
            numbers = [(row.number, row.state) for row in IssuedDocument.select()]
            assert numbers in ([], [("PL-2026-0001", "numbered")], [("PL-2026-0001", "issued")]), number
            finish(settings)
            if numbers:
                assert [(row.number, row.state) for row in IssuedDocument.select()] == [("PL-2026-0001", "issued")]
            with contextlib.suppress(Refused):  # it is issued already
                issue_document(Shipment.get(), Order("packing_list", replaces="", reasons=PASS), None, NOW, settings)
            finish(settings)
            assert [row.number for row in IssuedDocument.select()] == ["PL-2026-0001"]
            assert list(faults(settings)) == []
        shutil.rmtree(folder)
        return steps

    steps = one(0)
    assert steps >= 30
    places = range(1, steps + 1) if LARGE else [*range(1, steps, max(1, steps // 6)), steps - 1, steps]
    repeats = REPEATS if LARGE else 1
    for _ in range(repeats):
        for number in places:
            one(number)
    tried("F2", f"killed at each of {steps} steps of issuing, {repeats} times", len(places) * repeats)


SET = ("commercial_invoice", "packing_list", "china_export_declaration")


@pytest.mark.unchecked("each try is checked, and its database deleted")
def test_F2_a_set_that_is_killed_at_any_step_is_finished_with_the_numbers_it_took(
    app: Flask, pattern: Path, tmp_path: Path
) -> None:
    """The job is run by a process that is killed, missed, and run once more."""
    open_database(f"sqlite:///{pattern}/roundtrip.db")
    with proxy.connection_context():
        papers = order_set(Shipment.get(), [(type, "") for type in SET], PASS, None, utc_now())
        proxy.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    close_all()

    def one(number: int) -> int:
        folder = tmp_path / f"try-{number}"
        shutil.copytree(pattern, folder)
        settings = app.config["ROUNDTRIP"] = settings_for(folder)
        open_database(settings.database_url)

        def work() -> None:
            os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
            running.execute(app, papers.job_id)

        steps = _at_step(number, work)
        with proxy.connection_context():
            for path in settings.archive_dir.rglob("*.pdf"):
                assert path.read_bytes().rstrip().endswith(b"%%EOF")
            taken = {row.type: (row.number, row.facts) for row in IssuedDocument.select()}
            Job.update(lease_until=utc_now() - timedelta(seconds=1)).where(Job.state == "running").execute()
            running.sweep(utc_now())
            running.execute(app, papers.job_id)
            finish(settings)  # what took too long, as above
            job, rows = Job.get_by_id(papers.job_id), list(IssuedDocument.select())
            assert (job.state, job.error) == ("done", ""), number
            found = {row.type: (row.number, row.facts) for row in rows}
            assert taken.items() <= found.items(), number  # as they were frozen, none lost and none taken anew
            assert sorted((row.number, row.state) for row in rows) == [
                ("CD-2026-0001", "issued"), ("CI-2026-0001", "issued"), ("PL-2026-0001", "issued"),
            ], number  # fmt: skip
            noted = {one["type"]: one.get("number") or one["text"] for one in results(PaperSet.get())}
            assert set(noted) == set(SET), number
            late = "The paper %(number)s has its number but could not be rendered"
            assert all(text == found[type][0] or text.startswith(late) for type, text in noted.items()), (number, noted)
            assert list(faults(settings)) == []
        shutil.rmtree(folder)
        return steps

    steps = one(0)
    assert steps >= 100
    places = range(1, steps + 1) if LARGE else [(2 * n + 1) * steps // 12 for n in range(6)]
    for number in places:
        one(number)
    tried("F2", f"a set of {len(SET)} papers killed at {steps} steps, its job run again", len(places))
