"""Sessions of scanning: one piece of work that can be taken up again, change hands, and be finished.

The device holds the session; here is a copy of it for when the work goes on elsewhere. Of a count it is more: what was
expected is frozen at its start, and finishing it asks a person about what was not found. Not found is not lost.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import JOIN, IntegrityError, fn

from accounts.models import User
from accounts.scope import current_scope, seen
from assets import state as rules
from assets.clocks import CORRECTED
from assets.ledger import histories, open_cases, parts
from assets.models import Asset, Device, ScanEvent, ScanSession
from assets.scanned_text import storable
from assets.visible import of_entities, picture_is_free
from database import locked, taking_turns, tuples
from errors import N_, InvalidInput, Refused
from master_data.models import AssetType, Party, Place
from master_data.visible import visible_parties, visible_places
from shipments.models import Shipment
from shipments.visible import visible_shipments

KINDS = ("dispatch", "return", "receive", "stock_take", "inspect", "transfer")
MAX_SEEN = 20_000
#: A session that began earlier than this before it came here is not believed: what stood there then is not asked.
_LONGEST = timedelta(days=7)
_SHOWN = 200


@dataclass(frozen=True)
class SessionInput:
    """A session as a device tells it; codes and numbers as in ScanInput. `version`: the one that it knows, 0: none."""

    uuid: str
    kind: str
    started_time: datetime
    place: str = ""
    shipment: str = ""
    party: str = ""
    destination: str = ""
    state: str = "open"
    finished_by: str = ""
    signature: str = ""
    difference_reason: str = ""
    seen: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True)
class Hand:
    """Who has a session in hand: a device, or a person without one."""

    user: User
    device: Device | None = None

    def holds(self, row: ScanSession) -> bool:
        """Whether it is this one's."""
        if self.device is not None or row.device_id is not None:
            return self.device is not None and row.device_id == self.device.id
        return row.user_id == self.user.id


class SessionConflict(Refused):
    """The session is not as this device knows it; `row` is as it is."""

    def __init__(self, row: ScanSession, reason: str, text: str) -> None:
        super().__init__(reason, text)
        self.row = row


_TAKEN = N_("Another device has taken over this session. Go on there, or take it back.")
_CHANGED = N_("This session was changed on another device meanwhile.")
_FINISHED = N_("This session is finished.")


def put(told: SessionInput, hand: Hand, now: datetime) -> ScanSession:
    """Keep a session as it is now; the same again changes nothing.

    Raises InvalidInput (unknown place, shipment, party), SessionConflict: it is another's, changed, or finished.
    """
    try:
        return _put(told, hand, now)
    except IntegrityError:  # sent twice at once, and the other was first
        return _put(told, hand, now)


def _put(told: SessionInput, hand: Hand, now: datetime) -> ScanSession:
    with taking_turns():
        columns = _columns(told, hand)
        row = locked(ScanSession.select().where(ScanSession.uuid == told.uuid)).first()
        if row is None:
            started = max(min(told.started_time + _offset(hand.device), now), now - _LONGEST)
            expected = expected_at(columns["place"], started) if told.kind == "stock_take" else {}
            row = ScanSession.create(
                uuid=told.uuid, **columns, device=hand.device, user=hand.user.id, started_time=started,
                changed_time=now, expected=json.dumps(expected),
            )  # fmt: skip
        elif all(getattr(row, _ID.get(name, name)) == value for name, value in columns.items()) and hand.holds(row):
            return row  # an answer was lost
        else:
            if row.state == "finished":
                raise SessionConflict(row, "session_finished", _FINISHED)
            if not hand.holds(row):
                raise SessionConflict(row, "session_taken", _TAKEN)
            if told.version != row.version:
                raise SessionConflict(row, "session_changed", _CHANGED)
            if row.kind != told.kind:
                raise InvalidInput("kind", N_("The kind of a session does not change."))
            _update(row, {**columns, "changed_time": now})
        if told.state == "finished":
            _finish(row, now)
        return row


def _offset(device: Device | None) -> timedelta:
    """By how much the clock of a device has to be corrected, as it was at its last sync."""
    offset = timedelta(milliseconds=(device and device.clock_offset_ms) or 0)
    return offset if abs(offset) > CORRECTED else timedelta(0)


_ID = {"place": "place_id", "shipment": "shipment_id", "party": "party_id", "destination": "destination_id"}


def take(uuid: str, hand: Hand, now: datetime) -> ScanSession | None:
    """Go on with a session here: whoever has it in hand is told at his next word. None when there is none.

    Raises SessionConflict when it is finished.
    """
    with taking_turns():
        row = locked(ScanSession.select().where(ScanSession.uuid == uuid)).first()
        if row is None or hand.holds(row):
            return row
        if row.state == "finished":
            raise SessionConflict(row, "session_finished", _FINISHED)
        _update(row, {"device": hand.device.id if hand.device else None, "user": hand.user.id, "changed_time": now})
        return row


def sessions(place: str = "", state: str = "", uuid: str = "", among: Any = None) -> list[ScanSession]:
    """The latest ones, with all that is shown of them. `among`: a condition on them."""
    goal = Place.alias()
    query = (
        ScanSession.select(ScanSession, Place, Shipment, Party, goal, Device, User)
        .join_from(ScanSession, Place, JOIN.LEFT_OUTER, on=(ScanSession.place == Place.id))
        .join_from(ScanSession, Shipment, JOIN.LEFT_OUTER)
        .join_from(ScanSession, Party, JOIN.LEFT_OUTER)
        .join_from(ScanSession, goal, JOIN.LEFT_OUTER, on=(ScanSession.destination == goal.id))
        .join_from(ScanSession, Device, JOIN.LEFT_OUTER)
        .join_from(ScanSession, User, JOIN.LEFT_OUTER)
        .order_by(ScanSession.changed_time.desc())
        .limit(_SHOWN)
    )
    if among is not None:
        query = query.where(among)
    if uuid:
        query = query.where(ScanSession.uuid == uuid)
    if place:
        query = query.where(Place.code == place)
    if state:
        query = query.where(ScanSession.state == state)
    return list(query)


def _update(row: ScanSession, columns: dict[str, Any]) -> None:
    ScanSession.update({**columns, "version": row.version + 1}).where(ScanSession.id == row.id).execute()
    fresh = ScanSession.get_by_id(row.id)
    row.__data__.update(fresh.__data__)
    row.__rel__.clear()


def _signature(sha256: str, hand: Hand) -> str:
    """A picture that came with something else is not to be had by naming its hash."""
    known = not sha256 or not current_scope().is_limited or picture_is_free(sha256, hand.user.id)
    return sha256 if known else ""


def _columns(told: SessionInput, hand: Hand) -> dict[str, Any]:
    place = _id(Place, Place.code, told.place, "place", visible_places)
    goal = _id(Place, Place.code, told.destination, "destination", visible_places)
    if told.kind == "stock_take" and place is None:
        raise InvalidInput("place", N_("A count needs a place."))
    return {
        "kind": told.kind,
        "place": place,
        "shipment": _id(Shipment, Shipment.number, told.shipment, "shipment", visible_shipments),
        "party": _id(Party, Party.code, told.party, "party", visible_parties),
        "destination": goal,
        "finished_by": storable(told.finished_by)[:64],
        "signature": _signature(told.signature, hand),
        "difference_reason": storable(told.difference_reason),
        "seen": json.dumps([storable(code)[:64] for code in told.seen]),
        "state": told.state,
    }


def _id(model: Any, column: Any, key: str, field: str, visible: Any) -> int | None:
    if not key:
        return None
    found = seen(visible, model.select().where(column == key)).first()
    if found is None:
        raise InvalidInput(field, N_("There is none of this code: %(code)s."), code=key[:24])
    return found.id


# counts


def expected_at(place_id: int, time: datetime) -> dict[str, str]:
    """code → type of the boxes that by our books stood at a place at a time, as far as is known now."""
    kinds: dict[int, str] = dict(tuples(AssetType.select(AssetType.id, AssetType.code)))
    columns = (Asset.id, Asset.code, Asset.asset_type)
    quiet = Asset.select(*columns).where(
        Asset.place == place_id, Asset.where.in_(["here", "there"]), Asset.life == "active",
        Asset.last_event_time <= time,
    )  # fmt: skip
    found = {code: kinds[kind] for _, code, kind in tuples(seen(of_entities, quiet))}
    # Of those that were scanned later, only the ones that have ever been at this place can have stood there.
    ever = ScanEvent.select(ScanEvent.asset).where(ScanEvent.place == place_id, ScanEvent.refused == "")
    moved = tuples(seen(of_entities, Asset.select(*columns).where(Asset.last_event_time > time, Asset.id.in_(ever))))
    for part in parts(moved):
        known = histories([id_ for id_, _, _ in part])
        for id_, code, kind in part:
            state = rules.State()
            for step in rules.steps(event for event, _ in known.get(id_, [])):
                if step.event.order_time > time and step.event.type != "commission":
                    break
                state = step.after
            if state.life == "active" and state.stands_at == place_id:
                found[code] = kinds[kind]
    return dict(sorted(found.items()))


def _finish(row: ScanSession, now: datetime) -> None:
    result = _counted(row, now) if row.kind == "stock_take" else {}
    ScanSession.update(finished_time=now, result=json.dumps(result)).where(ScanSession.id == row.id).execute()
    row.finished_time, row.result = now, json.dumps(result)


def _counted(row: ScanSession, now: datetime) -> dict[str, Any]:
    """What was found against what was expected; a case for each box that is missing.

    Boxes move during a count: one that has left, or that somebody scanned since the start, is not missing.
    """
    expected: dict[str, str] = json.loads(row.expected)
    void = ScanEvent.alias()
    own = (
        ScanEvent.select(Asset.code)
        .join(Asset)
        .where(
            ScanEvent.session == row.uuid, ScanEvent.type == "stock_take", ScanEvent.refused == "",
            ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
        )
    )  # fmt: skip
    scanned = set(json.loads(row.seen)) | {code for (code,) in tuples(own)}
    boxes = _boxes(expected.keys() | scanned)
    scanned &= boxes.keys()
    unseen = [boxes[code] for code in sorted(expected.keys() - scanned) if code in boxes]
    missing = [box for box in unseen if not _explained(box, row)]
    open_cases(
        [
            {
                "source": "count", "code": "missing_in_count", "event": None, "asset": box.id,
                "asset_type": box.asset_type_id, "party": box.holder_id, "place": row.place_id,
                "subject": f"{row.uuid} {box.code}", "values": json.dumps({"session": row.uuid}), "opened_time": now,
            }
            for box in missing
        ]
    )  # fmt: skip
    gone = {box.code for box in missing}
    pieces, books = _pieces(row)
    return {
        "missing": [box.code for box in missing],
        "surplus": sorted(scanned - expected.keys()),
        "moved": [box.code for box in unseen if box.code not in gone],
        "expected": dict(Counter(expected.values()) + books),
        "scanned": dict(Counter(boxes[code].asset_type.code for code in scanned) + pieces),
    }


def _boxes(codes: Collection[str]) -> dict[str, Asset]:
    found = {}
    for part in parts(sorted(codes)):
        query = Asset.select(Asset, AssetType).join(AssetType).where(Asset.code.in_(part))
        found.update({box.code: box for box in seen(of_entities, query)})
    return found


def _explained(box: Asset, row: ScanSession) -> bool:
    here = box.life == "active" and box.where in ("here", "there") and box.place_id == row.place_id
    return not here or (box.seen_time is not None and box.seen_time >= row.started_time)


def _pieces(row: ScanSession) -> tuple[Counter[str], Counter[str]]:
    """Pieces of counted types: those of this count, and what the books said. The last count of a type holds."""
    void = ScanEvent.alias()
    query = (
        ScanEvent.select(AssetType.code, ScanEvent.quantity, ScanEvent.difference)
        .join(AssetType, on=(ScanEvent.asset_type == AssetType.id))
        .where(
            ScanEvent.session == row.uuid, ScanEvent.type == "stock_take", ScanEvent.refused == "",
            ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
        )
        .order_by(ScanEvent.id)
    )  # fmt: skip
    pieces: Counter[str] = Counter()
    books: Counter[str] = Counter()
    for code, quantity, difference in tuples(query):
        books.setdefault(code, quantity - (difference or 0))
        pieces[code] = quantity
    return pieces, books


def seen_of(row: ScanSession) -> Sequence[str]:
    """The codes that were scanned in it, in their order."""
    return json.loads(row.seen)
