"""A set of ten papers of a shipment of 30 lines, from facts to PDFs, facts inside: by the pool of workers on two cores.

Rival: the same ten one after another in this process, warm too. Memory is what the process tree holds while the pool works
(PSS: what is shared counts once); its rival is this process alone after its ten.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure
from docs_gen import render, render_pool
from docs_gen.document_types import Imprint, PaperPart, print_job
from docs_gen.register import papers
from docs_gen.render_pool import Job
from docs_gen.samples import sample_facts

LINES, CORES, ROUNDS = 30, 2, 5
#: what the profiles ask of a shipment by sea, CIF, with returnable boxes, and the two that its forwarder wants besides
TEN = (
    "commercial_invoice", "packing_list", "china_export_declaration", "booking_note", "shipping_instruction",
    "vgm_declaration", "certificate_of_origin", "insurance_declaration", "returnable_packing_list",
    "returnable_proforma",
)  # fmt: skip


def run() -> list[Figure]:
    """set_10 (seconds), set_10_memory (MB), set_10_file (KB of the merged set): less is better."""
    found = papers(sample_facts(LINES), codes=TEN)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])  # the workers inherit it
    render_pool.close()
    try:
        return _figures(lambda: [print_job(one.type, one.facts, _issued(one)) for one in found])
    finally:
        render_pool.close()
        os.sched_setaffinity(0, before)


def _issued(paper: PaperPart) -> Imprint:
    return Imprint(f"{paper.type.series}-2026-0042", paper.facts.invoice_date)


def _figures(jobs: Callable[[], list[Job]]) -> list[Figure]:
    def pool() -> list[bytes]:
        return [_data(answer) for answer in render_pool.render_many(jobs())]

    def one_by_one() -> list[bytes]:
        return [render.pdf(job.html, **job.options).data for job in jobs()]  # type: ignore[arg-type]

    assert pool() == one_by_one()  # warms up both
    ours, rivals = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds(pool))
        rivals.append(_seconds(one_by_one))
    alone = _pss(os.getpid())
    peak = _peak(pool)  # apart from the timing: looking costs
    size = len(render.merge(pool())) / 1024
    what = f"{len(TEN)} papers of {LINES} lines"
    return [
        Figure("set_10", statistics.median(ours), "s", statistics.median(rivals), f"{what}, pool; rival: one by one"),
        Figure("set_10_memory", peak / 1024, "MB", alone / 1024, f"{what}, PSS of all processes; rival: one by one"),
        Figure("set_10_file", size, "KB", None, f"{what}, merged"),
    ]


def _data(answer: render.Paper | render.RenderError) -> bytes:
    if isinstance(answer, render.RenderError):
        raise answer
    return answer.data


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _peak(work: Callable[[], object]) -> int:
    """kB that this process and its children hold at most while `work` runs."""
    most, done = 0, threading.Event()

    def look() -> None:
        nonlocal most
        while not done.wait(0.05):
            most = max(most, sum(map(_pss, _tree(os.getpid()))))

    watcher = threading.Thread(target=look)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return most


def _tree(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return []
    return [pid, *(one for child in children for one in _tree(child))]


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
