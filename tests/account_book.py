"""An account book that tests write by hand: movements and levels as the ledger writes them, and a model beside it."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

from assets.models import AccountClosing, Asset, Movement, ScanEvent, StockLevel, Trip
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment

Spot = tuple[Party | None, Place | None]


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@dataclass
class Book:
    """`balances`: (holder, type, owner, place) → boxes, counted one by one: what the pages must come to."""

    owner: Party
    balances: dict[tuple[int, int, int, int | None], int] = field(default_factory=lambda: defaultdict(int))
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def move(
        self, kind: AssetType, quantity: int, out_of: Spot, into: Spot, day: date, *, recorded: date | None = None,
        what: str = "dispatch", asset: Asset | None = None, shipment: Shipment | None = None, document: str = "",
        owner: Party | None = None,
    ) -> Movement:  # fmt: skip
        """One movement, booked by the rule of the ledger: on its day, or on that of recording when a closing is over it."""
        owner, recorded = owner or self.owner, recorded or day
        holders = [party.id for party, _ in (out_of, into) if party]
        closed = AccountClosing.select().where(
            AccountClosing.partner.in_(holders), AccountClosing.closed_until >= day,
            *([AccountClosing.owner == owner] if owner.own else []),
        )  # fmt: skip
        event = ScanEvent.create(
            event_id=str(uuid4()), type=what, asset=asset, scanned_text=asset.code if asset else "", shipment=shipment,
            place=into[1] or out_of[1], asset_type=None if asset else kind, quantity=0 if asset else quantity,
            owner=None if asset else owner,
            document=document, event_time=noon(day), record_time=noon(recorded), body_sha256="0" * 64,
        )  # fmt: skip
        for (party, place), sign in ((out_of, -1), (into, 1)):
            if party:
                self._level(kind, owner, party, place, sign * quantity)
        return Movement.create(
            event=event, asset=asset, asset_type=kind, owner=owner, from_holder=out_of[0], from_place=out_of[1],
            to_holder=into[0], to_place=into[1], quantity=quantity, event_day=day,
            booked_day=recorded if closed.exists() else day, record_time=noon(recorded),
        )  # fmt: skip

    def _level(self, kind: AssetType, owner: Party, holder: Party, place: Place | None, quantity: int) -> None:
        self.balances[holder.id, kind.id, owner.id, place.id if place else None] += quantity
        key = f"{kind.id}/{owner.id}/{holder.id}/{place.id if place else ''}"
        StockLevel.insert(
            key=key, asset_type=kind, owner=owner, holder=holder, place=place, life="active", where="there",
            condition="good", quantity=0,
        ).on_conflict_ignore().execute()  # fmt: skip
        StockLevel.update(quantity=StockLevel.quantity + quantity).where(StockLevel.key == key).execute()

    def trip(
        self, kind: AssetType, partner: Party, out: date, back: date | None = None, *, end: str = "returned",
        bought: date = date(2025, 1, 1), owner: Party | None = None,
    ) -> Asset:  # fmt: skip
        """One box with a code that left on a day and came back, or did not; its movements too."""
        owner = owner or self.owner
        home: Spot = (self.owner, None)
        life = {"lost": "lost", "written_off": "gone"}.get(end, "active") if back else "active"
        away = back is None or life != "active"
        asset = Asset.create(
            code=f"KLT-{next(self.numbers):06}", asset_type=kind, owner=owner, created_time=noon(bought), life=life,
            where="there" if away else "here", holder=partner if away else self.owner, out_since=noon(out) if away else None,
        )  # fmt: skip
        self.move(kind, 1, home, (partner, None), out, asset=asset, owner=owner)
        if back and end == "returned":
            self.move(kind, 1, (partner, None), home, back, what="return", asset=asset, owner=owner)
        Trip.create(
            asset=asset, asset_type=kind, partner=partner, out_event=str(uuid4()), out_time=noon(out),
            observed_from=noon(out), end_time=noon(back) if back else None, end=end if back else "",
        )  # fmt: skip
        return asset


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
