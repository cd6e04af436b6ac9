"""Pages over a ledger of N boxes, ten times as many events, and half as many documents: what a person waits for.

Each page is asked for several times, each time another box, shipment, partner or search word. The rival is the page of
the same service that reads nothing but who asks (the profile).
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from accounts.models import User
from accounts.people import create_user
from accounts.sessions import begin
from app import create_app
from benchmarks.figures import Figure
from benchmarks.growth import NOW, PARTNERS, WITH_FACTS, build, build_documents
from config import load_settings
from database import close_all, db, migrate, tuples, utc_now
from docs_gen.models import IssuedDocument
from shipments.models import Shipment

ROUNDS = 15


def run(boxes: int, kept: Path | None = None) -> list[Figure]:
    """pages_p95 (ms) and the same of each page. `kept`: a folder with such a ledger from before, or for later."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        return _run(boxes, kept or Path(folder))


def _run(boxes: int, folder: Path) -> list[Figure]:
    folder.mkdir(parents=True, exist_ok=True)
    new = not (folder / "roundtrip.db").exists()
    app = create_app({"ROUNDTRIP": load_settings({"ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DEMO": "0"})})
    with app.app_context():
        db.connect(reuse_if_open=True)
        migrate()
        if new:
            build(boxes)
        if not IssuedDocument.select().exists():
            build_documents(boxes // 2)
        client = _signed_in(app)
        try:
            times = {name: _times(client, address) for name, address in _addresses(boxes).items()}
        finally:
            close_all()
    rival = _p95(times.pop("profile"))
    every = [one for of_page in times.values() for one in of_page]
    what = f"{len(times)} pages, {boxes:,} boxes, {10 * boxes:,} events, {boxes // 2:,} documents; rival: the profile"
    return [
        Figure("pages_p95", _p95(every), "ms", rival, what),
        *(Figure(f"page_{name}", _p95(found), "ms", rival, "95th percentile") for name, found in times.items()),
    ]


def _p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[18]


def _addresses(boxes: int) -> dict[str, Callable[[], str]]:
    """name → an address of that page, each time another one."""
    chance = random.Random(7)
    with_facts = Shipment.select(Shipment.number).where(Shipment.id <= WITH_FACTS, Shipment.state == "closed")
    numbers = [number for (number,) in tuples(with_facts)]

    def code() -> str:
        return f"KLT{chance.randrange(boxes):07}"

    def partner() -> str:
        return f"P{chance.randrange(PARTNERS):02}"

    fixed = {
        "profile": "/profile", "today": "/", "boxes": "/assets", "balances": "/balances", "overdue": "/overdue",
        "scans": "/scan-events", "movements": "/movements", "trips": "/trips", "levels": "/levels",
        "exceptions": "/exceptions", "alerts": "/alerts", "shipments": "/shipments", "documents": "/documents",
        "flow": "/flow", "statements": "/statements", "partners": "/parties", "places": "/places",
    }  # fmt: skip
    made: dict[str, Callable[[], str]] = {
        "box": lambda: f"/assets/{code()}",
        "boxes_searched": lambda: f"/assets?q={code()}",
        "boxes_of_page_20": lambda: "/assets?page=20",
        "scans_searched": lambda: f"/scan-events?q={code()}",
        "documents_searched": lambda: f"/documents?q=CI-2026-{2 * chance.randrange(boxes // 4):06}",
        "documents_of_page_20": lambda: "/documents?page=20",
        "search": lambda: f"/search?q={code()[:-1]}",  # what is found exactly is gone to
        "search_shipment": lambda: f"/search?q={chance.choice(numbers)[:-2]}",
        "shipment": lambda: f"/shipments/{chance.choice(numbers)}",
        "shipments_searched": lambda: f"/shipments?q={chance.choice(numbers)}",
        "partner": lambda: f"/parties/{partner()}",
        "account": lambda: f"/parties/{partner()}/account?month=2026-10",
    }
    return {name: (lambda address=address: address) for name, address in fixed.items()} | made  # type: ignore[misc]


def _times(client: FlaskClient, address: Callable[[], str]) -> list[float]:
    """Milliseconds of each answer; the first, which warms up, is left out."""
    times = []
    for _ in range(ROUNDS + 1):
        where = address()
        start = time.perf_counter()
        answer = client.get(where)
        times.append((time.perf_counter() - start) * 1000)
        assert answer.status_code == 200, f"{where}: {answer.status}"
    return times[1:]


def _signed_in(app: Flask) -> FlaskClient:
    user = User.get_or_none(User.username == "bench") or create_user(
        "bench", "a long password", NOW, administrator=True
    )
    User.update(must_change_password=False).execute()
    client = FlaskClient(app, app.response_class)
    with client.session_transaction() as session:
        session["_user_id"] = user.fs_uniquifier
        session["_fresh"] = True
        session["sid"] = begin(user, utc_now())
    return client
