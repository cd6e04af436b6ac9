"""A run of QR labels as the labels page makes it, from the rows of the boxes to the PDF, on two cores."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from accounts.people import create_user
from app import create_app
from assets.models import Asset
from assets.registering import register_assets
from benchmarks import memory
from benchmarks.chromium import page_file, printers
from benchmarks.figures import Figure
from config import load_settings
from database import db, migrate
from docs_gen import label_sheets, render, render_pool
from master_data.models import AssetType, Party, Place

SIZES, SHEET, CORES, ROUNDS = (250, 500, 1000), "a4-24", 2, 3
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
BASE = "https://rt.example.com"


def run() -> list[Figure]:
    """labels_1000 in seconds beside Chromium, and labels_250 and labels_500 beside it, to see that it grows by the number."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    render_pool.close()
    try:
        with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
            return _figures(Path(folder))
    finally:
        render_pool.close()
        os.sched_setaffinity(0, before)


def _figures(folder: Path) -> list[Figure]:
    app = create_app({"ROUNDTRIP": load_settings({"ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DEMO": "0"})})
    with app.app_context(), db.connection_context():
        migrate()
        assets = _boxes(max(SIZES))
        sheet = label_sheets.SHEETS[SHEET]
        label_sheets.pdf(assets[:250], sheet, BASE)
        peak = memory.peak(lambda: label_sheets.pdf(assets, sheet, BASE), lambda: [os.getpid()])
        took = {size: statistics.median(_seconds(assets[:size]) for _ in range(ROUNDS)) for size in SIZES}
        pages = [
            label_sheets.labels(assets[begin : begin + sheet.labels], sheet, BASE)
            for begin in range(0, len(assets), sheet.labels)
        ]
    half = -(-len(pages) // CORES)
    with printers(CORES) as chromium:
        files = [
            page_file(
                folder / f"labels-{begin}.html",
                render.html("label_sheet.html", sheet=sheet, pages=pages[begin : begin + half]),
                ("css/label_sheet.css",), label_sheets.size_css(sheet),
            )
            for begin in range(0, len(pages), half)
        ]  # fmt: skip
        chromium.print_all(files)
        rivals = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            chromium.print_all(files)
            rivals.append(time.perf_counter() - start)
    most = max(SIZES)
    what = f"QR labels of {SHEET}, rows to PDF, {CORES} cores"
    figures = [
        Figure(
            f"labels_{most}", took[most], "s", statistics.median(rivals), f"{what}; rival: Chromium, codes made", peak
        )
    ]
    for size in SIZES[:-1]:
        share = took[most] * size / most
        figures.append(Figure(f"labels_{size}", took[size], "s", share, f"the same; rival: its share of the {most}"))
    return figures


def _seconds(assets: list[Asset]) -> float:
    start = time.perf_counter()
    label_sheets.pdf(assets, label_sheets.SHEETS[SHEET], BASE)
    return time.perf_counter() - start


def _boxes(count: int) -> list[Asset]:
    user = create_user("bench", "a long password", NOW, administrator=True)
    address = "No. 88 Xinghu Street\nSuzhou 215021"
    owner = Party.create(
        code="OWN", own=True, name_en="Suzhou Stabil Steering Co., Ltd.", name_zh="苏州稳达转向系统有限公司",
        address_en=address, country="CN", changed_time=NOW,
    )  # fmt: skip
    place = Place.create(
        code="PLANT", party=owner, name_en="Suzhou plant", name_zh="苏州工厂", address_en=address, country="CN",
        changed_time=NOW,
    )  # fmt: skip
    klt = AssetType.create(
        code="KLT6428", name_en="Small load carrier 6428", name_zh="KLT 6428 周转箱", length_mm=594, width_mm=396,
        height_mm=280, tare=Decimal("2.95"), payload=Decimal(20), package_code="4H", cn_package_code="29",
        gs1_company_prefix="4012345", gs1_asset_type="00001", value=Decimal("12.50"), value_currency="EUR", changed_time=NOW,
    )  # fmt: skip
    return register_assets(klt, [f"KLT-{number:06d}" for number in range(1, count + 1)], owner, place, user, NOW)
