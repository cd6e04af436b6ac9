"""Trips as groups: boxes that went, arrived and came back alike are one row, so a page reads shipments and not boxes.

Trips that were open within the window count. One that had begun before it is left-truncated at its beginning: of the
trips of that time only those are seen that were long enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from peewee import SQL, Case, fn

from accounts.scope import seen
from assets.models import Asset, Movement, Trip
from assets.visible import visible_movements, visible_trips
from database import tuples
from foresight.survival import Spell, first_in_first_out
from master_data.models import AssetType, Party, Place

WINDOW = timedelta(days=730)
#: So many returns say enough: a larger ledger is looked at for a shorter time, so that a page costs no more each year.
MOST_ENDED = 300_000
ENDS = ("returned", "lost", "written_off")


@dataclass(frozen=True)
class TripGroup:
    """`count` boxes of one type that left together for one partner and have the same days since. Ids of rows.

    Days are those of the calendar at `from_place`, read from the hour of each scan.
    """

    asset_type: int
    from_place: int | None
    home: int | None  # where they are to come back to
    partner: int
    shipment: int | None
    out: date
    observed: date  # later than `out`: under observation from then on only
    arrived: date | None
    ready: date | None
    back: date | None
    ended: date | None
    end: str  # '' open, returned, lost, written_off
    inspected: bool
    damaged: bool
    due: date | None  # last agreed day, while open
    count: int
    estimated: bool = False  # a counted pool: first in, first out

    @property
    def cluster(self) -> str:
        """What moves together: the shipment, or what left on one day."""
        return f"{self.shipment or self.out}"

    def age(self, today: date) -> int:
        """Days away, to the end or to today."""
        return max(0, ((self.ended or today) - self.out).days)

    def spell(self, today: date) -> Spell:
        """What the return times are reckoned from."""
        end = "lost" if self.end in ("lost", "written_off") else self.end
        entry = (self.observed - self.out).days
        return Spell(self.age(today), end, entry if entry > 0 else -1, self.count, self.cluster)


def begin_of(now: datetime) -> datetime:
    """From when on trips of boxes with codes count: two years ago, or later where the last MOST_ENDED returns do not
    reach back so far. The same for all types, so that all pages agree. What was out before is left-truncated."""
    begin = now - WINDOW
    ended = Trip.select(Trip.end_time).where(Trip.end == "returned", Trip.end_time >= begin)
    first: datetime | None = ended.order_by(Trip.end_time.desc()).offset(MOST_ENDED).limit(1).scalar()
    return max(begin, first) if first else begin


def trip_groups(begin: datetime, now: datetime, types: Iterable[int], places: dict[int, Place]) -> list[TripGroup]:
    """All trips since `begin`, boxes with codes; one query."""
    times = (Trip.out_time, Trip.observed_from, Trip.arrived_time, Trip.ready_time, Trip.back_time, Trip.end_time)
    hours = [fn.SUBSTR(time.cast("text"), 1, 13).coerce(False) for time in times]
    open_ = Trip.end == ""
    kept = [
        Trip.asset_type,
        Trip.from_place,
        Asset.return_place,
        Trip.partner,
        Trip.shipment,
        *hours,
        Trip.end,
        Trip.inspected,
        Trip.damaged,
        Case(None, [(open_, Asset.due_day)], None),
    ]
    query = (
        Trip.select(*kept, fn.COUNT(Trip.id))
        .join(Asset, on=(Trip.asset == Asset.id))
        .where(Trip.asset_type.in_(list(types)), open_ | (Trip.end.in_(ENDS) & (Trip.end_time >= begin)))
        .group_by(*[SQL(str(number + 1)) for number in range(len(kept))])  # by place: they hold parameters
    )
    groups = []
    for kind, place, home, partner, shipment, *rest in tuples(seen(visible_trips, query)):
        *moments, end, inspected, damaged, due, count = rest
        zone = ZoneInfo(places[place].timezone if place else "UTC")
        left, observed, arrived, ready, back, ended = [_day_of(hour, zone) for hour in moments]
        out = left or now.date()  # never null
        first = begin.astimezone(zone).date()
        known = max(observed or out, first) if out < first else observed or out
        groups.append(
            TripGroup(
                kind, place, home or place, partner, shipment, out, known, arrived, ready, back, ended, end,
                bool(inspected), bool(damaged), _day(due), count,
            )
        )  # fmt: skip
    return sorted(groups, key=lambda group: (group.out, group.cluster, group.end, str(group.ended)))


@lru_cache(maxsize=65_536)
def _day_of(hour: str | None, zone: ZoneInfo) -> date | None:
    """The day in a zone of an hour `2026-11-23 08` of UTC; its middle is taken, for zones with half hours."""
    if not hour:
        return None
    return (datetime.strptime(hour, "%Y-%m-%d %H").replace(tzinfo=UTC) + timedelta(minutes=29)).astimezone(zone).date()


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def pool_groups(
    today: date, types: Iterable[int], own: set[int], held: Mapping[tuple[int, int], int]
) -> list[TripGroup]:
    """Counted pools: the trips that their boxes may have made, from the account book; an estimate.

    `held`: (type, partner) → boxes that he has now.
    """
    query = Movement.select(
        Movement.event, Movement.asset_type, Movement.from_holder, Movement.from_place, Movement.to_holder,
        Movement.to_place, Movement.event_day, Movement.quantity,
    ).where(
        Movement.asset.is_null(), Movement.asset_type.in_(list(types)), Movement.from_holder.is_null(False),
        Movement.to_holder.is_null(False), Movement.event_day >= today - WINDOW,
    )  # fmt: skip
    net: dict[tuple[int, int, int, int | None, date], int] = {}  # a correction is a line the other way round
    for event, kind, giver, from_, taker, to, day, quantity in tuples(seen(visible_movements, query)):
        if (giver in own) != (taker in own):
            out = giver in own
            key = (event, kind, taker if out else giver, from_ if out else to, _day(day) or today)
            net[key] = net.get(key, 0) + (quantity if out else -quantity)
    sent: dict[tuple[int, int], list[tuple[int, int]]] = {}
    came: dict[tuple[int, int], list[tuple[int, int]]] = {}
    place_of: dict[tuple[int, int, int], int | None] = {}
    for (_event, kind, partner, place, day), quantity in net.items():
        if quantity > 0:
            sent.setdefault((kind, partner), []).append((day.toordinal(), quantity))
            place_of.setdefault((kind, partner, day.toordinal()), place)
        elif quantity < 0:
            came.setdefault((kind, partner), []).append((day.toordinal(), -quantity))
    groups = []
    for (kind, partner), pieces in sent.items():
        for day_no, spell in first_in_first_out(
            pieces, came.get((kind, partner), []), today.toordinal(), held.get((kind, partner), 0)
        ):
            left, place = date.fromordinal(day_no), place_of[kind, partner, day_no]
            ended = date.fromordinal(day_no + spell.days) if spell.end else None
            groups.append(
                TripGroup(
                    kind, place, place, partner, None, left, left, None, None, None, ended, spell.end, False, False,
                    None, spell.count, estimated=True,
                )
            )  # fmt: skip
    return sorted(groups, key=lambda group: (group.out, group.partner, group.end, str(group.ended)))


def types_by_code(code: str = "") -> list[AssetType]:
    """The box types that a page is about, by code: one, or all that are in use."""
    query = AssetType.select().order_by(AssetType.code)
    return list(query.where(AssetType.code == code) if code else query.where(~AssetType.archived))


def by_id(model: type[Any], *, ids: Iterable[int] | None = None) -> dict[int, Any]:
    """Rows of a model by their ids."""
    return {row.id: row for row in (model.select() if ids is None else model.select().where(model.id.in_(list(ids))))}


def own_parties() -> set[int]:
    """Ids of our own companies."""
    return {id_ for (id_,) in tuples(Party.select(Party.id).where(Party.own))}
