"""How soon the service is there: from the start of the process, database migrated, files in memory, to the first page and
the first PDF. Rival: an interpreter that imports Flask and WeasyPrint and does nothing with them.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from accounts.people import create_token, create_user
from app import create_app
from benchmarks.figures import Figure
from benchmarks.servers import environment, served
from benchmarks.worlds import sqlite
from config import load_settings
from database import close_all, db, migrate, utc_now
from demo import load as load_demo

ROUNDS = 3


def run() -> list[Figure]:
    """start_page and start_pdf (seconds): less is better."""
    with sqlite() as (url, folder):
        address, token = _filled(url, folder)
        page, pdf, rival = [], [], []
        for _ in range(ROUNDS + 1):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import flask, weasyprint"], check=True)
            rival.append(time.perf_counter() - begun)
            shutil.rmtree(folder / "prepared", ignore_errors=True)  # the paper is to be made, not found
            begun = time.perf_counter()
            with served(url, folder, calm=False) as port:
                page.append(time.perf_counter() - begun)
                asked = urllib.request.Request(
                    f"http://127.0.0.1:{port}{address}", headers={"Authorization": f"Bearer {token}"}
                )
                with urllib.request.urlopen(asked, timeout=120) as answer:
                    assert answer.read(5) == b"%PDF-"
                pdf.append(time.perf_counter() - begun)
    found = [statistics.median(times[1:]) for times in (page, pdf, rival)]  # the first round warms up the disk
    what = "rival: to import Flask and WeasyPrint"
    return [
        Figure("start_page", found[0], "s", found[2], f"to the first page; {what}"),
        Figure("start_pdf", found[1], "s", found[2], f"to the first PDF; {what}"),
    ]


def _filled(url: str, folder: Path) -> tuple[str, str]:
    """(address of a paper, a token that opens it) in a new database with the demo company."""
    settings = load_settings(environment(url, folder, 8000))
    app = create_app({"ROUNDTRIP": settings})
    with app.app_context(), db.connection_context():
        migrate()
        load_demo(utc_now(), settings)
        token = create_token(create_user("bench", "a long password", utc_now(), administrator=True), "bench", utc_now())
    close_all()
    return "/shipments/S-2026-0001/documents/packing_list.pdf", token
