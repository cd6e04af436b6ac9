"""Papers from worker processes: the same as in process, in order, and no job harms the next, the others or the parent."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from config import ROOT
from docs_gen import render, render_pool
from docs_gen.render import Paper, RenderError
from docs_gen.render_pool import Job, NotRendered, render_limited, render_many, render_one

#: About a second of work.
SLOW = "<table>" + "<tr><td>1<td>二<td>3" * 900
#: Quadratic: minutes.
ONE_CELL = f"<table style='table-layout: auto; width: auto'><tr><td>{'汉' * 20_000}<td>b</table>"
HUGE = "<div style='display: grid; grid-template-columns: repeat(100000000, 1px)'>x</div>"


@pytest.fixture(scope="module", autouse=True)
def pool() -> Iterator[None]:
    yield
    render_pool.close()
    assert workers() == []


def workers() -> list[Any]:
    return [child for child in multiprocessing.active_children() if "pebble" in child.name]


def until(true: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it never came"
        threading.Event().wait(0.01)
    return found


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak(pid: int) -> int:
    """The most memory that a process has had resident, in KiB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def script(code: str, **environment: str) -> str:
    """What a process of its own prints; it must end well and complain of nothing."""
    done = subprocess.run(
        [sys.executable, "-c", "from docs_gen.render_pool import *\n" + code],
        cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


def test_order_is_kept_bytes_are_the_same_and_an_error_keeps_its_place() -> None:
    htmls = [f"<h1>Paper {number} 第</h1><table><tr><td>x</table>" for number in range(5)]
    htmls[2] = "<img src='https://example.com/x.png'>"
    answers = render_many([Job(html) for html in htmls])
    assert isinstance(answers[2], RenderError)
    assert "may not fetch https://example.com/x.png" in str(answers[2])
    for place in (0, 1, 3, 4):
        assert answers[place] == render.pdf(htmls[place])


def test_nothing_asked_nothing_given() -> None:
    assert render_many([]) == []


def test_options_go_through_to_the_renderer() -> None:
    plain = render_limited("<p>x", stylesheets=())
    assert plain == render.pdf("<p>x", stylesheets=())
    assert plain != render_limited("<p>x")


def test_a_fault_of_ours_is_an_error_in_its_place_and_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    answers = render_many([Job("<p>x", {"stylesheets": ("no such.css",)}), Job("<p>x")])
    assert isinstance(answers[0], NotRendered)
    assert isinstance(answers[1], Paper)
    assert "no such.css" in caplog.text


def test_endless_nesting_is_refused() -> None:
    answers = render_many([Job("<div>" * 3_000), Job("<p>next")])
    assert "nested too deeply" in str(answers[0])
    assert isinstance(answers[1], Paper)


def test_a_picture_in_the_address_is_refused() -> None:
    with pytest.raises(RenderError, match="may not fetch data:image/png") as caught:
        render_limited(f"<img src='data:image/png;base64,{'A' * 8_000_000}'>")
    assert len(str(caught.value)) < 300


def test_a_million_rows_are_refused_before_they_reach_a_worker() -> None:
    with pytest.raises(NotRendered, match="more than 16 MB of text") as caught:
        render_limited("<table>" + "<tr><td>1</td></tr>" * 1_000_000)
    assert caught.value.limit == "input"


@dataclass(frozen=True)
class Foreign:
    """HTML that only a worker makes, as a template pack's is."""

    html: str

    def __call__(self) -> tuple[str, ...]:
        return (self.html,)


def test_a_paper_of_our_own_may_take_its_time_and_one_of_a_pack_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    render_limited("<p>warm")
    monkeypatch.setattr(render_pool, "SECONDS", 0.01)
    slow = "<table>" + "<tr><td>1</td></tr>" * 400 + "</table>"
    ours, theirs = render_many([Job(slow), Job(Foreign(slow))])
    assert isinstance(ours, Paper)
    assert isinstance(theirs, NotRendered)
    assert theirs.limit == "time"


def test_a_single_paper_too_is_made_by_a_worker() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    assert isinstance(render_one(Job(SLOW)), Paper)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 0.3


def test_what_takes_too_long_is_ended_and_the_next_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    render_limited("<p>warm")
    before = {worker.pid for worker in workers()}
    monkeypatch.setattr(render_pool, "OWN_SECONDS", 2)
    start = time.monotonic()
    answers = render_many([Job(ONE_CELL), Job("<p>1"), Job("<div>" * 100_000), Job("<p>2")])
    assert time.monotonic() - start < 45  # on an idle machine 4; in service a job of ours has 60
    for place in (0, 2):
        assert isinstance(answers[place], NotRendered)
        assert answers[place].limit == "time"  # type: ignore[union-attr]
        assert "took longer than 2 seconds" in str(answers[place])
    assert isinstance(answers[1], Paper)
    assert isinstance(answers[3], Paper)
    assert before - {worker.pid for worker in workers()}


def test_what_needs_too_much_memory_is_ended_within_512_mb_and_the_parent_stays_small() -> None:
    code = f"""if True:
        import sys, threading
        import docs_gen.render_pool
        docs_gen.render_pool.SECONDS = 60  # by the clock of the parent: a busy machine must not be faster than the memory
        sys.path.insert(0, "tests")
        from test_render_pool import Foreign
        from test_render_pool import peak, workers
        peaks, ended = [0], threading.Event()
        def watch():
            while not ended.wait(0.01):
                peaks.extend(peak(worker.pid) for worker in workers())
        watching = threading.Thread(target=watch)
        watching.start()
        answers = render_many([Job(Foreign({HUGE!r})), Job("<p>next"), Job(Foreign("x" * 3_000_000)), Job("<p>next")])
        ended.set()
        watching.join()
        print([getattr(answer, "limit", "paper") for answer in answers])
        print(max(peaks), peak(os.getpid()))
    """
    done = subprocess.run(
        [sys.executable, "-c", "from docs_gen.render_pool import *\n" + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )  # fmt: skip  (GLib tells stderr that it got no memory)
    answers, peaks = done.stdout.splitlines()
    assert answers == "['memory', 'paper', 'memory', 'paper']"
    worker, parent = (int(peak) / 1024 for peak in peaks.split())
    assert 300 < worker < 512
    assert parent < 150


def test_a_worker_is_born_of_a_process_without_threads_that_has_the_engine_in_it() -> None:
    render_limited("<p>x")
    mothers = {int(Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[1]) for worker in workers()}
    assert len(mothers) == 1
    (mother,) = mothers
    assert mother != os.getpid()
    assert "libpango" in Path(f"/proc/{mother}/maps").read_text()
    assert len(list(Path(f"/proc/{mother}/task").iterdir())) == 1


def test_a_worker_has_its_limits() -> None:
    render_limited("<p>x")
    for worker in workers():
        lines = until(lambda worker=worker: _limited(worker.pid))
        limits = {line[:26].strip(): line[26:].split()[0] for line in lines}
        assert limits["Max data size"] == str(render_pool.OWN_DATA)
        assert limits["Max address space"] == str(render_pool.MAX_ADDRESSES)
        assert limits["Max open files"] == str(render_pool.MAX_FILES)
        assert limits["Max file size"] == "0"
        assert limits["Max core file size"] == "0"


def _limited(pid: int) -> list[str] | None:
    """The limits of a worker, once it has them: the other worker may still be warming up."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return lines if any(line.startswith("Max core file size") and line.split()[5] == "0" for line in lines) else None


def test_each_job_has_cpu_time_of_its_own() -> None:
    assert script(
        """if True:
        import docs_gen.render_pool as pool
        pool._prepare()
        limits = []
        for number in range(2):
            pool._work(pickle.dumps(("<table>" + "<tr><td>1" * 700, {})))
            limits.append(resource.getrlimit(resource.RLIMIT_CPU)[0] - time.process_time())
        print(all(pool.SECONDS - 5 < left < pool.SECONDS + 3 for left in limits))
    """
    ).split() == ["True"]


def test_a_worker_knows_no_settings() -> None:
    code = "import docs_gen.render_pool as pool; pool._prepare()\nprint([n for n in os.environ if 'ROUNDTRIP' in n])"
    assert script(code, ROUNDTRIP_SECRET_KEY="secret").strip() == "[]"


def test_a_job_whose_worker_is_killed_is_repeated_once() -> None:
    expected = render_limited(SLOW)
    for times, kind in ((1, Paper), (2, NotRendered)):
        thread, results = in_thread(lambda: render_many([Job(SLOW)]))
        for _ in range(times):
            os.kill(busy(), signal.SIGKILL)
        thread.join()
        answer = results[0][0]
        assert isinstance(answer, kind)
        assert answer == expected if kind is Paper else "SIGKILL" in str(answer)
    assert isinstance(render_limited("<p>next"), Paper)


def busy() -> int:
    """The worker that has been working for a while since now: it is in the middle of its job."""
    seen: dict[int, float] = {}

    def find() -> int | None:
        for worker in workers():
            ready = not gone(worker.pid) and _limited(worker.pid)  # one that has no limits yet is only warming up
            if ready and cpu(worker.pid) - seen.setdefault(worker.pid, cpu(worker.pid)) > 0.15:
                return worker.pid
        return None

    return until(find)


def test_workers_killed_while_they_have_nothing_to_do_are_replaced() -> None:
    render_limited("<p>x")
    for worker in workers():
        os.kill(worker.pid, signal.SIGKILL)
    assert isinstance(render_limited("<p>x"), Paper)


def test_four_threads_at_once_get_their_own_papers() -> None:
    htmls = [[f"<p>thread {thread}, paper {number}" for number in range(3)] for thread in range(4)]
    begun = [in_thread(lambda mine=mine: render_many([Job(html) for html in mine])) for mine in htmls]
    for (thread, results), mine in zip(begun, htmls, strict=True):
        thread.join()
        assert results == [[render.pdf(html) for html in mine]]


def test_a_single_paper_does_not_wait_for_a_whole_set() -> None:
    render_limited("<p>warm")
    medium = "<table>" + "<tr><td>1" * 300
    thread, results = in_thread(lambda: render_many([Job(medium)] * 10))
    busy()
    render_limited("<p>single")
    assert thread.is_alive()
    thread.join()
    assert all(isinstance(answer, Paper) for answer in results[0])


def test_workers_that_nobody_needs_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    render_limited("<p>x")
    monkeypatch.setattr(render_pool, "IDLE_SECONDS", 0)
    until(lambda: not workers())
    monkeypatch.undo()
    assert isinstance(render_limited("<p>x"), Paper)


def test_after_a_fork_both_sides_have_workers_of_their_own() -> None:
    printed = script(
        """if True:
        import hashlib, multiprocessing, sys
        def made():
            print(hashlib.sha256(render_limited("<p>x").data).hexdigest(), flush=True)
            return {child.pid for child in multiprocessing.active_children()}
        before = made()
        if not (child := os.fork()):
            sys.exit(0 if made() and not made() & before else 1)  # an orderly end, with all that runs at exit
        status = os.waitpid(child, 0)[1]
        made()
        print(status)
    """
    ).split()
    assert printed[-1] == "0"
    assert len(printed) == 5
    assert len(set(printed[:-1])) == 1


def test_processes_of_a_service_share_a_nursery_and_each_goes_on_without_it() -> None:
    printed = script(
        """if True:
        import multiprocessing, pathlib, sys
        from multiprocessing import forkserver
        from docs_gen.render_pool import open_nursery
        def born_of():
            render_limited("<p>x")
            stats = [pathlib.Path(f"/proc/{one.pid}/stat").read_text() for one in multiprocessing.active_children()]
            return {int(stat.rpartition(")")[2].split()[1]) for stat in stats}
        open_nursery()
        nursery = forkserver._forkserver._forkserver_pid
        for killed in (False, True):
            if not (child := os.fork()):
                shared = born_of() == {nursery}
                if killed:
                    close()
                    os.kill(nursery, signal.SIGKILL)
                    while "Z" not in pathlib.Path(f"/proc/{nursery}/stat").read_text().rpartition(")")[2].split()[0]:
                        pass
                    shared = shared and not born_of() & {nursery}
                sys.exit(0 if shared else 1)
            print(os.waitpid(child, 0)[1], flush=True)
        print(0 if not born_of() & {nursery} else 1)
    """
    ).split()
    assert printed == ["0", "0", "0"]


@pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), signal.SIGKILL)"], ids=["at its exit", "killed"])
def test_workers_end_with_their_parent(end: str) -> None:
    code = (
        "import multiprocessing; render_limited('<p>x')\n"
        f"print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n{end}"
    )
    done = subprocess.run(
        [sys.executable, "-c", "from docs_gen.render_pool import *\n" + code],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60,
    )  # fmt: skip
    pids = [int(pid) for pid in done.stdout.split()]
    assert pids
    until(lambda: all(gone(pid) for pid in pids))


def test_F9_a_worker_that_hangs_is_ended_within_the_limit_and_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    render_limited("<p>warm")
    monkeypatch.setattr(render_pool, "OWN_SECONDS", 3)
    thread, results = in_thread(lambda: render_many([Job(SLOW)]))
    begin = time.monotonic()
    stopped = busy()
    os.kill(stopped, signal.SIGSTOP)
    thread.join()
    assert time.monotonic() - begin < 45  # on an idle machine 4; in service it has 60
    assert isinstance(results[0][0], NotRendered)
    assert results[0][0].limit == "time"
    assert isinstance(render_limited("<p>next"), Paper)
    until(lambda: gone(stopped))


def test_the_state_of_the_renderer_is_told_without_waiting_for_it() -> None:
    render_limited("<p>warm")
    idle = render_pool.state()
    assert (idle.making, idle.fault) == (0, "")
    assert idle.confined == {"network", "files"}
    thread, _ = in_thread(lambda: render_many([Job(SLOW)] * 4))
    busy()
    until(lambda: render_pool.state(probe=False).making == len(os.sched_getaffinity(0)))
    now = render_pool.state()
    assert now.making > 0
    assert thread.is_alive()  # it was told while they were still being made
    thread.join()
    assert render_pool.state().making == 0


def test_a_worker_may_begin_threads_whoever_runs_it() -> None:
    """Pango begins one for each set of fonts. A limit on them means nothing to root, and no paper to anybody else."""
    script = (
        "import resource\n"
        "from docs_gen import render_pool\n"
        "before = resource.getrlimit(resource.RLIMIT_NPROC)\n"
        "render_pool._prepare()\n"
        "assert resource.getrlimit(resource.RLIMIT_NPROC) == before\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
