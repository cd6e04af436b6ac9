"""Ordering work, stopping it, asking for it once more: each is one transaction, the caller's if there is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from accounts import audit
from accounts.models import User
from database import in_one, locked
from errors import N_, Refused
from jobs import engine
from jobs.kinds import KINDS
from jobs.models import Job
from master_data.models import Party


def order(
    kind: str, args: Mapping[str, Any], now: datetime, *, about: str = "", key: str = "", by: User | None = None,
    entity: Party | None = None, total: int = 0, delay: timedelta = timedelta(),
) -> Job:  # fmt: skip
    """Promise that this will be done; the promise is there exactly when the transaction is.

    `args`: ids and plain values. `key`: while one with it waits, that one is the answer and nothing is added: it will
    see what is written now. `delay`: not before so long, for what is ordered several times in a row.
    """
    with in_one():
        if key:
            # Locked: no worker begins it before this transaction, whose change it is to see, has ended.
            waiting = locked(Job.select().where(Job.key == key, Job.state == "waiting")).first()
            if waiting is not None:
                return waiting  # type: ignore[no-any-return]
        row = {
            "kind": kind, "args": json.dumps(dict(args)), "about": about[:120], "key": key, "asked_by": by,
            "entity": entity, "total": total, "due_time": now + delay, "created_time": now,
        }  # fmt: skip
        id_ = Job.insert(row).on_conflict_ignore().execute()
        job: Job | None = Job.get_or_none(Job.id == id_) if id_ else None
        if job is None or (key and job.key != key):  # another one was faster, and his waits now
            return Job.get(Job.key == key, Job.state == "waiting")
        engine.send(job.id, job.due_time, KINDS[kind].priority if kind in KINDS else 0, now)
        if by is not None:
            audit.record("ordered", "job", str(job.id), what=kind, about=about)
    return job


def cancel(job: Job, now: datetime) -> bool:
    """Stop a job: one that waits at once, one that runs at its next step. False when it has ended already."""
    with in_one():
        row = locked(Job.select().where(Job.id == job.id)).get()
        if row.state == "waiting":
            Job.update(state="cancelled", ended_time=now).where(Job.id == row.id).execute()
        elif row.state == "running":
            Job.update(stop_asked=True).where(Job.id == row.id).execute()
        else:
            return False
        audit.record("cancelled", "job", str(row.id), what=row.kind, about=row.about)
    return True


def retry(job: Job, now: datetime) -> None:
    """Do it once more: one that failed or was cancelled. Refused for all others, and when another one of its key
    waits already."""
    with in_one():
        row = locked(Job.select().where(Job.id == job.id)).get()
        if row.state not in ("failed", "cancelled"):
            raise Refused("not_failed", N_("This job has not failed. Reload the page."))
        if row.key and Job.select().where(Job.key == row.key, Job.state == "waiting").exists():
            raise Refused("waits_already", N_("The same work waits to be done already."))
        Job.update(
            state="waiting", attempts=0, stop_asked=False, due_time=now, done=0, error="", ended_time=None
        ).where(Job.id == row.id).execute()
        engine.send(row.id, now, KINDS[row.kind].priority if row.kind in KINDS else 0, now)
        audit.record("retried", "job", str(row.id), what=row.kind, about=row.about)
