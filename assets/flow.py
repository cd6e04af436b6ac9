"""How many boxes went which leg in a window of time: out, to the partner, back, home; lost, written off.

Each leg is counted when it was gone: a box that left before the window and came home in it counts for the way home
only. So what goes into a station and what leaves it may differ; the difference stands there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import Case, fn

from accounts.scope import seen
from assets.balances import box_sums
from assets.event_types import ENDS
from assets.models import Asset, Movement, ScanEvent, Trip
from assets.visible import visible_movements, visible_trips
from database import tuples
from master_data.models import AssetType

#: station → where it stands in the picture: column, row
STATIONS = {
    "home": (0, 0), "out": (1, 0), "partner": (2, 0), "back": (3, 0), "home2": (4, 0), "lost": (3, 1),
    "written_off": (4, 1),
}  # fmt: skip


@dataclass(frozen=True)
class Legs:
    """`counts`: (from, to) → boxes. `stock`: station → boxes that are there now."""

    counts: dict[tuple[str, str], int]
    stock: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def legs(since: datetime, asset_type: AssetType | None = None) -> Legs:
    """The legs gone since then, of boxes with codes. Four queries; their cost follows from the window."""
    counts: Counter[tuple[str, str]] = Counter()

    def gone_by(*conditions: object) -> list[object]:
        return [fn.SUM(Case(None, [(condition, 1)], 0)) for condition in conditions]

    in_window = Trip.out_time >= since, Trip.arrived_time >= since, Trip.back_time >= since
    sent_back, arrived = Trip.back_time.is_null(False), Trip.arrived_time.is_null(False)
    # The open ones, and those that ended in the window: whatever of these was in it, their end came later. One by one,
    # since each is a span of one index, in whose order they are summed up.
    open_ = Trip.select(Trip.end, *gone_by(*in_window)).where(Trip.end == "")
    ended = Trip.select(Trip.end, *gone_by(*in_window, sent_back, ~sent_back & arrived, ~sent_back & ~arrived)).where(
        Trip.end.in_(["returned", "lost", "written_off"]), Trip.end_time >= since
    )
    for query in (open_, ended):
        query = seen(visible_trips, query.group_by(Trip.end))
        if asset_type is not None:
            query = query.where(Trip.asset_type == asset_type)
        for end, out, came, back, *last in tuples(query):
            counts["home", "out"] += int(out)
            counts["out", "partner"] += int(came)
            counts["partner", "back"] += int(back)
            for station, count in zip(("back", "partner", "out"), last, strict=False):
                counts[station, "home2" if end == "returned" else end] += int(count)
    counts["home", "written_off"] += _ended_at_home(since, asset_type)
    stock: Counter[str] = Counter()
    where = {"here": "home", "moving": "home", "out": "out", "there": "partner", "back": "back"}
    for life, at, count in _stock(asset_type):
        stock["lost" if life == "lost" else where.get(at, "home")] += int(count)
    return Legs({key: count for key, count in counts.items() if count}, dict(stock))


def _ended_at_home(since: datetime, asset_type: AssetType | None) -> int:
    """Boxes that ended at home or between our places since then, and are still ended.

    Lines that take a box out of the books are few; they are also those of a sale, and a line stays when its event is
    undone. So the event says what it was, and the box whether it is gone and where it was then: it moves no more.
    """
    undone = ScanEvent.alias()
    gone = (
        Movement.select(fn.COUNT(Movement.asset.distinct()))
        .join_from(Movement, ScanEvent)
        .join_from(Movement, Asset)
        .where(
            Movement.to_holder.is_null(),
            Movement.booked_day >= since.date() - timedelta(days=1),  # by the calendar at home, which may be behind
            ScanEvent.type.in_(ENDS),
            ScanEvent.event_time >= since,
            ~fn.EXISTS(undone.select(undone.id).where(undone.voids == ScanEvent.event_id)),
            Asset.life == "gone",
            Asset.where.in_(["here", "moving"]),
        )
    )
    if asset_type is not None:
        gone = gone.where(Movement.asset_type == asset_type)
    return int(seen(visible_movements, gone).scalar() or 0)


def _stock(asset_type: AssetType | None) -> list[Any]:
    """(life, where, boxes with codes) now."""
    return box_sums("life", "where", types=None if asset_type is None else [asset_type.id])
