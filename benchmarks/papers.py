"""The commercial invoice of 3, 30 and 200 lines, beside a persistent headless Chromium that prints the same HTML.

Engines take turns round by round; medians. Each round prints other texts, as the next shipment would. With 200 lines every
core is in use on both sides: as many papers at once as there are cores, and the time is that of one of them. Cold is a whole
process of ours from its start to the PDF of 3 lines, beside a Chromium process that starts, prints and ends.
"""

from __future__ import annotations

import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright

from benchmarks import memory
from benchmarks.chromium import ARGUMENTS, executable, launch, page_file, printed, printers
from benchmarks.figures import Figure
from config import ROOT
from docs_gen import render, render_pool
from docs_gen.document_types import Imprint, paper_html
from docs_gen.register import REGISTER
from docs_gen.render_pool import Job
from docs_gen.samples import sample_facts

CORES = 2
#: A quantity, a price or a sum in the lines.
_FIGURE = re.compile(r'figure">[\d,.]+')
_DIGIT = re.compile(r"\d")


def run() -> list[Figure]:
    """paper_3, paper_30, paper_200 warm and paper_3_cold, in milliseconds: less is better."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as name:
        folder = Path(name)
        return [*_cold(folder), _warm(folder, 3, 15), _warm(folder, 30, 9), _on_all_cores(folder, 200, 3)]


def _warm(folder: Path, lines: int, rounds: int) -> Figure:
    ours, rivals = [], []
    peak = memory.peak(lambda: render.pdf(invoice(lines)), lambda: [os.getpid()])  # alone: no Chromium is up yet
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        for turn in range(rounds + 2):
            html = invoice(lines, turn)
            file = page_file(folder / f"{lines}-{turn}.html", html)
            pair = _ms(lambda html=html: render.pdf(html)), _ms(lambda file=file: printed(page, file))
            if turn >= 2:  # the first two warm up
                ours.append(pair[0])
                rivals.append(pair[1])
        browser.close()
    what = f"commercial invoice, {lines} lines, warm; rival: persistent Chromium"
    return Figure(f"paper_{lines}", statistics.median(ours), "ms", statistics.median(rivals), what, peak)


def _on_all_cores(folder: Path, lines: int, rounds: int) -> Figure:
    def work(turn: int) -> Callable[[], object]:
        return lambda: [_data(one) for one in render_pool.render_many([Job(html) for html in texts(turn)])]

    def texts(turn: int) -> list[str]:
        return [invoice(lines, turn * CORES + one) for one in range(CORES)]

    ours, rivals = [], []
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])  # workers and Chromium inherit it
    render_pool.close()
    try:
        peak = memory.peak(work(0), lambda: [os.getpid()])
        with printers(CORES) as chromium:
            for turn in range(rounds + 2):
                files = [page_file(folder / f"{lines}-{turn}-{one}.html", html) for one, html in enumerate(texts(turn))]
                pair = _ms(work(turn)) / CORES, _ms(lambda files=files: chromium.print_all(files)) / CORES
                if turn >= 2:
                    ours.append(pair[0])
                    rivals.append(pair[1])
    finally:
        render_pool.close()
        os.sched_setaffinity(0, before)
    what = f"commercial invoice, {lines} lines, {CORES} at once on {CORES} cores, ms for each; rival: {CORES} Chromiums"
    return Figure(f"paper_{lines}", statistics.median(ours), "ms", statistics.median(rivals), what, peak)


def _cold(folder: Path) -> list[Figure]:
    file = page_file(folder / "cold.html", invoice(3))
    with sync_playwright() as playwright:
        chromium = executable(playwright)
    pairs = [(_ms(_cold_ours), _ms(lambda: _cold_chromium(chromium, file, folder))) for _ in range(5)]
    ours, rivals = (list(column) for column in zip(*pairs, strict=True))
    what = "the same from the start of a process; rival: chromium --print-to-pdf"
    return [Figure("paper_3_cold", statistics.median(ours), "ms", statistics.median(rivals), what)]


def invoice(lines: int, turn: int = 0) -> str:
    """The HTML of the `turn`-th invoice: other numbers, codes, quantities and sums, as of another shipment to the same
    customer; an engine that remembers finds what it would find then."""
    html = paper_html(REGISTER["commercial_invoice"], sample_facts(lines), Imprint(f"CI-2026-{turn:04d}"))
    digits = random.Random(turn)
    html = _FIGURE.sub(lambda found: _DIGIT.sub(lambda _: digits.choice("123456789"), found[0]), html)
    return (
        html.replace("A2C99", f"A2C{turn:02d}")
        .replace("10-", f"{turn + 10}-")
        .replace("S-2026-0042", f"S-2026-{turn:04d}")
    )


def _data(answer: render.Paper | render.RenderError) -> bytes:
    return render_pool.paper_or_error(answer).data


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _cold_ours() -> None:
    code = (
        "from docs_gen import document_types, register, render, samples; type = register.REGISTER['commercial_invoice'];"
        "assert render.pdf(document_types.paper_html(type, samples.sample_facts(3), document_types.Imprint('CI-2026-0042'))).pages"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def _cold_chromium(chromium: str, file: Path, folder: Path) -> None:
    command = [
        chromium,
        "--headless",
        *ARGUMENTS,
        f"--print-to-pdf={folder / 'cold.pdf'}",
        "--no-pdf-header-footer",
        file.as_uri(),
    ]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
