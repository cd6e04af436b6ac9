"""Boxes of samples.py that have left under a declaration of temporary export."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from assets.models import Asset, Trip
from assets.registering import register_assets
from assets.scan_told import ScanInput
from assets.scanning import record_scan
from customs import declarations
from customs.declarations import Head
from customs.models import CustomsDeclaration


def boxes(world: Any, user: Any, now: datetime, count: int = 6) -> list[Asset]:
    """Registered at home, KLT-0001 and on."""
    codes = [f"KLT-{number:04d}" for number in range(1, count + 1)]
    return register_assets(world.klt, codes, world.suzhou, world.plant, user, now)


def scan(user: Any, kind: str, code: str, when: datetime, **more: Any) -> None:
    """One scan at the plant in Suzhou, recorded when it happened."""
    fields = {
        "place": "SZ-PLANT",
        "device": "TC22-01",
        **({"shipment": "S-2026-0001"} if kind == "dispatch" else {}),
        **more,
    }
    answer = record_scan(ScanInput(str(uuid.uuid4()), kind, code, when, **fields), user, when)
    assert answer.outcome == "recorded", answer


def head(world: Any, **more: Any) -> Head:
    """A declaration of temporary export of the 31st of August."""
    return Head(**{
        "number": "224820260000000123", "item": "1", "regime": "2600", "country": "CN", "office": "2248", "destination": "DE",
        "declared_day": date(2026, 8, 30), "exit_day": date(2026, 8, 31), "months": 6, "shipment": world.shipment,
        "transport_document_no": "COSU6391234560", "freight_container_no": "CSQU3054383", "seal_no": "CN0012345", **more,
    })  # fmt: skip


def back_head(**more: Any) -> Head:
    """The declaration of re-import."""
    return Head(**{
        "number": "224820270000000456", "item": "2", "regime": "2600", "country": "CN", "declared_day": date(2026, 11, 20),
        "transport_document_no": "COSU7000000001", **more,
    })  # fmt: skip


def declared(world: Any, user: Any, assets: list[Asset], now: datetime, **more: Any) -> CustomsDeclaration:
    return declarations.save_out(head(world, **more), assets, user, now)


def ended(asset: Asset, world: Any, out: datetime, end: datetime) -> Trip:
    """A trip that ended with a return, as the ledger keeps it."""
    trip, _ = Trip.get_or_create(
        asset=asset, out_time=out,
        defaults={
            "asset_type": asset.asset_type_id, "partner": world.hamburg, "shipment": world.shipment,
            "out_event": str(uuid.uuid4()), "observed_from": out,
        },
    )  # fmt: skip
    trip.end, trip.end_time = "returned", end
    trip.save()
    return trip
