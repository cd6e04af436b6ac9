"""What an operator wants to know before anybody calls: each check says what it found and, if something is wrong, what.

No check waits for somebody else's work, and none is fatal to the others.
"""

from __future__ import annotations

import importlib
import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from peewee import fn
from playhouse.migrations import Runner

import archive
from accounts.models import AuditEntry
from assets.models import ExceptionCase
from config import ROOT, Settings
from database import clock_off, db, tuples, utc_now
from docs_gen import render_pool
from docs_gen.models import IssuedDocument
from docs_gen.render import missing_requirements
from jobs.models import Job

log = logging.getLogger("roundtrip")

_LEAST_FREE = 512 * 1024 * 1024  # bytes
_LEAST_FILES = 1_000  # inodes; file systems that make them as needed say 0 of 0
_CLOCK = timedelta(minutes=1)
_HOSTS_APART = 5  # seconds; leases are for minutes, and what a person is shown is rounded to minutes
_QUEUE = timedelta(minutes=10)
BACKUP_AGE = timedelta(hours=26)  # one each day, with two hours for it

_BEGUN = (time.time(), time.monotonic())


@dataclass(frozen=True)
class Finding:
    """What one check found. `fault`: '' when all is well."""

    told: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


def findings(settings: Settings) -> dict[str, Finding]:
    """Every check by its name."""
    checks: dict[str, Callable[[Settings], Finding]] = {
        "database": _database, "renderer": _renderer, "papers": _papers, "jobs": _jobs, "disk": _disk, "clock": _clock,
        "backup": _backup, "libraries": _libraries,
    }  # fmt: skip
    if settings.bucket:
        checks["files"] = _files
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check(settings)
        except Exception as error:
            log.exception("the check of %s failed", name)
            found[name] = Finding(fault=f"could not be looked at ({type(error).__name__})")
    return found


def gauges(settings: Settings) -> dict[str, tuple[str, float]]:
    """Figures of this moment for Prometheus."""
    last = _last_backup(settings)
    making = render_pool.state(probe=False)
    return {
        "roundtrip_exceptions_open": ("Exceptions that wait for somebody", _open_exceptions()),
        **_job_gauges(),
        "roundtrip_papers_unfinished": ("Papers with a number and without a file", _unfinished()),
        "roundtrip_papers_making": ("Papers being rendered by the process that answers", making.making),
        "roundtrip_disk_free_bytes": ("Free space of the data folder", shutil.disk_usage(settings.data_dir).free),
        **(
            {"roundtrip_backup_age_seconds": ("Age of the last good backup", (utc_now() - last).total_seconds())}
            if last
            else {}
        ),
    }


def _open_exceptions() -> int:
    return int(ExceptionCase.select().where(ExceptionCase.state == "open").count())


def _unfinished() -> int:
    """Papers with a number and without a file."""
    return int(IssuedDocument.select().where(IssuedDocument.state == "numbered").count())


def _database(_: Settings) -> Finding:
    begin = time.monotonic()
    db.execute_sql("SELECT 1")
    ms = round((time.monotonic() - begin) * 1000, 1)
    pending = [one.name for one in Runner(db.obj, str(ROOT / "migrations")).status() if not one.applied]
    return Finding({"ms": ms}, f"{len(pending)} migrations have not run" if pending else "")


def _renderer(_: Settings) -> Finding:
    state = render_pool.state()
    told: dict[str, Any] = {"making": state.making, "oldest_seconds": round(state.oldest, 1)}
    if state.confined is not None:
        told["without_network"] = "network" in state.confined
        told["without_files"] = "files" in state.confined
    return Finding(told, state.fault)


def _papers(_: Settings) -> Finding:
    failed = IssuedDocument.select().where(IssuedDocument.state == "numbered", IssuedDocument.failed).count()
    fault = f"{failed} papers have a number and could not be rendered" if failed else ""
    return Finding({"unfinished": _unfinished()}, fault)


def _job_gauges() -> dict[str, tuple[str, float]]:
    counts, oldest = _background()
    return {
        "roundtrip_jobs_waiting": ("Background jobs that are due and wait", counts.get("waiting", 0)),
        "roundtrip_jobs_running": ("Background jobs that are being done", counts.get("running", 0)),
        "roundtrip_jobs_failed": ("Background jobs that failed and wait for somebody", counts.get("failed", 0)),
        "roundtrip_jobs_oldest_seconds": ("How long the oldest that waits has been due", oldest),
    }


def _background() -> tuple[dict[str, int], float]:
    """Background jobs by state (of those that wait, the ones that are due), seconds that the oldest of these waits."""
    now = utc_now()
    waits = (Job.state == "waiting") & (Job.due_time <= now)
    told = waits | Job.state.in_(["running", "failed"])
    counts = dict(tuples(Job.select(Job.state, fn.COUNT(Job.id)).where(told).group_by(Job.state)))
    oldest = Job.select(fn.MIN(Job.due_time)).where(waits).scalar()
    return counts, (now - oldest).total_seconds() if oldest else 0.0


def _jobs(_: Settings) -> Finding:
    counts, oldest = _background()
    late = timedelta(seconds=oldest) > _QUEUE
    told = {state: counts.get(state, 0) for state in ("waiting", "running", "failed")}
    return Finding(
        {**told, "oldest_seconds": round(oldest)},
        "the oldest background job has waited for more than 10 minutes: does a worker run?" if late else "",
    )


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free
    nodes = os.statvfs(settings.data_dir)
    fault = "less than 512 MB are free in the data folder" if free < _LEAST_FREE else ""
    if nodes.f_files and nodes.f_favail < _LEAST_FILES:
        fault = "the file system of the data folder takes hardly any more files"
    if not os.access(settings.data_dir, os.W_OK):
        fault = "the data folder cannot be written to"
    return Finding({"free_mb": free >> 20}, fault)


def _clock(_: Settings) -> Finding:
    """The clock beside what has been written already, and beside the time that this process has run."""
    drift = (time.time() - _BEGUN[0]) - (time.monotonic() - _BEGUN[1])
    last: datetime | None = AuditEntry.select(fn.MAX(AuditEntry.time)).scalar()
    behind = (last - utc_now()) if last else timedelta()
    fault = ""
    if abs(drift) > _CLOCK.total_seconds():
        fault = f"the clock was set by {round(drift)} seconds since the service started"
    if behind > _CLOCK:
        fault = f"the clock is {round(behind.total_seconds())} seconds behind the newest line of the audit"
    off = clock_off()
    if abs(off) > _HOSTS_APART:
        fault = f"the clock is {round(off, 1)} seconds off that of the database's host"
    told = {"time": utc_now().isoformat(timespec="seconds"), "set_by_seconds": round(drift, 1)}
    return Finding({**told, "off_database_seconds": round(off, 2)}, fault)


def _files(settings: Settings) -> Finding:
    """The store of the files: whether it answers, and how fast."""
    begin = time.monotonic()
    next(archive.names(settings.archive_dir), "")
    return Finding({"ms": round((time.monotonic() - begin) * 1000, 1)})


def _backup(settings: Settings) -> Finding:
    last = _last_backup(settings)
    if last is None:
        return Finding({"last": None}, "there is no backup")
    age = utc_now() - last
    hours = round(age.total_seconds() / 3600, 1)
    return Finding(
        {"last": last.isoformat(timespec="seconds"), "age_hours": hours},
        f"the last good backup is {hours} hours old" if age > BACKUP_AGE else "",
    )


def _last_backup(settings: Settings) -> datetime | None:
    """When the last good backup began; None when there is none."""
    try:
        backup = importlib.import_module("backup")
    except ModuleNotFoundError:
        return None
    last: datetime | None = backup.last_good(settings)
    return last


def _libraries(_: Settings) -> Finding:
    missing = missing_requirements()
    return Finding({"missing": missing}, "; ".join(missing))
