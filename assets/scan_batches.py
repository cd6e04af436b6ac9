"""Batches of scans from devices: their times made right, each taken once, and what they tell of the device kept.

All of it is one transaction with the events themselves: a batch whose answer was lost was taken whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import metrics
from accounts.models import User
from assets.clocks import Received, Sync, reading, went_back
from assets.devices import MAX_QUARANTINED, milliseconds, received
from assets.ledger import open_cases
from assets.models import Device, ScanBatch, ScanEvent
from assets.quarantine import REVOKED
from assets.scanning import Answer, ScanInput, record_scans
from database import claiming, locked, taking_turns
from errors import N_, Message, Refused

#: How long the answer to a batch is kept for a device that asks again; what it sent stays for good.
KEPT = timedelta(days=30)


class KeyUsed(Refused):
    """The key of a batch came again with another batch."""

    status = 422

    def __init__(self) -> None:
        super().__init__("key_reused", N_("This key was used for another batch. Send it under a new one."))


class KeyInFlight(Refused):
    """The first batch with this key is being taken at this moment; its answer is there soon."""

    retry_after = 1  # second

    def __init__(self) -> None:
        super().__init__("key_in_flight", N_("This batch is being taken at this moment. Ask again in a second."))


@dataclass(frozen=True)
class Told:
    """A scan with what only the way of it tells: time that passed since, by a counter that nobody can set."""

    scan: ScanInput
    age: timedelta | None = None


@dataclass(frozen=True)
class Sender:
    """Who sends a batch, and what the device says of itself. `unsent`: scans that it still has, by itself."""

    user: User
    device: Device | None = None
    revoked: bool = False
    sent_time: datetime | None = None
    measured: timedelta | None = None  # the offset of its clock, as it has measured it
    unsent: int | None = None
    app_version: str = ""


@dataclass(frozen=True)
class Taken:
    """The answers in the order of the scans. `offset`: our clock less the device's; `gap`: scans that are missing."""

    answers: list[Answer]
    offset: timedelta | None
    gap: tuple[int, int] | None


_NO_YEAR = N_("By this clock, corrected, the scan was made in no year that can be. Set the clock of the device.")


def answer_once(
    key: str, owner: str, body: Any, now: datetime, work: Callable[[], tuple[int, dict[str, Any]]]
) -> tuple[int, str, bool]:
    """(status, answer as JSON, whether it is that of before). `work` makes them, within the same transaction.

    `owner`: who sends; the same key of somebody else is another key. Raises KeyUsed when the key came with another
    body, KeyInFlight while the first one with it is at work: who waited would hold a thread and learn nothing sooner.
    """
    sha256 = hashlib.sha256(json.dumps([owner, body], sort_keys=True).encode()).hexdigest()
    own_key = hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()
    before = _answered(own_key, sha256)
    if before is not None:
        return *before, True
    with claiming(own_key) as ours:
        if not ours:
            raise KeyInFlight
        before = _answered(own_key, sha256)  # the other one may have come to its end just now
        if before is not None:
            return *before, True
        ScanBatch.delete().where(ScanBatch.created_time < now - KEPT).execute()
        status, answer = work()
        text = json.dumps(answer, ensure_ascii=False)
        ScanBatch.create(key=own_key, body_sha256=sha256, status=status, answer=text, created_time=now)
        return status, text, False


def _answered(own_key: str, sha256: str) -> tuple[int, str] | None:
    row = ScanBatch.get_or_none(ScanBatch.key == own_key)
    if row is None:
        return None
    if row.body_sha256 != sha256:
        raise KeyUsed
    return row.status, row.answer


def take(told: Sequence[Told], sender: Sender, now: datetime, own_hosts: Collection[str] = ()) -> Taken:
    """Record scans as their device tells them, with their clocks corrected, and note what that says of the device."""
    with taking_turns():
        device = None
        if sender.device is not None:  # locked: batches of one device follow one another
            device = locked(Device.select().where(Device.id == sender.device.id)).get()
        sync = Sync(now, sender.sent_time, _offset(device), sender.measured)
        times = [reading(sync, one.scan.event_time, one.age) for one in told]
        scans = [
            replace(
                one.scan,
                event_time=time.time,
                device_time=one.scan.event_time,
                clock_corrected=time.corrected,
                sender=device.id if device else None,
                device=one.scan.device or (device.name if device else ""),
                refuse=REVOKED if sender.revoked else "",
            )
            for one, time in zip(told, times, strict=True)
        ]
        sane = [2000 <= scan.event_time.astimezone(UTC).year < 2200 for scan in scans]
        good = [scan for scan, ok in zip(scans, sane, strict=True) if ok]
        recorded = iter(record_scans(good, sender.user, now, own_hosts) if good else ())
        answers = [
            next(recorded) if ok else Answer(scan.event_id, "invalid", Message(_NO_YEAR), field="event_time")
            for scan, ok in zip(scans, sane, strict=True)
        ]
        before = received(device) if device else Received()
        after = before.with_(scan.sequence for scan in scans if scan.sequence)
        if device is not None:
            last = _ask_a_person(device, before, scans, answers, [time.doubtful for time in times], sync, now)
            _note(device, sender, sync, after, last, now)
        for answer in answers:
            metrics.scan(answer.outcome)
        return Taken(answers, sync.offset, after.gaps[0] if device and after.gaps else None)


def _offset(device: Device | None) -> timedelta | None:
    known = device.clock_offset_ms if device is not None else None
    return None if known is None else timedelta(milliseconds=known)


def _note(device: Device, sender: Sender, sync: Sync, after: Received, last: datetime | None, now: datetime) -> None:
    told: dict[str, Any] = {"sync_time": now, "last_sequence": after.last, "gaps": json.dumps(after.gaps)}
    told["last_event_time"] = last
    if sync.offset is not None:
        told["clock_offset_ms"] = milliseconds(sync.offset)
    if sender.unsent is not None:
        told["unsent"] = sender.unsent
    if sender.app_version:
        told["app_version"] = sender.app_version
    Device.update(told).where(Device.id == device.id).execute()


def _ask_a_person(
    device: Device,
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
