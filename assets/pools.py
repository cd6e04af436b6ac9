"""Boxes that are only counted: from where to where an event moves how many. Pure.

A quantity has no identity: it can be counted, moved and owed, but not timed, and what is on its way to a partner is his
already. So what an event does to the levels does not depend on the levels, and the levels are the sum of the events.
Only a count depends on them; the difference that it found is kept with it.
"""

from __future__ import annotations

from dataclasses import dataclass

#: What a scan of a pool must bring besides its type and quantity; "holder" is a place or a party.
NEEDS: dict[str, tuple[str, ...]] = {
    "commission": ("place",),
    "opening": ("party",),
    "dispatch": ("shipment", "place"),
    "arrive": ("holder",),
    "return": ("place", "party"),
    "damage": ("holder", "reason"),
    "repaired": ("holder",),
    "transfer_out": ("place", "destination"),
    "transfer_in": ("place",),
    "stock_take": ("place",),
    "pack": ("parent",),
    "unpack": ("parent",),
    "write_off": ("holder", "reason"),
    "decommission": ("place", "reason"),
    "scrap": ("place", "reason"),
}


#: On its way a quantity is the partner's already; in a load it stays where it is.
MOVES_NOTHING = ("arrive", "pack", "unpack")


@dataclass(frozen=True)
class Point:
    """Who has boxes of a pool, and where: here (a place of ours), there (at a partner), moving (to `holder_id`)."""

    holder_id: int
    place_id: int | None
    where: str
    condition: str = "good"


@dataclass(frozen=True)
class PoolEvent:
    """What the rules need of an event of a pool. `party_id`: named by it, else the consignee of its shipment."""

    type: str
    quantity: int
    place_id: int | None = None
    place_party_id: int | None = None
    place_own: bool = False
    party_id: int | None = None
    destination_party_id: int | None = None
    difference: int | None = None  # of a count


def counted_at(event: PoolEvent) -> Point:
    """Which boxes the event concerns: those of its place when it is ours, else those of the partner."""
    if event.place_own and event.place_party_id is not None:
        return Point(event.place_party_id, event.place_id, "here")
    holder = event.party_id or event.place_party_id
    assert holder is not None  # NEEDS
    return Point(holder, None, "there")


def posting(event: PoolEvent) -> tuple[Point | None, Point | None, int] | None:
    """(from, to, how many); None for from: they are new, for to: they are gone. None at all: nothing moves."""
    if event.type in MOVES_NOTHING:
        return None
    at, quantity = counted_at(event), event.quantity
    partner = Point(event.party_id, None, "there") if event.party_id else None
    damaged = Point(at.holder_id, at.place_id, at.where, "damaged")
    if event.type == "stock_take":
        found = event.difference or 0
        return (None, at, found) if found > 0 else (at, None, -found) if found < 0 else None
    if event.type == "transfer_out" and event.destination_party_id:
        return at, Point(event.destination_party_id, None, "moving"), quantity
    ways: dict[str, tuple[Point | None, Point | None]] = {
        "commission": (None, at),
        "opening": (None, at),
        "dispatch": (at, partner),
        "return": (partner, at),
        "transfer_in": (Point(at.holder_id, None, "moving"), at),
        "damage": (at, damaged),
        "repaired": (damaged, at),
        "write_off": (at, None),
        "decommission": (at, None),
        "scrap": (damaged, None),  # nobody scraps what is good: the damage is reported first
    }
    return *ways[event.type], quantity
