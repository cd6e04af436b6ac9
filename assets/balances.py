"""Who holds how many of which type, what is overdue, and whether all of it follows from the events.

Read from StockLevel and the columns of Asset, which are kept up with every scan: what it costs does not grow with the
past. `ledger_check.faults()` proves them from the events.

Days are those of a calendar and not spans of 24 hours: the calendar of the place to which the box is to come back
(its zone; UTC without one). A box that left on the 1st with 60 days agreed is due on day 61 of that calendar, and late
by one day from the midnight after it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from peewee import JOIN, SQL, Case, ModelSelect, fn

from accounts.scope import current_scope, seen
from assets.models import Asset, StockLevel
from assets.state import State, shown
from assets.visible import of_entities, visible_assets, visible_levels
from database import tuples
from master_data.models import AssetType, Party, Place


@dataclass(frozen=True)
class Balance:
    """Boxes of one type and owner that one party answers for. `counts`: shown state → boxes; written-off ones are left
    out. A sum over owners would say nothing: each settles with the holder by itself."""

    owner: Party
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
    """Every owner, holder and type with boxes, partners first, by code of holder, type and owner; counted pools too."""
    counts: dict[tuple[int, int, int], dict[str, int]] = {}
    for *key, life, where, condition, count in level_sums(
        "owner", "holder", "asset_type", "life", "where", "condition"
    ):
        word = shown(State(life, where, condition))
        cell = counts.setdefault((key[0], key[1], key[2]), {})
        cell[word] = cell.get(word, 0) + int(count)
    names = Asset.owner, Asset.holder, Asset.asset_type
    overdue_ = Asset.select(*names, fn.COUNT(Asset.id)).where(is_overdue(now), Asset.holder.is_null(False))
    late = {(o, h, k): count for o, h, k, count in tuples(seen(visible_assets, overdue_.group_by(*names)))}
    parties = _rows(Party, {party for owner, holder, _ in counts for party in (owner, holder)})
    types = _rows(AssetType, {kind for _, _, kind in counts})
    found = [
        Balance(parties[o], parties[h], types[k], cell, late.get((o, h, k), 0)) for (o, h, k), cell in counts.items()
    ]
    return sorted(found, key=lambda row: (row.holder.own, row.holder.code, row.asset_type.code, row.owner.code))


def level_sums(*names: str, types: Collection[int] | None = None) -> list[Any]:
    """The levels that who asks may see, summed up by these columns of StockLevel; the sum comes last. `types`: of these
    types only, those that are 0 too.

    Of counted pools who is limited to sites is told what is at these.
    """
    levels = _levels(names, types)
    if current_scope().sites is None:
        return _summed(seen(visible_levels, levels), names)
    pools = levels.join(AssetType).where(AssetType.counted)
    return box_sums(*names, types=types) + _summed(seen(visible_levels, pools), names)


def box_sums(*names: str, types: Collection[int] | None = None) -> list[Any]:
    """The same of the boxes with codes.

    A level at a partner has no site, a box has its return place. So where somebody is limited to sites, what stands at
    these is told by the levels, and the other boxes that come back there are counted themselves.
    """
    coded = _levels(names, types).join(AssetType).where(~AssetType.counted)
    scope = current_scope()
    if scope.sites is None:
        return _summed(seen(visible_levels, coded), names)
    standing, away = ["here", "there"], ["moving", "out", "back"]
    at_sites = coded.where(StockLevel.place.in_(scope.sites), StockLevel.where.in_(standing))
    left = Asset.where.in_(away)
    if scope.entities is not None:  # a box of an outside owner is an entity's by its place: each is asked itself
        at_sites = at_sites.where(StockLevel.owner.in_(scope.entities))
        left |= Asset.owner.not_in(scope.entities)
    stands = Case(None, [(Asset.where.in_(standing), Asset.place)], None)
    own = [stands if name == "place" else getattr(Asset, name) for name in names]
    boxes = Asset.select(*own, fn.COUNT(Asset.id)).where(
        # Not `life IN`: SQLite would take it for a way to find few.
        Asset.life != "none", Asset.life != "gone", Asset.where != "nowhere", Asset.holder.is_null(False),
        *([] if types is None else [Asset.asset_type.in_(list(types))]),
    )  # fmt: skip
    boxes = seen(of_entities, boxes)
    # Two questions, each with an index: those that come back, and those that were there last and come back elsewhere.
    back = boxes.where(Asset.return_place.in_(scope.sites), fn.COALESCE(Asset.place, 0).not_in(scope.sites) | left)
    last = boxes.where(Asset.place.in_(scope.sites), left, fn.COALESCE(Asset.return_place, 0).not_in(scope.sites))
    return [row for query in (at_sites, back, last) for row in _summed(query, names)]


def _levels(names: Sequence[str], types: Collection[int] | None) -> Any:
    columns = [getattr(StockLevel, name) for name in names]
    levels = StockLevel.select(*columns, fn.SUM(StockLevel.quantity))
    return levels.where(StockLevel.quantity != 0 if types is None else StockLevel.asset_type.in_(list(types)))


def _summed(query: Any, names: Sequence[str]) -> list[Any]:
    return tuples(query.group_by(*[SQL(str(number + 1)) for number in range(len(names))]))  # they hold parameters


def by_place(owner: str = "") -> list[tuple[Place | None, AssetType, dict[str, int]]]:
    """Boxes at home by place and type, and how many are in which condition: good, unchecked, damaged, in_repair.
    `owner`: the code of one, for those of this one only.

    Place None: on their way between two places of ours.
    """
    at_home = ((StockLevel.where == "here") & StockLevel.place.is_null(False)) | (StockLevel.where == "moving")
    query = seen(
        visible_levels,
        StockLevel.select(StockLevel.place, StockLevel.asset_type, StockLevel.condition, fn.SUM(StockLevel.quantity))
        .where(StockLevel.life == "active", at_home, StockLevel.quantity != 0)
        .group_by(StockLevel.place, StockLevel.asset_type, StockLevel.condition),
    )
    if owner:
        query = query.where(StockLevel.owner.in_(Party.select(Party.id).where(Party.code == owner)))
    counts: dict[tuple[int | None, int], dict[str, int]] = {}
    for place, kind, condition, count in tuples(query):
        counts.setdefault((place, kind), {})[condition] = int(count)
    places = _rows(Place, {place for place, _ in counts if place is not None})
    types = _rows(AssetType, {kind for _, kind in counts})
    found = ((places.get(place or 0), types[kind], cell) for (place, kind), cell in counts.items())
    return sorted(found, key=lambda row: (row[1].code, row[0] is None, row[0].code if row[0] else ""))


def overdue(now: datetime) -> list[Overdue]:
    """Overdue boxes by holder and type, the latest first."""
    first = fn.MIN(Asset.due_day).converter(Asset.due_day.python_value)
    query = seen(
        visible_assets,
        Asset.select(Asset.holder, Asset.asset_type, Asset.return_place, fn.COUNT(Asset.id), first)
        .where(is_overdue(now), Asset.holder.is_null(False))
        .group_by(Asset.holder, Asset.asset_type, Asset.return_place),
    )
    rows = tuples(query)
    parties, types = _rows(Party, {row[0] for row in rows}), _rows(AssetType, {row[1] for row in rows})
    places = _rows(Place, {row[2] for row in rows} - {None})
    counts: dict[tuple[int, int], int] = {}
    latest: dict[tuple[int, int], int] = {}
    for h, k, place, count, due in rows:
        counts[h, k] = counts.get((h, k), 0) + count
        latest[h, k] = max(latest.get((h, k), 0), days_late(due, places.get(place), now))
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
    """Condition on Asset: away for longer than agreed, exactly when days_late() is above 0. Lost boxes are left out."""
    days: dict[date, list[int]] = {}  # what day it is → at which places; at one moment there are three days at most
    for id_, zone in tuples(Place.select(Place.id, Place.timezone)):
        days.setdefault(now.astimezone(ZoneInfo(zone)).date(), []).append(id_)
    today = now.date()
    late = [Asset.return_place.is_null() & (Asset.due_day < today)]
    late += [Asset.return_place.in_(places) & (Asset.due_day < day) for day, places in days.items()]
    # The first two find the rows by the index; the others look at the calendar of the return place.
    return (Asset.life == "active") & (Asset.due_day < today + timedelta(days=1)) & reduce(or_, late)


def day_at(place: Place | None, now: datetime) -> date:
    """The day of the calendar at a place; without a place that of UTC."""
    return now.astimezone(ZoneInfo(place.timezone if place else "UTC")).date()


def days_late(due_day: date | None, return_place: Place | None, now: datetime) -> int:
    """Days of the calendar at the return place after the last agreed one; 0 and less: not late."""
    return (day_at(return_place, now) - due_day).days if due_day else 0


def _rows(model: Any, ids: set[int]) -> dict[int, Any]:
    return {row.id: row for row in model.select().where(model.id.in_(ids))} if ids else {}
