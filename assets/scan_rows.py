"""The rows that a batch of scans makes, and what they move: gathered scan by scan, written once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from assets.ledger import Booking, Known, LevelKey, book, change_levels, explain, insert_rows, open_cases, store
from assets.models import ScanEvent
from assets.movements import NOWHERE, Account, Line
from assets.pools import MOVES_NOTHING, Point, PoolEvent, posting
from assets.scan_facts import Box, Facts
from assets.scan_told import Scan
from assets.scanned_text import storable
from assets.state import Event
from assets.values import made


class Rows(Facts):
    """What is known before a batch, and what the batch adds to it."""

    def __init__(self, scans: Sequence[Scan], now: datetime, came: Mapping[int, int] | None = None) -> None:
        super().__init__(scans, now, came)
        self.rows: list[dict[str, Any]] = []
        self.bookings: list[Booking] = []
        self.level_deltas: Counter[LevelKey] = Counter()
        self.cases: list[tuple[str, str]] = []  # event_id and word of what a person has to decide
        self.asked: dict[str, dict[str, str]] = {}  # event_id of an undoing that waits → what it undoes, and for what
        self.explained: list[tuple[str, str]] = []

    def _event(self, scan: Scan, box: Box, index: int | None = None) -> Event:
        """`index`: its place in the batch, so that scans of one batch keep their order; None: the next one."""
        told, asset = scan.input, box.asset
        place, party = self.places.get(told.place), self.parties.get(told.party)
        shipment = self.shipments.get(told.shipment)
        if place is None and told.type in ("return", "found") and asset.return_place_id:
            # What stands on the plate as 'return to'; kept in the row, so that a later change of it changes nothing.
            place = self.places_by_id[asset.return_place_id]
        return made(
            Event,
            event_id=told.event_id,
            type=told.type,
            event_time=told.event_time,
            record_time=self.now + timedelta(microseconds=len(self.rows) if index is None else index),
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

    def _append(self, scan: Scan, box: Box | None, event: Event | None, **more: Any) -> None:
        self._add(self._row(scan, box, event, **more))

    def _add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self.known[row["event_id"]] = row
        if row["refused"]:
            self.cases.append((row["event_id"], row["refused"]))

    def _row(self, scan: Scan, box: Box | None, event: Event | None, **more: Any) -> dict[str, Any]:
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
            "owner": None,
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

    # counted pools

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

    def _pool_owner(self, scan: Scan, kind: Any, row: dict[str, Any]) -> tuple[int | None, str]:
        """Whose boxes of a pool a scan tells of, or why nobody knows.

        Who says nothing means those of the company whose place it is; at a partner, and where that company has none,
        those of the only one that has some; of a shipment, its seller's, where he has some there. It is kept in the
        row, so what is stored of the pools follows from the events alone.
        """
        told = scan.input
        open_ = [id_ for id_ in self.own if self.scope.has_entity(id_)]
        if told.owner:
            named = self.parties.get(told.owner)
            return (named.id, "") if named is not None and named.id in open_ else (None, "not_your_pool")
        place = self._place(row["place"])
        usual = place.party_id if place is not None and place.own and place.party_id in open_ else None
        if not open_:
            return None, "not_your_pool"
        if len(open_) == 1:
            return open_[0], ""
        if told.type in MOVES_NOTHING:
            return usual, ""
        moved = posting(self._pool_event(row | {"difference": -1}))
        point = moved[0] if moved else None
        have = [id_ for id_ in open_ if point is not None and self._has(kind.id, id_, point)]
        shipment = self.shipments.get(told.shipment)
        if shipment is not None and shipment.consignor_id in have:
            return shipment.consignor_id, ""
        if usual is None and len(have) > 1:
            return None, "which_owner"
        if len(have) == 1:
            return have[0], ""
        return usual or open_[0], ""

    def _has(self, kind: int, owner: int, point: Point) -> bool:
        """Whether this company has boxes of a type there, in whatever condition."""
        return any(
            self.levels[key] + self.level_deltas[key] > 0
            for key in {*self.levels, *self.level_deltas}
            if (key.asset_type_id, key.owner_id) == (kind, owner)
            and (key.holder_id, key.place_id, key.where) == (point.holder_id, point.place_id, point.where)
        )

    @staticmethod
    def _level_key(kind: Any, point: Point, owner: int) -> LevelKey:
        return LevelKey(kind.id, owner, point.holder_id, point.place_id, "active", point.where, point.condition)

    def _post(
        self, kind: Any, owner: int, event: PoolEvent, event_id: str, event_time: datetime, sign: int = 1
    ) -> LevelKey | None:
        """Move boxes of a pool between two levels and in the account book; gives the level that they came from."""
        moved = posting(event)
        if moved is None:
            return None
        source, target, quantity = moved
        keys = [self._level_key(kind, point, owner) if point else None for point in (source, target)]
        for key, direction in zip(keys, (-sign, sign), strict=True):
            if key:
                self.level_deltas[key] += direction * quantity
        giver, taker = _account(keys[0]), _account(keys[1])
        if giver != taker:
            line = Line(event_id, giver, taker, quantity) if sign > 0 else Line(event_id, taker, giver, quantity)
            self.bookings.append(Booking(line, None, kind.id, event_time.astimezone(self.zone).date()))
        return keys[0]


def _account(level: LevelKey | None) -> Account:
    return (level.holder_id, level.place_id, level.owner_id) if level else NOWHERE


def _case_of(row: dict[str, Any], word: str, now: datetime, asked: dict[str, str] | None) -> dict[str, Any]:
    return {
        "source": "refused" if row["refused"] else "scan", "code": word, "event": row["event_id"],
        "asset": row["asset"], "asset_type": row["asset_type"], "party": row["party"], "place": row["place"],
        "subject": "", "values": json.dumps(asked or {}),
        "opened_time": now,
    }  # fmt: skip


def _offset_minutes(time: datetime) -> int:
    offset = time.utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0
