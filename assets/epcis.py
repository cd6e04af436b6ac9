"""Our events in the words of GS1: an EPCIS 2.0 document in JSON-LD (ISO/IEC 19987, vocabulary CBV 2.0).

The ledger is told as it was recorded, row by row, and what was told once never changes: a row is one event, with what
was known of the box at that moment; a void row repeats the event that it undoes, under the same eventID, with an error
declaration. So a partner who asks for what was recorded since he asked last misses nothing and may take it twice.

A load that was scanned is one event of the load; its boxes follow it by aggregation, so their own rows are left out.
When one box of it is undone, or corrected, its own event is told with an error declaration: it did not go along.
Keys of GS1 are Digital Links on id.gs1.org; what has none is named by a URI below our own address.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from stdnum import ean

from accounts.scope import seen
from assets import state as rules
from assets.event_types import EVENT_TYPES, EventType
from assets.labels import grai
from assets.ledger import as_told
from assets.models import Asset, ScanEvent
from assets.pools import PoolEvent, posting
from assets.state import Event, State, Step
from assets.visible import visible_events
from database import tuples
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment
from shipments.visible import if_seen

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
_GS1 = "https://id.gs1.org"

#: After these a box stands nowhere that we could name.
_LEAVES = ("dispatch", "return_shipped", "transfer_out", "lost", "write_off", "decommission", "scrap")
#: What the number of a document that came with a scan is the number of; of everything else: a delivery note.
_DOCUMENTS = {
    "owner_change": "inv", "write_off": "inv", "decommission": "cert", "scrap": "cert", "repair": "po",
    "repaired": "po",
}  # fmt: skip


def document(rows: Sequence[ScanEvent], base_url: str, now: datetime) -> dict[str, Any]:
    """An EPCIS document of these rows in the given order; rows that are no event of their own are left out.

    A fixed number of queries for any number of rows. `base_url` is that of our labels: names below it have to stay.
    """
    return {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": _utc(now),
        "epcisBody": {"eventList": _Teller(rows, base_url.rstrip("/")).events()},
    }


def rows_of(asset: Asset) -> list[ScanEvent]:
    """The rows that tell the life of a box: its own, those of loads in which it was moved, and what undid them."""
    own = tuples(ScanEvent.select(ScanEvent.event_id, ScanEvent.via).where(ScanEvent.asset == asset))
    ids = {via or event_id for event_id, via in own}
    if not ids:
        return []
    wanted = ScanEvent.event_id.in_(ids) | ScanEvent.voids.in_(ids)
    return list(_told().where(wanted).order_by(ScanEvent.record_time, ScanEvent.id))


def recorded(
    start: datetime | None, end: datetime, limit: int, after: tuple[datetime, int] | None = None
) -> list[ScanEvent]:
    """At most `limit` rows recorded from `start` on and before `end`, in the order of recording; `after`: record_time
    and id of the last row that is known."""
    query = seen(visible_events, _told().where(ScanEvent.record_time < end))
    if start is not None:
        query = query.where(ScanEvent.record_time >= start)
    if after is not None:
        time, id_ = after
        query = query.where(
            ScanEvent.record_time >= time, (ScanEvent.record_time > time) | (ScanEvent.id > id_)
        )  # the first for the index
    return list(query.order_by(ScanEvent.record_time, ScanEvent.id).limit(limit))


def _told() -> Any:
    return ScanEvent.select().where(ScanEvent.refused == "", ScanEvent.via == "")


# names


def box_uri(asset: Asset, base: str) -> str:
    """The EPC of one box: the Digital Link of its GRAI, else the link on its label."""
    return f"{_GS1}/8003/{_quoted(asset.grai)}" if asset.grai else f"{base}/a/{_quoted(asset.code)}"


def class_uri(kind: AssetType, base: str) -> str:
    """The EPC class of a type of box: its GRAI without a serial."""
    number = grai(kind, "")
    return f"{_GS1}/8003/{number}" if number else f"{base}/voc/boxtype/{_quoted(kind.code)}"


def place_uri(place: Place, base: str) -> str:
    """A place by its GLN, else by its code below our address."""
    gln = len(place.gln) == 13 and ean.is_valid(place.gln)
    return f"{_GS1}/414/{place.gln}" if gln else f"{base}/voc/place/{_quoted(place.code)}"


def party_uri(party: Party, base: str) -> str:
    """A company by its code below our address."""
    return f"{base}/voc/party/{_quoted(party.code)}"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _offset(minutes: int) -> str:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    return f"{sign}{hours:02}:{rest:02}"


# what was known when a row was recorded


@dataclass(frozen=True)
class _Known:
    """One event of a box as it was told: what it did by what was known then, and whether empties_ready went before it
    on the same trip."""

    step: Step
    was_ready: bool


def _known(told: Iterable[tuple[Event, str | None]]) -> dict[str, _Known]:
    """event_id → what was known of it, from the rows of one box in the order in which they were recorded."""
    found: dict[str, _Known] = {}
    counting: list[Event] = []  # in the order of the replay
    state: State | None = State()  # after all of them; None: to be made anew
    for event, voids in told:
        if event.type == "void":
            counting = rules.in_order(other for other in counting if other.event_id != voids)
            state = None
            continue
        if event.sender_id is None:
            place = bisect_left(counting, event.order, key=lambda other: other.order)
            counting.insert(place, event)
        else:  # it may come before what its device scanned later and we knew earlier
            counting = rules.in_order([*counting, event])
            place = next(index for index, other in enumerate(counting) if other.event_id == event.event_id)
            event = counting[place]
        in_order = state is not None and place == len(counting) - 1
        before = state if in_order and state else rules.replay(counting[:place])[0]
        step = rules.apply(before, event)
        since = before.out_since
        ready = since is not None and any(
            other.type == "empties_ready" and other.order_time >= since for other in counting[:place]
        )
        found[event.event_id] = _Known(step, ready)
        state = step.after if place == len(counting) - 1 else None
    return found


class _Teller:
    """The rows that the events of a document need, read once."""

    def __init__(self, rows: Sequence[ScanEvent], base: str) -> None:
        self.base = base
        undone = [row.voids for row in rows if row.voids]
        self.rows = {row.event_id: row for row in rows}
        missing = [event_id for event_id in undone if event_id not in self.rows]
        if missing:
            # Among them a box of a load that was undone alone: only now it is told apart from its load.
            found = ScanEvent.select().where(ScanEvent.event_id.in_(missing), ScanEvent.refused == "")
            self.rows |= {row.event_id: row for row in found}
        told = list(self.rows.values())
        self.told = rows
        ids = {row.asset_id for row in told if row.asset_id}
        self.known: dict[str, _Known] = {}
        for history in as_told(ids).values():
            self.known |= _known(history)
        loads = {self._parent(row) for row in told} - {""}
        codes = {load for load in loads if not load.startswith("(00)")}
        assets = [row for field, keys in ((Asset.id, ids), (Asset.code, codes)) for row in _among(field, keys)]
        self.boxes = {asset.id: asset for asset in assets}
        self.boxes_by_code = {asset.code: asset for asset in assets}
        self.kinds: dict[int, AssetType] = {kind.id: kind for kind in AssetType.select()}
        self.shipments: dict[int, Shipment] = _by_id(Shipment, {row.shipment_id for row in told})
        steps = [known.step for known in self.known.values()]
        places = {row.place_id for row in told} | {row.destination_id for row in told}
        places |= {state.place_id for step in steps for state in (step.before, step.after)}
        self.places: dict[int, Place] = _by_id(Place, places)
        parties = {row.party_id for row in told} | {place.party_id for place in self.places.values()}
        parties |= {id_ for one in self.shipments.values() for id_ in (one.consignor_id, one.consignee_id)}
        for step in steps:
            for state in (step.before, step.after):
                parties |= {state.holder_id, state.owner_id}
        self.parties: dict[int, Party] = _by_id(Party, parties)
        self.corrective = _corrective(undone)

    def events(self) -> list[dict[str, Any]]:
        found = []
        for row in self.told:
            if row.type != "void":
                found.append(self._event(row))
            elif row.voids in self.rows:
                found.append(self._event(self.rows[row.voids]) | {"errorDeclaration": self._error(row)})
        return found

    def _error(self, void: ScanEvent) -> dict[str, Any]:
        instead = self.corrective.get(void.voids or "", [])
        declared: dict[str, Any] = {
            "declarationTime": _utc(min(void.event_time, void.record_time)),
            "reason": "incorrect_data" if instead else "did_not_occur",
        }
        if instead:
            declared["correctiveEventIDs"] = [f"urn:uuid:{event_id}" for event_id in instead]
        return declared

    def _event(self, row: ScanEvent) -> dict[str, Any]:
        kind, known = EVENT_TYPES[row.type], self.known.get(row.event_id)
        time = known.step.event.order_time if known else row.event_time
        zone = row.event_zone if abs(row.event_zone) <= 14 * 60 else 0
        event: dict[str, Any] = {
            "type": kind.epcis,
            "eventID": f"urn:uuid:{row.event_id}",
            "eventTime": time.astimezone(timezone(timedelta(minutes=zone))).isoformat(timespec="milliseconds"),
            "eventTimeZoneOffset": _offset(zone),
            "recordTime": _utc(row.record_time),
            "action": kind.action,
            "bizStep": self._biz_step(kind, known),
            **self._what(row, kind),
        }
        if kind.disposition:
            event["disposition"] = kind.disposition
        if row.place_id:
            event["readPoint"] = {"id": self._place(row.place_id)}
        location = self._location(row, known.step if known else None)
        if location:
            event["bizLocation"] = {"id": self._place(location)}
        transactions = self._transactions(row)
        if transactions:
            event["bizTransactionList"] = transactions
        return event | self._from_to(row, known.step if known else None)

    def _biz_step(self, kind: EventType, known: _Known | None) -> str:
        if kind.code == "return_shipped" and known and known.was_ready:
            return "departing"  # CBV: 'shipping' covers 'staging_outbound' and is not used beside it
        return f"{self.base}{kind.biz_step}" if kind.biz_step.startswith("/") else kind.biz_step

    # what

    def _what(self, row: ScanEvent, kind: EventType) -> dict[str, Any]:
        epcs = [box_uri(self.boxes[row.asset_id], self.base)] if row.asset_id else []
        pool: list[dict[str, Any]] = []
        if row.asset_type_id:
            pool = [{"epcClass": class_uri(self.kinds[row.asset_type_id], self.base), "quantity": row.quantity}]
        parent = self._parent(row)
        if kind.epcis == "AggregationEvent":
            found: dict[str, Any] = {"parentID": self._load(parent)} if parent else {}
            names = ("childEPCs", "childQuantityList")
        else:
            found = {}
            names = ("epcList", "quantityList")
            if not epcs and not pool:  # a load under an SSCC was scanned
                epcs = [self._load(parent)]
        return found | {name: values for name, values in zip(names, (epcs, pool), strict=True) if values}

    def _parent(self, row: ScanEvent) -> str:
        """The load that a row names; of a box taken out of one that nobody named, the one in which it was."""
        known = self.known.get(row.event_id)
        return row.parent or (known.step.before.parent if known and row.type == "unpack" else "")

    def _load(self, key: str) -> str:
        if key.startswith("(00)"):
            return f"{_GS1}/00/{key[4:]}"
        box = self.boxes_by_code.get(key)
        return box_uri(box, self.base) if box else f"{self.base}/a/{_quoted(key)}"

    # where

    def _place(self, id_: int) -> str:
        return place_uri(self.places[id_], self.base)

    def _location(self, row: ScanEvent, step: Step | None) -> int | None:
        """Where the box is from then on; None: nowhere that is known."""
        if step is None:
            return None if row.type in _LEAVES else row.place_id
        after = step.after
        stands = after.life == "active" and (
            after.where == "here" or (after.where == "there" and after.place_party_id == after.holder_id)
        )
        return after.place_id if stands else None

    # why

    def _transactions(self, row: ScanEvent) -> list[dict[str, str]]:
        found = []
        if if_seen(self.shipments.get(row.shipment_id)):
            number = self.shipments[row.shipment_id].number
            found.append({"type": "desadv", "bizTransaction": f"{self.base}/s/{_quoted(number)}"})
        if row.document:
            uri = f"{self.base}/voc/document/{_quoted(row.document)}"
            found.append({"type": _DOCUMENTS.get(row.type, "desadv"), "bizTransaction": uri})
        return found

    def _from_to(self, row: ScanEvent, step: Step | None) -> dict[str, Any]:
        """sourceList and destinationList, where both are known and differ."""
        if row.type in ("transfer_out", "transfer_in"):
            left = step.before.place_id if step and row.type == "transfer_in" else row.place_id
            goal = row.destination_id if row.type == "transfer_out" else row.place_id
            return _lists("location", *(self._place(id_) if id_ else "" for id_ in (left, goal)))
        if row.type == "owner_change":
            pair = (step.before.owner_id if step else None, row.party_id)
            return _lists("owning_party", *self._parties(pair))
        return _lists("possessing_party", *self._parties(self._hands(row, step)))

    def _hands(self, row: ScanEvent, step: Step | None) -> tuple[int | None, int | None]:
        """From whose hands into whose."""
        shipment = self.shipments.get(row.shipment_id)
        if row.type in ("dispatch", "cancel_dispatch") and shipment:
            place = self.places.get(row.place_id)
            ours = place.party_id if place and self.parties[place.party_id].own else shipment.consignor_id
            out = (ours, row.party_id or shipment.consignee_id)
            return out if row.type == "dispatch" else (out[1], out[0])
        if step is None:
            return self._pool_hands(row)
        if row.type == "return_shipped":  # who sends it back answers for it until it is home
            return step.after.holder_id, step.after.owner_id
        return step.before.holder_id, step.after.holder_id

    def _pool_hands(self, row: ScanEvent) -> tuple[int | None, int | None]:
        place, goal = self.places.get(row.place_id), self.places.get(row.destination_id)
        if row.asset_type_id is None or not (place or row.party_id):
            return None, None
        own = bool(place and self.parties[place.party_id].own)
        moved = posting(
            PoolEvent(
                row.type, row.quantity, row.place_id, place.party_id if place else None, own, row.party_id,
                goal.party_id if goal else None, row.difference,
            )
        )  # fmt: skip
        if moved is None:
            return None, None
        return moved[0].holder_id if moved[0] else None, moved[1].holder_id if moved[1] else None

    def _parties(self, ids: tuple[int | None, int | None]) -> tuple[str, str]:
        first, second = (party_uri(self.parties[id_], self.base) if id_ else "" for id_ in ids)
        return first, second


def _lists(type: str, source: str, destination: str) -> dict[str, Any]:
    if not source or not destination or source == destination:
        return {}
    return {
        "sourceList": [{"type": type, "source": source}],
        "destinationList": [{"type": type, "destination": destination}],
    }


def _corrective(undone: Collection[str]) -> dict[str, list[str]]:
    """event_id of what was undone → those of the events that stand in its place."""
    found: dict[str, list[str]] = {}
    query = ScanEvent.select(ScanEvent.corrects, ScanEvent.event_id).where(
        ScanEvent.corrects.in_(undone), ScanEvent.refused == "", ScanEvent.via == ""
    )
    for wrong, event_id in tuples(query.order_by(ScanEvent.id)) if undone else ():
        found.setdefault(wrong, []).append(event_id)
    return found


def _by_id(model: Any, ids: set[int | None]) -> dict[int, Any]:
    return {row.id: row for row in _among(model.id, ids - {None})}


def _among(field: Any, keys: Collection[Any]) -> list[Any]:
    """The rows of its model whose `field` is one of `keys`."""
    return list(field.model.select().where(field.in_(keys))) if keys else []
