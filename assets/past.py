"""What was: the state of a box at any instant, as it was or as we knew it then. Nothing is stored of the past but
events, so it is replayed from those that had happened, or had been recorded, by then."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from assets import state as rules
from assets.ledger import histories
from assets.models import Asset
from assets.state import Event, State
from errors import N_, InvalidInput
from master_data.models import Party, Place
from shipments.models import Shipment

_INSTANT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ]+(\d{1,2}):(\d{2}))?")


@dataclass(frozen=True)
class Past:
    """A box at an instant. `since`: when the last event happened by then; None: the box was in no books yet."""

    at: datetime
    state: State
    since: datetime | None
    holder: Party | None
    place: Place | None  # where it stood; None on its way
    shipment: Shipment | None


def read_instant(text: str, zone: str, field: str) -> datetime:
    """2026-06-30T24:00, 2026-06-30 14:05 or a day, which means its end, by the clock of `zone`.

    24:00 is the end of its day: what happened at 0:00 of the next one is not in it. Raises InvalidInput(`field`).
    """
    found = _INSTANT.fullmatch(unicodedata.normalize("NFKC", text).strip().upper())
    wrong = InvalidInput(field, N_("“%(found)s” is no instant; write it like 2026-06-30 24:00."), found=text[:30])
    if not found:
        raise wrong
    year, month, day = (int(part) for part in found.groups()[:3])
    hour, minute = (int(found[4]), int(found[5])) if found[4] else (24, 0)
    try:
        midnight = datetime(year, month, day, tzinfo=ZoneInfo(zone))
        if (hour, minute) == (24, 0):
            return midnight + timedelta(days=1) - timedelta(microseconds=1)
        return midnight.replace(hour=hour, minute=minute)
    except (ValueError, OverflowError):
        raise wrong from None


def state_at(asset: Asset, at: datetime, *, as_known: bool = False) -> Past:
    """The box at `at`. `as_known`: by what had been recorded by then; else by all that we know today of it."""
    told = histories([asset.id], at if as_known else None).get(asset.id, [])
    known = rules.in_order(event for event, _ in told)  # each says when it counts
    events = [event for event in known if event.order_time <= at]
    if not any(event.type != "commission" for event in events):
        events = [event for event in events if event.type == "commission"]
    else:  # a box is registered before all else, whatever time the registration bears
        events += [event for event in known if event.type == "commission" and event not in events]
    state, _ = rules.replay(events)
    return Past(
        at, state, max((event.order_time for event in events), default=None),
        Party.get_or_none(Party.id == state.holder_id), Place.get_or_none(Place.id == state.stands_at),
        Shipment.get_or_none(Shipment.id == state.shipment_id),
    )  # fmt: skip


def life_of(asset: Asset) -> list[rules.Step]:
    """The whole history of a box, step by step."""
    events: list[Event] = [event for event, _ in histories([asset.id]).get(asset.id, [])]
    return list(rules.steps(events))
