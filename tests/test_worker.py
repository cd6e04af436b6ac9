"""Real workers: `flask worker` and the one that `serve` keeps, on both databases; killed, stopped, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import samples
from conftest import NOW
from test_labels import make_boxes
from test_serve import ROOT, environment, free_port, get  # noqa: F401  (a fixture)

from assets.models import Asset
from config import load_settings
from database import db, migrate, open_database, utc_now
from jobs import queue
from jobs.models import Job

FLASK = [sys.executable, "-m", "flask", "--app", "app"]


def until(true: Callable[[], Any], what: str, seconds: float = 90) -> Any:
    """What `true` gives as soon as it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return found


def children(pid: int) -> list[int]:
    """Its forks: not the nursery of the renderers, nor what watches over its leavings, which are other programs."""
    own = Path(f"/proc/{pid}/cmdline").read_bytes()
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if Path(f"/proc/{one}/cmdline").read_bytes() == own]


@pytest.fixture
def filled(environment: dict[str, str]) -> Iterator[dict[str, str]]:  # noqa: F811
    """A database with boxes, and a connection of the test to it."""
    environment["ROUNDTRIP_DEMO"] = "0"
    settings = load_settings({name: value for name, value in environment.items() if name.startswith("ROUNDTRIP_")})
    database = open_database(settings.database_url)
    db.connect(reuse_if_open=True)
    migrate()
    make_boxes(samples.world(NOW), 360)
    yield environment
    if not database.is_closed():
        database.close()
    if hasattr(database, "close_all"):
        database.close_all()


def ordered(count: int) -> Job:
    ids = [row.id for row in Asset.select(Asset.id).limit(count)]
    return queue.order("labels", {"assets": ids, "sheet": "a4-24", "skip": 0}, utc_now(), total=count)


def test_the_job_of_a_worker_that_is_killed_is_done_by_the_next_one_and_a_signal_ends_it(filled):
    job = ordered(360)
    process = subprocess.Popen([*FLASK, "worker"], cwd=ROOT, env=filled)
    try:
        until(lambda: Job.get_by_id(job.id).state == "running", "the job is begun")
        [worker] = children(process.pid)
        os.kill(worker, signal.SIGKILL)
        assert Job.get_by_id(job.id).state == "running"
        Job.update(lease_until=utc_now() - timedelta(seconds=1)).where(
            Job.id == job.id
        ).execute()  # as if 30 s had gone
        until(lambda: Job.get_by_id(job.id).state == "done", "another worker does it")
        row = Job.get_by_id(job.id)
        assert (row.runs, row.done) == (2, 360)
        [second] = children(process.pid)
        assert second != worker
        results = Path(filled["ROUNDTRIP_DATA_DIR"]) / "results"
        assert (results / row.file_sha256[:2] / f"{row.file_sha256}.pdf").stat().st_size > 100_000
        process.terminate()
        assert process.wait(timeout=30) == 0
        assert not Path(f"/proc/{second}").exists()
    finally:
        process.kill()


def test_two_workers_share_a_queue_and_do_each_job_once(filled):
    with db.atomic():
        for _ in range(60):
            queue.order("tidy", {}, utc_now())
    process = subprocess.Popen([*FLASK, "worker", "--processes", "2"], cwd=ROOT, env=filled)
    try:
        mine = Job.select().where(Job.kind == "tidy", Job.key == "")
        until(lambda: mine.where(Job.state == "done").count() == 60, "all are done")
        assert {job.runs for job in mine} == {1}
        process.send_signal(signal.SIGINT)  # as Ctrl-C does
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()


def test_serve_keeps_a_worker_starts_it_again_and_stops_it_with_itself(filled):
    process = subprocess.Popen([*FLASK, "serve"], cwd=ROOT, env=filled)
    url = f"http://127.0.0.1:{filled['ROUNDTRIP_PORT']}/healthz"

    def answers() -> bool:
        try:
            return get(url)[0] == 200
        except OSError:
            return False

    try:
        until(answers, "the service is up")
        first = ordered(24)
        until(lambda: Job.get_by_id(first.id).state == "done", "its worker does a job")
        nice = {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in children(process.pid)}
        [worker] = [pid for pid, value in nice.items() if value == 5]
        assert len(nice) == 3  # two for pages
        os.kill(worker, signal.SIGKILL)
        second = ordered(24)
        until(lambda: Job.get_by_id(second.id).state == "done", "another one is there")
        third = ordered(360)
        until(lambda: Job.get_by_id(third.id).state == "running", "a long job is begun")
        process.terminate()
        assert process.wait(timeout=60) == 0
        row = Job.get_by_id(third.id)
        assert row.state in ("waiting", "done")  # it came to its next step, and waits for the next start
        assert row.error == ""
    finally:
        process.kill()


def test_without_workers_serve_has_none_and_a_wrong_number_is_told(tmp_path):
    wrong = {**os.environ, "ROUNDTRIP_DATA_DIR": str(tmp_path / "data"), "ROUNDTRIP_WORKERS": "many"}
    told = subprocess.run([*FLASK, "serve"], cwd=ROOT, env=wrong, capture_output=True, text=True, check=False)
    assert "ROUNDTRIP_WORKERS=many: a number from 0 to 16 is needed" in told.stdout + told.stderr
