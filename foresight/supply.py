"""What is in hand, what planned shipments take, how many there should be, and what is late: rows, no rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from peewee import fn

from accounts.scope import seen
from assets.balances import level_sums
from assets.models import Asset, Movement, PoolMinimum, ScanEvent, Trip
from assets.visible import visible_assets, visible_minimums, visible_movements
from database import tuples
from shipments.models import Package, Shipment
from shipments.visible import visible_shipments


@dataclass(frozen=True)
class Level:
    """Boxes of one type in one state; ids of rows."""

    asset_type: int
    holder: int
    place: int | None
    life: str
    where: str
    condition: str
    boxes: int

    @property
    def in_hand(self) -> bool:
        """Good and at home: it can be sent."""
        return (self.life, self.where, self.condition) == ("active", "here", "good")

    @property
    def away(self) -> bool:
        """With a partner or on the way to or from him."""
        return self.life == "active" and self.where in ("out", "there", "back")


@dataclass(frozen=True)
class Need:
    """Boxes of one type that an open shipment still takes; those that were scanned onto it are in `gone` already."""

    shipment: int
    number: str
    consignee: int
    place: int | None
    day: date | None
    asset_type: int
    planned: int
    gone: int

    @property
    def boxes(self) -> int:
        return max(0, self.planned - self.gone)


@dataclass(frozen=True)
class Late:
    """Boxes that are out beyond the last agreed day."""

    asset_type: int
    holder: int
    home: int | None
    due: date
    boxes: int


def levels(types: Iterable[int]) -> list[Level]:
    """Current quantities, over all owners; a counted pool may be below 0 by our books."""
    wanted = set(types)
    names = ("asset_type", "holder", "place", "life", "where", "condition")
    return [
        Level(kind, holder, place, life, where, condition, int(boxes))
        for kind, holder, place, life, where, condition, boxes in level_sums(*names, types=wanted)
    ]


def needs(types: Iterable[int]) -> list[Need]:
    """What open shipments still take, by departure. Boxes that left count by their trips and pool scans."""
    ids = list(types)
    packages = (
        Package.select(
            Shipment.id, Shipment.number, Shipment.consignee, Shipment.ship_from, Shipment.departure_date,
            Package.asset_type, fn.SUM(Package.count),
        )
        .join(Shipment)
        .where(Shipment.state == "open", Package.asset_type.in_(ids))
        .group_by(
            Shipment.id, Shipment.number, Shipment.consignee, Shipment.ship_from, Shipment.departure_date,
            Package.asset_type,
        )
    )  # fmt: skip
    planned = tuples(seen(visible_shipments, packages))
    open_ = Shipment.select(Shipment.id).where(Shipment.state == "open")
    gone: dict[tuple[int, int], int] = {}
    trips = Trip.select(Trip.shipment, Trip.asset_type, fn.COUNT(Trip.id)).where(
        Trip.shipment.in_(open_), Trip.asset_type.in_(ids)
    )
    void = ScanEvent.alias()
    pieces = ScanEvent.select(ScanEvent.shipment, ScanEvent.asset_type, fn.SUM(ScanEvent.quantity)).where(
        ScanEvent.shipment.in_(open_), ScanEvent.type == "dispatch", ScanEvent.quantity > 0, ScanEvent.refused == "",
        ScanEvent.asset_type.in_(ids), ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
    )  # fmt: skip
    for shipment, kind, boxes in (
        *tuples(trips.group_by(Trip.shipment, Trip.asset_type)),
        *tuples(pieces.group_by(ScanEvent.shipment, ScanEvent.asset_type)),
    ):
        gone[shipment, kind] = gone.get((shipment, kind), 0) + int(boxes)
    found = [
        Need(id_, number, consignee, place, day, kind, int(count), gone.get((id_, kind), 0))
        for id_, number, consignee, place, day, kind, count in planned
    ]
    return sorted(found, key=lambda need: (need.day or date.max, need.number, need.asset_type))


def minimums(types: Iterable[int]) -> dict[tuple[int, int], int]:
    """(type, place) → boxes that are to be in hand there."""
    query = PoolMinimum.select(PoolMinimum.asset_type, PoolMinimum.place, PoolMinimum.minimum)
    query = seen(visible_minimums, query.where(PoolMinimum.asset_type.in_(list(types))))
    return {(kind, place): least for kind, place, least in tuples(query)}


def late(types: Iterable[int], today: date) -> list[Late]:
    """Boxes out beyond the last agreed day; which day it is at their return place the caller looks again."""
    kept = (Asset.asset_type, Asset.holder, Asset.return_place, Asset.due_day)
    query = (
        Asset.select(*kept, fn.COUNT(Asset.id))
        .where(
            Asset.asset_type.in_(list(types)),
            Asset.life == "active",
            Asset.due_day <= today,
            Asset.holder.is_null(False),
        )
        .where(Asset.where.in_(["out", "there", "back"]))
        .group_by(*kept)
    )
    return [Late(*row) for row in tuples(seen(visible_assets, query))]


def fleet_changes(types: Iterable[int], since: date) -> dict[int, list[tuple[date, int]]]:
    """By type: (day, boxes that came new − boxes that went for good) since a day, from the account book."""
    change = fn.SUM(Movement.quantity)
    query = (
        Movement.select(Movement.asset_type, Movement.event_day, Movement.from_holder.is_null(), change)
        .where(
            Movement.asset_type.in_(list(types)), Movement.event_day >= since,
            Movement.from_holder.is_null() | Movement.to_holder.is_null(),
        )
        .group_by(Movement.asset_type, Movement.event_day, Movement.from_holder.is_null())
    )  # fmt: skip
    found: dict[int, list[tuple[date, int]]] = {}
    for kind, day, new, boxes in tuples(seen(visible_movements, query)):
        found.setdefault(kind, []).append((day, int(boxes) if new else -int(boxes)))
    return found
