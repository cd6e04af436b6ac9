"""What a list of events means for a box. Pure: events in, state out, on every database the same.

State is three axes, because one word cannot hold "damaged, at the partner, on his account": life (none, active, lost,
gone), where (nowhere, here, moving, out, there, back) and condition (good, unchecked, damaged, in_repair; and dirty or
not), and besides them who answers for the box. The one word of the pages is computed by shown().

Replay never refuses: what was accepted stays, and what it breaks is an exception. Exceptions are results of the replay
and not facts, so a late scan that explains an early one makes its exception go away by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from assets.event_types import EVENT_TYPES, Cell
from assets.values import altered

#: A device whose clock is ahead by more than this is not believed: the order is then that of arrival here.
CLOCK_TOLERANCE = timedelta(minutes=10)

_AWAY = ("out", "there", "back")


#: Two companies' places are further apart than this: who was seen at both within it, is two boxes with one code.
TRAVEL = timedelta(minutes=5)


@dataclass(frozen=True)
class State:
    """State of one box; the fields are the columns of Asset with the same names. `place`: where it was seen last."""

    life: str = "none"
    where: str = "nowhere"
    condition: str = "good"
    dirty: bool = False
    owner_id: int | None = None
    holder_id: int | None = None
    place_id: int | None = None
    shipment_id: int | None = None
    out_since: datetime | None = None
    home_since: datetime | None = None
    seen_time: datetime | None = None
    parent: str = ""
    place_party_id: int | None = None  # whose place that is; no column, it follows from the place

    @property
    def away(self) -> bool:
        """Not at home: on its way to a partner, with him, or on its way back."""
        return self.where in _AWAY

    @property
    def stands_at(self) -> int | None:
        """The place where it stands, for the accounts; on its way it stands nowhere."""
        return self.place_id if self.where in ("here", "there") else None


#: The columns of Asset that a replay gives.
FIELDS = tuple(field.name for field in fields(State) if field.name != "place_party_id")


@dataclass(frozen=True)
class Event:
    """What the rules need of a scan. Parties and places are ids; of a registration `party_id` is the owner."""

    event_id: str
    type: str
    event_time: datetime
    record_time: datetime
    place_id: int | None = None
    place_party_id: int | None = None
    place_own: bool = False
    party_id: int | None = None
    shipment_id: int | None = None
    consignee_id: int | None = None
    happened: bool = False
    parent: str = ""
    via: str = ""
    document: str = ""
    must_be_inspected: bool = False  # of its type: a returned box may leave only when it was found good
    sender_id: int | None = None  # the registered device that counts its scans
    sequence: int = 0  # its count: what it scanned earlier has a lower one, whatever its clock said
    counted_time: datetime | None = None  # in_order(): when it counts, after the scans before it on its device
    counted_record: datetime | None = None

    @property
    def clock_ahead(self) -> bool:
        return self.event_time > self.record_time + CLOCK_TOLERANCE

    @property
    def order_time(self) -> datetime:
        """When it happened, as far as we believe it."""
        return self.counted_time or order_time(self.event_time, self.record_time)

    @property
    def order(self) -> tuple[bool, datetime, datetime, int, int, str]:
        """One total order of all events that in_order() gives, the same on every database.

        Being registered comes first whatever its time: the box was there before somebody typed it in.
        """
        recorded = self.counted_record or self.record_time
        return self.type != "commission", self.order_time, recorded, self.sender_id or 0, self.sequence, self.event_id

    @property
    def partner_id(self) -> int | None:
        """At whom, to whom, from whom: named by the scan, else whose place it is, else the consignee."""
        return self.party_id or self.place_party_id or self.consignee_id


def order_time(event_time: datetime, record_time: datetime) -> datetime:
    """Of an event that happened at `event_time` by its device and reached us at `record_time`."""
    return record_time if event_time > record_time + CLOCK_TOLERANCE else event_time


@dataclass(frozen=True)
class Step:
    """One event in a history: the state in which it found the box, the one it left, and the rules that it broke."""

    event: Event
    before: State
    after: State
    broken: tuple[str, ...]


def shown(state: State) -> str:
    """One of event_types.STATES: the word that pages show."""
    if state.life in ("none", "lost", "gone"):
        return state.life
    if state.condition in ("damaged", "in_repair"):
        return state.condition
    if state.where == "here":
        return "returned" if state.condition == "unchecked" else "available"
    return _SHOWN_WHERE.get(state.where, "none")


_SHOWN_WHERE = {
    "out": "in_transit_out", "there": "at_partner", "back": "in_transit_back", "moving": "in_transit_own",
}  # fmt: skip


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


def _cancellable(state: State, event: Event) -> bool:
    recently = state.out_since is not None and event.order_time - state.out_since <= timedelta(hours=24)
    return state.where == "out" and state.shipment_id == event.shipment_id and recently


CONDITIONS: dict[str, Callable[[State, Event], bool]] = {
    "": lambda state, event: True,
    "same_shipment": lambda state, event: state.shipment_id == event.shipment_id,
    "same_party": lambda state, event: event.partner_id in (None, state.holder_id),
    "at_holder": lambda state, event: event.partner_id is not None and event.partner_id == state.holder_id,
    "same_place": _same_place,
    "just_returned": _just_returned,
    "just_returned_here": lambda state, event: _just_returned(state, event) and _same_place(state, event),
    "just_left_here": _just_left_here,
    "cancellable": _cancellable,
    "must_be_inspected": lambda state, event: event.must_be_inspected,
    "moving": lambda state, event: state.where == "moving",
    "packed": lambda state, event: state.parent != "" and event.parent in ("", state.parent),
    "same_parent": lambda state, event: state.parent == event.parent,
    "certified": lambda state, event: event.document != "",
}


def acts_as(state: State, event: Event) -> str:
    """The kind of scan whose row of the table holds: that of `event`, or what receiving means in this state."""
    if event.type != "receive":
        return event.type
    if event.place_id is not None and not event.place_own:
        return "arrive"
    return "return" if state.away or state.life == "lost" else "transfer_in"


def outcome(state: State, event: Event) -> Cell:
    """The cell of the table that holds for `event` in `state`; what happened anyway is never refused or asked."""
    cells = EVENT_TYPES[acts_as(state, event)].transitions[column(state)]
    cell = next((cell for cell in cells if CONDITIONS[cell.condition](state, event)), cells[-1])
    return _anyway(cell, state, event) if event.happened and state.life != "none" else cell


def why_not(state: State, event: Event, confirmed: Sequence[str] = ()) -> str | None:
    """The reason why `event` may not follow `state`; None when it may. `confirmed`: what a person said yes to."""
    return refused_by(outcome(state, event), confirmed)


def refused_by(cell: Cell, confirmed: Sequence[str] = ()) -> str | None:
    """`why_not`, of an outcome."""
    refused = cell.verdict == "✗" or (cell.verdict == "?" and cell.code not in confirmed)
    return cell.code if refused else None


def tellable(state: State) -> dict[str, bool]:
    """What may be told of a box in this state: kind of scan → True as it stands, False only after the fact."""
    found = {}
    for code, kind in EVENT_TYPES.items():
        verdicts = {cell.verdict for cell in kind.transitions.get(column(state), ())}
        if verdicts & {"→", "w", "?"}:
            found[code] = True
        elif "✗" in verdicts and kind.happened and code != "opening" and state.life not in ("none", "gone"):
            found[code] = False
    return found


def apply(state: State, event: Event) -> Step:
    """What an event that was accepted makes of the state, and the rules that it broke."""
    kind = acts_as(state, event)
    cell = _anyway(outcome(state, event), state, event)
    broken = ["clock"] if event.clock_ahead else []
    if cell.verdict == "w":
        broken.append(cell.code)
    if kind == "return" and state.away and event.party_id not in (None, state.holder_id):
        broken.append("wrong_returner")  # whose debt it was goes down; the one who brought it never had it
    if _impossible(state, event):
        broken.append("impossible_move")
    after = _moved(state, event, cell.target) if cell.target else state
    if state.parent and EVENT_TYPES[kind].moves and not event.via and after != state:
        broken.append("left_parent")
        after = altered(after, parent="")
    if event.type in _NOT_SEEN or cell.verdict == "=" or after.life == "none":
        return Step(event, state, after, tuple(broken))
    seen = max(event.order_time, after.seen_time or event.order_time)
    if event.place_id and after.where in ("out", "back", "moving"):  # it stands nowhere; this is where it was seen
        after = altered(after, place_id=event.place_id, place_party_id=event.place_party_id)
    return Step(event, state, altered(after, seen_time=seen), tuple(broken))


#: Who reports these has not had the box before his eyes.
_NOT_SEEN = ("commission", "lost", "write_off", "owner_change")


def _impossible(state: State, event: Event) -> bool:
    apart = (
        event.place_party_id is not None
        and state.place_party_id is not None
        and event.place_id != state.place_id
        and event.place_party_id != state.place_party_id
    )
    return apart and state.seen_time is not None and event.order_time - state.seen_time < TRAVEL


def in_order(events: Iterable[Event]) -> list[Event]:
    """The events in their one order, whatever the order in which they are given; each says when it counts.

    Within one device its sequence is the order and beats every clock; across devices it is the time. So a scan counts
    at its own time, or at the latest time of the scans before it on its device when its clock was set back in between.
    """
    found: list[Event] = []
    by_device: dict[int, list[Event]] = {}
    for event in events:
        if event.sender_id is None or not event.sequence:
            found.append(event)
        else:
            by_device.setdefault(event.sender_id, []).append(event)
    for told in by_device.values():
        counts = (datetime.min.replace(tzinfo=UTC),) * 2
        for event in sorted(told, key=lambda event: (event.sequence, event.record_time, event.event_id)):
            event = altered(event, counted_time=None, counted_record=None)
            counts = max(counts, (event.order_time, event.record_time))
            found.append(altered(event, counted_time=counts[0], counted_record=counts[1]))
    return sorted(found, key=lambda event: event.order)


def steps(events: Iterable[Event]) -> Iterator[Step]:
    """The history of a box step by step, in the one order of its events (those that count: not refused, not void)."""
    state = State()
    for event in in_order(events):
        step = apply(state, event)
        state = step.after
        yield step


def replay(events: Iterable[Event]) -> tuple[State, dict[str, tuple[str, ...]]]:
    """The state that `events` lead to, and the rules that each of them broke, by event id."""
    state, broken = State(), {}
    for step in steps(events):
        state, broken[step.event.event_id] = step.after, step.broken
    return state, broken


def left_otherwise(events: Iterable[Event]) -> set[str]:
    """Ids of the dispatches that were overtaken: the box, still on its way out, was dispatched onto another shipment,
    or its dispatch was taken back.

    The box in the hand is the truth: it left with the later one. When it was seen at the partner or came back in
    between, it has travelled with both.
    """
    opened, found = "", set()
    for step in steps(events):
        before, after, type = step.before, step.after, step.event.type
        if type == "cancel_dispatch" and before.where == "out" and after.where == "here":
            found.add(opened)
        if type == "dispatch" and after.where == "out" and (after.shipment_id, after.out_since) != (
            before.shipment_id, before.out_since,
        ):  # fmt: skip
            if before.where == "out" and before.shipment_id != step.event.shipment_id:
                found.add(opened)
            opened = step.event.event_id
    return found


def _anyway(cell: Cell, state: State, event: Event) -> Cell:
    if cell.verdict not in ("?", "✗"):
        return cell
    # A box that nobody knows cannot move, and one that is written off stays so: its code is never given again.
    stays = state.life in ("none", "gone")
    return Cell("", "w", cell.code, "" if stays else cell.target or EVENT_TYPES[event.type].happened)


def _moved(state: State, event: Event, target: str) -> State:
    at: dict[str, Any] = {
        "place_id": event.place_id or state.place_id,
        "place_party_id": event.place_party_id if event.place_id else state.place_party_id,
    }
    damaged = state.condition == "damaged"
    if state.life == "none":  # it is registered
        state = altered(state, owner_id=event.party_id)
    if target == "OUT":
        # A box taken out of repair has not been checked; one that was not checked before leaves as it is.
        condition = "unchecked" if state.condition == "in_repair" else state.condition
        consignee = event.party_id or event.consignee_id
        return altered(
            state, life="active", where="out", condition=condition, holder_id=consignee, shipment_id=event.shipment_id,
            out_since=event.order_time, home_since=None, **at,
        )  # fmt: skip
    if target == "UND":
        holder = event.place_party_id or (state.place_party_id if state.place_id else None) or state.owner_id
        return altered(state, where="here", holder_id=holder, shipment_id=None, out_since=None, **at)
    if target in ("PAR", "BCK"):
        holder = event.partner_id or state.holder_id
        if target == "BCK" and state.away:
            holder = state.holder_id  # who sends it back answers for it until it is here
        condition = "damaged" if damaged else "good"
        if target == "PAR" and state.where != "there" and not event.place_id:
            at = {"place_id": None, "place_party_id": None}  # somewhere at the partner, and no longer at our gate
        return altered(
            state, life="active", where="there" if target == "PAR" else "back", condition=condition, holder_id=holder,
            shipment_id=state.shipment_id or event.shipment_id, out_since=state.out_since or event.order_time,
            home_since=None, **at,
        )  # fmt: skip
    if target in ("AVA", "RET", "IN"):
        came_home = event.order_time if target == "RET" or state.away else state.home_since
        holder = event.place_party_id or (state.holder_id if state.where == "here" else None) or state.owner_id
        condition = {"AVA": "good", "RET": "damaged" if damaged else "unchecked"}.get(target, state.condition)
        dirty = {"AVA": False, "RET": state.dirty or state.away}.get(target, state.dirty)
        return altered(
            state, life="active", where="here", condition=condition, dirty=dirty, holder_id=holder, shipment_id=None,
            out_since=None, home_since=came_home, **at,
        )  # fmt: skip
    if target == "MOV":
        if state.life == "lost" or state.away or state.condition == "in_repair":  # somebody has it in hands, here
            state = _moved(state, event, "RET")
        return altered(state, where="moving", **at)
    if target == "DMG":
        if state.life == "lost":
            state = _moved(state, event, "RET")
        return altered(state, condition="damaged")
    if target == "REP":
        if state.life == "lost" or (state.where != "here" and not CONDITIONS["at_holder"](state, event)):
            state = _moved(state, event, "RET")
        return altered(state, condition="in_repair", **at)
    if target == "FIX":
        return _moved(state, event, "AVA") if state.where != "there" else altered(state, condition="good")
    changed: dict[str, dict[str, Any]] = {
        "CLN": {"dirty": False},
        "OWN": {"owner_id": event.party_id or state.owner_id},
        "PCK": {"parent": event.parent},
        "UNP": {"parent": ""},
        "SEEN": at,
        # The one who had it keeps it on his account: a debt does not vanish with the box.
        "LOST": {"life": "lost", "parent": ""},
        "GONE": {"life": "gone", "parent": ""},
    }
    return altered(state, **changed[target])
