"""The trips of a box: what its history says of each time that it was away. Pure.

A trip begins when the box leaves for a partner and ends when it is home again, lost or written off. A box dispatched
anew while it was still on its way out has made one trip, with the later shipment; one whose dispatch was taken back,
none. One that began and ended in the instant in which another begins took no time: two places told of one box. A box
that was out already when the books were opened, nobody knows since when, makes none either: its time away would be the
time since somebody typed it in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from assets.state import Event, Step
from assets.values import altered

#: An opening that was told at the time at which it is said to have happened: since when, nobody knows.
_UNKNOWN_SINCE = timedelta(seconds=1)


@dataclass(frozen=True)
class TripFacts:
    """One trip; the fields are the columns of Trip with the same names. `end`: '' while it is open."""

    out_event: str
    out_time: datetime
    observed_from: datetime
    partner_id: int
    from_place_id: int | None = None
    shipment_id: int | None = None
    arrived_time: datetime | None = None
    ready_time: datetime | None = None
    back_time: datetime | None = None
    end_time: datetime | None = None
    end: str = ""
    inspected: bool = False
    damaged: bool = False


def advance(trip: TripFacts | None, step: Step) -> tuple[TripFacts | None, TripFacts | None]:
    """What a step makes of the last trip of a box: (that trip, None when it never was; the trip that begins, or None).

    `trip` is the open one, or the one that ended last: the first inspection after it tells how it came home.
    """
    before, after, event = step.before, step.after, step.event
    kept, time = trip, event.order_time
    open_ = trip is not None and trip.end in ("", "lost") and before.out_since is not None
    if trip is not None and open_:
        kept = _ended(trip, step)
        if not kept.end and after.away:
            kept = altered(
                kept,
                partner_id=after.holder_id or kept.partner_id,
                arrived_time=kept.arrived_time or (time if after.where in ("there", "back") else None),
                ready_time=kept.ready_time or (time if event.type == "empties_ready" else None),
                back_time=time if after.where == "back" and before.where != "back" else kept.back_time,
                damaged=kept.damaged or after.condition == "damaged",
            )
        if event.type == "cancel_dispatch" and after.where == "here":
            kept = None
    elif trip is not None and _tells_how_it_came_home(trip, step):
        found = event.type != "inspect" or before.condition == "damaged"
        kept = altered(trip, inspected=True, damaged=trip.damaged or found)
    begun = None
    restarted = event.type == "dispatch" and (after.out_since, after.shipment_id) != (
        before.out_since,
        before.shipment_id,
    )
    left = after.away and (not before.away or restarted) and not _since_nobody_knows(event)
    if left and after.holder_id is not None and after.out_since is not None:
        begun = TripFacts(
            out_event=event.event_id,
            out_time=after.out_since,
            observed_from=event.record_time if event.type == "opening" else after.out_since,
            partner_id=after.holder_id,
            from_place_id=before.place_id if event.type != "dispatch" else event.place_id or before.place_id,
            shipment_id=after.shipment_id,
            arrived_time=time if after.where != "out" else None,
            damaged=after.condition == "damaged",
        )
        if before.where == "out" and restarted:  # it never left with the first shipment
            kept = None
        if kept is not None and kept.out_time == begun.out_time:  # two places told of one instant: it took no time
            kept = None
    return kept, begun


def _since_nobody_knows(event: Event) -> bool:
    return event.type == "opening" and abs(event.record_time - event.event_time) <= _UNKNOWN_SINCE


def _tells_how_it_came_home(trip: TripFacts, step: Step) -> bool:
    after_it = trip.end == "returned" and not trip.inspected and step.before.home_since == trip.end_time
    return after_it and step.event.type in ("inspect", "repair", "damage") and step.before.where == "here"


def _ended(trip: TripFacts, step: Step) -> TripFacts:
    before, after, time = step.before, step.after, step.event.order_time
    if after.life == "lost":
        return altered(trip, end="lost", end_time=trip.end_time or time)
    if after.life == "gone":
        return altered(trip, end="written_off", end_time=time)
    came_home = after.where in ("here", "moving") or (step.event.type == "dispatch" and before != after)
    if came_home and step.event.type != "cancel_dispatch":
        return altered(trip, end="returned", end_time=time, damaged=trip.damaged or after.condition == "damaged")
    return altered(trip, end="", end_time=None)  # found, and still with the partner


def trips(steps: Iterable[Step]) -> list[TripFacts]:
    """All trips of one box in the order of time."""
    found: list[TripFacts] = []
    for step in steps:
        kept, begun = advance(found[-1] if found else None, step)
        if found:
            found[-1:] = [kept] if kept else []
        if begun:
            found.append(begun)
    return found
