"""Scans become events: this module writes every ScanEvent but the first of a box (registering.py).

A batch is one transaction with a fixed number of queries, whatever its length. What is later than all that is known of
a box is applied to its state; what comes late makes the whole history of the box be replayed. A refused scan is an
outcome and a row, never an exception: raised inside the transaction it would take its row with it. What says nothing
new ("known") and what asks a question first leave no row.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, reduce
from operator import or_
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid4, uuid5
from zoneinfo import ZoneInfo

from peewee import IntegrityError, OperationalError, fn

from accounts.models import User
from accounts.scope import both, current_scope
from assets import scan_reads
from assets import state as rules
from assets.event_types import EVENT_TYPES, REASONS, SCANNABLE
from assets.finding import box_of, keys_of
from assets.ledger import (
    Booking,
    Change,
    Known,
    LevelKey,
    book,
    change_levels,
    explain,
    histories,
    insert_rows,
    open_cases,
    state_of,
    store,
)  # fmt: skip
from assets.loads import counted_in, sscc_key
from assets.models import Asset, ScanEvent, StockLevel
from assets.movements import NOWHERE, Account, Line
from assets.pools import MOVES_NOTHING, NEEDS, Point, PoolEvent, counted_at, posting
from assets.scanned_text import MAX_LENGTH, ScannedCode, company_prefix, read_scanned_text, storable
from assets.state import Event, State, Step, shown
from assets.values import altered
from assets.visible import event_is_seen, of_entities, picture_is_free
from database import claiming, locked, one_of, sent_together, tuples
from errors import N_, Message
from master_data.models import AssetType
from shipments.models import Shipment

Done = TypeVar("Done")

#: The same trigger pulled twice: one event, when device, box, kind and context are the same.
DOUBLE_TRIGGER = timedelta(seconds=30)

#: Ends a box by its books; that and the undoing of what others have relied on for so long need a second person.
ENDS = ("write_off", "decommission", "scrap")
UNDONE_ALONE = timedelta(hours=24)

#: Boxes of a counted pool that one scan may tell of.
MAX_QUANTITY = 100_000

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
    destination: str = ""  # code of a place
    asset_type: str = ""  # code; of a counted pool
    quantity: int = 0
    parent: str = ""  # text of the load: an SSCC, or the plate of a box
    document: str = ""
    photo: str = ""  # SHA-256 of a kept picture
    corrects: str = ""
    # how it came; no part of what makes two reports the same
    device_time: datetime | None = None  # what the device said where event_time is corrected
    sender: int | None = None  # id of the registered device
    sequence: int | None = None  # its count of its scans
    session: str = ""
    clock_corrected: bool = False
    refuse: str = ""  # reason for which it is kept, and never counts
    agreed: bool = False  # a second person has agreed to it
    instead: str = ""  # of an undoing, JSON: the scan that shall stand in its place once a second person has agreed


@dataclass(frozen=True)
class Answer:
    """What became of a scan: `outcome` is a key of STATUS, `text` the sentence for the person with the scanner.

    `load`: the answers for the boxes in a load that was scanned.
    """

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
    load: tuple[Answer, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status of this outcome."""
        return STATUS[self.outcome]

    @property
    def waits(self) -> bool:
        """It is kept, and counts when a second person has agreed."""
        return self.reason == "needs_second"

    @property
    def done(self) -> bool:
        """Whoever told it need not tell it again."""
        return self.waits or self.outcome in ("recorded", "known")


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
    "load": N_("Load %(load)s: %(taken)s of %(count)s recorded."),
    "void_known": N_("%(code)s: this scan was undone already."),
    "foreign_grai": N_("This box belongs to another company (GS1 prefix %(prefix)s) and is not registered here."),
}
_NEEDED = {
    "shipment": N_("This scan needs a shipment."),
    "place": N_("This scan needs a place."),
    "party": N_("This scan needs a partner."),
    "destination": N_("This scan needs the place where the box is going."),
    "parent": N_("This scan needs the load: scan its label."),
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
    read = [_Scan.read(scan, own_hosts, user.id if user else None) for scan in scans]
    return in_turn(lambda _: _Batch(read, now).run())


#: What the scanned text of a scan means, and the text of the load.
Texts = tuple[ScannedCode, ScannedCode | None]


def texts_of(scan: ScanInput, own_hosts: Collection[str]) -> Texts:
    """What the texts of a scan mean: nothing that is stored is needed for that."""
    parent = read_scanned_text(scan.parent, own_hosts) if scan.parent else None
    return read_scanned_text(scan.scanned_text, own_hosts), parent


def record_together(
    told: Sequence[tuple[ScanInput, Texts, int]], now: datetime, came: Mapping[int, int]
) -> list[Answer]:
    """`record_scans` for scans of several people (by their ids), within a transaction of the caller, `in_turn`.

    `came`: of devices that the caller has locked, by id: the highest sequence of which anything has come before.
    """
    read = [_Scan(scan, *texts, body_sha256(scan), user_id) for scan, texts, user_id in told]
    return _Batch(read, now, came).run() if read else []


def in_turn(work: Callable[[set[str]], Done], names: Collection[str] = ()) -> Done:
    """Do `work` in a transaction, and again when another connection took one of its ids in the meantime (PostgreSQL;
    the id is known in the next round), or when each waited for a row that the other had locked.

    `names`: what nobody else may be at meanwhile; work is told which of them are ours (`database.claiming`).
    """
    for tries_left in (2, 1, 0):
        try:
            with claiming(names) as ours, sent_together():
                return work(ours)
        except (IntegrityError, OperationalError) as error:
            if not tries_left or (isinstance(error, OperationalError) and "deadlock" not in str(error)):
                raise
    raise AssertionError("not reached")


def correct_event(
    wrong: str, right: ScanInput, why: str, user: User | None, now: datetime, own_hosts: Collection[str] = ()
) -> Answer:
    """Declare the event `wrong` void and record `right` in its place, both or none; gives the answer to `right`.

    `why`: what was wrong, for the error declaration, whose reason begins with the word that EPCIS has for it. When the
    answer is not "recorded" nothing has been written.
    """
    void = ScanInput(
        str(uuid4()), "void", "", now, device=right.device, voids=wrong, reason=f"incorrect_data {why}",
        agreed=right.agreed,
    )  # fmt: skip
    by = user.id if user else None
    read = [_Scan.read(one, own_hosts, by) for one in (void, altered(right, corrects=wrong))]
    try:
        return in_turn(lambda _: _whole(_Batch(read, now).run()))[1]
    except _NotWhole as fault:
        if fault.answer.reason != "needs_second" or fault.answer.event_id != void.event_id:
            return fault.answer
    # Kept as asked for, with what shall stand in its place, so that a second person needs but agree.
    return record_scan(altered(void, instead=json.dumps(told_again(right))), user, now, own_hosts)


def told_again(scan: ScanInput) -> dict[str, Any]:
    """A scan from the desk as JSON, for `heard_again`."""
    kept = asdict(scan) | {"event_time": scan.event_time.isoformat()}
    return {name: value for name, value in kept.items() if value and name != "device_time"}


def heard_again(told: dict[str, Any]) -> ScanInput:
    """The scan that `told_again` kept, under a new id."""
    known = told | {"event_id": str(uuid4()), "event_time": datetime.fromisoformat(told["event_time"])}
    return ScanInput(**known | {"confirmed": tuple(told.get("confirmed", ()))})


class _NotWhole(Exception):
    """One of the scans that belong together was not taken; rolls all of them back."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def _whole(answers: list[Answer]) -> list[Answer]:
    for answer in answers:
        if answer.outcome != "recorded":
            raise _NotWhole(answer)
    return answers


@dataclass(frozen=True)
class _Scan:
    """A scan with what its texts mean. `via`: event_id of the load whose scan stands for it."""

    input: ScanInput
    code: ScannedCode
    parent: ScannedCode | None
    body: str
    user_id: int | None
    via: str = ""

    @classmethod
    def read(cls, scan: ScanInput, own_hosts: Collection[str], user_id: int | None) -> _Scan:
        return cls(scan, *texts_of(scan, own_hosts), body_sha256(scan), user_id)

    def of(self, box: _Box) -> _Scan:
        """The same for one box of the load. Its id follows from the load's, so that it is never taken twice."""
        derived = altered(
            self.input,
            event_id=str(uuid5(NAMESPACE_OID, f"{self.input.event_id} {box.asset.code}")),
            scanned_text=box.asset.code,
        )
        return altered(
            self,
            input=derived,
            code=ScannedCode("code", box.asset.code, box.asset.code),
            body=body_sha256(derived),
            via=self.input.event_id,
        )


@dataclass
class _Box:
    """An asset in the course of a batch. `history`: its events that count, where they had to be read; else None."""

    asset: Any  # Asset, as scan_reads.BOX has it
    kind: Any  # AssetType, as scan_reads.kinds() has it
    stored: State
    state: State
    last: datetime | None
    count: int
    history: list[Event] | None = None
    words: dict[str, str] = field(default_factory=dict)  # event_id → exceptions as the row has them
    steps: list[Step] = field(default_factory=list)
    changed: bool = False

    def at(self, event: Event) -> State:
        """The state in which `event` finds the box."""
        if self.history is None:
            return self.state
        ordered = rules.in_order([*self.history, event])
        place = next(index for index, one in enumerate(ordered) if one.event_id == event.event_id)
        return rules.replay(ordered[:place])[0]

    def add(self, event: Event) -> tuple[str, ...]:
        """Take an event; gives the rules that it breaks."""
        self.changed = True
        if self.history is None:
            step = rules.apply(self.state, event)
            self.steps.append(step)
            self.state = step.after
            self.last, self.count = event.order_time, self.count + 1
            return step.broken
        self._replay([*self.history, event])
        return next(step.broken for step in self.steps if step.event.event_id == event.event_id)

    def remove(self, event_id: str) -> None:
        assert self.history is not None
        self.changed = True
        self._replay([event for event in self.history if event.event_id != event_id])

    def _replay(self, history: list[Event]) -> None:
        self.history = history
        self.steps = list(rules.steps(history))
        self.state = self.steps[-1].after if self.steps else State()
        self.last, self.count = max((event.order_time for event in history), default=None), len(history)

    def change(self) -> Change:
        whole = self.history is not None
        return Change(self.asset, self.stored, self.steps, whole, self.count, self.last, self.words)


#: What a scan of a load means for each box in it.
_MOVES_A_LOAD = {code for code, kind in EVENT_TYPES.items() if kind.moves} | {"empties_ready", "stock_take"}


class _Batch:
    """The rows that a batch of scans needs, read once, and the rows that it makes, written once."""

    def __init__(self, scans: Sequence[_Scan], now: datetime, came: Mapping[int, int] | None = None) -> None:
        self.scans, self.now, self.came = list(scans), now, came or {}
        self.scope = current_scope()  # what is not for who scans is unknown to him, and its scan is kept as such
        self.others: dict[int, bool] = {}  # whether anybody else than this person works here; read when it matters
        self.rows: list[dict[str, Any]] = []
        self.bookings: list[Booking] = []
        self.level_deltas: Counter[LevelKey] = Counter()
        self.cases: list[tuple[str, str]] = []  # event_id and word of what a person has to decide
        self.asked: dict[str, dict[str, str]] = {}  # event_id of an undoing that waits → what it undoes, and for what
        self.explained: list[tuple[str, str]] = []
        inputs = [scan.input for scan in scans]
        self.wanted_voids = {scan.voids for scan in inputs if scan.voids}
        kinds = scan_reads.kinds()
        self.kinds: dict[int, Any] = {kind.id: kind for kind in kinds}
        self.kinds_by_code: dict[str, Any] = {kind.code: kind for kind in kinds}
        self.pools = any(kind.counted for kind in kinds)
        self._find_boxes()  # first: on PostgreSQL it takes the locks, what is read after it is settled
        self._find_known()
        scope = self.scope
        numbers = {scan.shipment for scan in inputs} - {""}
        found = scan_reads.shipments(numbers, scope=scope) if numbers else []
        self.shipments: dict[str, Any] = {shipment.number: shipment for shipment in found}
        codes = ({scan.place for scan in inputs} | {scan.destination for scan in inputs}) - {""}
        ids = {id_ for box in self.boxes.values() for id_ in (box.asset.place_id, box.asset.return_place_id)} - {None}
        found = scan_reads.places(codes, ids, scope=scope) if codes or ids else []
        hidden = self._hidden(codes)
        self.places: dict[str, Any] = {place.code: place for place in found if place.code not in hidden}
        self.places_by_id: dict[int, Any] = {place.id: place for place in found}
        codes = {scan.party for scan in inputs} - {""}
        found = scan_reads.parties(codes, scope=scope) if codes else []
        self.parties: dict[str, Any] = {party.code: party for party in found}
        for box in self.boxes.values():
            place = self.places_by_id.get(box.asset.place_id)
            box.stored = box.state = state_of(box.asset, place.party_id if place else None)
        self._find_pools()
        self._find_histories()
        self._find_recent()
        self._hide_pictures()

    def _hidden(self, codes: set[str]) -> set[str]:
        """Those of these codes of places that are not for who scans."""
        if not self.scope.is_limited or not codes:
            return set()
        return codes - {row.code for row in scan_reads.open_places(codes, scope=self.scope)}

    def _hide_pictures(self) -> None:
        """A picture that came with something else is not to be had by naming its hash in a scan of one's own."""
        if not self.scope.is_limited:
            return
        named = {scan.input.photo for scan in self.scans if scan.input.photo}
        for scan_no, scan in enumerate(self.scans):
            photo = scan.input.photo
            if photo in named and not picture_is_free(photo, scan.user_id or 0):
                self.scans[scan_no] = altered(scan, input=altered(scan.input, photo=""))

    def run(self) -> list[Answer]:
        answers = [self._take(scan) for scan in self.scans]
        self._write()
        return answers

    # what is read

    def _find_boxes(self) -> None:
        keys = keys_of(code for scan in self.scans for code in (scan.code, scan.parent) if code)
        more: list[Any] = []
        loads = {f"(00){scan.code.canonical}" for scan in self.scans if scan.code.kind == "sscc"}
        if loads:
            more.append(Asset.parent.in_(loads))
        if self.wanted_voids:
            undone = ScanEvent.event_id.in_(self.wanted_voids) | _via(self.wanted_voids)
            more.append(Asset.id.in_(ScanEvent.select(ScanEvent.asset).where(undone)))
        assets: list[Any] = []
        if more:
            condition = reduce(or_, [*more, *([one_of(Asset.code, keys) | one_of(Asset.grai, keys)] if keys else [])])
            wanted = both(condition, of_entities(self.scope))
            query = locked(Asset.select(*scan_reads.BOX).where(wanted).order_by(Asset.code))
            assets = list(query)
        elif keys:
            assets = scan_reads.boxes(keys, keys, scope=self.scope)
        self._keep(assets)
        parents = {
            box.asset.code
            for scan in self.scans
            if scan.input.type in _MOVES_A_LOAD and (box := self._box(scan.code)[0]) is not None
        }
        if parents:
            inside = scan_reads.boxes_inside(parents, scope=self.scope)
            more_assets = [asset for asset in inside if asset.id not in self.boxes]
            if more_assets:
                self._keep([*assets, *more_assets])

    def _keep(self, assets: list[Any]) -> None:
        self.boxes = {
            asset.id: _Box(
                asset, self.kinds[asset.asset_type_id], State(), State(), asset.last_event_time, asset.event_count
            )
            for asset in assets
        }
        self.by_code = {box.asset.code: box for box in self.boxes.values()}
        self.by_grai = {box.asset.grai: box for box in self.boxes.values() if box.asset.grai}
        self.found: dict[tuple[Any, ...], tuple[_Box | None, str]] = {}
        self.inside: dict[str, list[_Box]] = defaultdict(list)
        for box in self.boxes.values():
            if box.asset.parent:
                self.inside[box.asset.parent].append(box)

    def _find_known(self) -> None:
        """Rows of these ids, of what is undone, and of what came with an id that had been used for something else."""
        ids = {scan.input.event_id for scan in self.scans} | self.wanted_voids
        rows: Any
        if self.wanted_voids:
            rows = ScanEvent.select().where(one_of(ScanEvent.event_id, ids) | _via(self.wanted_voids)).dicts()
        else:
            rows = scan_reads.events.dicts(ids)
        self.known: dict[str, dict[str, Any]] = {row["event_id"]: row for row in rows}
        used = {
            _conflict_id(scan.input, scan.body)
            for scan in self.scans
            if scan.input.event_id in self.known and self.known[scan.input.event_id]["body_sha256"] != scan.body
        }
        if used:
            kept: Any = ScanEvent.select().where(ScanEvent.event_id.in_(used)).dicts()
            self.known.update({row["event_id"]: row for row in kept})
        self.void: set[str] = set()
        if self.wanted_voids:
            void = ScanEvent.select(ScanEvent.voids).where(ScanEvent.voids.in_(list(self.known)))
            self.void = {voids for (voids,) in tuples(void)}

    def _box(self, code: ScannedCode) -> tuple[_Box | None, str]:
        """The box of a text, or the reason why there is none."""
        key = (code.kind, code.canonical, code.warnings, code.reason)
        if key not in self.found:  # asked for several times for each scan
            self.found[key] = box_of(code, self.by_code, self.by_grai)
        return self.found[key]

    def _load_key(self, scan: _Scan) -> str:
        """What a load of this text would be called in the column `parent`."""
        box, _ = self._box(scan.code)
        return sscc_key(scan.code) or (box.asset.code if box else "")

    def _load_of(self, scan: _Scan) -> tuple[str, list[_Box]]:
        """The key of the load that was scanned, '' when it is none, and the boxes in it."""
        key = self._load_key(scan)
        inside = [box for box in self.inside.get(key, ()) if box.state.parent == key]
        return (key, inside) if inside or (key, scan.input.type) in self.pool_loads else ("", [])

    def _find_pools(self) -> None:
        """The levels of the counted types of this batch, locked; and what of them lies in the scanned loads."""
        self.levels: Counter[LevelKey] = Counter()
        self.pool_loads: dict[tuple[str, str], Counter[int]] = {}
        kinds = {kind.id for scan in self.scans if (kind := self._pool_type(scan)) is not None}
        kinds |= {row["asset_type"] for row in self.known.values() if row["asset_type"] is not None}
        keys = {(self._load_key(scan), scan.input.type) for scan in self.scans if scan.input.type in _MOVES_A_LOAD}
        keys = {(key, type) for key, type in keys if key}
        if keys and self.pools:
            inside = counted_in({key for key, _ in keys})
            kinds |= {kind for counted in inside.values() for kind in counted}
            self.pool_loads = {(key, type): inside[key] for key, type in keys if inside.get(key)}
        if kinds:
            rows = locked(StockLevel.select().where(StockLevel.asset_type.in_(kinds)).order_by(StockLevel.key))
            for row in rows:
                key = LevelKey(
                    row.asset_type_id, row.owner_id, row.holder_id, row.place_id, row.life, row.where, row.condition
                )
                self.levels[key] = row.quantity

    def _find_histories(self) -> None:
        """Read the events of the boxes to which something comes late, twice in this batch, or is declared void."""
        last = {box.asset.id: box.last for box in self.boxes.values()}
        undone = [row for row in self.known.values() if {row["event_id"], row["via"]} & self.wanted_voids]
        late = {row["asset"] for row in undone} | self._overtaken()
        for index, scan in enumerate(self.scans):
            box, _ = self._box(scan.code)
            if scan.input.type == "void":
                continue
            touched = [box] if box is not None else []
            if scan.input.type in _MOVES_A_LOAD:
                touched += self._load_of(scan)[1]
            for one in touched:
                time = rules.order_time(scan.input.event_time, self.now + timedelta(microseconds=index))
                before = last[one.asset.id]
                if (before is not None and time <= before) or scan.input.event_id in self.wanted_voids:
                    late.add(one.asset.id)
                last[one.asset.id] = time
        late &= self.boxes.keys()
        for id_, events in histories(late).items():
            box = self.boxes[id_]
            box.history = [event for event, _ in events]
            box.words = {event.event_id: exception for event, exception in events}
        for id_ in late:
            if self.boxes[id_].history is None:
                self.boxes[id_].history = []
        # Who waited for his turn comes after whom he waited for, also where both scans bear the same time.
        stored = [event.record_time for id_ in late for event in self.boxes[id_].history or ()]
        self.now = max([self.now, *(time + timedelta(microseconds=1) for time in stored)])

    def _overtaken(self) -> set[int]:
        """Boxes of which later scans of the same device are here already, or stand before earlier ones in this batch:
        whatever the clock says, these come after."""
        sequences: dict[int, list[int]] = {}
        for scan in self.scans:
            if scan.input.sequence and scan.input.sender is not None:
                sequences.setdefault(scan.input.sender, []).append(scan.input.sequence)
        if not sequences or not self.boxes:
            return set()
        if any(counts != sorted(counts) for counts in sequences.values()):
            return set(self.boxes)
        again = {sender for sender, counts in sequences.items() if counts[0] <= self.came.get(sender, counts[0])}
        if not again:
            return set()
        lowest = min(sequences[sender][0] for sender in again)
        return {row.asset_id for row in scan_reads.counted_later(self.boxes, again, lowest)}

    def _find_recent(self) -> None:
        """Triggers pulled shortly before the ones of this batch: (box, kind, device, person, context) → times."""
        self.recent: dict[tuple[Any, ...], list[tuple[datetime, str]]] = defaultdict(list)
        times = [scan.input.event_time for scan in self.scans]
        if not self.boxes:
            return
        since, until = min(times) - DOUBLE_TRIGGER, max(times) + DOUBLE_TRIGGER
        for event_id, event_time, *context in scan_reads.triggers(self.boxes, since, until):
            self.recent[tuple(context)].append((event_time, event_id))

    # one scan

    def _take(self, scan: _Scan) -> Answer:
        if scan.input.event_id in self.known:
            return self._again(scan, self.known[scan.input.event_id])
        kind = EVENT_TYPES.get(scan.input.type)
        pool = self._pool_type(scan)
        if kind is None or (kind.code not in SCANNABLE and pool is None):
            return Answer(scan.input.event_id, "invalid", Message(_UNKNOWN_TYPE), field="type")
        if scan.input.refuse:
            return self._keep_for_review(scan, pool)
        if pool is not None or scan.input.asset_type:
            return self._take_pool(scan, pool)
        missing = self._missing(scan, kind.needs)
        if missing:
            return Answer(scan.input.event_id, "invalid", Message(_NEEDED[missing]), field=missing)
        if kind.code == "void":
            return self._declare_void(scan)
        load, inside = self._load_of(scan) if kind.code in _MOVES_A_LOAD and not scan.via else ("", [])
        if load:
            return self._take_load(scan, load, inside)
        return self._take_box(scan)

    def _missing(self, scan: _Scan, needs: Iterable[str]) -> str:
        """The first field that such a scan needs and does not bring; '' when none is missing."""
        for need in needs:
            names = ("place", "party") if need == "holder" else (need,)
            if not any(str(getattr(scan.input, name)).strip() for name in names):
                return names[0]
        return ""

    def _take_box(self, scan: _Scan) -> Answer:
        box, fault = self._box(scan.code)
        if box is not None and box.state.life == "none":
            fault = "unknown_asset"
        if box is None or fault:
            return self._refuse(scan, None, fault)
        fault = self._unknown_context(scan, box)
        if fault:
            return self._refuse(scan, box, fault)
        event = self._event(scan, box)
        context = (
            box.asset.id, scan.input.type, scan.input.device, scan.user_id, event.shipment_id,
            event.place_id, event.party_id,
        )  # fmt: skip
        if any(abs(scan.input.event_time - time) <= DOUBLE_TRIGGER for time, _ in self.recent[context]):
            return self._answer(scan, box, "known")
        before = box.at(event)
        cell = rules.outcome(before, event)
        if cell.verdict == "=":
            return self._answer(scan, box, "known")
        reason = rules.refused_by(cell, scan.input.confirmed)
        if reason and cell.verdict == "?":
            # Not a refusal but a question: it leaves no row, so that the same id can be sent again with the answer.
            return self._answer(scan, box, "refused", reason, confirm=reason)
        if reason:
            return self._refuse(scan, box, reason)
        if scan.input.type in ENDS and self._needs_second(scan):
            return self._refuse(scan, box, "needs_second")
        exceptions = box.add(event)
        self.recent[context].append((scan.input.event_time, scan.input.event_id))
        self._append(scan, box, event)
        if event.type == "pack" and event.parent == box.state.parent:
            self._move_with_load(scan, box, event)
        return self._answer(scan, box, "recorded", exceptions=exceptions)

    def _move_with_load(self, scan: _Scan, box: _Box, packed: Event) -> None:
        """The load moved before we learned that this box is in it (its packer was offline): it has moved along."""
        parent, _ = self._box(scan.parent) if scan.parent else (None, "")
        void = ScanEvent.alias()
        moves: Any = (
            ScanEvent.select()
            .where(
                ScanEvent.asset == parent.asset.id
                if parent
                else (ScanEvent.parent == packed.parent) & ScanEvent.asset.is_null(),
                ScanEvent.event_time > packed.order_time,
                ScanEvent.type.in_(sorted(_MOVES_A_LOAD)),
                ScanEvent.via == "",
                ScanEvent.refused == "",
                ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
            )
            .order_by(ScanEvent.event_time, ScanEvent.record_time)
            .dicts()
        )
        for row in moves:
            place, shipment = self._place(row["place"]), self._shipment(row["shipment"])
            event = altered(
                packed,
                event_id=str(uuid5(NAMESPACE_OID, f"{row['event_id']} {box.asset.code}")),
                type=row["type"],
                event_time=row["event_time"],
                record_time=self.now + timedelta(microseconds=len(self.rows)),
                place_id=row["place"],
                place_party_id=place.party_id if place else None,
                place_own=bool(place and place.own),
                party_id=row["party"],
                shipment_id=row["shipment"],
                consignee_id=shipment.consignee_id if shipment else None,
                happened=True,
                parent="",
                via=row["event_id"],
                document=row["document"],
                sender_id=None,  # nobody scanned the box then, so no device counted it: the time is its order
                sequence=0,
            )
            if ScanEvent.select().where(ScanEvent.event_id == event.event_id).exists():
                continue  # it was in the load then
            box.add(event)
            same = {name: row[name] for name in ("type", "shipment", "party", "destination", "document", "event_time")}
            same |= {"sender": None, "sequence": None, "device_time": None, "session": ""}
            self._append(scan, box, event, event_id=event.event_id, via=event.via, happened=True, **same)

    def _take_load(self, scan: _Scan, key: str, inside: list[_Box]) -> Answer:
        """A scan of a load is one for each box in it; the row of the load itself says that it was scanned."""
        answers = []
        if scan.code.kind != "sscc":  # the load is a box itself
            own = self._take_box(scan)
            if own.outcome not in ("recorded", "known"):
                return own
            answers.append(own)
        else:
            fault = self._unknown_context(scan, None)
            if fault:
                return self._refuse(scan, None, fault)
        for box in inside:
            answers.append(self._take_box(scan.of(box)))
        for kind, quantity in self.pool_loads.get((key, scan.input.type), {}).items():
            pool = self.kinds[kind]
            if EVENT_TYPES[scan.input.type].pool and not self._missing(scan, NEEDS[scan.input.type]):
                id_ = str(uuid5(NAMESPACE_OID, f"{scan.input.event_id} {pool.code}"))
                part = altered(scan.input, event_id=id_, asset_type=pool.code, quantity=quantity, scanned_text="")
                answers.append(self._take_pool(altered(scan, input=part, via=scan.input.event_id), pool))
        if scan.code.kind == "sscc":
            self._append(scan, None, None, parent=key)
        taken = [answer for answer in answers if answer.outcome == "recorded"]
        words = tuple(dict.fromkeys(word for answer in answers for word in (*answer.exceptions, answer.reason) if word))
        values = {"load": key, "taken": len(taken), "count": len(answers)}
        outcome = "recorded" if taken or scan.code.kind == "sscc" else "known"
        text = Message(_TEXTS["load"], values)
        return Answer(
            scan.input.event_id, outcome, text, code=key, reason=None, exceptions=words, load=tuple(answers)
        )  # fmt: skip

    def _unknown_context(self, scan: _Scan, box: _Box | None) -> str:
        told = scan.input
        shipment = self.shipments.get(told.shipment)
        if told.shipment:
            if shipment is None:
                return "unknown_shipment"
            if told.type == "dispatch" and shipment.state in ("closed", "cancelled") and not told.happened:
                return "closed_shipment"
        if any(code and code not in self.places for code in (told.place, told.destination)):
            return "unknown_place"
        if told.party and told.party not in self.parties:
            return "unknown_party"
        if scan.parent is not None and not self._parent_key(scan):
            return "unknown_load"
        if box is None or told.happened:
            return ""
        if told.type == "damage" and box.kind.damage_needs_photo and not told.photo:
            return "photo_missing"
        if told.type == "dispatch" and shipment and box.asset.owner_id != shipment.consignee_id:
            return "" if box.asset.owner_id in self.own else "foreign_owner"
        return ""

    def _parent_key(self, scan: _Scan) -> str:
        """The load into which something is packed: an SSCC, or a box of ours; '' when it is neither."""
        if scan.parent is None:
            return ""
        box, _ = self._box(scan.parent)
        return sscc_key(scan.parent) or (box.asset.code if box else "")

    def _declare_void(self, scan: _Scan) -> Answer:
        row = self.known.get(scan.input.voids)
        if row is not None and not event_is_seen(row["event_id"]) and row["asset"] not in self.boxes:
            row = None
        box = self.boxes.get(row["asset"]) if row and row["asset"] else None
        pool = self.kinds.get(row["asset_type"]) if row and row["asset_type"] else None
        part_of_load = [one for one in self.known.values() if one["via"] == scan.input.voids]
        if row is None or row["refused"] or row["type"] == "void" or not (box or pool or part_of_load):
            return self._refuse(scan, box, "unknown_event")
        if scan.input.voids in self.void:
            return self._answer(scan, box, "known", kind="void_known")
        if self.now - row["record_time"] > UNDONE_ALONE and self._needs_second(scan):
            kind = {"asset_type": row["asset_type"]} if row["asset_type"] else {}
            self.asked[scan.input.event_id] = {"voids": scan.input.voids, "instead": scan.input.instead}
            self._append(scan, box, None, refused="needs_second", parent=row["parent"], **kind)
            return self._answer(scan, box, "refused", "needs_second")
        for one in [row, *part_of_load]:
            if one["event_id"] in self.void or (one["asset"] and one["asset"] not in self.boxes):
                continue  # undone before, or a box in the load that is not for who undoes it
            self.void.add(one["event_id"])
            inside = self.boxes.get(one["asset"]) if one["asset"] else None
            if inside is not None:
                inside.remove(one["event_id"])
            if one["asset_type"]:
                self._post(self.kinds[one["asset_type"]], self._pool_event(one), one["event_id"], one["event_time"], -1)
                self.explained += [(one["event_id"], word) for word in one["exception"].split()]
            for times in self.recent.values():
                times[:] = [(time, event_id) for time, event_id in times if event_id != one["event_id"]]
            own = one is row
            id_ = scan.input.event_id if own else str(uuid5(NAMESPACE_OID, f"{scan.input.event_id} {one['event_id']}"))
            kind = {"asset_type": one["asset_type"]} if one["asset_type"] else {}
            self._append(
                scan, inside, None, event_id=id_, voids=one["event_id"], via="" if own else scan.input.event_id, **kind
            )
        return self._answer(scan, box, "recorded")

    def _needs_second(self, scan: _Scan) -> bool:
        """Whether it waits for a second person: somebody asks for it, and there is somebody else who can agree."""
        by = scan.user_id
        if by is None or scan.input.agreed:
            return False
        if by not in self.others:
            self.others[by] = bool(scan_reads.anybody_else(by))
        return self.others[by]

    def _again(self, scan: _Scan, row: dict[str, Any]) -> Answer:
        """The answer to an event_id that was taken before."""
        if row["body_sha256"] != scan.body:
            own_id = _conflict_id(scan.input, scan.body)
            if own_id not in self.known:
                reason = f"event_id {scan.input.event_id}"
                self._append(scan, None, None, event_id=own_id, refused="conflict", reason=reason)
            return Answer(scan.input.event_id, "conflict", Message(_TEXTS["conflict"]), reason="conflict")
        box = self.boxes.get(row["asset"])
        if row["refused"]:
            return self._answer(scan, box, "refused", row["refused"])
        return self._answer(scan, box, "known", exceptions=tuple(row["exception"].split()))

    def _keep_for_review(self, scan: _Scan, pool: Any) -> Answer:
        """A row with all that was told, so that a person can let it count later; it does not count now."""
        told = scan.input
        box, _ = self._box(scan.code)
        more: dict[str, Any] = {"parent": self._parent_key(scan)}
        if pool is not None:
            more |= {"asset_type": pool.id, "quantity": told.quantity}
        if told.voids:
            more |= {"reason": f"{storable(told.reason)} ({told.voids})"}
        self._append(scan, box, None, refused=told.refuse, **more)
        return self._answer(scan, box, "refused", told.refuse)

    def _refuse(self, scan: _Scan, box: _Box | None, reason: str) -> Answer:
        self._append(scan, box, None, refused=reason)
        return self._answer(scan, box, "refused", reason)

    def _answer(
        self,
        scan: _Scan,
        box: _Box | None,
        outcome: str,
        reason: str = "",
        exceptions: tuple[str, ...] = (),
        confirm: str | None = None,
        kind: str = "",
    ) -> Answer:
        pool = self._pool_type(scan)
        code = box.asset.code if box else pool.code if pool else ""
        values = {"code": code}
        if reason == "unknown_asset" and scan.code.kind == "grai" and company_prefix(scan.code.canonical):
            text, values = _TEXTS["foreign_grai"], {"prefix": company_prefix(scan.code.canonical)}
        elif reason or exceptions:
            text = REASONS[reason or exceptions[-1]]
        elif outcome == "known":
            text = _TEXTS.get(kind or f"{scan.input.type}_known", _TEXTS["known"])
        else:
            text = _RECORDED.get(scan.input.type, _TEXTS["recorded"])
        kind_code = box.kind.code if box else pool.code if pool else None
        return Answer(
            scan.input.event_id,
            outcome,
            Message(text, values if "%(" in text else {}),
            code=code or None,
            asset_type=kind_code,
            state=shown(box.state) if box else None,
            reason=reason or None,
            exceptions=exceptions,
            confirm=confirm,
        )

    # counted pools

    def _pool_type(self, scan: _Scan) -> Any:
        """The counted type that a scan tells of: named by it, or by a plate that has no serial."""
        kind = self.kinds_by_code.get(scan.input.asset_type)
        return kind if kind and kind.counted else None

    def _take_pool(self, scan: _Scan, kind: Any) -> Answer:
        told = scan.input
        if kind is None:
            known = told.asset_type in self.kinds_by_code
            return self._refuse(scan, None, "serialised_type" if known else "unknown_type")
        if told.type not in NEEDS:
            return Answer(told.event_id, "invalid", Message(_UNKNOWN_TYPE), field="type")
        if not (0 if told.type == "stock_take" else 1) <= told.quantity <= MAX_QUANTITY:
            return Answer(told.event_id, "invalid", Message(REASONS["quantity"]), field="quantity")
        missing = self._missing(scan, NEEDS[told.type])
        if missing:
            return Answer(told.event_id, "invalid", Message(_NEEDED[missing]), field=missing)
        fault = self._unknown_context(scan, None)
        if fault:
            return self._refuse(scan, None, fault)
        row = self._row(scan, None, None, parent=self._parent_key(scan), asset_type=kind.id, quantity=told.quantity)
        if told.type not in MOVES_NOTHING and not self.scope.has_entity(self._pool_owner(row)):
            return self._refuse(scan, None, "not_your_pool")
        if told.type in ENDS and self._needs_second(scan):
            self._add(row | {"refused": "needs_second"})
            return self._answer(scan, None, "refused", "needs_second")
        exceptions: list[str] = []
        if told.type == "stock_take":
            at = self._level_key(kind, counted_at(self._pool_event(row)), row)
            row["difference"] = told.quantity - self.levels[at] - self.level_deltas[at]
            if row["difference"]:
                exceptions.append("count_difference")
        source = self._post(kind, self._pool_event(row), told.event_id, told.event_time)
        if source is not None and self.levels[source] + self.level_deltas[source] < 0:
            exceptions.append("over_return" if source.where == "there" else "below_zero")
        row["exception"] = " ".join(exceptions)
        self._add(row)
        self.cases += [(told.event_id, word) for word in exceptions]
        return self._answer(scan, None, "recorded", exceptions=tuple(exceptions))

    def _pool_event(self, row: dict[str, Any]) -> PoolEvent:
        place = self._place(row["place"])
        goal = self._place(row["destination"])
        shipment = self._shipment(row["shipment"])
        return PoolEvent(
            row["type"],
            row["quantity"],
            row["place"],
            place.party_id if place else None,
            bool(place and place.own),
            row["party"] or (shipment.consignee_id if shipment else None),
            goal.party_id if goal else None,
            row["difference"],
        )

    def _place(self, id_: int | None) -> Any:
        if id_ is not None and id_ not in self.places_by_id:  # of an event that is undone
            self.places_by_id[id_] = scan_reads.place.one(id_)
        return self.places_by_id.get(id_) if id_ is not None else None

    def _shipment(self, id_: int | None) -> Any:
        known = next((one for one in self.shipments.values() if one.id == id_), None)
        return known or (Shipment.get_by_id(id_) if id_ is not None else None)

    def _pool_owner(self, row: dict[str, Any]) -> int:
        """Whose boxes they are: of whoever the place is of; at a partner those of our first company."""
        place = self._place(row["place"])
        return place.party_id if place and place.own else self.own[0]

    def _level_key(self, kind: Any, point: Point, row: dict[str, Any]) -> LevelKey:
        owner = self._pool_owner(row)
        return LevelKey(kind.id, owner, point.holder_id, point.place_id, "active", point.where, point.condition)

    def _post(self, kind: Any, event: PoolEvent, event_id: str, event_time: datetime, sign: int = 1) -> LevelKey | None:
        """Move boxes of a pool between two levels and in the account book; gives the level that they came from."""
        moved = posting(event)
        if moved is None:
            return None
        source, target, quantity = moved
        row = {"place": event.place_id}
        keys = [self._level_key(kind, point, row) if point else None for point in (source, target)]
        for key, direction in zip(keys, (-sign, sign), strict=True):
            if key:
                self.level_deltas[key] += direction * quantity
        giver, taker = _account(keys[0]), _account(keys[1])
        if giver != taker:
            line = Line(event_id, giver, taker, quantity) if sign > 0 else Line(event_id, taker, giver, quantity)
            self.bookings.append(Booking(line, None, kind.id, event_time.astimezone(self.zone).date()))
        return keys[0]

    @cached_property
    def own(self) -> list[int]:
        """Our own companies; few scans ask for them."""
        return [row.id for row in scan_reads.own_parties()]

    @cached_property
    def zone(self) -> ZoneInfo:
        """By whose calendar the account book is kept."""
        return ZoneInfo(next((kind.home_zone for kind in self.kinds.values() if kind.home_zone), "UTC"))

    # what is written

    def _event(self, scan: _Scan, box: _Box, index: int | None = None) -> Event:
        """`index`: its place in the batch, so that scans of one batch keep their order; None: the next one."""
        told, asset = scan.input, box.asset
        place, party = self.places.get(told.place), self.parties.get(told.party)
        shipment = self.shipments.get(told.shipment)
        if place is None and told.type in ("return", "found") and asset.return_place_id:
            # What stands on the plate as 'return to'; kept in the row, so that a later change of it changes nothing.
            place = self.places_by_id[asset.return_place_id]
        return Event(
            told.event_id,
            told.type,
            told.event_time,
            self.now + timedelta(microseconds=len(self.rows) if index is None else index),
            place_id=place.id if place else None,
            place_party_id=place.party_id if place else None,
            place_own=bool(place and place.own),
            party_id=party.id if party else None,
            shipment_id=shipment.id if shipment else None,
            consignee_id=shipment.consignee_id if shipment else None,
            happened=told.happened,
            parent=self._parent_key(scan),
            via=scan.via,
            document=storable(told.document)[:64],
            must_be_inspected=box.kind.inspected_before_dispatch,
            sender_id=told.sender,
            sequence=told.sequence or 0,
        )

    def _append(self, scan: _Scan, box: _Box | None, event: Event | None, **more: Any) -> None:
        self._add(self._row(scan, box, event, **more))

    def _add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self.known[row["event_id"]] = row
        if row["refused"]:
            self.cases.append((row["event_id"], row["refused"]))

    def _row(self, scan: _Scan, box: _Box | None, event: Event | None, **more: Any) -> dict[str, Any]:
        told = scan.input
        shipment, place, party, goal = (
            self.shipments.get(told.shipment), self.places.get(told.place), self.parties.get(told.party),
            self.places.get(told.destination),
        )  # fmt: skip
        return {
            "event_id": told.event_id,
            "type": told.type[:16],
            "asset": box.asset.id if box else None,
            "scanned_text": scan.code.raw,
            "shipment": shipment.id if shipment else None,
            "place": event.place_id if event else place.id if place else None,
            "party": party.id if party else None,
            "destination": goal.id if goal else None,
            "asset_type": None,
            "quantity": 0,
            "difference": None,
            "parent": event.parent if event else "",
            "via": scan.via,
            "corrects": told.corrects or None,
            "document": storable(told.document)[:64],
            "photo": told.photo[:64],
            "event_time": told.event_time,
            "device_time": told.device_time or told.event_time,
            "event_zone": _offset_minutes(told.event_time),
            "record_time": event.record_time if event else self.now + timedelta(microseconds=len(self.rows)),
            "device": storable(told.device)[:64],
            "sender": told.sender,
            "sequence": told.sequence,
            "session": told.session,
            "happened": told.happened,
            "refused": "",
            "exception": "",
            "warnings": " ".join((*scan.code.warnings, *(("clock_corrected",) if told.clock_corrected else ()))),
            "voids": None,
            "reason": storable(told.reason),
            "body_sha256": scan.body,
            "user": scan.user_id,
            **more,
        }

    def _write(self) -> None:
        changed = [box for box in self.boxes.values() if box.changed]
        broken = {step.event.event_id: " ".join(step.broken) for box in changed for step in box.steps}
        for row in self.rows:
            row["exception"] = row["exception"] or broken.get(row["event_id"], "")
        insert_rows(ScanEvent, self.rows)
        agreed = {kind.id: kind.agreed_days_out for kind in self.kinds.values()}
        zones = {place.id: place.timezone for place in self.places_by_id.values()}
        store([box.change() for box in changed], self.now, Known(self.zone, agreed, zones))
        change_levels(self.level_deltas)
        book(self.bookings, self.now, self.zone)
        rows = {row["event_id"]: row for row in self.rows}
        open_cases(
            [_case_of(rows[event_id], word, self.now, self.asked.get(event_id)) for event_id, word in self.cases]
        )
        explain(self.explained, self.now)


def _account(level: LevelKey | None) -> Account:
    return (level.holder_id, level.place_id, level.owner_id) if level else NOWHERE


def _case_of(row: dict[str, Any], word: str, now: datetime, asked: dict[str, str] | None) -> dict[str, Any]:
    return {
        "source": "refused" if row["refused"] else "scan", "code": word, "event": row["event_id"],
        "asset": row["asset"], "asset_type": row["asset_type"], "party": row["party"], "place": row["place"],
        "subject": "", "values": json.dumps(asked or {}),
        "opened_time": now,
    }  # fmt: skip


def dispatched_on(shipment: Shipment) -> list[Asset]:
    """The assets that left on this shipment, as dispatches_onto() has it, by code, types joined.

    They stay in the list after they have come home: it says what left, which is what the packing list prints.
    """
    dispatches = dispatches_onto(shipment).select(ScanEvent.asset)
    return list(Asset.select(Asset, AssetType).join(AssetType).where(Asset.id.in_(dispatches)).order_by(Asset.code))


def dispatches_onto(shipment: Shipment) -> Any:
    """Query of the dispatches of boxes onto this shipment that count: neither refused nor void nor taken back, nor did
    the box leave with another shipment afterwards (state.left_otherwise): a box is on one truck, and on one packing
    list."""
    void = ScanEvent.alias()
    query = ScanEvent.select().where(
        ScanEvent.shipment == shipment,
        ScanEvent.type == "dispatch",
        ScanEvent.asset.is_null(False),
        ScanEvent.refused == "",
        ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
    )
    elsewhere = _left_otherwise(shipment)
    return query.where(ScanEvent.event_id.not_in(elsewhere)) if elsewhere else query


def _left_otherwise(shipment: Shipment) -> set[str]:
    """Ids of the events that state.left_otherwise finds among the boxes of this shipment.

    Only the boxes of which it can be true are replayed: a dispatch of what is out already always breaks a rule, and so
    does one that is taken back when the box has left otherwise.
    """
    here = ScanEvent.alias()
    boxes = here.select(here.asset).where(here.shipment == shipment, here.type == "dispatch", here.refused == "")
    suspects = (
        ScanEvent.select(ScanEvent.asset)
        .where(
            ScanEvent.asset.in_(boxes),
            ScanEvent.refused == "",
            ((ScanEvent.type == "dispatch") & (ScanEvent.shipment != shipment) & (ScanEvent.exception != ""))
            | ((ScanEvent.type == "cancel_dispatch") & (ScanEvent.shipment == shipment)),
        )
        .distinct()
    )
    found = histories([id_ for (id_,) in tuples(suspects)])
    return {id_ for events in found.values() for id_ in rules.left_otherwise(event for event, _ in events)}


def body_sha256(scan: ScanInput) -> str:
    """What makes two reports the same. `confirmed` is left out: it is the answer to our own question."""
    told = scan.device_time or scan.event_time  # a correction of the clock comes out otherwise the next time
    body = (
        scan.type, scan.scanned_text, told.isoformat(), scan.shipment, scan.place, scan.party, scan.device,
        scan.happened, scan.reason, scan.voids,
    )  # fmt: skip
    later = (
        scan.destination, scan.asset_type, scan.quantity, scan.parent, scan.document, scan.photo, scan.corrects,
    )  # fmt: skip
    if any(later):  # fields that came later: without them a body is what it always was
        body = (*body, *later)  # type: ignore[assignment]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def _conflict_id(scan: ScanInput, body: str) -> str:
    """Always the same for the same body under the same id, so that sending it again adds nothing."""
    return str(uuid5(NAMESPACE_OID, f"{scan.event_id} {body}"))


def _via(event_ids: Collection[str]) -> Any:
    """Condition: moved by the scan of one of these loads. That it is not empty is said for the index."""
    return ScanEvent.via.in_(event_ids) & (ScanEvent.via != "")


def _offset_minutes(time: datetime) -> int:
    offset = time.utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


assert ScanEvent.scanned_text.max_length == MAX_LENGTH
