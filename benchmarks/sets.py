"""A set of ten papers of a shipment of 30 lines, and papers of all sizes one after another: two cores, workers, memory.

The set goes from facts to PDFs, facts inside; its rival is two persistent Chromiums that print the same HTML, and to see what
the workers bring, the same ten one after another in this process. `throughput` is a long run of mixed papers: what it holds
in memory at its end is what it held at its beginning, or it leaks.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

from benchmarks import memory
from benchmarks.chromium import page_file, printers
from benchmarks.figures import Figure
from docs_gen import render, render_pool
from docs_gen.document_types import Imprint, PaperPart, paper_html, print_job
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
#: papers of the long run; the shipments behind them have so many lines, in turn
LONG_RUN, MIXED = 2_000, (1, 2, 3, 3, 4, 5, 8, 20)
AT_ONCE = 20


def run() -> list[Figure]:
    """set_10x30, set_10 (seconds), set_10_file (KB): less is better; throughput (papers/s): more is."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])  # workers and Chromium inherit it
    render_pool.close()
    try:
        return [*_set(), *_long_run()]
    finally:
        render_pool.close()
        os.sched_setaffinity(0, before)


def _set() -> list[Figure]:
    found = papers(sample_facts(LINES), codes=TEN)

    def pool() -> list[bytes]:
        return [_data(answer) for answer in render_pool.render_many(_jobs(found))]

    def one_by_one() -> list[bytes]:
        return [render.pdf(job.html, **job.options).data for job in _jobs(found)]  # type: ignore[arg-type]

    peak = memory.peak(pool, lambda: [os.getpid()])  # before Chromium is a child too, and apart from the timing
    assert pool() == one_by_one()
    ours, alone, rivals = [], [], []
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder, printers(CORES) as chromium:
        files = _files(found, Path(folder))
        chromium.print_all(files)
        for _ in range(ROUNDS):
            ours.append(_seconds(pool))
            alone.append(_seconds(one_by_one))
            rivals.append(_seconds(lambda: chromium.print_all(files)))
    what = f"{len(TEN)} papers of {LINES} lines, {CORES} cores"
    value, size = statistics.median(ours), len(render.merge(pool())) / 1024
    return [
        Figure("set_10x30", value, "s", statistics.median(rivals), f"{what}; rival: {CORES} Chromiums", peak),
        Figure("set_10", value, "s", statistics.median(alone), f"{what}; rival: one by one in one process"),
        Figure("set_10_file", size, "KB", None, f"{what}, merged"),
    ]


def _long_run() -> list[Figure]:
    found = cycle([paper for lines in MIXED for paper in papers(sample_facts(lines), codes=TEN)])
    seconds, held = 0.0, []
    for _ in range(LONG_RUN // AT_ONCE):
        some = list(islice(found, AT_ONCE))
        seconds += _seconds(lambda some=some: [_data(one) for one in render_pool.render_many(_jobs(some))])
        held.append(max(memory.pss(pid) for pid in memory.tree(os.getpid())[1:]) / 1024)
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder, printers(CORES) as chromium:
        files = _files(list(islice(found, 10 * AT_ONCE)), Path(folder))
        chromium.print_all(files[:AT_ONCE])
        theirs = _seconds(lambda: chromium.print_all(files))
    begun, ended = (max(part) for part in (held[: len(held) // 10 or 1], held[-(len(held) // 10 or 1) :]))
    what = (
        f"{LONG_RUN} papers of {len(TEN)} kinds and 1 to {max(MIXED)} lines, {CORES} cores; the largest worker held"
        f" {begun:.0f} MB in the first tenth, {ended:.0f} MB in the last; rival: {CORES} Chromiums"
    )
    return [Figure("throughput", LONG_RUN / seconds, "papers/s", len(files) / theirs, what, max(held))]


def _jobs(found: Sequence[PaperPart]) -> list[Job]:
    return [print_job(one.type, one.facts, _issued(one)) for one in found]


def _files(found: Sequence[PaperPart], folder: Path) -> list[Path]:
    return [
        page_file(folder / f"{place}.html", paper_html(one.type, one.facts, _issued(one)), one.type.styles)
        for place, one in enumerate(found)
    ]


def _issued(paper: PaperPart) -> Imprint:
    return Imprint(f"{paper.type.series}-2026-0042", paper.facts.invoice_date)


def _data(answer: render.Paper | render.RenderError) -> bytes:
    return render_pool.paper_or_error(answer).data


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
