"""A set of ten papers of a shipment of 30 lines, and papers of all sizes one after another: two cores, workers, memory.

The set goes from the click on the served application, which takes ten numbers, asks ten times what the shipment says, checks
it, keeps and marks ten files, to the last PDF in the hands of who clicked; its rival is two persistent Chromiums that print
the same HTML, which is ready for them. `set_10_ready` is the part of it that they do as well. `throughput` is a long run of mixed papers: what it holds
in memory at its end is what it held at its beginning, or it leaks.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from peewee import fn

from accounts.people import create_token, create_user
from app import create_app
from benchmarks import memory
from benchmarks.chromium import page_file, printers
from benchmarks.figures import Figure
from benchmarks.servers import environment, served
from benchmarks.worlds import sqlite
from config import load_settings
from database import close_all, db, migrate, utc_now
from demo import load as load_demo
from docs_gen import render, render_pool
from docs_gen.document_types import Imprint, PaperPart, paper_html, print_job
from docs_gen.issuing import shipment_papers
from docs_gen.register import papers
from docs_gen.render_pool import Job
from docs_gen.samples import sample_facts
from master_data.models import Product
from shipments.models import Package, Shipment, ShipmentLine

LINES, CORES, ROUNDS = 30, 2, 5
WARM = 4  # rounds: either of two web processes is asked, and each has workers of its own
NUMBER = "S-2026-0006"  # of the demo company: by sea, CIF, with returnable boxes
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
    """set_10x30, set_10_ready (seconds), set_10_file (KB): less is better; throughput (papers/s): more is."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])  # workers and Chromium inherit it
    render_pool.close()
    try:
        return [*_set(), *_long_run()]
    finally:
        render_pool.close()
        os.sched_setaffinity(0, before)


def _set() -> list[Figure]:
    ready = papers(sample_facts(LINES), codes=TEN)

    def pool() -> list[bytes]:
        return [_data(answer) for answer in render_pool.render_many(_jobs(ready))]

    peak = memory.peak(pool, lambda: [os.getpid()])  # before Chromium is a child too, and apart from the timing
    rendered, clicked, rivals = [], [], []
    with sqlite() as (url, folder):
        found, token = _shipment(url, folder)
        files = _files(found, folder)
        size = len(render.merge(pool())) / 1024
        with printers(CORES) as chromium, served(url, folder) as port:
            chromium.print_all(files)
            for turn in range(ROUNDS + WARM):
                times = (
                    _seconds(lambda: _click(port, token, folder / "roundtrip.db")),
                    _seconds(pool),
                    _seconds(lambda: chromium.print_all(files)),
                )
                if turn >= WARM:
                    for column, seconds in zip((clicked, rendered, rivals), times, strict=True):
                        column.append(seconds)
    what = f"{len(TEN)} papers of {LINES} lines, {CORES} cores"
    rival = statistics.median(rivals)
    return [
        Figure(
            "set_10x30",
            statistics.median(clicked),
            "s",
            rival,
            f"{what}, click to last PDF; rival: {CORES} Chromiums",
            peak,
        ),
        Figure("set_10_ready", statistics.median(rendered), "s", rival, f"{what}, from facts to PDFs; the same rival"),
        Figure("set_10_file", size, "KB", None, f"{what}, merged"),
    ]


def _shipment(url: str, folder: Path) -> tuple[list[PaperPart], str]:
    """The papers of a shipment of the demo company with so many lines, and a token of who may issue them."""
    settings = load_settings(environment(url, folder, 8000))
    app = create_app({"ROUNDTRIP": settings})
    with app.app_context(), db.connection_context():
        migrate()
        load_demo(utc_now(), settings)
        shipment = Shipment.get(Shipment.number == NUMBER)
        first = ShipmentLine.get(ShipmentLine.shipment == shipment)
        position = Package.select(fn.MAX(Package.position)).where(Package.shipment == shipment).scalar()
        for line in range(ShipmentLine.select().where(ShipmentLine.shipment == shipment).count() + 1, LINES + 1):
            product = Product.create(**{**_values(first.product), "part_no": f"20-{line:04}"})
            ShipmentLine.create(
                **{**_values(first), "position": line + 100, "product": product, "quantity": Decimal(10)}
            )
            Package.create(
                shipment=shipment, position=position + line, package_code="CT", count=1, product=product, pieces=Decimal(10),
                net_mass=product.net_mass * 10, gross_mass=product.net_mass * 10 + 1, length_mm=600, width_mm=400, height_mm=400,
            )  # fmt: skip
        token = create_token(create_user("bench", "a long password", utc_now(), administrator=True), "bench", utc_now())
        found = shipment_papers(Shipment.get_by_id(shipment.id), settings.base_url, TEN)
    close_all()
    assert [one.type.code for one in found if len(one.facts.lines) == LINES or not one.facts.lines]
    return found, token


def _values(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row.__data__.items() if name != "id"}


def _click(port: int, token: str, database: Path) -> None:
    """Order the ten as the page of the shipment does, wait until all are issued, and fetch the last of them."""
    known = {"Authorization": f"Bearer {token}"}
    form = urllib.parse.urlencode([*(("paper", f"{code}:") for code in TEN), ("reason:", "a benchmark")]).encode()
    address = f"http://127.0.0.1:{port}/shipments/{NUMBER}/documents/issue"
    with urllib.request.urlopen(urllib.request.Request(address, form, known)) as answer:  # led to the page of the set
        number = int(answer.url.rsplit("/", 1)[1])
    with closing(sqlite3.connect(database)) as connection:
        asked = "SELECT job.state, papers.results FROM paper_set papers JOIN job ON job.id = papers.job_id WHERE papers.id = ?"
        while True:
            state, results = connection.execute(asked, [number]).fetchone()
            if state not in ("waiting", "running"):
                break
            time.sleep(0.005)
    done = [one["id"] for one in json.loads(results) if "number" in one]
    assert (state, len(done)) == ("done", len(TEN)), results
    address = f"http://127.0.0.1:{port}/documents/{done[-1]}.pdf"
    with urllib.request.urlopen(urllib.request.Request(address, headers=known)) as answer:
        assert answer.read(5) == b"%PDF-"


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
