"""Papers rendered in child processes: on all cores, each job within limits, and no job can harm the service.

What WeasyPrint costs depends on the text that it is given: a cell of 20,000 characters or a hundred thousand rows can
take minutes and gigabytes. Here that ends one child. It is replaced, the others and the parent go on, and the job
becomes a RenderError that names the limit.

Every paper of a request is made here, a single one too: the process that answers pages never lays one out. A worker
has no network and reads no file but fonts, style sheets and templates, as far as the kernel lets us (`confinement`).

The children are forked from a process that has loaded the engine and has no threads (`render_nursery`), never from the
web process: a fork would copy the locks of its threads in whatever state they are in. There is one such nursery for all
processes of a service (`open_nursery`), or one for a process that nobody has opened one for. The children belong to
one process, are started with its first job or by `warm`, and end when it ends, when it forks, or when nobody has needed
them for `IDLE_SECONDS`.
"""

from __future__ import annotations

import atexit
import gc
import logging
import multiprocessing
import os
import pickle
import resource
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import forkserver
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

import metrics
from docs_gen import render
from docs_gen.confinement import confine
from docs_gen.render import Paper, RenderError
from errors import N_, Message

log = logging.getLogger("roundtrip")

Key = TypeVar("Key")

MAX_WORKERS = 4
#: For one job, by the clock; and of CPU, for the case that the parent is no longer there to look at its clock.
SECONDS = 9  # what a template pack brought; a second more until it is seen and ended: 10 in all
OWN_SECONDS = 60  # our own templates: 1,000 lines, the most that a form takes, need 7 to 10 on an idle processor
#: Private memory of a worker. With the 46 MB of libraries and fonts that it maps it stays below 512 MB resident, and so
#: much is what counts: address space also counts what is only mapped (fonts, arenas), 210 MB before the first paper.
MAX_DATA = 440 * 1024 * 1024
OWN_DATA = 768 * 1024 * 1024  # 2,000 lines of our own templates need 430 MB
_MAPPED = 384 * 1024 * 1024
MAX_ADDRESSES = OWN_DATA + _MAPPED
MAX_INPUT = 16 * 1024 * 1024  # bytes of a job; the HTML of 1,000 lines has half a megabyte
MAX_OUTPUT = 32 * 1024 * 1024  # bytes of a PDF
MAX_FILES = 64
MAX_TASKS = 300  # jobs of a worker before a fresh one takes its place
IDLE_SECONDS = 300
#: A job that has no answer after so long will never have one: its worker died with the pool's lock or in mid-answer.
_STUCK_SECONDS = OWN_SECONDS + 60
_TRIES = 3  # to find a pool that takes a job
_NICE = 10  # pages come before papers where both want the processor

_NO_MEMORY = 70  # exit code of a worker: it has no memory left to say more

_OVER = {
    "time": N_("the paper took longer than %(limit)s seconds. Fewer lines or shorter texts may help"),
    "memory": N_("the paper needed more than %(limit)s MB of memory. Fewer lines or shorter texts may help"),
    "input": N_("the paper has more than %(limit)s MB of text. Fewer lines or shorter texts may help"),
    "output": N_("the file of the paper is larger than %(limit)s MB. Fewer lines or shorter texts may help"),
}
_ENDED = N_("the program that makes papers was ended (%(how)s)")
_NO_POOL = N_("the program that makes papers could not be started")
_FAULT = N_("the program that makes papers has a fault; the log says which")


class NotRendered(RenderError):
    """A job that came to nothing, with a sentence for people that can be translated.

    `limit` is the limit that it broke: time, memory, input, output; '' when it was something else.
    """

    def __init__(self, message: Message, limit: str = "") -> None:
        super().__init__(str(message))
        self.message, self.limit = message, limit


@dataclass(frozen=True)
class Job:
    """What `render.pdf` takes: the HTML and, by name, its other arguments."""

    #: several: exemplars of one paper, in one file; what makes them when it is called: only a worker calls it
    html: str | tuple[str, ...] | Callable[[], tuple[str, ...]]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Characters of HTML; 0 when a worker makes it."""
        return 0 if callable(self.html) else len("".join(self.html))

    @property
    def own(self) -> bool:
        """Made by our own template. It is long because the shipment is, and may take its time; what a pack brought is
        long because it is wrong."""
        return not callable(self.html)


def render_limited(html: str | tuple[str, ...], **options: Any) -> Paper:
    """`render.pdf` in a worker: the same bytes, within the limits. Raises RenderError."""
    return paper_or_error(render_many([Job(html, options)])[0])


def render_one(job: Job) -> Paper:
    """A single paper. Raises RenderError."""
    return paper_or_error(render_many([job])[0])


def render_as_they_come(jobs: Iterable[tuple[Key, Job]]) -> Iterator[tuple[Key, Paper | Exception]]:
    """The paper of each job or its fault, in the order in which they are done. The next job is asked for while those
    before it are being made: what has to be done for a job, and with its paper, is done beside the rendering."""
    begun: dict[Any, tuple[Key, _Sent]] = {}
    for key, job in jobs:
        answer = _begin(job)  # waits until a worker is free
        if isinstance(answer, RenderError):
            yield key, _counted(answer)
        else:
            begun[answer[1]] = key, answer[0]
        for future in [one for one in begun if one.done()]:
            done, sent = begun.pop(future)
            yield done, _counted(_end(sent, future))
    while begun:
        ended: Any = wait(begun, return_when=FIRST_COMPLETED).done
        for future in ended:
            done, sent = begun.pop(future)
            yield done, _counted(_end(sent, future))


def open_nursery() -> None:
    """Start the nursery, for this process and for those that will be forked from it; returns at once. A process that
    has no threads yet calls it as early as it can: the nursery takes a second to load the engine."""
    _context()
    forkserver.ensure_running()


def warm() -> None:
    """Start the workers, which takes a second, before somebody waits for them; returns at once."""
    if _pool is None:
        threading.Thread(target=render_many, args=([Job("<p>x", {"stylesheets": ()})],), daemon=True).start()


@dataclass(frozen=True)
class State:
    """How the renderer of this process is: papers being made, seconds since the oldest was begun, and whether one was
    made just now ('' or what is wrong). `confined`: what is out of its reach; None while all workers are busy."""

    making: int
    oldest: float
    fault: str = ""
    confined: frozenset[str] | None = None


def state(*, probe: bool = True) -> State:
    """How the renderer is. `probe`: try it, unless all its workers are busy; never waits for a paper of another."""
    pool = _pool
    if pool is None and not probe:
        return State(0, 0)
    pool = pool or _current()
    begun = list(pool.running.values())
    now = time.monotonic()
    making, oldest = len(begun), now - min(begun, default=now)
    late = "no paper was finished for a while" if oldest > OWN_SECONDS + 5 else ""
    if not probe or not pool.places.acquire(blocking=False):
        return State(making, oldest, late)
    sent = _Sent(pickle.dumps(("", {"probe": True})), own=False)
    try:
        answer = _end(sent, pool.schedule(sent))
    except RuntimeError:
        pool.places.release()
        return State(making, oldest, "the program that makes papers could not be started")
    if isinstance(answer, RenderError):
        return State(making, oldest, str(answer))
    return State(making, oldest, late, frozenset(answer.data.decode().split()))


def paper_or_error(answer: Paper | RenderError) -> Paper:
    """What `render_many` gives, or raised what it gives."""
    if isinstance(answer, RenderError):
        raise answer
    return answer


def render_many(jobs: Sequence[Job]) -> list[Paper | RenderError]:
    """The paper of each job, or why there is none, in the order of the jobs.

    Threads may call it at once: the workers serve them in turn, job by job. A job whose worker is killed from outside
    is repeated once.
    """
    # The longest first: else it would be made last, by one worker while the others wait.
    begun = {place: _begin(jobs[place]) for place in sorted(range(len(jobs)), key=lambda place: -jobs[place].size)}
    answers = (begun[place] for place in range(len(jobs)))
    return [_counted(one if isinstance(one, RenderError) else _end(*one)) for one in answers]


def _counted(answer: Paper | RenderError) -> Paper | RenderError:
    if isinstance(answer, Paper):
        metrics.paper("rendered")
    else:
        metrics.paper(getattr(answer, "limit", "") or "failed")
    return answer


def close() -> None:
    """End the workers of this process; the next job starts new ones."""
    global _pool
    with _lock:
        pool, _pool = _pool, None
    if pool:
        pool.stop()


# ---- in the parent


@dataclass(frozen=True)
class _Sent:
    """A job on its way. As bytes: Pebble's pipe is shared by the workers, and what goes in has to come out whole."""

    data: bytes
    own: bool

    @property
    def seconds(self) -> float:
        return OWN_SECONDS if self.own else SECONDS

    def over(self, limit: str) -> NotRendered:
        """Why there is no paper: the job broke this limit."""
        most = {
            "time": self.seconds, "memory": (OWN_DATA if self.own else MAX_DATA) >> 20, "input": MAX_INPUT >> 20,
            "output": MAX_OUTPUT >> 20,
        }  # fmt: skip
        return NotRendered(Message(_OVER[limit], {"limit": most[limit]}), limit)


def _begin(job: Job) -> tuple[_Sent, ProcessFuture[Any]] | RenderError:
    sent = _Sent(pickle.dumps((job.html, dict(job.options))), job.own)
    if len(sent.data) > MAX_INPUT:
        return sent.over("input")
    begun = _start(sent)
    return begun if isinstance(begun, RenderError) else (sent, begun)


def _start(sent: _Sent) -> ProcessFuture[Any] | RenderError:
    """Give a job to a worker, as soon as it is this thread's turn."""
    for _ in range(_TRIES):
        pool = _current()
        pool.places.acquire()
        try:
            return pool.schedule(sent)
        except RuntimeError:  # broken, or stopped while we waited
            pool.places.release()
            _give_up(pool)
    return NotRendered(Message(_NO_POOL))


def _end(sent: _Sent, begun: ProcessFuture[Any]) -> Paper | RenderError:
    """What became of a job; it is begun once more when its worker was killed by somebody else."""
    how = ""
    for last in (False, True):
        try:
            answer = begun.result()
            return answer if isinstance(answer, Paper) else answer.error(sent)
        except TimeoutError:
            return sent.over("time")
        except ProcessExpired as error:
            code = error.exitcode or 0
            if code == -signal.SIGXCPU:
                return sent.over("time")
            if code in (_NO_MEMORY, -signal.SIGTRAP):  # GLib ends a process so when it gets no memory
                return sent.over("memory")
            how = _how(code)
            last = last or code not in (-signal.SIGKILL, -signal.SIGTERM)  # its own doing: it would do it again
        except BrokenProcessPool as error:
            how = str(error) or "pool"
        log.warning("A worker that renders papers ended (%s); its job is %s", how, "given up" if last else "repeated")
        if last:
            break
        again = _start(sent)
        if isinstance(again, RenderError):
            return again
        begun = again
    return NotRendered(Message(_ENDED, {"how": how}))


def _how(code: int) -> str:
    """-9 → SIGKILL, 1 → exit code 1."""
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"exit code {code}"


class _Pool:
    """Pebble's pool, and what it does not do itself: turns, an end when idle, an end when stuck."""

    def __init__(self) -> None:
        self.size = min(len(os.sched_getaffinity(0)), MAX_WORKERS)
        nice = os.getpriority(os.PRIO_PROCESS, 0) + _NICE
        self.processes = ProcessPool(
            self.size, MAX_TASKS, initializer=_prepare, initargs=(nice,), context=_context()
        )  # fmt: skip
        #: One place for each worker. A thread takes one for each job and queues again for the next, so that a set of
        #: forty papers does not keep a single one waiting until all are made.
        self.places = threading.Semaphore(self.size)
        self.running: dict[ProcessFuture[Any], float] = {}  # → since when
        self.used = time.monotonic()
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        threading.Thread(target=self.watch, name="render-pool", daemon=True).start()

    def schedule(self, sent: _Sent) -> ProcessFuture[Any]:
        """Raises RuntimeError when the pool takes no jobs any more."""
        with self.lock:
            if self.stopped.is_set():
                raise RuntimeError("stopped")
            future = self.processes.schedule(_work, args=(sent.data, sent.own), timeout=sent.seconds)
            self.running[future] = time.monotonic()
        future.add_done_callback(self.done)
        return future

    def done(self, future: Any) -> None:
        self.running.pop(future, None)
        self.used = time.monotonic()
        self.places.release()

    def watch(self) -> None:
        """Until the pool is stopped: stop it when it is idle, broken or stuck."""
        while not self.stopped.wait(1):
            now = time.monotonic()
            since = min(list(self.running.values()), default=now)
            idle = not self.running and now - self.used > IDLE_SECONDS
            if idle or now - since > _STUCK_SECONDS or not self.processes.active:
                _give_up(self)

    def stop(self) -> None:
        """End the workers. What they had not finished fails with BrokenProcessPool, and its callers begin it again."""
        with self.lock:
            if self.stopped.is_set():
                return
            self.stopped.set()
        if self.processes.active:
            self.processes.stop()
        self.processes.join()
        for future in list(self.running):
            if not future.done():
                future.set_exception(BrokenProcessPool("stopped"))


def _context() -> Any:
    """How workers are started. The forkserver serves the process that has started it and those that were forked from it
    since; these find it by `_inherit`."""
    global _nursery_of
    _nursery_of = _nursery_of or os.getpid()
    if _nursery_of != os.getpid() and _server is None:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["docs_gen.render_nursery"])
    return context


def _inherit() -> None:
    """In a process that was just forked: the nursery of its parent is its own, though not its child."""
    global _server
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    if server._forkserver_pid is not None:
        _server = server
        server.ensure_running = _still_there


def _still_there() -> None:
    """As `ForkServer.ensure_running`, which would wait for a child of ours. One that has ended is replaced by ours."""
    assert _server is not None
    try:
        state = Path(f"/proc/{_server._forkserver_pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        state = "X"
    if state in "ZX":
        os.close(_server._forkserver_alive_fd)
        _server._forkserver_address = _server._forkserver_alive_fd = _server._forkserver_pid = None
        del _server.ensure_running
        _server.ensure_running()


_server: Any = None  # what multiprocessing knows of the forkserver, when our parent has started it
_lock = threading.Lock()
_pool: _Pool | None = None
_nursery_of: int | None = None


def _current() -> _Pool:
    global _pool
    with _lock:
        if _pool is None:
            _pool = _Pool()
        return _pool


def _give_up(pool: _Pool) -> None:
    """Stop a pool; the next job starts another one."""
    global _pool
    with _lock:
        if _pool is pool:
            _pool = None
    pool.stop()


# A child of os.fork() has none of the pool's threads and would end its parent's workers when it exits. So no pool lives
# through a fork: gunicorn forks before the first request, and who forks later starts new workers with the next job.
# (Starting a program, as subprocess and spawn do, is no such fork.)
def _before_fork() -> None:
    global _pool
    _lock.acquire()
    pool, _pool = _pool, None
    if pool:
        pool.stop()


def _in_child() -> None:
    _lock.release()
    _inherit()


os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_in_child)
atexit.register(close)


# ---- in the worker


@dataclass(frozen=True)
class _Failure:
    """What a worker tells when there is no paper: plain text, since not every exception survives the way."""

    text: str
    limit: str = ""
    trace: str = ""  # of a fault of ours

    def error(self, sent: _Sent) -> RenderError:
        if self.trace:
            log.error("A paper could not be rendered.\n%s", self.trace)
            return NotRendered(Message(_FAULT))
        return sent.over(self.limit) if self.limit else RenderError(self.text)


def _prepare(nice: int = _NICE) -> None:
    """Make a new process ready for jobs: fonts loaded, and what its nursery has not, then limited for good.

    `nice`: its priority, which goes by who has jobs for it; its nursery has that of the most urgent.
    """
    for name in list(os.environ):
        if name.startswith("ROUNDTRIP_"):  # a paper needs no secret
            del os.environ[name]
    global _confined
    render.pdf("<html lang=en><p>A 中 <b>B 国</b>")
    gc.collect()
    gc.freeze()
    os.setpriority(os.PRIO_PROCESS, 0, min(nice, 19))
    # Not RLIMIT_NPROC: threads count, Pango begins one for each set of fonts, and only root is not held to it.
    for what, most in (
        (resource.RLIMIT_DATA, OWN_DATA),
        (resource.RLIMIT_AS, MAX_ADDRESSES),
        (resource.RLIMIT_NOFILE, MAX_FILES),
        (resource.RLIMIT_FSIZE, 0),  # it writes to its pipe only
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    _confined = confine()
    # Pebble ends a worker by SIGTERM, holding the lock that the others wait for. Its own handler would have to wait
    # until the engine comes back from C.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


_confined: frozenset[str] = frozenset()


def _work(data: bytes, own: bool = False) -> Paper | _Failure:
    """One job in a worker."""
    seconds, memory = (OWN_SECONDS, OWN_DATA) if own else (SECONDS, MAX_DATA)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 2, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, OWN_DATA))
    resource.setrlimit(resource.RLIMIT_AS, (memory + _MAPPED, MAX_ADDRESSES))
    try:
        answer = _rendered(data)
        gc.collect()  # a document is full of cycles; 10 ms here, or tens of MB more with every job
    except (MemoryError, SystemError):  # SystemError: CPython where it forgets to name a failed allocation
        os._exit(_NO_MEMORY)
    return answer


def _rendered(data: bytes) -> Paper | _Failure:
    try:
        html, options = pickle.loads(data)  # noqa: S301  (what our own parent packed)
        if options.pop("probe", False):  # of `state`
            return Paper(" ".join(_confined).encode() if render.pdf("<p>x").pages else b"", 0)
        paper = render.pdf(html() if callable(html) else html, **options)
    except (MemoryError, SystemError):
        raise
    except RenderError as error:
        return _Failure(str(error))
    except Exception as error:
        return _Failure(type(error).__name__, trace=traceback.format_exc())
    return paper if len(paper.data) <= MAX_OUTPUT else _Failure("", limit="output")
