"""The statements of a month for 500 partners, as the page orders them: a job, from the order to the file with all of them."""

from __future__ import annotations

import os
import time
from itertools import islice

from accounts.people import create_user
from app import create_app
from benchmarks.figures import Figure
from benchmarks.growth import COHORT, NOW, build
from benchmarks.worlds import sqlite
from config import load_settings
from database import db, migrate, utc_now
from docs_gen import render_pool
from jobs.models import Job
from jobs.running import execute
from master_data.models import Party
from statements.accounts import Month, accounts_of
from statements.all_due import order_statements
from statements.models import Statement

#: partners who had boxes in the month: of ten in the ledger there are three and more
SIZES, CORES = (125, 500), 2
MONTH = Month(2025, 10)


def run() -> list[Figure]:
    """statements_500 in seconds, and statements_125 beside it, to see that it grows by the number: less is better."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:CORES])
    render_pool.close()
    try:
        took = {size: _seconds(size) for size in SIZES}
    finally:
        render_pool.close()
        os.sched_setaffinity(0, before)
    what = f"statements of a month, {COHORT} boxes with three shipments each at a partner, {CORES} cores"
    return [Figure(f"statements_{size}", seconds, "s", None, what) for size, seconds in took.items()]


def _seconds(partners: int) -> float:
    with sqlite() as (_url, folder):
        app = create_app({"ROUNDTRIP": load_settings({"ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DEMO": "0"})})
        with app.app_context():
            db.connect(reuse_if_open=True)
            migrate()
            build(partners * COHORT * 10 // 3, partners * 10 // 3)
            ours = Party.get(code="OURS")
            theirs = (row for row in Party.select().where(~Party.own).order_by(Party.code) if accounts_of(row, MONTH))
            others = list(islice(theirs, partners))
            job = order_statements(
                ours, MONTH, others, create_user("bench", "a long password", NOW, administrator=True), utc_now()
            )
            begun = time.perf_counter()
            execute(app, job.id)
            took = time.perf_counter() - begun
            done = Job.get_by_id(job.id)
            assert (done.state, Statement.select().count()) == ("done", partners), done.result
        return took
