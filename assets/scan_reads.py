"""What a batch of scans asks the database: few questions for any number of scans, each prepared (`prepared`).

The rows are named tuples with the columns that the rules need, and no objects. `scope`: what is not for who scans is
left out.
"""

from __future__ import annotations

from typing import Any

from peewee import Alias, fn

from accounts.models import User
from accounts.scope import Scope, both
from assets.models import Asset, Device, ScanEvent
from assets.visible import of_entities
from database import locked
from master_data.home import home_zones
from master_data.models import AssetType, Party, Place
from master_data.visible import visible_parties, visible_places
from prepared_statements import Slot, any_of, prepared
from shipments.models import Shipment
from shipments.visible import visible_shipments

#: The columns of a box that scans read.
BOX = (
    Asset.id, Asset.code, Asset.grai, Asset.asset_type, Asset.owner, Asset.return_place, Asset.life, Asset.where,
    Asset.condition, Asset.dirty, Asset.holder, Asset.place, Asset.shipment, Asset.out_since, Asset.home_since,
    Asset.seen_time, Asset.parent, Asset.due_day, Asset.last_event_time, Asset.event_count,
)  # fmt: skip


@prepared
def kinds() -> Any:
    """All box types: there are some dozens of them at most. With each the time zone of our home place, None without."""
    return AssetType.select(
        AssetType.id, AssetType.code, AssetType.counted, AssetType.inspected_before_dispatch,
        AssetType.damage_needs_photo, AssetType.agreed_days_out, Alias(home_zones(), "home_zone"),
    )  # fmt: skip


@prepared
def boxes(codes: Slot, grais: Slot, *, scope: Scope) -> Any:
    """Boxes by what may stand on their plates, locked, in the order of their codes."""
    named = any_of(Asset.code, codes) | any_of(Asset.grai, grais)
    return locked(Asset.select(*BOX).where(both(named, of_entities(scope))).order_by(Asset.code))


@prepared
def boxes_inside(parents: Slot, *, scope: Scope) -> Any:
    """Boxes that are packed into these, locked."""
    inside = both(any_of(Asset.parent, parents), of_entities(scope))
    return locked(Asset.select(*BOX).where(inside).order_by(Asset.code))


@prepared
def events(event_ids: Slot) -> Any:
    """Whole rows, for `dicts`."""
    return ScanEvent.select().where(any_of(ScanEvent.event_id, event_ids))


@prepared
def shipments(numbers: Slot, *, scope: Scope) -> Any:
    query = Shipment.select(Shipment.id, Shipment.number, Shipment.state, Shipment.consignee, Shipment.consignor)
    return query.where(both(any_of(Shipment.number, numbers), visible_shipments(scope)))


@prepared
def places(codes: Slot, ids: Slot, *, scope: Scope) -> Any:
    """Places by their codes, as far as they are for who scans, and by ids; `own`: whether they are ours."""
    named = both(any_of(Place.code, codes), visible_places(scope))
    return _places().where(named | any_of(Place.id, ids))


@prepared
def place(id: Slot) -> Any:
    return _places().where(Place.id == id)


def _places() -> Any:
    return Place.select(Place.id, Place.code, Place.party, Party.own, Place.timezone).join(Party)


@prepared
def open_places(codes: Slot, *, scope: Scope) -> Any:
    """Those of these places that are for who scans."""
    return Place.select(Place.code).where(both(any_of(Place.code, codes), visible_places(scope)))


@prepared
def parties(codes: Slot, *, scope: Scope) -> Any:
    return Party.select(Party.id, Party.code).where(both(any_of(Party.code, codes), visible_parties(scope)))


@prepared
def own_parties() -> Any:
    return Party.select(Party.id).where(Party.own).order_by(Party.id)


@prepared
def counted_later(assets: Slot, senders: Slot, sequence: Slot) -> Any:
    """Boxes of which these devices have sent scans with a higher count."""
    later = any_of(ScanEvent.asset, assets) & any_of(ScanEvent.sender, senders) & (ScanEvent.sequence > sequence)
    return ScanEvent.select(ScanEvent.asset).where(later).distinct()


@prepared
def triggers(assets: Slot, since: Slot, until: Slot) -> Any:
    """Scans of these boxes that count, of a span of time: the same trigger may have been pulled twice."""
    void = ScanEvent.alias()
    declared = void.select(void.id).where(void.voids == ScanEvent.event_id)
    return ScanEvent.select(
        ScanEvent.event_id, ScanEvent.event_time, ScanEvent.device_time, ScanEvent.asset, ScanEvent.type,
        ScanEvent.device, ScanEvent.user, ScanEvent.shipment, ScanEvent.place, ScanEvent.party,
    ).where(
        any_of(ScanEvent.asset, assets),
        ScanEvent.event_time.between(since, until),
        ScanEvent.refused == "",
        ScanEvent.type.not_in(["void", "commission"]),
        ~fn.EXISTS(declared),
    )  # fmt: skip


@prepared
def anybody_else(user: Slot) -> Any:
    return User.select(User.id).where(User.active, User.id != user).limit(1)


@prepared
def devices(tokens: Slot) -> Any:
    """The devices of tokens, locked: batches of one device follow one another."""
    query = Device.select(
        Device.token, Device.id, Device.name, Device.clock_offset_ms, Device.last_sequence, Device.last_event_time,
        Device.gaps, Device.app_version, Device.unsent,
    ).where(any_of(Device.token, tokens))  # fmt: skip
    return locked(query.order_by(Device.id))
