"""Work that is due by itself: once in each span of time, whichever worker comes first; and clearing up after jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import archive
from database import utc_now
from errors import N_
from jobs.kinds import KINDS, Kind, register
from jobs.models import Job
from jobs.queue import order
from jobs.running import Run, suffix_of

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
#: So long the rows of ended jobs are kept: the service's own, what people asked for, what failed.
_OWN, _ASKED, _FAILED = timedelta(days=2), timedelta(days=30), timedelta(days=90)


def plan(now: datetime) -> int:
    """Order what is due by itself and was not ordered in this span; gives how many."""
    made = 0
    for kind in [one for one in KINDS.values() if one.every]:
        assert kind.every
        key = f"{kind.code}:{(now - _EPOCH) // kind.every}"
        if not Job.select().where(Job.kind == kind.code, Job.key == key).exists():
            order(kind.code, {}, now, key=key)
            made += 1
    return made


def tidy(run: Run) -> None:
    """Remove results whose time is over, and rows of jobs that ended long ago."""
    now = utc_now()
    for job in Job.select().where(Job.file_until < now, Job.file_sha256 != ""):
        Job.update(file_sha256="", file_until=None).where(Job.id == job.id).execute()
        if not Job.select().where(Job.file_sha256 == job.file_sha256).exists():
            archive.discard(run.settings.results_dir, job.file_sha256, suffix=suffix_of(job.file_name))
        run.step()
    ended = Job.state.in_(["done", "cancelled"]) & (Job.file_sha256 == "")
    own = Job.asked_by.is_null() & (Job.ended_time < now - _OWN)
    old = (ended & (own | (Job.ended_time < now - _ASKED))) | (
        (Job.state == "failed") & (Job.file_sha256 == "") & (Job.ended_time < now - _FAILED)
    )
    Job.delete().where(old).execute()


TIDY = register(Kind("tidy", N_("Clearing up after jobs"), tidy, every=timedelta(hours=6)))
