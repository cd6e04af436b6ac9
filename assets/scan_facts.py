"""What is known of the boxes, places and shipments of a batch of scans before it: read once, few questions for any
length. What is not for who scans is unknown."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, reduce
from operator import or_
from typing import Any
from zoneinfo import ZoneInfo

from accounts.scope import both, current_scope
from assets import scan_reads
from assets import state as rules
from assets.event_types import EVENT_TYPES
from assets.finding import box_of, keys_of
from assets.ledger import Change, LevelKey, histories, state_of
from assets.loads import counted_in, sscc_key
from assets.models import Asset, ScanEvent, StockLevel
from assets.scan_told import Scan, ScanInput, conflict_id
from assets.scanned_text import ScannedCode
from assets.state import Event, State, Step
from assets.values import altered
from assets.visible import of_entities, picture_is_free
from database import locked, one_of, tuples
from shipments.models import Shipment

#: The same trigger pulled twice: one event, when device, box, kind and context are the same.
DOUBLE_TRIGGER = timedelta(seconds=30)


@dataclass(frozen=True)
class Trigger:
    """A scan that may have been one and the same as another. `device_time`: by the clock of the device, if it told."""

    event_time: datetime
    device_time: datetime | None
    event_id: str

    def is_of(self, scan: ScanInput) -> bool:
        """By both clocks: when ours was set back an hour, a scan has the time of another one an hour ago."""
        if abs(scan.event_time - self.event_time) > DOUBLE_TRIGGER:
            return False
        told = scan.device_time is not None and self.device_time is not None
        return not told or abs(scan.device_time - self.device_time) <= DOUBLE_TRIGGER  # type: ignore[operator]


@dataclass
class Box:
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
MOVES_A_LOAD = {code for code, kind in EVENT_TYPES.items() if kind.moves} | {"empties_ready", "stock_take"}


class Facts:
    """The rows that a batch of scans needs."""

    def __init__(self, scans: Sequence[Scan], now: datetime, came: Mapping[int, int] | None = None) -> None:
        self.scans, self.now, self.came = list(scans), now, came or {}
        self.scope = current_scope()  # what is not for who scans is unknown to him, and its scan is kept as such
        self.others: dict[int, bool] = {}  # whether anybody else than this person works here; read when it matters
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
        codes = ({scan.party for scan in inputs} | {scan.owner for scan in inputs}) - {""}
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
            if scan.input.type in MOVES_A_LOAD and (box := self._box(scan.code)[0]) is not None
        }
        if parents:
            inside = scan_reads.boxes_inside(parents, scope=self.scope)
            more_assets = [asset for asset in inside if asset.id not in self.boxes]
            if more_assets:
                self._keep([*assets, *more_assets])

    def _keep(self, assets: list[Any]) -> None:
        self.boxes = {
            asset.id: Box(
                asset, self.kinds[asset.asset_type_id], State(), State(), asset.last_event_time, asset.event_count
            )
            for asset in assets
        }
        self.by_code = {box.asset.code: box for box in self.boxes.values()}
        self.by_grai = {box.asset.grai: box for box in self.boxes.values() if box.asset.grai}
        self.found: dict[int, tuple[Box | None, str, ScannedCode]] = {}  # by id(); the text is kept, so its id is too
        self.inside: dict[str, list[Box]] = defaultdict(list)
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
            conflict_id(scan.input, scan.body)
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

    def _box(self, code: ScannedCode) -> tuple[Box | None, str]:
        """The box of a text, or the reason why there is none."""
        found = self.found.get(id(code))  # asked for several times for each scan
        if found is None:
            found = self.found[id(code)] = (*box_of(code, self.by_code, self.by_grai), code)
        return found[:2]

    def _load_key(self, scan: Scan) -> str:
        """What a load of this text would be called in the column `parent`."""
        box, _ = self._box(scan.code)
        return sscc_key(scan.code) or (box.asset.code if box else "")

    def _load_of(self, scan: Scan) -> tuple[str, list[Box]]:
        """The key of the load that was scanned, '' when it is none, and the boxes in it."""
        if not self.inside and not self.pool_loads:
            return "", []
        key = self._load_key(scan)
        inside = [box for box in self.inside.get(key, ()) if box.state.parent == key]
        return (key, inside) if inside or (key, scan.input.type) in self.pool_loads else ("", [])

    def _find_pools(self) -> None:
        """The levels of the counted types of this batch, locked; and what of them lies in the scanned loads."""
        self.levels: Counter[LevelKey] = Counter()
        self.pool_loads: dict[tuple[str, str], Counter[int]] = {}
        kinds = {kind.id for scan in self.scans if (kind := self._pool_type(scan)) is not None}
        kinds |= {row["asset_type"] for row in self.known.values() if row["asset_type"] is not None}
        keys: set[tuple[str, str]] = set()
        if self.pools:
            keys = {(self._load_key(scan), scan.input.type) for scan in self.scans if scan.input.type in MOVES_A_LOAD}
            keys = {(key, type) for key, type in keys if key}
        if keys:
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
            if scan.input.type in MOVES_A_LOAD:
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
        """Triggers pulled shortly before the ones of this batch: (box, kind, device, person, context) → when."""
        self.recent: dict[tuple[Any, ...], list[Trigger]] = defaultdict(list)
        times = [scan.input.event_time for scan in self.scans]
        if not self.boxes:
            return
        since, until = min(times) - DOUBLE_TRIGGER, max(times) + DOUBLE_TRIGGER
        for event_id, event_time, device_time, *context in scan_reads.triggers(self.boxes, since, until):
            self.recent[tuple(context)].append(Trigger(event_time, device_time, event_id))

    # what is asked of them

    def _parent_key(self, scan: Scan) -> str:
        """The load into which something is packed: an SSCC, or a box of ours; '' when it is neither."""
        if scan.parent is None:
            return ""
        box, _ = self._box(scan.parent)
        return sscc_key(scan.parent) or (box.asset.code if box else "")

    def _pool_type(self, scan: Scan) -> Any:
        """The counted type that a scan tells of: named by it, or by a plate that has no serial."""
        kind = self.kinds_by_code.get(scan.input.asset_type)
        return kind if kind and kind.counted else None

    def _place(self, id_: int | None) -> Any:
        if id_ is not None and id_ not in self.places_by_id:  # of an event that is undone
            self.places_by_id[id_] = scan_reads.place.one(id_)
        return self.places_by_id.get(id_) if id_ is not None else None

    def _shipment(self, id_: int | None) -> Any:
        known = next((one for one in self.shipments.values() if one.id == id_), None)
        return known or (Shipment.get_by_id(id_) if id_ is not None else None)

    @cached_property
    def own(self) -> list[int]:
        """Our own companies; few scans ask for them."""
        return [row.id for row in scan_reads.own_parties()]

    @cached_property
    def zone(self) -> ZoneInfo:
        """By whose calendar the account book is kept."""
        return ZoneInfo(next((kind.home_zone for kind in self.kinds.values() if kind.home_zone), "UTC"))


def _via(event_ids: Collection[str]) -> Any:
    """Condition: moved by the scan of one of these loads. That it is not empty is said for the index."""
    return ScanEvent.via.in_(event_ids) & (ScanEvent.via != "")
