"""Who holds how many of which type, what is overdue, and whether all of it follows from the events.

Counted from the columns of Asset; `faults()` proves them from the events.

Days are those of a calendar and not spans of 24 hours: the calendar of the place to which the box is to come back
(its zone; UTC without one). A box that left on the 1st with 60 days agreed is due on day 61 of that calendar, and late
by one day from the midnight after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from peewee import JOIN, Case, ModelSelect, fn

from assets import state as rules
from assets.labels import grai
from assets.models import Asset, ScanEvent
from assets.scanning import histories
from assets.state import State, shown
from database import tuples
from errors import N_, Message
from master_data.models import AssetType, Party, Place


@dataclass(frozen=True)
class Balance:
    """Boxes of one type that one party answers for. `counts`: shown state → boxes; written-off ones are left out."""

    holder: Party
    asset_type: AssetType
    counts: dict[str, int]
    overdue: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def value(self) -> Decimal:
        """In the currency of the type."""
        return self.asset_type.value * self.total


@dataclass(frozen=True)
class Overdue:
    """Boxes of one type that one partner has had for longer than agreed; `days_late` those of the latest one."""

    holder: Party
    asset_type: AssetType
    count: int
    days_late: int
    value: Decimal  # in the currency of the type


def balances(now: datetime) -> list[Balance]:
    """Every holder and type with boxes, partners first, by code of holder and type."""
    late = fn.SUM(Case(None, [(is_overdue(now), 1)], 0))
    query = (
        Asset.select(Asset.holder, Asset.asset_type, Asset.life, Asset.where, Asset.condition, fn.COUNT(Asset.id), late)
        .where(Asset.life.in_(["active", "lost"]), Asset.holder.is_null(False))
        .group_by(Asset.holder, Asset.asset_type, Asset.life, Asset.where, Asset.condition)
    )
    counts: dict[tuple[int, int], dict[str, int]] = {}
    overdue_boxes: dict[tuple[int, int], int] = {}
    for holder, kind, life, where, condition, count, overdue_count in tuples(query):
        word = shown(State(life, where, condition))
        cell = counts.setdefault((holder, kind), {})
        cell[word] = cell.get(word, 0) + count
        overdue_boxes[holder, kind] = overdue_boxes.get((holder, kind), 0) + overdue_count
    parties, types = _rows(Party, {holder for holder, _ in counts}), _rows(AssetType, {kind for _, kind in counts})
    found = [Balance(parties[h], types[k], cell, overdue_boxes[h, k]) for (h, k), cell in counts.items()]
    return sorted(found, key=lambda row: (row.holder.own, row.holder.code, row.asset_type.code))


def overdue(now: datetime) -> list[Overdue]:
    """Overdue boxes by holder and type, the latest first."""
    oldest = fn.MIN(Asset.out_since).converter(Asset.out_since.python_value)
    query = (
        Asset.select(Asset.holder, Asset.asset_type, Asset.return_place, fn.COUNT(Asset.id), oldest)
        .where(is_overdue(now), Asset.holder.is_null(False))
        .group_by(Asset.holder, Asset.asset_type, Asset.return_place)
    )
    rows = tuples(query)
    parties, types = _rows(Party, {row[0] for row in rows}), _rows(AssetType, {row[1] for row in rows})
    places = _rows(Place, {row[2] for row in rows} - {None})
    counts: dict[tuple[int, int], int] = {}
    latest: dict[tuple[int, int], int] = {}
    for h, k, place, count, since in rows:
        counts[h, k] = counts.get((h, k), 0) + count
        latest[h, k] = max(latest.get((h, k), 0), days_late(since, types[k], places.get(place), now))
    found = [
        Overdue(parties[h], types[k], count, latest[h, k], types[k].value * count) for (h, k), count in counts.items()
    ]
    return sorted(found, key=lambda row: (-row.days_late, row.holder.code, row.asset_type.code))


def overdue_assets(now: datetime) -> ModelSelect[Any]:
    """Query of the overdue boxes; holder, type and return place joined."""
    return (
        Asset.select(Asset, AssetType, Party, Place)
        .join_from(Asset, AssetType)
        .join_from(Asset, Party, on=(Asset.holder == Party.id))
        .join_from(Asset, Place, JOIN.LEFT_OUTER, on=(Asset.return_place == Place.id))
        .where(is_overdue(now))
    )


def is_overdue(now: datetime) -> Any:
    """Condition on Asset: out for longer than agreed, exactly when days_late() is above 0. Lost boxes are left out.

    For each number of agreed days and each zone one instant parts the late ones from the others: a midnight there.
    """
    types: dict[int, list[int]] = {}
    for id_, days in tuples(AssetType.select(AssetType.id, AssetType.agreed_days_out)):
        types.setdefault(days, []).append(id_)
    zones: dict[str, list[int]] = {"UTC": []}
    for id_, zone in tuples(Place.select(Place.id, Place.timezone)):
        zones.setdefault(zone, []).append(id_)
    late = [
        Asset.asset_type.in_(ids) & _returns_to(zone, places) & (Asset.out_since < _midnight(now, zone, days))
        for days, ids in types.items()
        if days > 0
        for zone, places in zones.items()
    ]
    return (Asset.life == "active") & reduce(or_, late) if late else Asset.id == 0


def _returns_to(zone: str, places: list[int]) -> Any:
    to = Asset.return_place.in_(places)
    return to | Asset.return_place.is_null() if zone == "UTC" else to


def _midnight(now: datetime, zone: str, days: int) -> datetime:
    """The beginning of the day so many days ago, in a zone."""
    local = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=days)
    return datetime.combine(local, time(), ZoneInfo(zone))


def day_at(place: Place | None, now: datetime) -> date:
    """The day of the calendar at a place; without a place that of UTC."""
    return now.astimezone(ZoneInfo(place.timezone if place else "UTC")).date()


def days_late(out_since: datetime, asset_type: AssetType, return_place: Place | None, now: datetime) -> int:
    """Days of the calendar at the return place beyond the agreed ones; 0 and less: not late."""
    return (day_at(return_place, now) - day_at(return_place, out_since)).days - asset_type.agreed_days_out


def by_place() -> list[tuple[Place, AssetType, int]]:
    """Boxes that stand in a place of ours, by place and type: what can be sent."""
    query = (
        Asset.select(Asset.place, Asset.asset_type, fn.COUNT(Asset.id))
        .where(Asset.life == "active", Asset.where == "here", Asset.place.is_null(False))
        .group_by(Asset.place, Asset.asset_type)
    )
    rows = tuples(query)
    places, types = _rows(Place, {row[0] for row in rows}), _rows(AssetType, {row[1] for row in rows})
    return sorted(((places[p], types[k], count) for p, k, count in rows), key=lambda row: (row[1].code, row[0].code))


def faults(chunk: int = 500) -> Iterator[Message]:
    """What must hold after any history and does not; nothing when all is well."""
    ids = [id_ for (id_,) in tuples(Asset.select(Asset.id).order_by(Asset.id))]
    for start in range(0, len(ids), chunk):
        part = ids[start : start + chunk]
        events = histories(part)
        for asset in Asset.select(Asset, AssetType).join(AssetType).where(Asset.id.in_(part)).order_by(Asset.id):
            yield from _faults_of(asset, events.get(asset.id, []))
    stray = ScanEvent.select().where(ScanEvent.asset.is_null(), ScanEvent.refused == "").count()
    if stray:
        yield Message(N_("%(count)s scans were taken without a box."), {"count": stray})
    kept = ScanEvent.alias()
    nowhere = kept.select(kept.id).where(kept.event_id == ScanEvent.voids)
    lost = ScanEvent.select().where(ScanEvent.voids.is_null(False), ~fn.EXISTS(nowhere)).count()
    if lost:
        yield Message(N_("%(count)s scans undo a scan that does not exist."), {"count": lost})


def _faults_of(asset: Asset, events: list[tuple[rules.Event, str]]) -> Iterator[Message]:
    state, broken = rules.replay(event for event, _ in events)
    for name in rules.FIELDS:
        if getattr(asset, name) != getattr(state, name):
            values = {"code": asset.code, "name": name, "stored": getattr(asset, name), "right": getattr(state, name)}
            yield Message(N_("Box %(code)s: %(name)s is stored as %(stored)s, its events say %(right)s."), values)
    if asset.event_count != len(events):
        values = {"code": asset.code, "stored": asset.event_count, "right": len(events)}
        yield Message(N_("Box %(code)s: %(stored)s events are counted, there are %(right)s."), values)
    for event, stored in events:
        if stored != " ".join(broken[event.event_id]):
            values = {"code": asset.code, "id": event.event_id}
            yield Message(N_("Box %(code)s: the exceptions of scan %(id)s are not those of its history."), values)
    if asset.grai and asset.grai != grai(asset.asset_type, asset.code):
        yield Message(N_("Box %(code)s: its GRAI does not follow from its type."), {"code": asset.code})


def _rows(model: Any, ids: set[int]) -> dict[int, Any]:
    return {row.id: row for row in model.select().where(model.id.in_(ids))} if ids else {}
