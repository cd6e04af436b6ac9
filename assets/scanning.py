"""Scans become events: this module writes every ScanEvent but the first of a box (registering.py).

A batch is one transaction with a fixed number of queries, whatever its length. What is later than all that is known of
a box is applied to its state; what comes late makes the whole history of the box be replayed. A refused scan is an
outcome and a row, never an exception: raised inside the transaction it would take its row with it. What says nothing
new ("known") and what asks a question first leave no row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import NAMESPACE_OID, uuid4, uuid5

from peewee import IntegrityError, OperationalError, fn

from accounts.models import User
from assets import scan_reads
from assets import state as rules
from assets.event_types import ENDS, EVENT_TYPES, REASONS, SCANNABLE
from assets.models import ScanEvent
from assets.pools import MOVES_NOTHING, NEEDS, counted_at
from assets.scan_answers import NEEDED, RECORDED, TEXTS, UNKNOWN_TYPE, Answer
from assets.scan_facts import MOVES_A_LOAD, Box, Trigger
from assets.scan_rows import Rows
from assets.scan_told import MAX_QUANTITY, Scan, ScanInput, Texts, body_sha256, conflict_id, told_again
from assets.scanned_text import company_prefix, storable
from assets.state import Event, shown
from assets.values import altered
from assets.visible import event_is_seen
from database import claiming, sent_together
from errors import Message

Done = TypeVar("Done")

#: What ends a box (event_types.ENDS) and the undoing of what others have relied on for so long need a second person.
UNDONE_ALONE = timedelta(hours=24)
#: Who told it may scan, and may not tell this (EventType.right).
NOT_ALLOWED = "not_allowed"


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
    read = [Scan.read(scan, own_hosts, user.id if user else None) for scan in scans]
    return in_turn(lambda _: _Batch(read, now).run())


def record_together(
    told: Sequence[tuple[ScanInput, Texts, int]], now: datetime, came: Mapping[int, int]
) -> list[Answer]:
    """`record_scans` for scans of several people (by their ids), within a transaction of the caller, `in_turn`.

    `came`: of devices that the caller has locked, by id: the highest sequence of which anything has come before.
    """
    read = [Scan(scan, *texts, body_sha256(scan), user_id) for scan, texts, user_id in told]
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
    read = [Scan.read(one, own_hosts, by) for one in (void, altered(right, corrects=wrong))]
    try:
        return in_turn(lambda _: _whole(_Batch(read, now).run()))[1]
    except _NotWhole as fault:
        if fault.answer.reason != "needs_second" or fault.answer.event_id != void.event_id:
            return fault.answer
    # Kept as asked for, with what shall stand in its place, so that a second person needs but agree.
    return record_scan(altered(void, instead=json.dumps(told_again(right))), user, now, own_hosts)


class _NotWhole(Exception):
    """One of the scans that belong together was not taken; rolls all of them back."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def _whole(answers: list[Answer]) -> list[Answer]:
    for answer in answers:
        if answer.outcome != "recorded":
            raise _NotWhole(answer)
    return answers


def _may(scan: Scan, right: str) -> bool:
    return scan.input.rights is None or right in scan.input.rights


class _Batch(Rows):
    """A batch of scans, judged one after the other."""

    def run(self) -> list[Answer]:
        answers = [self._take(scan) for scan in self.scans]
        self._write()
        return answers

    # one scan

    def _take(self, scan: Scan) -> Answer:
        if scan.input.event_id in self.known:
            return self._again(scan, self.known[scan.input.event_id])
        kind = EVENT_TYPES.get(scan.input.type)
        pool = self._pool_type(scan)
        if kind is None or (kind.code not in SCANNABLE and pool is None):
            return Answer(scan.input.event_id, "invalid", Message(UNKNOWN_TYPE), field="type")
        if scan.input.refuse:
            return self._keep_for_review(scan, pool, scan.input.refuse)
        if kind.code != "void" and not _may(scan, kind.right_for(pool is not None)):
            return self._keep_for_review(scan, pool, NOT_ALLOWED)
        if pool is not None or scan.input.asset_type:
            return self._take_pool(scan, pool)
        missing = self._missing(scan, kind.needs)
        if missing:
            return Answer(scan.input.event_id, "invalid", Message(NEEDED[missing]), field=missing)
        if kind.code == "void":
            return self._declare_void(scan)
        load, inside = self._load_of(scan) if kind.code in MOVES_A_LOAD and not scan.via else ("", [])
        if load:
            return self._take_load(scan, load, inside)
        return self._take_box(scan)

    def _missing(self, scan: Scan, needs: Iterable[str]) -> str:
        """The first field that such a scan needs and does not bring; '' when none is missing."""
        for need in needs:
            names = ("place", "party") if need == "holder" else (need,)
            if not any(str(getattr(scan.input, name)).strip() for name in names):
                return names[0]
        return ""

    def _take_box(self, scan: Scan) -> Answer:
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
        if any(trigger.is_of(scan.input) for trigger in self.recent[context]):
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
        self.recent[context].append(Trigger(scan.input.event_time, scan.input.device_time, scan.input.event_id))
        self._append(scan, box, event)
        if event.type == "pack" and event.parent == box.state.parent:
            self._move_with_load(scan, box, event)
        return self._answer(scan, box, "recorded", exceptions=exceptions)

    def _move_with_load(self, scan: Scan, box: Box, packed: Event) -> None:
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
                ScanEvent.type.in_(sorted(MOVES_A_LOAD)),
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

    def _take_load(self, scan: Scan, key: str, inside: list[Box]) -> Answer:
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
            answers.append(self._take_box(scan.of(box.asset.code)))
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
        text = Message(TEXTS["load"], values)
        return Answer(
            scan.input.event_id, outcome, text, code=key, reason=None, exceptions=words, load=tuple(answers)
        )  # fmt: skip

    def _unknown_context(self, scan: Scan, box: Box | None) -> str:
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

    def _declare_void(self, scan: Scan) -> Answer:
        row = self.known.get(scan.input.voids)
        if row is not None and not event_is_seen(row["event_id"]) and row["asset"] not in self.boxes:
            row = None
        box = self.boxes.get(row["asset"]) if row and row["asset"] else None
        pool = self.kinds.get(row["asset_type"]) if row and row["asset_type"] else None
        part_of_load = [one for one in self.known.values() if one["via"] == scan.input.voids]
        if row is None or row["refused"] or row["type"] == "void" or not (box or pool or part_of_load):
            return self._refuse(scan, box, "unknown_event")
        if row["type"] == "commission" and box is not None:  # its row, plate and code are there; without it, whose?
            return self._refuse(scan, box, "stays_registered")
        if scan.input.voids in self.void:
            return self._answer(scan, box, "known", kind="void_known")
        refused = self._not_undone(scan, row)
        if refused:
            kind = {"asset_type": row["asset_type"], "owner": row["owner"]} if row["asset_type"] else {}
            self.asked[scan.input.event_id] = {"voids": scan.input.voids, "instead": scan.input.instead}
            self._append(scan, box, None, refused=refused, parent=row["parent"], **kind)
            return self._answer(scan, box, "refused", refused)
        for one in [row, *part_of_load]:
            if one["event_id"] in self.void or (one["asset"] and one["asset"] not in self.boxes):
                continue  # undone before, or a box in the load that is not for who undoes it
            self.void.add(one["event_id"])
            inside = self.boxes.get(one["asset"]) if one["asset"] else None
            if inside is not None:
                inside.remove(one["event_id"])
            if one["asset_type"]:
                pool_event = self._pool_event(one)
                if one["owner"]:
                    kind_ = self.kinds[one["asset_type"]]
                    self._post(kind_, one["owner"], pool_event, one["event_id"], one["event_time"], -1)
                self.explained += [(one["event_id"], word) for word in one["exception"].split()]
            for triggers in self.recent.values():
                triggers[:] = [trigger for trigger in triggers if trigger.event_id != one["event_id"]]
            own = one is row
            id_ = scan.input.event_id if own else str(uuid5(NAMESPACE_OID, f"{scan.input.event_id} {one['event_id']}"))
            kind = {"asset_type": one["asset_type"], "owner": one["owner"]} if one["asset_type"] else {}
            self._append(
                scan, inside, None, event_id=id_, voids=one["event_id"], via="" if own else scan.input.event_id, **kind
            )
        return self._answer(scan, box, "recorded")

    def _not_undone(self, scan: Scan, row: dict[str, Any]) -> str:
        """Why the event of this row is not undone by who asks for it, at least not yet; '' when it is.

        What one has just told oneself, and may tell, one takes back oneself, as the scan page offers it.
        """
        recent = self.now - row["record_time"] <= UNDONE_ALONE
        told = EVENT_TYPES[row["type"]].right_for(row["asset_type"] is not None)
        own = recent and row["user"] == scan.user_id and _may(scan, told)
        if not own and not _may(scan, EVENT_TYPES["void"].right):
            return NOT_ALLOWED
        return "needs_second" if not recent and self._needs_second(scan) else ""

    def _needs_second(self, scan: Scan) -> bool:
        """Whether it waits for a second person: somebody asks for it, and there is somebody else who can agree."""
        by = scan.user_id
        if by is None or scan.input.agreed:
            return False
        if by not in self.others:
            self.others[by] = bool(scan_reads.anybody_else(by))
        return self.others[by]

    def _again(self, scan: Scan, row: dict[str, Any]) -> Answer:
        """The answer to an event_id that was taken before."""
        if row["body_sha256"] != scan.body:
            own_id = conflict_id(scan.input, scan.body)
            if own_id not in self.known:
                reason = f"event_id {scan.input.event_id}"
                self._append(scan, None, None, event_id=own_id, refused="conflict", reason=reason)
            return Answer(scan.input.event_id, "conflict", Message(TEXTS["conflict"]), reason="conflict")
        box = self.boxes.get(row["asset"])
        if row["refused"]:
            return self._answer(scan, box, "refused", row["refused"])
        return self._answer(scan, box, "known", exceptions=tuple(row["exception"].split()))

    def _keep_for_review(self, scan: Scan, pool: Any, reason: str) -> Answer:
        """A row with all that was told, so that a person can let it count later; it does not count now."""
        told = scan.input
        box, _ = self._box(scan.code)
        more: dict[str, Any] = {"parent": self._parent_key(scan)}
        if pool is not None:
            owner = self.parties.get(told.owner)
            whose = owner.id if owner is not None and self.scope.has_entity(owner.id) else None
            more |= {"asset_type": pool.id, "quantity": told.quantity, "owner": whose}
        if told.voids:
            more |= {"reason": f"{storable(told.reason)} ({told.voids})"}
        self._append(scan, box, None, refused=reason, **more)
        return self._answer(scan, box, "refused", reason)

    def _refuse(self, scan: Scan, box: Box | None, reason: str) -> Answer:
        self._append(scan, box, None, refused=reason)
        return self._answer(scan, box, "refused", reason)

    def _answer(
        self,
        scan: Scan,
        box: Box | None,
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
            text, values = TEXTS["foreign_grai"], {"prefix": company_prefix(scan.code.canonical)}
        elif reason or exceptions:
            text = REASONS[reason or exceptions[-1]]
        elif outcome == "known":
            text = TEXTS.get(kind or f"{scan.input.type}_known", TEXTS["known"])
        else:
            text = RECORDED.get(scan.input.type, TEXTS["recorded"])
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

    def _take_pool(self, scan: Scan, kind: Any) -> Answer:
        told = scan.input
        if kind is None:
            known = told.asset_type in self.kinds_by_code
            return self._refuse(scan, None, "serialised_type" if known else "unknown_type")
        if told.type not in NEEDS:
            return Answer(told.event_id, "invalid", Message(UNKNOWN_TYPE), field="type")
        if not (0 if told.type == "stock_take" else 1) <= told.quantity <= MAX_QUANTITY:
            return Answer(told.event_id, "invalid", Message(REASONS["quantity"]), field="quantity")
        missing = self._missing(scan, NEEDS[told.type])
        if missing:
            return Answer(told.event_id, "invalid", Message(NEEDED[missing]), field=missing)
        fault = self._unknown_context(scan, None)
        if fault:
            return self._refuse(scan, None, fault)
        row = self._row(scan, None, None, parent=self._parent_key(scan), asset_type=kind.id, quantity=told.quantity)
        owner, fault = self._pool_owner(scan, kind, row)
        if fault:
            return self._refuse(scan, None, fault)
        row["owner"] = owner
        if told.type in ENDS and self._needs_second(scan):
            self._add(row | {"refused": "needs_second"})
            return self._answer(scan, None, "refused", "needs_second")
        exceptions: list[str] = []
        if told.type == "stock_take":
            assert owner is not None  # of what moves boxes it is always known
            at = self._level_key(kind, counted_at(self._pool_event(row)), owner)
            row["difference"] = told.quantity - self.levels[at] - self.level_deltas[at]
            if row["difference"]:
                exceptions.append("count_difference")
        source = None
        if owner is not None and told.type not in MOVES_NOTHING:
            source = self._post(kind, owner, self._pool_event(row), told.event_id, told.event_time)
        if source is not None and self.levels[source] + self.level_deltas[source] < 0:
            exceptions.append("over_return" if source.where == "there" else "below_zero")
        row["exception"] = " ".join(exceptions)
        self._add(row)
        self.cases += [(told.event_id, word) for word in exceptions]
        return self._answer(scan, None, "recorded", exceptions=tuple(exceptions))
