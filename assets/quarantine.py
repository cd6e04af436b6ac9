"""Scans that a device sent after it was revoked: kept, never counted, until a person says that they are right."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from peewee import JOIN, fn

from accounts.models import User
from assets.ledger import parts
from assets.models import Device, ExceptionCase, ScanEvent
from assets.scan_told import ScanInput
from assets.scanning import record_scans
from database import taking_turns
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment

#: The reason in ScanEvent.refused.
REVOKED = "device_revoked"


def waiting(device: Device) -> Any:
    """Query of the scans of a device that wait for a person."""
    return ScanEvent.select().where(
        ScanEvent.sender == device,
        ScanEvent.refused == REVOKED,
        fn.EXISTS(ExceptionCase.select().where(ExceptionCase.event == ScanEvent.event_id, _OPEN)),
    )


_OPEN = (ExceptionCase.code == REVOKED) & (ExceptionCase.state == "open")


def let_count(device: Device, by: User, now: datetime, own_hosts: Collection[str] = ()) -> tuple[int, int]:
    """Record what waits as what has happened, in the order of the device; (how many count now, how many do not).

    The kept rows stay as they are: each gets a new event beside it. What cannot be recorded (an unknown box, an
    undoing) goes on waiting. Twice is once.
    """
    goal, owner = Place.alias(), Party.alias()
    with taking_turns():
        rows = list(
            waiting(device)
            .select(ScanEvent, Shipment, Place, Party, goal, AssetType, owner)
            .join_from(ScanEvent, Shipment, JOIN.LEFT_OUTER)
            .join_from(ScanEvent, Place, JOIN.LEFT_OUTER, on=(ScanEvent.place == Place.id))
            .join_from(ScanEvent, Party, JOIN.LEFT_OUTER, on=(ScanEvent.party == Party.id))
            .join_from(ScanEvent, owner, JOIN.LEFT_OUTER, on=(ScanEvent.owner == owner.id))
            .join_from(ScanEvent, goal, JOIN.LEFT_OUTER, on=(ScanEvent.destination == goal.id))
            .join_from(ScanEvent, AssetType, JOIN.LEFT_OUTER, on=(ScanEvent.asset_type == AssetType.id))
            .where(ScanEvent.type != "void")
            .order_by(ScanEvent.sequence, ScanEvent.id)
        )
        taken: list[str] = []
        for part in parts(rows):
            answers = record_scans([_as_told(row) for row in part], by, now, own_hosts)
            taken += [
                row.event_id
                for row, answer in zip(part, answers, strict=True)
                if answer.outcome in ("recorded", "known")
            ]
        for ids in parts(taken):
            ExceptionCase.update(state="mended", decided_time=now, decided_by=by).where(
                ExceptionCase.event.in_(ids), _OPEN
            ).execute()
        return len(taken), waiting(device).count()


def _as_told(row: ScanEvent) -> ScanInput:
    zone = timezone(timedelta(minutes=row.event_zone))
    return ScanInput(
        event_id=str(uuid5(NAMESPACE_OID, f"{row.event_id} counts")),
        type=row.type,
        scanned_text=row.scanned_text,
        event_time=row.event_time.astimezone(zone),
        shipment=row.shipment.number if row.shipment else "",
        place=row.place.code if row.place else "",
        party=row.party.code if row.party else "",
        destination=row.destination.code if row.destination else "",
        asset_type=row.asset_type.code if row.asset_type else "",
        quantity=row.quantity,
        owner=row.owner.code if row.owner else "",
        parent=row.parent,
        document=row.document,
        photo=row.photo,
        reason=row.reason,
        device=row.device,
        happened=True,
        device_time=row.device_time,
        sender=row.sender_id,
        sequence=row.sequence,
        session=row.session,
    )
