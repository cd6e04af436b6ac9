"""Opening a paper that was prepared: the whole request, with session, rights, scope and the proof that it is not stale.

Rival: rendering the same draft by a warm worker. `paper_prepared_first`: the first time that a process is asked for it,
when it has to read the facts.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from flask.testing import FlaskClient

from accounts.people import create_user
from accounts.sessions import begin
from app import create_app
from benchmarks.figures import Figure
from config import Settings, load_settings
from database import db, migrate, utc_now
from docs_gen import prepared, render_pool
from docs_gen.document_types import render_paper
from docs_gen.issuing import paper_of
from master_data.models import Party, Product
from shipments.models import Package, Shipment, ShipmentLine

LINES, ROUNDS = 30, 200


def run() -> list[Figure]:
    """paper_prepared and paper_prepared_first, in milliseconds; medians, and the 95th percentile in the text."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        client, settings = _service(Path(folder))
        url = "/shipments/S-2026-0001/documents/commercial_invoice.pdf"

        def ask() -> None:
            answer = client.get(url)
            assert answer.status_code == 200, answer.status_code

        def first() -> None:
            prepared._known.clear()
            ask()

        def made() -> None:
            paper = paper_of(Shipment.get(), "commercial_invoice", "", settings.base_url)
            assert paper
            render_paper(paper.type, paper.facts, pictures_dir=settings.pictures_dir)

        with db.connection_context():
            ask()
            made()
            return _figures(ask, first, made)


def _figures(ask: Callable[[], None], first: Callable[[], None], made: Callable[[], None]) -> list[Figure]:
    try:
        ours, firsts, rivals = _times(ask, ROUNDS), _times(first, 50), _times(made, 15)
    finally:
        render_pool.close()
    what = f"invoice of {LINES} lines, request to answer, p95 {_p95(ours):.1f} ms; rival: rendering it"
    return [
        Figure("paper_prepared", statistics.median(ours), "ms", statistics.median(rivals), what),
        Figure("paper_prepared_first", statistics.median(firsts), "ms", statistics.median(rivals),
               "the same, by a process that has not been asked for it before"),
    ]  # fmt: skip


def _service(folder: Path) -> tuple[FlaskClient, Settings]:
    """A browser that is signed in, and a shipment of so many lines."""
    app = create_app({"ROUNDTRIP": load_settings({"ROUNDTRIP_DATA_DIR": str(folder), "ROUNDTRIP_DEMO": "0"})})
    app.config["SESSION_COOKIE_SECURE"] = False
    now = utc_now()
    with app.app_context(), db.connection_context():
        migrate()
        user = create_user("bench", "a long password", now, administrator=True)
        seller = Party.create(code="OWN", own=True, name_en="Seller", country="CN", changed_time=now)
        buyer = Party.create(code="BUYER", name_en="Buyer GmbH", country="DE", changed_time=now)
        shipment = Shipment.create(
            number="S-2026-0001", consignor=seller, consignee=buyer, incoterm="CIF", named_place="Hamburg",
            currency="EUR", transport_mode="1", created_time=now, changed_time=now,
        )  # fmt: skip
        for position in range(1, LINES + 1):
            product = Product.create(
                part_no=f"10-{position:04}", description_en=f"Steering rack {position}", description_zh="转向器总成",
                hs_code="8708949090", unit="H87", net_mass=Decimal("7.250"), origin="CN", changed_time=now,
            )  # fmt: skip
            ShipmentLine.create(
                shipment=shipment, position=position, product=product, quantity=Decimal(position),
                unit_price=Decimal("182.50"),
            )  # fmt: skip
            Package.create(
                shipment=shipment, position=position, package_code="CT", count=1, product=product,
                pieces=Decimal(position), net_mass=Decimal("7.25") * position, gross_mass=Decimal("8") * position,
                length_mm=600, width_mm=400, height_mm=400,
            )  # fmt: skip
        unique, sid = user.fs_uniquifier, begin(user, now)
    client = FlaskClient(app, app.response_class)
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"], session["sid"] = unique, True, sid
    return client, app.config["ROUNDTRIP"]


def _times(work: Callable[[], None], rounds: int) -> list[float]:
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        found.append((time.perf_counter() - start) * 1000)
    return found


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]
