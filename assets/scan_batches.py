"""Batches of scans from devices: their times made right, each taken once, and what they tell of the device kept.

All of it is one transaction with the events themselves: a batch whose answer was lost was taken whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import metrics
from accounts.models import User
from accounts.once import KeyInFlight, KeyUsed
from assets import scan_reads
from assets.clocks import Received, Sync, reading, went_back
from assets.devices import MAX_QUARANTINED, milliseconds, received
from assets.ledger import open_cases
from assets.models import Device, ScanBatch, ScanEvent
from assets.quarantine import REVOKED
from assets.scan_answers import Answer
from assets.scan_told import ScanInput, Texts, texts_of
from assets.scanning import in_turn, record_together
from assets.values import altered
from errors import N_, Message
from prepared_statements import Slot, any_of, prepared

#: How long the answer to a batch is kept for a device that asks again; what it sent stays for good.
KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Told:
    """A scan with what only the way of it tells: time that passed since, by a counter that nobody can set.

    `texts`: what its texts mean (scanning.texts_of), where that has been read already, outside of any transaction.
    """

    scan: ScanInput
    age: timedelta | None = None
    texts: Texts | None = None


@dataclass(frozen=True)
class Sender:
    """Who sends a batch, and what the device says of itself. `unsent`: scans that it still has, by itself; `rights`: as
    of ScanInput."""

    user: User
    token: int | None = None  # id of the token of the device
    revoked: bool = False
    sent_time: datetime | None = None
    measured: timedelta | None = None  # the offset of its clock, as it has measured it
    unsent: int | None = None
    app_version: str = ""
    rights: frozenset[str] | None = None


@dataclass(frozen=True)
class Taken:
    """The answers in the order of the scans. `offset`: our clock less the device's; `gap`: scans that are missing."""

    answers: list[Answer]
    offset: timedelta | None
    gap: tuple[int, int] | None


_NO_YEAR = N_("By this clock, corrected, the scan was made in no year that can be. Set the clock of the device.")


@dataclass(frozen=True)
class Key:
    """The Idempotency-Key of a request. `own`: SHA-256 of it and of who sends, `body`: of who sent what."""

    own: str
    body: str


def key_of(key: str, owner: str, body: Any) -> Key:
    """`owner`: who sends; the same key of somebody else is another key. `body`: JSON."""
    body_sha256 = hashlib.sha256(json.dumps([owner, body], sort_keys=True).encode()).hexdigest()
    return Key(hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest(), body_sha256)


@dataclass(frozen=True)
class Request:
    """Scans that came together. `answered` makes (status, JSON) of what became of them, with a key within the
    transaction, since the answer is kept."""

    told: Sequence[Told]
    sender: Sender
    answered: Callable[[Taken], tuple[int, dict[str, Any]]]
    key: Key | None = None
    own_hosts: Collection[str] = ()


@dataclass(frozen=True)
class Reply:
    """What a request is answered. `replayed`: it is the answer of before, word by word."""

    status: int
    text: str  # JSON
    replayed: bool = False


def answer(request: Request, now: datetime) -> Reply:
    """Record the scans of a request, once for its key. Raises KeyUsed when the key came with another body, KeyInFlight
    while the first one with it is at work: who waited would hold a thread and learn nothing sooner."""
    [reply] = answer_together([request], now)
    return told_to(request, reply)


#: What comes of a request in a transaction: with a key the reply, without one what was taken.
Outcome = Reply | Taken | KeyUsed | KeyInFlight


def told_to(request: Request, outcome: Outcome) -> Reply:
    """The reply to a request, after the transaction. Raises KeyUsed, KeyInFlight."""
    if isinstance(outcome, KeyUsed | KeyInFlight):
        raise outcome
    return _reply(request, outcome) if isinstance(outcome, Taken) else outcome


def _reply(request: Request, taken: Taken) -> Reply:
    status, body = request.answered(taken)
    return Reply(status, json.dumps(body, ensure_ascii=False))


def answer_together(requests: Sequence[Request], now: datetime) -> list[Outcome]:
    """`answer` for several requests in one transaction, all or none: of different devices, with different keys, and of
    people with the same scope. What each is answered is what it would have been had they come one after another."""
    keys = [request.key.own for request in requests if request.key]
    return in_turn(lambda ours: _answered(requests, now, ours), keys)


def kept_answers(requests: Sequence[Request]) -> dict[int, Reply | KeyUsed]:
    """By their numbers: what those requests were answered that came with the same key before."""
    keys = {request.key.own: (number, request.key) for number, request in enumerate(requests) if request.key}
    found: dict[int, Reply | KeyUsed] = {}
    for row in _answers(list(keys)) if keys else ():
        number, key = keys[row.key]
        found[number] = Reply(row.status, row.answer, True) if row.body_sha256 == key.body else KeyUsed()
    return found


def _answered(requests: Sequence[Request], now: datetime, ours: set[str]) -> list[Outcome]:
    """`ours`: the keys that nobody else has at this moment."""
    replies: dict[int, Outcome] = dict(kept_answers(requests))  # the other one may have come to its end just now
    for number, request in enumerate(requests):
        if request.key and request.key.own not in ours:
            replies[number] = KeyInFlight()
    fresh = [number for number in range(len(requests)) if number not in replies]
    taken = _take([requests[number] for number in fresh], now) if fresh else []
    texts = []
    for number, one in zip(fresh, taken, strict=True):
        key = requests[number].key
        if key is None:
            replies[number] = one
            continue
        reply = replies[number] = _reply(requests[number], one)
        texts.append((key.own, key.body, reply.status, reply.text, now))
    if texts:
        _forget.run(now - KEPT)
        _keep_answers.run_many(texts)
    return [replies[number] for number in range(len(requests))]


@prepared
def _answers(keys: Slot) -> Any:
    query = ScanBatch.select(ScanBatch.key, ScanBatch.body_sha256, ScanBatch.status, ScanBatch.answer)
    return query.where(any_of(ScanBatch.key, keys))


@prepared
def _forget(before: Slot) -> Any:
    return ScanBatch.delete().where(ScanBatch.created_time < before)


@prepared
def _keep_answers(key: Slot, body: Slot, status: Slot, text: Slot, now: Slot) -> Any:
    return ScanBatch.insert(key=key, body_sha256=body, status=status, answer=text, created_time=now)


def take(told: Sequence[Told], sender: Sender, now: datetime, own_hosts: Collection[str] = ()) -> Taken:
    """Record scans as their device tells them, with their clocks corrected, and note what that says of the device."""
    request = Request(told, sender, lambda _: (0, {}), own_hosts=own_hosts)
    return in_turn(lambda _: _take([request], now))[0]


@dataclass
class _Taking:
    """A request while it is taken: its device, locked, and its scans with their times made right."""

    request: Request
    device: Any
    sync: Sync
    scans: list[ScanInput]
    texts: list[Texts]
    doubtful: list[bool]
    sane: list[bool]


def _take(requests: Sequence[Request], now: datetime) -> list[Taken]:
    tokens = [request.sender.token for request in requests if request.sender.token is not None]
    devices = {row.token_id: row for row in scan_reads.devices(tokens)} if tokens else {}
    taking = [_made_right(request, devices.get(request.sender.token), now) for request in requests]
    for one in taking:
        one.sane = [2000 <= scan.event_time.astimezone(UTC).year < 2200 for scan in one.scans]
    good = [
        (scan, texts, one.request.sender.user.id)
        for one in taking
        for scan, texts, ok in zip(one.scans, one.texts, one.sane, strict=True)
        if ok
    ]
    came = {device.id: device.last_sequence for device in devices.values()}
    recorded = iter(record_together(good, now, came))
    found = []
    notes = []
    for one in taking:
        answers = [
            next(recorded) if ok else Answer(scan.event_id, "invalid", Message(_NO_YEAR), field="event_time")
            for scan, ok in zip(one.scans, one.sane, strict=True)
        ]
        before = received(one.device) if one.device else Received()
        after = before.with_(scan.sequence for scan in one.scans if scan.sequence)
        if one.device is not None:
            last = _ask_a_person(one.device, before, one.scans, answers, one.doubtful, one.sync, now)
            notes.append(_note(one, after, last, now))
        metrics.scans(answer.outcome for answer in answers)
        found.append(Taken(answers, one.sync.offset, after.gaps[0] if one.device and after.gaps else None))
    if notes:
        _write_notes.run_at_once(notes)
    return found


def _made_right(request: Request, device: Any, now: datetime) -> _Taking:
    sender = request.sender
    sync = Sync(now, sender.sent_time, _offset(device), sender.measured)
    times = [reading(sync, one.scan.event_time, one.age) for one in request.told]
    scans = [
        altered(
            one.scan,
            event_time=time.time,
            device_time=one.scan.event_time,
            clock_corrected=time.corrected,
            sender=device.id if device else None,
            device=one.scan.device or (device.name if device else ""),
            refuse=REVOKED if sender.revoked else "",
            rights=sender.rights,
        )
        for one, time in zip(request.told, times, strict=True)
    ]
    texts = [one.texts or texts_of(one.scan, request.own_hosts) for one in request.told]
    return _Taking(request, device, sync, scans, texts, [time.doubtful for time in times], [])


def _offset(device: Any) -> timedelta | None:
    known = device.clock_offset_ms if device is not None else None
    return None if known is None else timedelta(milliseconds=known)


def _note(one: _Taking, after: Received, last: datetime | None, now: datetime) -> tuple[Any, ...]:
    sender, device = one.request.sender, one.device
    offset = device.clock_offset_ms if one.sync.offset is None else milliseconds(one.sync.offset)
    unsent = device.unsent if sender.unsent is None else sender.unsent
    version = sender.app_version or device.app_version
    return now, after.last, json.dumps(after.gaps), last, offset, unsent, version, device.id


@prepared
def _write_notes(
    now: Slot, sequence: Slot, gaps: Slot, last: Slot, offset: Slot, unsent: Slot, version: Slot, device: Slot
) -> Any:
    return Device.update(
        sync_time=now, last_sequence=sequence, gaps=gaps, last_event_time=last, clock_offset_ms=offset, unsent=unsent,
        app_version=version,
    ).where(Device.id == device)  # fmt: skip


def _ask_a_person(
    device: Any,
    before: Received,
    scans: Sequence[ScanInput],
    answers: Sequence[Answer],
    doubtful: Sequence[bool],
    sync: Sync,
    now: datetime,
) -> datetime | None:
    """Open a case for a clock that cannot be right: one for a batch, not for each scan in it. Gives the time of the
    last scan of the device, by its sequence."""
    last = device.last_event_time
    odd: dict[str, list[str]] = {}
    order = sorted(range(len(scans)), key=lambda index: scans[index].sequence or 0)
    for index in order:
        scan = scans[index]
        if answers[index].outcome == "invalid":
            continue
        if answers[index].outcome != "known" and doubtful[index]:
            odd.setdefault("clock_far", []).append(scan.event_id)
        if scan.sequence and scan.sequence > before.last:
            if went_back(last, scan.event_time):
                odd.setdefault("clock_backwards", []).append(scan.event_id)
            last = scan.event_time
    ids = [event_id for found in odd.values() for event_id in found]
    rows = {row.event_id: row for row in ScanEvent.select().where(ScanEvent.event_id.in_(ids))} if ids else {}
    cases = []
    for word, found in odd.items():
        first = next((rows[event_id] for event_id in found if event_id in rows), None)
        if first is None:
            continue  # nothing of it was kept, so there is nothing to decide
        seconds = round(sync.offset.total_seconds()) if sync.offset is not None else None
        values = {"device": device.name, "scans": len(found), "offset_s": seconds}
        cases.append(
            {
                "source": "scan", "code": word, "event": first.event_id, "asset": first.asset_id,
                "asset_type": first.asset_type_id, "party": first.party_id, "place": first.place_id, "subject": "",
                "values": json.dumps(values), "opened_time": now,
            }
        )  # fmt: skip
    open_cases(cases)
    return last


def quarantined(device: Device) -> int:
    """How many scans of a revoked device are kept for review."""
    return ScanEvent.select().where(ScanEvent.sender == device, ScanEvent.refused == REVOKED).count()


def may_quarantine(device: Device, more: int) -> bool:
    """Whether so many more are kept; a stolen token fills no disk."""
    return quarantined(device) + more <= MAX_QUARANTINED
