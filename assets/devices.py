"""Devices that scan: registered by a person under a name, with a token of their own that can be revoked."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from peewee import IntegrityError

from accounts.access import SCAN
from accounts.models import ApiToken, User
from accounts.people import create_token
from accounts.tokens import token_hash
from assets.clocks import Received, Sync
from assets.models import Device
from assets.scanned_text import storable
from database import taking_turns
from errors import N_, InvalidInput, Refused

#: What a revoked device may still send for review: a full queue, and not a full disk.
MAX_QUARANTINED = 5_000


def register(name: str, user: User, now: datetime, sent_time: datetime | None = None) -> tuple[Device, str]:
    """A new device and its token, which is shown this once. `sent_time`: what its clock shows now.

    Raises InvalidInput(name), Refused when a device in use has this name.
    """
    name = " ".join(storable(name).split())
    if not 1 <= len(name) <= 64:
        raise InvalidInput("name", N_("A device needs a name of at most 64 characters, as it is written on it."))
    offset = Sync(now, sent_time).offset
    try:
        with taking_turns():
            token = create_token(user, name, now, SCAN)
            row = ApiToken.get(ApiToken.sha256 == token_hash(token))
            device = Device.create(name=name, token=row, created_time=now, clock_offset_ms=milliseconds(offset))
    except IntegrityError as error:
        raise Refused(
            "device_name_taken", N_("There is a device %(name)s already. Revoke it, or choose another name."), name=name
        ) from error
    return device, token


def revoke(device: Device, by: User, now: datetime) -> None:
    """End the token of a device. What it still sends is kept for review and does not count. Twice is once."""
    with taking_turns():
        free = Device.update(revoked_time=now, revoked_by=by).where(
            Device.id == device.id, Device.revoked_time.is_null()
        )
        if free.execute():
            ApiToken.update(revoked_time=now).where(ApiToken.id == device.token_id).execute()


def device_of(token: ApiToken | None) -> Device | None:
    """The device whose token this is."""
    return Device.get_or_none(Device.token == token) if token is not None else None


def received(device: Device) -> Received:
    """Which of its scans have come."""
    return Received(device.last_sequence, gaps_of(device))


def gaps_of(device: Device) -> tuple[tuple[int, int], ...]:
    """(first, last) of the ranges that are missing."""
    return tuple((first, last) for first, last in json.loads(device.gaps))


def milliseconds(time: timedelta | None) -> int | None:
    """Whole milliseconds, for the column."""
    return None if time is None else round(time / timedelta(milliseconds=1))
