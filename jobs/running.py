"""Running a job: taken by one worker under a lease, done in steps that can be stopped, ended in its row.

    waiting → running → done
                      → waiting again: it failed and may be tried again later, or its worker is stopped or gone
                      → failed, cancelled

Whoever runs a job renews its lease. When the worker dies the lease runs out, and `sweep`, which every worker calls
every few seconds, lets it wait again; so a job may be run twice, in part or whole, and each kind is made for that. A
run is known by its number: what a worker writes that was thought dead changes nothing.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, g

import archive
from accounts.models import User
from accounts.scope import acting_as, scope_of
from config import Settings
from database import (
    db,
    end_of_request,
    in_one,
    locked,
    shared_now,
    sound_connection,
    taking_turns,
    unavailable,
    utc_now,
)
from errors import N_, Message, Unavailable, UserError, message_of, plain_message
from jobs import engine
from jobs.kinds import KINDS, Kind
from jobs.models import Job

log = logging.getLogger("roundtrip.jobs")

#: Renewed every few seconds; so long after a worker was killed its jobs are taken up again.
LEASE = timedelta(seconds=30)
#: A job is tried again after 5, 20, 80 … seconds, at most 10 minutes.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=10)
#: One that does not look at its clock has so much longer before its worker is ended.
GRACE = 30.0
#: Progress is written so often at most.
_TELL = 0.4
RESULT_KEPT = timedelta(days=7)

_FAULT = N_("The program has a fault; the log says which (%(fault)s).")
_TOO_LONG = N_("It took longer than %(seconds)s seconds.")
_KILLED = N_("The program that did it ended %(times)s times while it was at it.")
_NO_KIND = N_("This version of the program does not know this kind of work.")
_NO_RIGHT = N_("Who asked for it has no longer the right to it.")


class Ended(Exception):
    """A run that goes no further: `cancelled` by somebody, `stopping` with its worker, `lost` to another worker,
    `too_long`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass
class Run:
    """One run of a job, as its kind sees it."""

    job: Job
    kind: Kind
    settings: Settings
    ending: threading.Event  # set when the worker is to stop
    begun: float = field(default_factory=time.monotonic)
    told: float = 0.0
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def args(self) -> dict[str, Any]:
        """What was ordered."""
        found: dict[str, Any] = json.loads(self.job.args)
        return found

    @property
    def by(self) -> User | None:
        """Who asked for it."""
        return self.job.asked_by if self.job.asked_by_id else None

    def step(self, done: int | None = None, total: int | None = None) -> None:
        """To be called between steps of a few seconds at most, outside of a transaction: tells how far it is, and ends
        the run (Ended) when it is to be stopped."""
        if done is not None:
            self.job.done = done
        if total is not None:
            self.job.total = total
        if self.ending.is_set():
            raise Ended("stopping")
        now = time.monotonic()
        if now - self.begun > self.kind.seconds:
            raise Ended("too_long")
        if now - self.told < _TELL:
            return
        self.told = now
        if not self._mine(done=self.job.done, total=self.job.total, lease_until=shared_now() + LEASE):
            raise Ended("lost")
        if Job.select(Job.stop_asked).where(Job.id == self.job.id).scalar():
            raise Ended("cancelled")

    def says(self, text: str, endpoint: str = "", arguments: dict[str, Any] | None = None, **values: Any) -> None:
        """Add a line to what it did: a sentence marked with N_, and the page that it leads to."""
        self.lines.append({**plain_message(Message(text, values)), "endpoint": endpoint, "arguments": arguments or {}})

    def gives(self, data: bytes, name: str) -> None:
        """Keep a file (PDF or ZIP, by its name) as its result, to be downloaded for `RESULT_KEPT`."""
        self.job.file_sha256 = archive.keep(self.settings.results_dir, data, suffix=suffix_of(name))
        self.job.file_name, self.job.file_until = name[:120], utc_now() + RESULT_KEPT

    def renew(self) -> None:
        """Keep the lease while a step goes on."""
        self._mine(lease_until=shared_now() + LEASE)

    def over(self) -> float:
        """Seconds that it runs beyond its time."""
        return time.monotonic() - self.begun - self.kind.seconds

    def end(self, state: str, **more: Any) -> bool:
        """Write how the run ended; False when it was another worker's by now."""
        values = {"state": state, "lease_until": None, "result": json.dumps(self.lines, ensure_ascii=False), **more}
        if state != "waiting":
            values["ended_time"] = utc_now()
        return self._mine(done=self.job.done, total=self.job.total, **values)

    def fail(self, message: Message, *, again: bool) -> None:
        """Note why the run came to nothing; it is tried again later as often as its kind says, if that may help."""
        now, error = utc_now(), json.dumps(plain_message(message), ensure_ascii=False)
        with in_one():
            if again and self.job.attempts < self.kind.tries:
                due = now + wait_after(self.job.attempts)
                _free_key(self.job)
                if self.end("waiting", error=error, due_time=due):
                    engine.send(self.job.id, due, self.kind.priority, now)
            else:
                self.end("failed", error=error)

    def _mine(self, **values: Any) -> bool:
        mine = (Job.id == self.job.id) & (Job.state == "running") & (Job.runs == self.job.runs)
        return bool(Job.update(**values).where(mine).execute())


def suffix_of(name: str) -> str:
    """By which suffix a result of this name is kept."""
    return ".zip" if name.endswith(".zip") else ".pdf"


def too_long(kind: Kind) -> Message:
    """What is said of a job that broke its limit of time."""
    return Message(_TOO_LONG, {"seconds": round(kind.seconds)})


def wait_after(attempts: int) -> timedelta:
    """How long after the n-th failure a job is tried again."""
    return min(_FIRST_WAIT * 4 ** (max(attempts, 1) - 1), _LONGEST_WAIT)


def result_lines(job: Job) -> list[tuple[Any, str, dict[str, Any]]]:
    """What a job says that it did: message, endpoint or '', its arguments."""
    return [(message_of(one), one.get("endpoint", ""), one.get("arguments", {})) for one in json.loads(job.result)]


def error_of(job: Job) -> Any:
    """Why its last run came to nothing, as a message; '' when it did not."""
    return message_of(json.loads(job.error)) if job.error else ""


#: The runs of this process: the keeper of the worker renews their leases.
here: dict[int, Run] = {}


def execute(app: Flask, job_id: int, ending: threading.Event | None = None) -> None:
    """Run a job that waits; nothing when it does not, or somebody else has it. Raises nothing."""
    try:
        with sound_connection():
            db.connect(reuse_if_open=True)
            _execute(app, job_id, ending or threading.Event())
    except Exception:
        log.exception("job %s: the worker could not run it", job_id)  # the lease brings it back


def execute_here(app: Flask, job_id: int) -> None:
    """Begin a job in a thread of this process, for somebody who waits; a worker that was faster has it, and one that
    comes later when this process dies."""

    def work() -> None:
        try:
            execute(app, job_id)
        finally:
            end_of_request()

    threading.Thread(target=work, name=f"job-{job_id}", daemon=True).start()


def _execute(app: Flask, job_id: int, ending: threading.Event) -> None:
    settings: Settings = app.config["ROUNDTRIP"]
    job = take(job_id, shared_now())
    if job is None:
        return
    kind = KINDS.get(job.kind)
    if kind is None:
        # Of a newer version, whose own workers will take it while both run.
        unknown = Kind(job.kind, "", lambda _: None, tries=10)
        Run(job, unknown, settings, ending).fail(Message(_NO_KIND), again=True)
        return
    run = Run(job, kind, settings, ending)
    here[job.id] = run
    began = time.monotonic()
    try:
        with sound_connection(), _for_who_asked(app, run):
            if run.by is not None and not _still_may(run.by, kind):
                raise _NotAllowed(_NO_RIGHT)
            run.step(0)
            kind.work(run)
        _connected()
        run.end(
            "done", file_sha256=job.file_sha256, file_name=job.file_name, file_until=job.file_until, error="",
        )  # fmt: skip
        log.info("job %s: %s done in %.1f s", job.id, kind.code, time.monotonic() - began)
    except Ended as end:
        _connected()
        _let_go(run, end.why)
    except Exception as error:
        _connected()
        _failed(run, error)
    finally:
        here.pop(job.id, None)


class _NotAllowed(UserError):
    """Who asked may not any more."""

    status = 403


def _still_may(user: User, kind: Kind) -> bool:
    return bool(user.active) and (not kind.right or kind.right in user.rights)


@contextmanager
def _for_who_asked(app: Flask, run: Run) -> Iterator[None]:
    """What the job does is done for the person who asked for it, and sees what he sees; links lead to our address."""
    with app.test_request_context(base_url=run.settings.base_url):
        g.request_id, g.job = f"job-{run.job.id}", run.job.id
        if run.by is None:
            yield
            return
        g.acts_for = run.by
        with acting_as(scope_of(run.by)):
            yield


def _connected() -> None:
    """The end of the request's context gives its connection back."""
    db.connect(reuse_if_open=True)


def _let_go(run: Run, why: str) -> None:
    log.info("job %s: %s", run.job.id, why)
    if why == "cancelled":
        run.end("cancelled", error="")
    elif why == "too_long":
        run.fail(too_long(run.kind), again=True)
    elif why == "stopping":  # no fault of the job: it does not count
        now = utc_now()
        with in_one():
            _free_key(run.job)
            if run.end("waiting", due_time=now, attempts=run.job.attempts - 1):
                engine.send(run.job.id, now, run.kind.priority, now)


def _failed(run: Run, error: Exception) -> None:
    fault = unavailable(error)
    if isinstance(error, UserError) and not isinstance(error, Unavailable) and fault is None:
        log.info("job %s: refused: %s", run.job.id, error)
        run.fail(error.message, again=False)
        return
    log.exception("job %s: %s failed", run.job.id, run.kind.code)
    told = fault.message if fault else Message(_FAULT, {"fault": type(error).__name__})
    run.fail(told, again=True)


def _free_key(job: Job) -> None:
    """One that goes back to wait gives its key away when another one with it waits by now."""
    if job.key and Job.select().where(Job.key == job.key, Job.state == "waiting", Job.id != job.id).exists():
        Job.update(key="").where(Job.id == job.id).execute()


def take(job_id: int, now: datetime) -> Job | None:
    """The job, if it waits and is due: it is ours now, for the time of a lease."""
    with taking_turns():
        row = locked(Job.select().where(Job.id == job_id)).first()
        if row is None or row.state != "waiting" or row.due_time > now + timedelta(seconds=1):
            return None
        Job.update(
            state="running", runs=row.runs + 1, attempts=row.attempts + 1, lease_until=now + LEASE, begun_time=now,
            ended_time=None, stop_asked=False,
        ).where(Job.id == job_id).execute()  # fmt: skip
    job: Job = Job.get_by_id(job_id)
    return job


def sweep(now: datetime) -> int:
    """Let what a dead worker had wait again, and send again what waits although the queue is empty; gives how many."""
    found = 0
    for job in Job.select().where(Job.state == "running", Job.lease_until < now).order_by(Job.id):
        with taking_turns():
            row = locked(Job.select().where(Job.id == job.id)).get()
            if row.state != "running" or row.runs != job.runs or row.lease_until >= now:
                continue
            _taken_back(row, now)
            found += 1
    overdue = Job.select().where(Job.state == "waiting", Job.due_time < now - LEASE)
    if overdue.exists() and engine.is_empty():  # its worker died between taking the message and taking the job
        for job in overdue.order_by(Job.id).limit(1_000):
            with in_one():
                if Job.update(due_time=now).where(Job.id == job.id, Job.state == "waiting").execute():
                    engine.send(job.id, now, KINDS[job.kind].priority if job.kind in KINDS else 0, now)
                    found += 1
    return found


def _taken_back(job: Job, now: datetime) -> None:
    kind = KINDS.get(job.kind)
    log.warning("job %s: its worker is gone", job.id)
    if job.stop_asked:
        values: dict[str, Any] = {"state": "cancelled", "ended_time": now}
    elif job.attempts >= (kind.tries if kind else 1):
        told = plain_message(Message(_KILLED, {"times": job.attempts}))
        values = {"state": "failed", "ended_time": now, "error": json.dumps(told)}
    else:
        _free_key(job)
        values = {"state": "waiting", "due_time": now}
    Job.update(lease_until=None, **values).where(Job.id == job.id).execute()
    if values["state"] == "waiting":
        engine.send(job.id, now, kind.priority if kind else 0, now)
