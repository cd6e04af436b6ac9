"""The counted packages of a shipment: how many pieces of counted types it takes along, and recording that they left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from peewee import fn

from accounts.models import User
from assets.models import ScanEvent
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from database import locked, taking_turns, tuples
from errors import N_, Refused
from master_data.models import AssetType, Place
from shipments.models import Package, Shipment


@dataclass(frozen=True)
class CountedPackages:
    """Pieces of one counted type on a shipment: what its packages say, and what has been dispatched."""

    asset_type: AssetType
    planned: int
    dispatched: int

    @property
    def missing(self) -> int:
        return max(0, self.planned - self.dispatched)


def counted_packages(shipment: Shipment) -> list[CountedPackages]:
    """By type, in the order of their codes."""
    void = ScanEvent.alias()
    left = (
        ScanEvent.select(ScanEvent.asset_type, fn.SUM(ScanEvent.quantity))
        .where(
            ScanEvent.shipment == shipment, ScanEvent.type == "dispatch", ScanEvent.asset_type.is_null(False),
            ScanEvent.refused == "", ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
        )
        .group_by(ScanEvent.asset_type)
    )  # fmt: skip
    packed = (
        Package.select(Package.asset_type, fn.SUM(Package.count))
        .join(AssetType)
        .where(Package.shipment == shipment, AssetType.counted)
        .group_by(Package.asset_type)
    )
    dispatched = {kind: int(count) for kind, count in tuples(left)}
    planned = {kind: int(count) for kind, count in tuples(packed)}
    kinds = AssetType.select().where(AssetType.id.in_({*planned, *dispatched})).order_by(AssetType.code)
    return [CountedPackages(row, planned.get(row.id, 0), dispatched.get(row.id, 0)) for row in kinds]


def dispatch_counted(shipment: Shipment, user: User | None, now: datetime) -> int:
    """Record that the counted packages left that have not been recorded yet; gives how many pieces.

    They leave from the place that the shipment leaves from. Asked for twice it records nothing the second time.
    Raises Refused: the shipment has no such place, or is closed.
    """
    with taking_turns():
        locked(Shipment.select(Shipment.id).where(Shipment.id == shipment.id)).execute()
        wanted = [one for one in counted_packages(shipment) if one.missing]
        if not wanted:
            return 0
        if shipment.ship_from_id is None:
            raise Refused("no_place", N_("Say first from which place the shipment leaves."))
        place = Place.get_by_id(shipment.ship_from_id)
        scans = [
            ScanInput(
                str(uuid4()), "dispatch", "", now, shipment=shipment.number, place=place.code, device="desk",
                asset_type=one.asset_type.code, quantity=one.missing,
            )
            for one in wanted
        ]  # fmt: skip
        for answer in record_scans(scans, user, now):
            if answer.outcome != "recorded":
                raise Refused(answer.reason or answer.field or "invalid", answer.text.text, **answer.text.values)
        return sum(one.missing for one in wanted)
