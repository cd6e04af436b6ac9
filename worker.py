"""Processes that do background jobs: huey's consumer, a keeper beside it, and who starts them again when they end.

A worker is forked from a process that has loaded the application, so it shares its memory and is there at once. In it
two threads do jobs, huey's scheduler brings up what waits for its time, and the keeper renews leases, takes up what
dead workers left, orders what is due by itself, and ends the process when a job does not heed its time.

SIGTERM and SIGINT stop it: jobs end at their next step and wait for the next worker.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from huey.consumer import Consumer

import metrics
from database import close_all, db, end_of_request, shared_now, sound_connection
from docs_gen import render_pool
from jobs import engine, running, timetable

log = logging.getLogger("roundtrip.jobs")

#: Jobs that a process does at once: a long one does not keep the short ones waiting.
THREADS = 2
#: Seconds between two looks of the keeper; less than a third of a lease.
LOOK = 5.0
#: Seconds that jobs have to come to their next step when the worker is to stop.
STOP_SECONDS = 25.0
_NICE = 5  # below the pages; the papers that a job makes come below those that people wait for
_STUCK = 75  # exit code
_AGAIN = (0, 1, 2, 5, 10, 30)  # seconds before the n-th start of a worker that ends at once
_SOON = 10.0


class _Worker(Consumer):  # type: ignore[misc]
    """huey's consumer; both signals let running jobs come to their next step."""

    def __init__(self, app: Flask) -> None:
        self.ending = threading.Event()
        self.app = app
        self.parent = os.getppid()
        queue = engine.huey_for(lambda job_id: running.execute(app, job_id, self.ending))
        super().__init__(
            queue, workers=THREADS, periodic=False, initial_delay=0.1, backoff=1.2, max_delay=1.0,
            worker_type="thread", shutdown_timeout=STOP_SECONDS,
        )  # fmt: skip
        self._signal_actions = {signal.SIGTERM: (False, True), signal.SIGINT: (False, True)}

    def _handle_signal(self, signum: int, frame: Any) -> None:
        if not self.ending.is_set():  # a second signal would end the jobs where they stand; who is in a hurry kills
            self.ending.set()
            super()._handle_signal(signum, frame)
            signal.signal(signum, self._handle_signal)

    def keep(self) -> None:
        """The keeper's thread."""
        while not self.ending.wait(LOOK):
            try:
                with sound_connection():
                    db.connect(reuse_if_open=True)
                    look(shared_now())
            except Exception:
                log.exception("the keeper of the jobs could not look")
            finally:
                end_of_request()
            if os.getppid() != self.parent:
                log.warning("the process that started this worker is gone; it ends")
                os.kill(os.getpid(), signal.SIGTERM)
                return


def look(now: Any) -> None:
    """What the keeper does: leases, stuck jobs, what was left, what is due by itself."""
    for run in list(running.here.values()):
        if run.over() > running.GRACE:
            # It does not come to its next step: nothing but the end of its process ends it.
            log.error("job %s does not end; the worker does", run.job.id)
            run.fail(running.too_long(run.kind), again=True)
            os._exit(_STUCK)
        run.renew()
    running.sweep(now)
    timetable.plan(now)


def work(app: Flask) -> None:
    """Do jobs until a signal ends it: the whole life of a worker's process."""
    for signum in (signal.SIGCHLD, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGQUIT):
        signal.signal(signum, signal.SIG_DFL)
    os.nice(_NICE)
    logging.getLogger("huey").setLevel(logging.WARNING)
    worker = _Worker(app)
    threading.Thread(target=worker.keep, name="keeper", daemon=True).start()
    try:
        worker.run()
    finally:
        worker.ending.set()
        render_pool.close()


class Processes:
    """The workers of this machine: started, started again when they end, stopped with us."""

    def __init__(self, count: int, app: Flask, before: Callable[[], None] = lambda: None) -> None:
        self.app, self.before = app, before  # what a forked process does first
        self.pids: list[int] = [0] * count
        self.began: list[float] = [0.0] * count
        self.quick: list[int] = [0] * count  # ends in a row that came soon after the start
        self.next: list[float] = [0.0] * count
        self.stopping = False

    def look(self) -> None:
        """Start what is not there; to be called every second or so."""
        for place, pid in enumerate(self.pids):
            if pid and _has_ended(pid):
                metrics.ended(pid)
                lived = time.monotonic() - self.began[place]
                self.quick[place] = self.quick[place] + 1 if lived < _SOON else 0
                wait = _AGAIN[min(self.quick[place], len(_AGAIN) - 1)]
                log.warning("A worker for jobs (process %s) ended; another one is started in %s s", pid, wait)
                self.pids[place], self.next[place] = 0, time.monotonic() + wait
            if not self.pids[place] and not self.stopping and time.monotonic() >= self.next[place]:
                self.pids[place], self.began[place] = self._start(), time.monotonic()

    def _start(self) -> int:
        close_all()  # a connection that two processes share mixes up their answers
        gc.freeze()  # what is loaded stays shared
        pid = os.fork()
        if pid:
            gc.unfreeze()
            return pid
        code = 1
        try:
            self.before()
            work(self.app)
            code = 0
        except BaseException:
            log.exception("a worker for jobs could not go on")
        finally:
            logging.shutdown()
            os._exit(code)

    def ask_to_stop(self) -> None:
        """Let running jobs come to their next step; `stop` waits for it."""
        self.stopping = True
        for pid in filter(None, self.pids):
            _kill(pid, signal.SIGTERM)

    def stop(self, seconds: float = STOP_SECONDS + 5) -> None:
        """End all of them, by force when they have not ended after so long."""
        self.ask_to_stop()
        deadline = time.monotonic() + seconds
        while any(pid and not _has_ended(pid) for pid in self.pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in filter(None, self.pids):
            if not _has_ended(pid):
                _kill(pid, signal.SIGKILL)
        self.pids = [0] * len(self.pids)


def _has_ended(pid: int) -> bool:
    """Whether our child has ended; whoever waits for all children may have seen its end before us."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return True


def _kill(pid: int, signum: signal.Signals) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass


def run_workers(app: Flask, count: int) -> None:
    """`flask worker`: keep so many workers until SIGTERM or SIGINT comes."""
    ending = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: ending.set())
    render_pool.open_nursery()
    processes = Processes(count, app)
    try:
        while not ending.is_set():
            processes.look()
            ending.wait(0.5)
    finally:
        processes.stop()
