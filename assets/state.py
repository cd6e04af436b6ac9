"""What a list of events means for a box. Pure: events in, state out, on every database the same.

State is three axes, because one word cannot hold "damaged, at the partner, on his account": life (none, active, lost,
gone), where (nowhere, here, out, there, back) and condition (good, unchecked, damaged, in_repair), and besides them who
answers for the box. The one word of the pages is computed by shown().

Replay never refuses: what was accepted stays, and what it breaks is an exception. Exceptions are results of the replay
and not facts, so a late scan that explains an early one makes its exception go away by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta

from assets.event_types import EVENT_TYPES, Cell

#: A device whose clock is ahead by more than this is not believed: the order is then that of arrival here.
CLOCK_TOLERANCE = timedelta(minutes=10)

_AWAY = ("out", "there", "back")


@dataclass(frozen=True)
class State:
    """State of one box; the fields are the columns of Asset with the same names. `place`: where it was seen last."""

    life: str = "none"
    where: str = "nowhere"
    condition: str = "good"
    holder_id: int | None = None
    place_id: int | None = None
    shipment_id: int | None = None
    out_since: datetime | None = None
    home_since: datetime | None = None


FIELDS = tuple(field.name for field in fields(State))


@dataclass(frozen=True)
class Event:
    """What the rules need of a scan. Parties and places are ids; `home_id` answers for the box when it is at home."""

    event_id: str
    type: str
    event_time: datetime
    record_time: datetime
    home_id: int | None = None
    place_id: int | None = None
    place_party_id: int | None = None
    party_id: int | None = None
    shipment_id: int | None = None
    consignee_id: int | None = None
    happened: bool = False

    @property
    def clock_ahead(self) -> bool:
        return self.event_time > self.record_time + CLOCK_TOLERANCE

    @property
    def order_time(self) -> datetime:
        """When it happened, as far as we believe it."""
        return self.record_time if self.clock_ahead else self.event_time

    @property
    def order(self) -> tuple[bool, datetime, datetime, str]:
        """One total order of all events, the same on every database.

        Being registered comes first whatever its time: the box was there before somebody typed it in.
        """
        return self.type != "commission", self.order_time, self.record_time, self.event_id

    @property
    def partner_id(self) -> int | None:
        """At whom, to whom, from whom: named by the scan, else whose place it is, else the consignee."""
        return self.party_id or self.place_party_id or self.consignee_id


def shown(state: State) -> str:
    """One of event_types.STATES: the word that pages show."""
    if state.life in ("none", "lost", "gone"):
        return state.life
    if state.condition in ("damaged", "in_repair"):
        return state.condition
    if state.where == "here":
        return "returned" if state.condition == "unchecked" else "available"
    return {"out": "in_transit_out", "there": "at_partner", "back": "in_transit_back"}.get(state.where, "none")


def column(state: State) -> str:
    """The column of the transition table."""
    word = shown(state)
    if word == "damaged":
        return "damaged_here" if state.where == "here" else "damaged_away"
    return word


def _just_returned(state: State, event: Event) -> bool:
    return state.home_since is not None and event.order_time - state.home_since <= timedelta(hours=12)


def _same_place(state: State, event: Event) -> bool:
    return event.place_id is not None and state.place_id == event.place_id


def _just_left_here(state: State, event: Event) -> bool:
    recently = state.out_since is not None and event.order_time - state.out_since <= timedelta(hours=2)
    return recently and _same_place(state, event)


CONDITIONS: dict[str, Callable[[State, Event], bool]] = {
    "": lambda state, event: True,
    "same_shipment": lambda state, event: state.shipment_id == event.shipment_id,
    "same_party": lambda state, event: event.partner_id in (None, state.holder_id),
    "same_place": _same_place,
    "just_returned": _just_returned,
    "just_returned_here": lambda state, event: _just_returned(state, event) and _same_place(state, event),
    "just_left_here": _just_left_here,
}


def outcome(state: State, event: Event) -> Cell:
    """The cell of the table that holds for `event` in `state`; what happened anyway is never refused or asked."""
    cells = EVENT_TYPES[event.type].transitions[column(state)]
    cell = next((cell for cell in cells if CONDITIONS[cell.condition](state, event)), cells[-1])
    return _anyway(cell, state, event) if event.happened and state.life != "none" else cell


def why_not(state: State, event: Event, confirmed: Sequence[str] = ()) -> str | None:
    """The reason why `event` may not follow `state`; None when it may. `confirmed`: what a person said yes to."""
    cell = outcome(state, event)
    refused = cell.verdict == "✗" or (cell.verdict == "?" and cell.code not in confirmed)
    return cell.code if refused else None


def apply(state: State, event: Event) -> tuple[State, tuple[str, ...]]:
    """The state after an event that was accepted, and the rules that it broke."""
    cell = _anyway(outcome(state, event), state, event)
    broken = ["clock"] if event.clock_ahead else []
    if cell.verdict == "w":
        broken.append(cell.code)
    if event.type == "return" and state.where in _AWAY and event.party_id not in (None, state.holder_id):
        broken.append("wrong_returner")  # whose debt it was goes down; the one who brought it never had it
    return (_moved(state, event, cell.target) if cell.target else state), tuple(broken)


def replay(events: Iterable[Event]) -> tuple[State, dict[str, tuple[str, ...]]]:
    """The state that `events` (those that count: neither refused nor void) lead to, and each one's broken rules."""
    state, broken = State(), {}
    for event in sorted(events, key=lambda event: event.order):
        state, broken[event.event_id] = apply(state, event)
    return state, broken


def left_otherwise(events: Iterable[Event]) -> set[str]:
    """Ids of the dispatches that were overtaken: the box, still on its way out, was dispatched onto another shipment.

    The box in the hand is the truth: it left with the later one. When it was seen at the partner or came back in
    between, it has travelled with both.
    """
    state, opened, found = State(), "", set()
    for event in sorted(events, key=lambda event: event.order):
        before, (state, _) = state, apply(state, event)
        if event.type == "dispatch" and state.where == "out" and state != before:
            if before.where == "out" and before.shipment_id != event.shipment_id:
                found.add(opened)
            opened = event.event_id
    return found


def _anyway(cell: Cell, state: State, event: Event) -> Cell:
    if cell.verdict not in ("?", "✗"):
        return cell
    # A box that nobody knows cannot move, and one that is written off stays so: its code is never given again.
    stays = state.life in ("none", "gone")
    return Cell("", "w", cell.code, "" if stays else cell.target or EVENT_TYPES[event.type].happened)


def _moved(state: State, event: Event, target: str) -> State:
    place = event.place_id or state.place_id
    damaged = state.condition == "damaged"
    if target == "OUT":
        # A box taken out of repair has not been checked; one that was not checked before leaves as it is.
        condition = "unchecked" if state.condition == "in_repair" else state.condition
        consignee = event.party_id or event.consignee_id
        return State("active", "out", condition, consignee, place, event.shipment_id, event.order_time)
    if target == "PAR":
        holder = event.partner_id or state.holder_id
        condition = "damaged" if damaged else "good"
        shipment, since = state.shipment_id or event.shipment_id, state.out_since or event.order_time
        return State("active", "there", condition, holder, place, shipment, since)
    if target in ("AVA", "RET"):
        condition = "good" if target == "AVA" else "damaged" if damaged else "unchecked"
        came_home = event.order_time if target == "RET" or state.where in _AWAY else state.home_since
        holder = event.place_party_id or (state.holder_id if state.where == "here" else None) or event.home_id
        return State("active", "here", condition, holder, place, home_since=came_home)
    if target == "DMG":
        if state.life == "lost":  # somebody has it in hands
            state = _moved(state, event, "RET")
        return replace(state, condition="damaged")
    if target == "REP":
        if state.where != "here" or state.life == "lost":
            state = _moved(state, event, "RET")
        return replace(state, condition="in_repair", place_id=place)
    if target == "SEEN":
        return replace(state, place_id=place)
    # The one who had it keeps it on his account: a debt does not vanish with the box.
    return replace(state, life={"LOST": "lost", "GONE": "gone"}[target])
