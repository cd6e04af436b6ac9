"""What is stored of histories: the state of each box, the levels, the account book, the trips, and the cases to decide.

All of it follows from the events. `store` brings it up to date after scans, with a fixed number of queries for any
number of boxes; `ledger_check.faults()` proves it from the events.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from peewee import EXCLUDED, JOIN, Case, fn

from assets import movements, trips
from assets import state as rules
from assets.agreements import agreed_days, agreements_of
from assets.models import AccountClosing, Asset, ExceptionCase, Movement, ScanEvent, StockLevel, Trip
from assets.movements import NOWHERE, Account, Line
from assets.state import Event, State, Step
from assets.trips import TripFacts
from assets.values import made
from database import about_to_write, one_of, taking_turns, tuples
from master_data.home import home_zone
from master_data.models import AssetType, Party, Place
from prepared_statements import Slot, any_of, prepared
from shipments.models import Shipment

#: How many rows one INSERT or one IN (…) takes; SQLite allows 32,766 values in a statement.
CHUNK = 500


@dataclass(frozen=True)
class LevelKey:
    """What makes boxes count together: one row of StockLevel."""

    asset_type_id: int
    owner_id: int
    holder_id: int
    place_id: int | None
    life: str
    where: str
    condition: str

    @property
    def text(self) -> str:
        return (
            f"{self.asset_type_id}.{self.owner_id}.{self.holder_id}.{self.place_id or 0}."
            f"{self.life}.{self.where}.{self.condition}"
        )


def level_of(asset_type_id: int, state: State) -> LevelKey | None:
    """Where a box in this state is counted; None when it is not: not registered, or gone."""
    if state.life in ("none", "gone") or state.holder_id is None or state.owner_id is None:
        return None
    axes = (state.life, state.where, state.condition)
    return LevelKey(asset_type_id, state.owner_id, state.holder_id, state.stands_at, *axes)


@dataclass
class Change:
    """One box whose history has changed.

    `steps`: the new steps, to be applied to what is stored (`whole` false), or its whole history as it is now.
    `words`: the exceptions that the rows have, by event id; needed when the history is whole.
    """

    asset: Asset
    stored: State
    steps: list[Step]
    whole: bool
    count: int  # events that count
    last: datetime | None  # the latest time of one
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> State:
        return self.steps[-1].after if self.steps else State() if self.whole else self.stored


def store(changes: Sequence[Change], now: datetime, known: Known | None = None) -> None:
    """Bring all that is stored of these boxes up to date. The caller holds the locks of their rows, and has just read
    them."""
    if not changes:
        return
    known = known or known_of(change.asset for change in changes)
    _store_states(changes, known)
    _book_changes(changes, now, known.home_zone)
    _store_trips(changes)
    _store_exceptions(changes, now)
    # Last: on PostgreSQL, whoever moves boxes between the same places waits here until we are through.
    levels: Counter[LevelKey] = Counter()
    for change in changes:
        for key, sign in (
            (level_of(change.asset.asset_type_id, change.stored), -1),
            (level_of(change.asset.asset_type_id, change.state), 1),
        ):
            if key:
                levels[key] += sign
    change_levels(levels)


# the columns of a box


def _store_states(changes: Sequence[Change], known: Known) -> None:
    """Only the columns in which one of the boxes has changed: to write a column is to write its indexes."""
    due = _due_days(changes, known)
    rows = []
    changed: set[int] = set()
    for change in changes:
        before = _STATE_OF(change.asset)
        after = (*_AXES(change.state), due.get(change.asset.id), change.last, change.count)
        changed.update(at for at, value in enumerate(after) if value != before[at])
        rows.append((*after, change.asset.id))
    if changed:
        names = tuple(_STATE_COLUMNS[at] for at in sorted(changed))
        values = itemgetter(*sorted(changed), -1)
        _write_states.run_at_once(map(values, rows), names=names)


#: What a replay gives; in the order of _STATE_COLUMNS, which goes on with what follows from it.
_AXES = attrgetter(
    "life", "where", "condition", "dirty", "owner_id", "holder_id", "place_id", "shipment_id", "out_since",
    "home_since", "seen_time", "parent",
)  # fmt: skip
_STATE_COLUMNS = (
    "life", "where", "condition", "dirty", "owner", "holder", "place", "shipment", "out_since", "home_since",
    "seen_time", "parent", "due_day", "last_event_time", "event_count",
)  # fmt: skip
_STATE_OF = attrgetter(
    "life", "where", "condition", "dirty", "owner_id", "holder_id", "place_id", "shipment_id", "out_since",
    "home_since", "seen_time", "parent", "due_day", "last_event_time", "event_count",
)  # fmt: skip


@prepared
def _write_states(*, names: tuple[str, ...]) -> Any:
    values = {name: Slot(at) for at, name in enumerate(names)}
    return Asset.update(values).where(Asset.id == Slot(len(names)))


def state_of(asset: Asset, place_party_id: int | None = None) -> State:
    """What the columns of a box say. `place_party_id`: whose the place is where it was seen last."""
    return made(State, **dict(zip(rules.FIELDS, _FIELDS(asset), strict=True)), place_party_id=place_party_id)


_FIELDS = attrgetter(*rules.FIELDS)


def _due_days(changes: Sequence[Change], known: Known) -> dict[int, date]:
    """asset id → last agreed day, of boxes that are away.

    What was agreed on the day of the dispatch holds for the whole trip; a later change of the box type does not.
    """
    found: dict[int, date] = {}
    anew: list[Change] = []
    for change in changes:
        if not change.state.away or change.state.out_since is None:
            continue
        before = change.stored
        same = before.away and (before.out_since, before.holder_id) == (change.state.out_since, change.state.holder_id)
        if same:
            if change.asset.due_day:
                found[change.asset.id] = change.asset.due_day
        else:
            anew.append(change)
    if anew:
        found |= due_days([(change.asset, change.state) for change in anew], known)
    return found


def due_days(boxes: Sequence[tuple[Asset, State]], known: Known | None = None) -> dict[int, date]:
    """asset id → the last agreed day of boxes that are away; those without an agreement are left out."""
    known = known or known_of([asset for asset, _ in boxes])
    kinds, zones = known.agreed_days, known.zones
    agreements = agreements_of({state.holder_id for _, state in boxes if state.holder_id})
    found = {}
    for asset, state in boxes:
        if state.out_since is None:
            continue
        left = state.out_since.astimezone(ZoneInfo(zones.get(asset.return_place_id, "UTC"))).date()
        kind = asset.asset_type_id
        days = agreed_days(agreements, state.holder_id, kind, left) or kinds[kind]
        if days:
            found[asset.id] = left + timedelta(days=days)
    return found


@dataclass(frozen=True)
class Known:
    """Master data that the ledger follows, as far as some boxes need it; who has read it already hands it on.

    `home_zone`: by whose calendar the account book is kept; `agreed_days` out of box types, `zones` of return places.
    """

    home_zone: ZoneInfo
    agreed_days: Mapping[int, int]
    zones: Mapping[int, str]


def known_of(assets: Iterable[Asset]) -> Known:
    """What the ledger needs for these boxes."""
    assets = list(assets)
    homes = {asset.return_place_id for asset in assets} - {None}
    return Known(
        ZoneInfo(home_zone()),
        dict(_agreed_days({asset.asset_type_id for asset in assets})),
        dict(_zones(homes)) if homes else {},
    )


@prepared
def _agreed_days(kinds: Slot) -> Any:
    return AssetType.select(AssetType.id, AssetType.agreed_days_out).where(any_of(AssetType.id, kinds))


@prepared
def _zones(places: Slot) -> Any:
    return Place.select(Place.id, Place.timezone).where(any_of(Place.id, places))


# levels


def change_levels(deltas: Mapping[LevelKey, int]) -> None:
    """Add to the levels; what is new becomes a row. In the order of the keys, so that writers do not cross."""
    changed = sorted(((key.text, key, delta) for key, delta in deltas.items() if delta), key=lambda row: row[0])
    if not changed:
        return
    _add_levels.run_at_once(
        (text, key.asset_type_id, key.owner_id, key.holder_id, key.place_id, key.life, key.where, key.condition, n)
        for text, key, n in changed
    )


@prepared
def _add_levels(
    key: Slot, kind: Slot, owner: Slot, holder: Slot, place: Slot, life: Slot, where: Slot, condition: Slot, n: Slot
) -> Any:
    row = {
        "key": key, "asset_type": kind, "owner": owner, "holder": holder, "place": place, "life": life, "where": where,
        "condition": condition, "quantity": n,
    }  # fmt: skip
    added = {StockLevel.quantity: StockLevel.quantity + EXCLUDED.quantity}
    return StockLevel.insert(row).on_conflict(conflict_target=[StockLevel.key], update=added)


# the account book


@dataclass(frozen=True)
class Booking:
    """A line for the account book, with what stands beside it. `asset_id` None: a counted pool."""

    line: Line
    asset_id: int | None
    asset_type_id: int
    event_day: date


def book(bookings: Sequence[Booking], now: datetime, zone: ZoneInfo) -> None:
    """Add lines to the account book.

    A line of a day over which the account of one of its parties has been closed is booked today: what a partner was
    told does not change any more, and the correction stands in his next statement. `zone`: that of our home place.
    """
    if not bookings:
        return
    today = now.astimezone(zone).date()
    closed: dict[tuple[int, int], date] = {}
    if min(booking.event_day for booking in bookings) < today.replace(day=1):  # no account is closed within a month
        parties = {key[0] for one in bookings for key in (one.line.source, one.line.target)} - {None}
        about_to_write(Movement)  # a statement that is being issued right now is waited for
        closed = _closings(parties)
    rows = []
    for one in bookings:
        line = one.line
        owner = line.source[2] or line.target[2]
        holders = (line.source[0], line.target[0])
        until = [closed[owner, one] for one in holders if owner and one and (owner, one) in closed]
        booked = today if any(one.event_day <= day for day in until) else one.event_day
        rows.append(
            {
                "event": line.event_id, "asset": one.asset_id, "asset_type": one.asset_type_id,
                "owner": owner,
                "from_holder": line.source[0], "from_place": line.source[1], "to_holder": line.target[0],
                "to_place": line.target[1], "quantity": line.quantity, "event_day": one.event_day,
                "booked_day": booked, "record_time": now,
            }
        )  # fmt: skip
    insert_rows(Movement, rows)


def _closings(partners: Collection[Any]) -> dict[tuple[int, int], date]:
    """(owner, partner) → until when the account is closed; that of an outside owner by any of our companies."""
    found: dict[tuple[int, int], date] = {}
    rows = list(_closed(partners))
    outside = [id_ for (id_,) in tuples(Party.select(Party.id).where(~Party.own))] if rows else []
    for closer, partner, until in rows:
        for owner in (closer, *outside):
            found[owner, partner] = max(until, found.get((owner, partner), until))
    return found


@prepared
def _closed(partners: Slot) -> Any:
    query = AccountClosing.select(AccountClosing.owner, AccountClosing.partner, AccountClosing.closed_until)
    return query.where(any_of(AccountClosing.partner, partners))


def _book_changes(changes: Sequence[Change], now: datetime, zone: ZoneInfo) -> None:
    booked = booked_lines([change.asset.id for change in changes if change.whole])
    bookings = []
    for change in changes:
        wanted = [line for line in map(movements.line, change.steps) if line]
        before = booked.get(change.asset.id, [])
        if not wanted and not before:
            continue
        days = {line.event_id: day for line, day in before}
        days |= {step.event.event_id: step.event.order_time.astimezone(zone).date() for step in change.steps}
        # Of new events nothing stands in the book yet.
        missing = movements.corrections(wanted, [line for line, _ in before]) if change.whole else wanted
        for correction in missing:
            for line in movements.of_one_owner(correction):
                bookings.append(Booking(line, change.asset.id, change.asset.asset_type_id, days[line.event_id]))
    book(bookings, now, zone)


def booked_lines(asset_ids: Sequence[int]) -> dict[int, list[tuple[Line, date]]]:
    """asset id → its lines in the account book, each with its day."""
    found: dict[int, list[tuple[Line, date]]] = defaultdict(list)
    for part in parts(asset_ids):
        query = Movement.select(
            Movement.asset, Movement.event, Movement.from_holder, Movement.from_place, Movement.to_holder,
            Movement.to_place, Movement.quantity, Movement.event_day, Movement.owner,
        ).where(one_of(Movement.asset, part))  # fmt: skip
        for asset, event_id, giver, giver_at, taker, taker_at, quantity, day, owner in tuples(query):
            source: Account = (giver, giver_at, owner) if giver else NOWHERE
            target: Account = (taker, taker_at, owner) if taker else NOWHERE
            found[asset].append((Line(event_id, source, target, quantity), day))
    return found


# trips


def _store_trips(changes: Sequence[Change]) -> None:
    whole = [change.asset.id for change in changes if change.whole]
    goes_on = [change.asset.id for change in changes if not change.whole and _concerns_a_trip(change)]
    last = _last_trips(goes_on)
    never: list[tuple[int, datetime]] = []  # box, out_time: what turned out to be no trip
    went_on: list[tuple[Change, TripFacts, TripFacts]] = []
    new: list[tuple[Change, TripFacts]] = []
    for change in changes:
        if change.whole:
            new += [(change, trip) for trip in trips.trips(change.steps)]
            continue
        before = last.get(change.asset.id)
        known = [before] if before else []
        for step in change.steps:
            kept, begun = trips.advance(known[-1] if known else None, step)
            if known:
                known[-1:] = [kept] if kept else []
            if begun:
                known.append(begun)
        if before:
            if known and known[0].out_time == before.out_time:
                if known[0] != before:
                    went_on.append((change, before, known[0]))
                del known[0]
            else:
                never.append((change.asset.id, before.out_time))
        new += [(change, trip) for trip in known]
    for part in parts(whole):
        Trip.delete().where(one_of(Trip.asset, part)).execute()
    if never:
        _drop_trips.run_many(never)
    _write_trips(went_on)
    if new:
        _insert_trips.run_at_once((change.asset.id, change.asset.asset_type_id, *_TRIP(trip)) for change, trip in new)


def _write_trips(went_on: Sequence[tuple[Change, TripFacts, TripFacts]]) -> None:
    """Only the columns in which one of the trips has changed."""
    rows = [(*_TRIP(after), change.asset.id, before.out_time) for change, before, after in went_on]
    changed = {
        at
        for row, (_, before, _) in zip(rows, went_on, strict=True)
        for at, value in enumerate(_TRIP(before))
        if value != row[at]
    }
    if changed:
        values = itemgetter(*sorted(changed), -2, -1)
        _update_trips.run_at_once(map(values, rows), names=tuple(_TRIP_COLUMNS[at] for at in sorted(changed)))


def _concerns_a_trip(change: Change) -> bool:
    """Whether its last trip has to be read: it is open, or an inspection may tell how the box came home."""
    inspected = any(step.event.type in ("inspect", "damage", "repair") for step in change.steps)
    return change.stored.out_since is not None or (inspected and change.stored.home_since is not None)


def _last_trips(asset_ids: Sequence[int]) -> dict[int, TripFacts]:
    found: dict[int, TripFacts] = {}
    for part in parts(asset_ids):
        for asset, *values in _trips_of(part):
            found[asset] = TripFacts(*values)
    return found


@prepared
def _trips_of(assets: Slot) -> Any:
    later = Trip.alias()
    return Trip.select(*(getattr(Trip, name) for name in ("asset", *_TRIP_COLUMNS))).where(
        any_of(Trip.asset, assets),
        ~fn.EXISTS(later.select(later.id).where(later.asset == Trip.asset, later.out_time > Trip.out_time)),
    )


_TRIP = attrgetter(*(field.name for field in fields(TripFacts)))
_TRIP_COLUMNS = tuple(field.name.removesuffix("_id") for field in fields(TripFacts))


@prepared
def _insert_trips() -> Any:
    return Trip.insert({name: Slot(at) for at, name in enumerate(("asset", "asset_type", *_TRIP_COLUMNS))})


@prepared
def _update_trips(*, names: tuple[str, ...]) -> Any:
    values = {name: Slot(at) for at, name in enumerate(names)}
    return Trip.update(values).where(Trip.asset == Slot(len(names)), Trip.out_time == Slot(len(names) + 1))


@prepared
def _drop_trips(asset: Slot, out_time: Slot) -> Any:
    return Trip.delete().where(Trip.asset == asset, Trip.out_time == out_time)


# cases


def _store_exceptions(changes: Sequence[Change], now: datetime) -> None:
    """What the replay of a history finds, beside each event and as cases. New ones open, vanished ones explain."""
    rows: list[tuple[str, str]] = []
    opened: list[dict[str, Any]] = []
    vanished: list[tuple[str, str]] = []
    for change in changes:
        found = {step.event.event_id: step for step in change.steps}
        for event_id in found.keys() | change.words.keys():
            words = found[event_id].broken if event_id in found else ()
            before = tuple(change.words.get(event_id, "").split())
            if words != before and event_id in change.words and event_id in found:
                rows.append((" ".join(words), event_id))
            for word in words:
                if word not in before:
                    opened.append(_case("scan", word, event_id, change.asset, found[event_id].event, now))
            vanished += [(event_id, word) for word in before if word not in words]
    if rows:
        _write_exceptions.run_many(rows)
    open_cases(opened)
    explain(vanished, now)


@prepared
def _write_exceptions(words: Slot, event_id: Slot) -> Any:
    return ScanEvent.update(exception=words).where(ScanEvent.event_id == event_id)


def _case(source: str, word: str, event_id: str, asset: Asset, event: Event, now: datetime) -> dict[str, Any]:
    return {
        "source": source, "code": word, "event": event_id, "asset": asset.id, "asset_type": asset.asset_type_id,
        "party": event.party_id, "place": event.place_id, "subject": "", "values": "{}", "opened_time": now,
    }  # fmt: skip


def open_cases(rows: Sequence[dict[str, Any]]) -> None:
    """Open cases; one that had explained itself or was mended opens again, one that was accepted stays accepted."""
    if not rows:
        return
    names = [*rows[0]]
    _open_cases.run_many([[row[name] for name in names] for row in rows], names=tuple(names))


@prepared
def _open_cases(*, names: tuple[str, ...]) -> Any:
    again = Case(None, [(ExceptionCase.state.in_(["explained", "mended"]), "open")], ExceptionCase.state)
    target = [ExceptionCase.source, ExceptionCase.code, ExceptionCase.event, ExceptionCase.subject]
    row = {name: Slot(at) for at, name in enumerate(names)} | {"state": "open", "note": ""}
    return ExceptionCase.insert(row).on_conflict(conflict_target=target, update={ExceptionCase.state: again})


def explain(words: Sequence[tuple[str, str]], now: datetime) -> None:
    """(event id, code): what is no exception any more; open cases of it explain themselves."""
    if words:
        _explain.run_many((now, event_id, word) for event_id, word in words)


@prepared
def _explain(now: Slot, event_id: Slot, word: Slot) -> Any:
    return ExceptionCase.update(state="explained", decided_time=now).where(
        ExceptionCase.state == "open", ExceptionCase.event == event_id, ExceptionCase.code == word
    )


# histories


def histories(asset_ids: Collection[int], known_until: datetime | None = None) -> dict[int, list[tuple[Event, str]]]:
    """asset id → its events that count (neither refused nor void), each with the exceptions that its row has.

    `known_until`: only what had been recorded by then, declarations that an event is void too.
    """
    found: dict[int, list[tuple[Event, str]]] = defaultdict(list)
    if not asset_ids:
        return found
    void = ScanEvent.alias()
    undone = void.voids == ScanEvent.event_id
    recorded: list[Any] = []
    if known_until is not None:
        undone = undone & (void.record_time <= known_until)
        recorded = [ScanEvent.record_time <= known_until]
    for part in parts(sorted(asset_ids)):
        rows = _events_of(part, ScanEvent.exception).where(
            ScanEvent.type != "void", ~fn.EXISTS(void.select(void.id).where(undone)), *recorded
        )
        for asset_id, exception, event in _as_events(rows.order_by(ScanEvent.id)):
            found[asset_id].append((event, exception))
    return found


def as_told(asset_ids: Collection[int]) -> dict[int, list[tuple[Event, str | None]]]:
    """asset id → all its rows that were not refused, in the order in which they were recorded; those that were undone
    later, and the void ones among them, these with the event_id that they undo."""
    found: dict[int, list[tuple[Event, str | None]]] = defaultdict(list)
    for part in parts(sorted(asset_ids)):
        rows = _events_of(part, ScanEvent.voids).order_by(ScanEvent.record_time, ScanEvent.id)
        for asset_id, voids, event in _as_events(rows):
            found[asset_id].append((event, voids))
    return found


def _events_of(asset_ids: Sequence[int], *more: Any) -> Any:
    """Query of what the rules need of the events of these boxes that were not refused."""
    at = Party.alias()
    return (
        ScanEvent.select(
            ScanEvent.asset, *more, ScanEvent.event_id, ScanEvent.type, ScanEvent.event_time,
            ScanEvent.record_time, ScanEvent.place, Place.party, at.own, ScanEvent.party, ScanEvent.shipment,
            Shipment.consignee, ScanEvent.happened, ScanEvent.parent, ScanEvent.via, ScanEvent.document,
            AssetType.inspected_before_dispatch, ScanEvent.sender, fn.COALESCE(ScanEvent.sequence, 0),
        )
        .join_from(ScanEvent, Asset)
        .join_from(Asset, AssetType)
        .join_from(ScanEvent, Place, JOIN.LEFT_OUTER, on=(ScanEvent.place == Place.id))
        .join_from(Place, at, JOIN.LEFT_OUTER, on=(Place.party == at.id))
        .join_from(ScanEvent, Shipment, JOIN.LEFT_OUTER)
        .where(one_of(ScanEvent.asset, asset_ids), ScanEvent.refused == "")
    )  # fmt: skip


def _as_events(rows: Any) -> Iterator[tuple[int, Any, Event]]:
    for asset_id, more, event_id, type, event_time, record_time, place, party, own, *rest in tuples(rows):
        yield asset_id, more, Event(event_id, type, event_time, record_time, place, party, bool(own), *rest)


def after_migrations(names: Sequence[str], now: datetime) -> None:
    """To be called with the names of the migrations that ran: what new tables hold of old events is made here.

    Also when they ran before, and the process was killed before it came to this.
    """
    counts = ScanEvent.select().where(ScanEvent.refused == "", ScanEvent.asset.is_null(False))
    if any(name.startswith("0003_") for name in names) or (counts.exists() and not Movement.select().exists()):
        with taking_turns():
            rebuild(now)


def rebuild(now: datetime) -> int:
    """Make all that is stored of the boxes anew from their events; gives the number of boxes.

    For a database whose ledger is older than the tables for it. Lines of the account book are added, never changed.
    """
    ids = [id_ for (id_,) in tuples(Asset.select(Asset.id).order_by(Asset.id))]
    serialised = AssetType.select(AssetType.id).where(~AssetType.counted)
    StockLevel.delete().where(StockLevel.asset_type.in_(serialised)).execute()
    for part in parts(ids):
        known = histories(part)
        changes = []
        for asset in Asset.select().where(Asset.id.in_(part)).order_by(Asset.id):
            events = known.get(asset.id, [])
            steps = list(rules.steps(event for event, _ in events))
            words = {event.event_id: "" for event, _ in events}
            last = max((event.order_time for event, _ in events), default=None)
            changes.append(Change(asset, State(), steps, True, len(events), last, words))
        store(changes, now)
    return len(ids)


# many rows at once


def parts(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Pieces that one statement can take."""
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


def insert_rows(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows of a model; all have the same keys. The watchers hear nothing of it: of a watched table see
    `database.tell_created`."""
    if rows:
        values = itemgetter(*rows[0])
        _insert.run_at_once(map(values, rows), model=model, names=tuple(rows[0]))


@prepared
def _insert(*, model: Any, names: tuple[str, ...]) -> Any:
    defaults = {field.name: default for field, default in model._meta.defaults.items() if field.name not in names}
    return model.insert({name: Slot(at) for at, name in enumerate(names)} | defaults)
