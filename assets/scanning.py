"""Scans become events: the only module that writes a ScanEvent, or the state of an Asset.

A batch is one transaction with a fixed number of queries, whatever its length. What is later than all that is known of
a box is applied to its state; what comes late makes the whole history of the box be replayed. A refused scan is an
outcome and a row, never an exception: raised inside the transaction it would take its row with it. What says nothing
new ("known") and what asks a question first leave no row.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from peewee import JOIN, IntegrityError, __exception_wrapper__, fn  # type: ignore[attr-defined]

from accounts.models import User
from assets import state as rules
from assets.event_types import EVENT_TYPES, REASONS, SCANNABLE
from assets.finding import box_of, boxes_under
from assets.labels import checked_code, grai
from assets.models import Asset, ScanEvent
from assets.scanned_text import MAX_LENGTH, ScannedCode, company_prefix, read_scanned_text, storable
from assets.state import Event, State, shown
from database import locked, taking_turns, tuples
from errors import N_, Message, Refused
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment

#: The same trigger pulled twice: one event, when device, box, kind and context are the same.
DOUBLE_TRIGGER = timedelta(seconds=30)

#: How many rows one INSERT or one IN (…) takes; SQLite allows 32,766 values in a statement.
_CHUNK = 500

STATUS = {"recorded": 201, "known": 200, "refused": 422, "conflict": 409, "invalid": 400}


@dataclass(frozen=True)
class ScanInput:
    """One scan as a device reports it; event_id and voids are UUIDs, event_time has the device's offset."""

    event_id: str
    type: str
    scanned_text: str
    event_time: datetime
    shipment: str = ""  # number
    place: str = ""  # code
    party: str = ""  # code
    device: str = ""
    happened: bool = False
    confirmed: tuple[str, ...] = ()
    reason: str = ""
    voids: str = ""


@dataclass(frozen=True)
class Answer:
    """What became of a scan: `outcome` is a key of STATUS, `text` the sentence for the person with the scanner."""

    event_id: str
    outcome: str
    text: Message
    code: str | None = None
    asset_type: str | None = None
    state: str | None = None
    reason: str | None = None
    exceptions: tuple[str, ...] = ()
    confirm: str | None = None
    field: str | None = None

    @property
    def status(self) -> int:
        """The HTTP status of this outcome."""
        return STATUS[self.outcome]


_RECORDED = {
    "dispatch": N_("%(code)s dispatched."),
    "arrive": N_("%(code)s arrived."),
    "return": N_("%(code)s returned."),
    "void": N_("Undone: %(code)s."),
}
_TEXTS = {
    "recorded": N_("%(code)s recorded."),
    "known": N_("%(code)s is in the list already."),
    "conflict": N_("This scan was sent before with other contents. Scan again."),
    "dispatch_known": N_("%(code)s is on this shipment already."),
    "void_known": N_("%(code)s: this scan was undone already."),
    "foreign_grai": N_("This box belongs to another company (GS1 prefix %(prefix)s) and is not registered here."),
}
_NEEDED = {
    "shipment": N_("This scan needs a shipment."),
    "place": N_("This scan needs a place."),
    "reason": N_("This scan needs a reason."),
    "voids": N_("Undoing needs the scan that is undone."),
}
_UNKNOWN_TYPE = N_("There is no such kind of scan.")


def record_scan(scan: ScanInput, user: User | None, now: datetime, own_hosts: Collection[str] = ()) -> Answer:
    """`record_scans` of one."""
    return record_scans([scan], user, now, own_hosts)[0]


def record_scans(
    scans: Sequence[ScanInput], user: User | None, now: datetime, own_hosts: Collection[str] = ()
) -> list[Answer]:
    """Take scans in the given order and answer each; one that cannot be taken never keeps the others back.

    An event_id that has a row is answered as the first time when the body is the same, and writes nothing; with another
    body it is a conflict. Known scans and open questions have no row, so their ids are as good as new.
    `own_hosts`: labels.own_hosts(base_url), so that our short links are known.
    """
    read = [read_scanned_text(scan.scanned_text, own_hosts) for scan in scans]
    for last_try in (False, False, True):
        try:
            with taking_turns():
                return _Batch(scans, read, user, now).run()
        except IntegrityError:
            # Another connection took one of these ids in the meantime (PostgreSQL): it is known in the next round.
            if last_try:
                raise
    raise AssertionError("not reached")


@dataclass
class _Box:
    """An asset in the course of a batch. `history`: its events that count, where they had to be read; else None."""

    asset: Asset
    type_code: str
    state: State
    last: datetime | None
    count: int
    history: list[Event] | None = None
    stored: dict[str, str] = field(default_factory=dict)  # event_id → exceptions as the row has them
    broken: dict[str, tuple[str, ...]] = field(default_factory=dict)
    changed: bool = False

    def at(self, event: Event) -> State:
        """The state in which `event` finds the box."""
        if self.history is None:
            return self.state
        return rules.replay([before for before in self.history if before.order < event.order])[0]

    def add(self, event: Event) -> None:
        self.changed = True
        if self.history is None:
            self.state, self.broken[event.event_id] = rules.apply(self.state, event)
            self.last, self.count = event.order_time, self.count + 1
        else:
            self._replay([*self.history, event])

    def remove(self, event_id: str) -> None:
        assert self.history is not None
        self.changed = True
        self._replay([event for event in self.history if event.event_id != event_id])

    def _replay(self, history: list[Event]) -> None:
        self.history = history
        self.state, self.broken = rules.replay(history)
        self.last, self.count = max((event.order_time for event in history), default=None), len(history)


class _Batch:
    """The rows that a batch of scans needs, read once, and the rows that it makes, written once."""

    def __init__(self, scans: Sequence[ScanInput], read: list[ScannedCode], user: User | None, now: datetime) -> None:
        self.scans, self.read, self.user, self.now = scans, read, user, now
        self.bodies = [body_sha256(scan) for scan in scans]
        self.rows: list[dict[str, Any]] = []
        wanted_voids = {scan.voids for scan in scans if scan.voids}
        self._find_boxes(wanted_voids)  # first: on PostgreSQL it takes the locks, what is read after it is settled
        ids = {scan.event_id for scan in scans} | wanted_voids
        known: Any = ScanEvent.select().where(ScanEvent.event_id.in_(ids)).dicts()
        self.known: dict[str, dict[str, Any]] = {row["event_id"]: row for row in known}
        # Ids that were used for something else before: what comes with them now is kept too, under an id of its own.
        used = {
            _conflict_id(scan, body)
            for scan, body in zip(scans, self.bodies, strict=True)
            if scan.event_id in self.known and self.known[scan.event_id]["body_sha256"] != body
        }
        if used:
            kept: Any = ScanEvent.select().where(ScanEvent.event_id.in_(used)).dicts()
            self.known.update({row["event_id"]: row for row in kept})
        self.void: set[str] = set()
        if wanted_voids:
            void = ScanEvent.select(ScanEvent.voids).where(ScanEvent.voids.in_(wanted_voids))
            self.void = {voids for (voids,) in tuples(void)}
        self.shipments = _by(Shipment, Shipment.number, {scan.shipment for scan in scans})
        self.places = _by(Place, Place.code, {scan.place for scan in scans})
        self.parties = _by(Party, Party.code, {scan.party for scan in scans})
        self.home_parties: dict[int, int] = {}
        returning = {box.asset.return_place_id for box in self.boxes.values()} - {None}
        if returning:
            home = Place.select(Place.id, Place.party).where(Place.id.in_(returning))
            self.home_parties = dict(tuples(home))
        self._find_histories()
        self._find_recent()

    def run(self) -> list[Answer]:
        answers = [self._take(index) for index in range(len(self.scans))]
        self._write()
        return answers

    # what is read

    def _find_boxes(self, wanted_voids: set[str]) -> None:
        condition = boxes_under(self.read)
        if wanted_voids:
            undone = Asset.id.in_(ScanEvent.select(ScanEvent.asset).where(ScanEvent.event_id.in_(wanted_voids)))
            condition = undone if condition is None else condition | undone
        assets = [] if condition is None else list(locked(Asset.select().where(condition).order_by(Asset.code)))
        types: dict[int, str] = dict(tuples(AssetType.select(AssetType.id, AssetType.code))) if assets else {}
        self.boxes = {
            asset.id: _Box(
                asset, types[asset.asset_type_id], _state_of(asset), asset.last_event_time, asset.event_count
            )
            for asset in assets
        }
        self.by_code = {box.asset.code: box for box in self.boxes.values()}
        self.by_grai = {box.asset.grai: box for box in self.boxes.values() if box.asset.grai}

    def _box(self, code: ScannedCode) -> tuple[_Box | None, str]:
        """The box of a text, or the reason why there is none."""
        return box_of(code, self.by_code, self.by_grai)

    def _find_histories(self) -> None:
        """Read the events of the boxes to which something comes late, twice in this batch, or is declared void."""
        last = {box.asset.id: box.last for box in self.boxes.values()}
        voided = {scan.voids for scan in self.scans if scan.voids}
        late = {row["asset"] for row in self.known.values() if row["event_id"] in voided}
        for index, scan in enumerate(self.scans):
            box, _ = self._box(self.read[index])
            if box is None or scan.type == "void":
                continue
            time = self._event(index, box).order_time
            before = last[box.asset.id]
            if (before is not None and time <= before) or scan.event_id in voided:
                late.add(box.asset.id)
            last[box.asset.id] = time
        late &= self.boxes.keys()
        for id_, events in histories(late).items():
            box = self.boxes[id_]
            box.history = [event for event, _ in events]
            box.stored = {event.event_id: exception for event, exception in events}
        for id_ in late:
            if self.boxes[id_].history is None:
                self.boxes[id_].history = []
        # Who waited for his turn comes after whom he waited for, also where both scans bear the same time.
        stored = [event.record_time for id_ in late for event in self.boxes[id_].history or ()]
        self.now = max([self.now, *(time + timedelta(microseconds=1) for time in stored)])

    def _find_recent(self) -> None:
        """Triggers pulled shortly before the ones of this batch: (box, kind, device, person, context) → times."""
        self.recent: dict[tuple[Any, ...], list[tuple[datetime, str]]] = defaultdict(list)
        times = [scan.event_time for scan in self.scans]
        if not self.boxes:
            return
        void = ScanEvent.alias()
        declared = void.select(void.id).where(void.voids == ScanEvent.event_id)
        query = ScanEvent.select(
            ScanEvent.event_id, ScanEvent.event_time, ScanEvent.asset, ScanEvent.type, ScanEvent.device, ScanEvent.user,
            ScanEvent.shipment, ScanEvent.place, ScanEvent.party,
        ).where(
            ScanEvent.asset.in_(list(self.boxes)),
            ScanEvent.event_time.between(min(times) - DOUBLE_TRIGGER, max(times) + DOUBLE_TRIGGER),
            ScanEvent.refused == "",
            ScanEvent.type.not_in(["void", "commission"]),
            ~_exists(declared),
        )  # fmt: skip
        for event_id, event_time, *context in tuples(query):
            self.recent[tuple(context)].append((event_time, event_id))

    # one scan

    def _take(self, index: int) -> Answer:
        scan = self.scans[index]
        if scan.event_id in self.known:
            return self._again(index, self.known[scan.event_id])
        kind = EVENT_TYPES.get(scan.type)
        if kind is None or scan.type not in SCANNABLE:
            return Answer(scan.event_id, "invalid", Message(_UNKNOWN_TYPE), field="type")
        missing = next((need for need in kind.needs if not getattr(scan, need).strip()), None)
        if missing:
            return Answer(scan.event_id, "invalid", Message(_NEEDED[missing]), field=missing)
        if scan.type == "void":
            return self._declare_void(index)
        box, fault = self._box(self.read[index])
        if box is not None and box.state.life == "none":
            fault = "unknown_asset"
        if box is None or fault:
            return self._refuse(index, None, fault)
        fault = self._unknown_context(scan)
        if fault:
            return self._refuse(index, box, fault)
        event = self._event(index, box)
        context = (
            box.asset.id, scan.type, scan.device, self.user.id if self.user else None, event.shipment_id,
            event.place_id, event.party_id,
        )  # fmt: skip
        if any(abs(scan.event_time - time) <= DOUBLE_TRIGGER for time, _ in self.recent[context]):
            return self._answer(scan, box, "known")
        before = box.at(event)
        cell = rules.outcome(before, event)
        if cell.verdict == "=":
            return self._answer(scan, box, "known")
        reason = rules.why_not(before, event, scan.confirmed)
        if reason and cell.verdict == "?":
            # Not a refusal but a question: it leaves no row, so that the same id can be sent again with the answer.
            return self._answer(scan, box, "refused", reason, confirm=reason)
        if reason:
            return self._refuse(index, box, reason)
        box.add(event)
        self.recent[context].append((scan.event_time, scan.event_id))
        exceptions = box.broken[scan.event_id]
        self._append(index, box, event, exception=" ".join(exceptions))
        return self._answer(scan, box, "recorded", exceptions=exceptions)

    def _unknown_context(self, scan: ScanInput) -> str:
        if scan.shipment:
            shipment = self.shipments.get(scan.shipment)
            if shipment is None:
                return "unknown_shipment"
            if scan.type == "dispatch" and shipment.state in ("closed", "cancelled") and not scan.happened:
                return "closed_shipment"
        if scan.place and scan.place not in self.places:
            return "unknown_place"
        return "unknown_party" if scan.party and scan.party not in self.parties else ""

    def _declare_void(self, index: int) -> Answer:
        scan = self.scans[index]
        row = self.known.get(scan.voids)
        box = self.boxes.get(row["asset"]) if row else None
        if row is None or box is None or row["refused"] or row["type"] == "void":
            return self._refuse(index, box, "unknown_event")
        if scan.voids in self.void:
            return self._answer(scan, box, "known", kind="void_known")
        self.void.add(scan.voids)
        box.remove(scan.voids)
        for times in self.recent.values():
            times[:] = [(time, event_id) for time, event_id in times if event_id != scan.voids]
        self._append(index, box, None, voids=scan.voids)
        return self._answer(scan, box, "recorded")

    def _again(self, index: int, row: dict[str, Any]) -> Answer:
        """The answer to an event_id that was taken before."""
        scan = self.scans[index]
        if row["body_sha256"] != self.bodies[index]:
            own_id = _conflict_id(scan, self.bodies[index])
            if own_id not in self.known:
                self._append(index, None, None, event_id=own_id, refused="conflict", reason=f"event_id {scan.event_id}")
            return Answer(scan.event_id, "conflict", Message(_TEXTS["conflict"]), reason="conflict")
        box = self.boxes.get(row["asset"])
        if row["refused"]:
            return self._answer(scan, box, "refused", row["refused"], read=self.read[index])
        return self._answer(scan, box, "known", exceptions=tuple(row["exception"].split()))

    def _refuse(self, index: int, box: _Box | None, reason: str) -> Answer:
        self._append(index, box, None, refused=reason)
        return self._answer(self.scans[index], box, "refused", reason, read=self.read[index])

    def _answer(
        self,
        scan: ScanInput,
        box: _Box | None,
        outcome: str,
        reason: str = "",
        exceptions: tuple[str, ...] = (),
        confirm: str | None = None,
        kind: str = "",
        read: ScannedCode | None = None,
    ) -> Answer:
        values = {"code": box.asset.code if box else ""}
        if reason == "unknown_asset" and read and read.kind == "grai" and company_prefix(read.canonical):
            text, values = _TEXTS["foreign_grai"], {"prefix": company_prefix(read.canonical)}
        elif reason or exceptions:
            text = REASONS[reason or exceptions[-1]]
        elif outcome == "known":
            text = _TEXTS.get(kind or f"{scan.type}_known", _TEXTS["known"])
        else:
            text = _RECORDED.get(scan.type, _TEXTS["recorded"])
        return Answer(
            scan.event_id,
            outcome,
            Message(text, values if "%(" in text else {}),
            code=box.asset.code if box else None,
            asset_type=box.type_code if box else None,
            state=shown(box.state) if box else None,
            reason=reason or None,
            exceptions=exceptions,
            confirm=confirm,
        )

    # what is written

    def _event(self, index: int, box: _Box) -> Event:
        scan, asset = self.scans[index], box.asset
        place, party = self.places.get(scan.place), self.parties.get(scan.party)
        shipment = self.shipments.get(scan.shipment)
        place_id, place_party_id = (place.id, place.party_id) if place else (None, None)
        if place is None and scan.type in ("return", "found") and asset.return_place_id:
            # What stands on the plate as 'return to'; kept in the row, so that a later change of it changes nothing.
            place_id, place_party_id = asset.return_place_id, self.home_parties[asset.return_place_id]
        return Event(
            scan.event_id,
            scan.type,
            scan.event_time,
            self.now + timedelta(microseconds=index),  # scans of one batch keep their order
            home_id=asset.owner_id,
            place_id=place_id,
            place_party_id=place_party_id,
            party_id=party.id if party else None,
            shipment_id=shipment.id if shipment else None,
            consignee_id=shipment.consignee_id if shipment else None,
            happened=scan.happened,
        )

    def _append(self, index: int, box: _Box | None, event: Event | None, **more: str) -> None:
        scan = self.scans[index]
        shipment, place, party = (
            self.shipments.get(scan.shipment), self.places.get(scan.place), self.parties.get(scan.party),
        )  # fmt: skip
        row: dict[str, Any] = {
            "event_id": scan.event_id,
            "type": scan.type[:16],
            "asset": box.asset.id if box else None,
            "scanned_text": self.read[index].raw,
            "shipment": shipment.id if shipment else None,
            "place": event.place_id if event else place.id if place else None,
            "party": party.id if party else None,
            "event_time": scan.event_time,
            "event_zone": _offset_minutes(scan.event_time),
            "record_time": self.now + timedelta(microseconds=index),
            "device": storable(scan.device)[:64],
            "happened": scan.happened,
            "refused": "",
            "exception": "",
            "warnings": " ".join(self.read[index].warnings),
            "voids": None,
            "reason": storable(scan.reason),
            "body_sha256": self.bodies[index],
            "user": self.user.id if self.user else None,
            **more,
        }
        self.rows.append(row)
        self.known[row["event_id"]] = row

    def _write(self) -> None:
        changed = [box for box in self.boxes.values() if box.changed]
        broken = {event_id: " ".join(words) for box in changed for event_id, words in box.broken.items()}
        for row in self.rows:
            row["exception"] = broken.get(row["event_id"], "")
        _insert_events(self.rows)
        _store_states((box.asset.id, box.state, box.last, box.count) for box in changed)
        # What came late may explain an earlier scan, or turn it into an exception.
        stored = {event_id: words for box in changed for event_id, words in box.stored.items()}
        exceptions = [
            (broken[event_id], event_id) for event_id, words in stored.items() if broken.get(event_id, words) != words
        ]
        _execute_many(ScanEvent.update(exception="").where(ScanEvent.event_id == ""), exceptions)


def histories(asset_ids: Collection[int]) -> dict[int, list[tuple[Event, str]]]:
    """asset id → its events that count (neither refused nor void), each with the exceptions that its row has."""
    found: dict[int, list[tuple[Event, str]]] = defaultdict(list)
    void = ScanEvent.alias()
    ids = sorted(asset_ids)
    for start in range(0, len(ids), _CHUNK):
        rows = (
            ScanEvent.select(
                ScanEvent.asset, ScanEvent.exception, ScanEvent.event_id, ScanEvent.type, ScanEvent.event_time,
                ScanEvent.record_time, Asset.owner, ScanEvent.place, Place.party, ScanEvent.party, ScanEvent.shipment,
                Shipment.consignee, ScanEvent.happened,
            )
            .join_from(ScanEvent, Asset)
            .join_from(ScanEvent, Place, JOIN.LEFT_OUTER)
            .join_from(ScanEvent, Shipment, JOIN.LEFT_OUTER)
            .where(
                ScanEvent.asset.in_(ids[start : start + _CHUNK]),
                ScanEvent.refused == "",
                ScanEvent.type != "void",
                ~_exists(void.select(void.id).where(void.voids == ScanEvent.event_id)),
            )
            .order_by(ScanEvent.id)
        )  # fmt: skip
        for asset_id, exception, *values in tuples(rows):
            found[asset_id].append((Event(*values), exception))
    return found


def dispatched_on(shipment: Shipment) -> list[Asset]:
    """The assets that left on this shipment, as dispatches_onto() has it, by code, types joined.

    They stay in the list after they have come home: it says what left, which is what the packing list prints.
    """
    dispatches = dispatches_onto(shipment).select(ScanEvent.asset)
    return list(Asset.select(Asset, AssetType).join(AssetType).where(Asset.id.in_(dispatches)).order_by(Asset.code))


def dispatches_onto(shipment: Shipment) -> Any:
    """Query of the dispatch events onto this shipment that count: neither refused nor void, nor did the box leave with
    another shipment afterwards (state.left_otherwise): a box is on one truck, and on one packing list."""
    void = ScanEvent.alias()
    query = ScanEvent.select().where(
        ScanEvent.shipment == shipment,
        ScanEvent.type == "dispatch",
        ScanEvent.refused == "",
        ~_exists(void.select(void.id).where(void.voids == ScanEvent.event_id)),
    )
    elsewhere = _left_otherwise(shipment)
    return query.where(ScanEvent.event_id.not_in(elsewhere)) if elsewhere else query


def _left_otherwise(shipment: Shipment) -> set[str]:
    """Ids of the events that state.left_otherwise finds among the boxes of this shipment.

    Only the boxes of which it can be true are replayed: a dispatch of what is out already always breaks a rule.
    """
    here = ScanEvent.alias()
    boxes = here.select(here.asset).where(here.shipment == shipment, here.type == "dispatch", here.refused == "")
    suspects = (
        ScanEvent.select(ScanEvent.asset)
        .where(
            ScanEvent.asset.in_(boxes),
            ScanEvent.type == "dispatch",
            ScanEvent.shipment != shipment,
            ScanEvent.refused == "",
            ScanEvent.exception != "",
        )
        .distinct()
    )
    found = histories([id_ for (id_,) in tuples(suspects)])
    return {id_ for events in found.values() for id_ in rules.left_otherwise(event for event, _ in events)}


def body_sha256(scan: ScanInput) -> str:
    """What makes two reports the same. `confirmed` is left out: it is the answer to our own question."""
    body = (
        scan.type, scan.scanned_text, scan.event_time.isoformat(), scan.shipment, scan.place, scan.party, scan.device,
        scan.happened, scan.reason, scan.voids,
    )  # fmt: skip
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def _conflict_id(scan: ScanInput, body: str) -> str:
    """Always the same for the same body under the same id, so that sending it again adds nothing."""
    return str(uuid5(NAMESPACE_OID, f"{scan.event_id} {body}"))


def register_assets(
    asset_type: AssetType,
    codes: Iterable[str],
    owner: Party,
    return_place: Place | None,
    user: User | None,
    now: datetime,
) -> list[Asset]:
    """Register new assets of one type: the rows and their commission events. All of them or none.

    Raises InvalidInput for a code that this type cannot have, Refused with the codes that exist or come twice.
    """
    if asset_type.counted:
        raise Refused(
            "counted_type", N_("Boxes of the type %(type)s are only counted; they have no codes."), type=asset_type.code
        )
    checked = [checked_code(asset_type, code) for code in codes]
    twice = sorted({code for code in checked if checked.count(code) > 1}) if len(set(checked)) < len(checked) else []
    if twice:
        raise Refused("code_twice", N_("These codes come twice: %(codes)s"), codes=_some(twice))
    try:
        with taking_turns():
            return _register(asset_type, checked, owner, return_place, user, now)
    except IntegrityError as error:  # somebody else registered one of them in the same moment
        raise _exist(existing_codes(checked) or checked) from error


def _register(
    asset_type: AssetType, codes: list[str], owner: Party, return_place: Place | None, user: User | None, now: datetime
) -> list[Asset]:
    existing = existing_codes(codes)
    if existing:
        raise _exist(existing)
    assets, events = [], []
    for code in codes:
        event = Event(
            str(uuid4()), "commission", now, now, home_id=owner.id, place_id=return_place.id if return_place else None,
            place_party_id=return_place.party_id if return_place else None,
        )  # fmt: skip
        state, _ = rules.apply(State(), event)
        assets.append(
            {
                "code": code, "grai": grai(asset_type, code), "asset_type": asset_type.id, "owner": owner.id,
                "return_place": event.place_id, "created_time": now, "last_event_time": now, "event_count": 1,
                **{_COLUMN_OF.get(name, name): getattr(state, name) for name in rules.FIELDS},
            }
        )  # fmt: skip
        events.append(event)
    for start in range(0, len(assets), _CHUNK):
        Asset.insert_many(assets[start : start + _CHUNK]).execute()
    made: dict[str, Asset] = {}
    for start in range(0, len(codes), _CHUNK):
        made.update(
            {asset.code: asset for asset in Asset.select().where(Asset.code.in_(codes[start : start + _CHUNK]))}
        )
    rows = [
        {
            "event_id": event.event_id, "type": "commission", "asset": made[code].id, "scanned_text": code,
            "place": event.place_id, "event_time": now, "record_time": now, "user": user.id if user else None,
            "body_sha256": hashlib.sha256(f"commission {code}".encode()).hexdigest(),
        }
        for code, event in zip(codes, events, strict=True)
    ]  # fmt: skip
    for start in range(0, len(rows), _CHUNK):
        ScanEvent.insert_many(rows[start : start + _CHUNK]).execute()
    return [made[code] for code in codes]


def existing_codes(codes: Sequence[str]) -> list[str]:
    """Those of `codes` that are registered already."""
    found: list[str] = []
    for start in range(0, len(codes), _CHUNK):
        query = Asset.select(Asset.code).where(Asset.code.in_(codes[start : start + _CHUNK])).order_by(Asset.code)
        found += [code for (code,) in tuples(query)]
    return found


def _exist(codes: Sequence[str]) -> Refused:
    return Refused("code_exists", N_("These codes are registered already: %(codes)s"), codes=_some(codes))


def _some(codes: Sequence[str]) -> str:
    return ", ".join(codes[:20]) + (f" … ({len(codes)})" if len(codes) > 20 else "")


#: State's fields that are called otherwise in Asset's insert.
_COLUMN_OF = {"holder_id": "holder", "place_id": "place", "shipment_id": "shipment"}


def _state_of(asset: Asset) -> State:
    return State(**{name: getattr(asset, name) for name in rules.FIELDS})


def _store_states(states: Iterable[tuple[int, State, datetime | None, int]]) -> None:
    names = [*rules.FIELDS, "last_event_time", "event_count"]
    update = Asset.update({_COLUMN_OF.get(name, name): None for name in names}).where(Asset.id == 0)
    _execute_many(
        update, [(*(getattr(state, n) for n in rules.FIELDS), last, count, id_) for id_, state, last, count in states]
    )


def _insert_events(rows: Sequence[dict[str, Any]]) -> None:
    """Insert events; all rows have the same keys."""
    if rows:
        fields = [ScanEvent._meta.fields[name] for name in rows[0]]
        insert = ScanEvent.insert_many([tuple(rows[0].values())], fields=fields)
        _execute_many(insert, [tuple(row.values()) for row in rows])


def _execute_many(query: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Run one INSERT or UPDATE for many rows, in the order of its own values; far less work than a query for each."""
    if not rows:
        return
    database = query.model._meta.database
    sql, values = query.sql()
    assert len(values) == len(rows[0])
    with __exception_wrapper__:  # the driver's errors as peewee's, as its own execute does
        database.cursor().executemany(sql, [tuple(_db_value(value) for value in row) for row in rows])


def _db_value(value: Any) -> Any:
    return ScanEvent.event_time.db_value(value) if isinstance(value, datetime) else value


def _exists(query: Any) -> Any:
    return fn.EXISTS(query)


def _by(model: Any, column: Any, keys: set[str]) -> dict[str, Any]:
    keys = {key for key in keys if key}
    return {getattr(row, column.name): row for row in model.select().where(column.in_(keys))} if keys else {}


def _offset_minutes(time: datetime) -> int:
    offset = time.utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


assert ScanEvent.scanned_text.max_length == MAX_LENGTH
