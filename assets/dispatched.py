"""What left with a shipment, by the scans."""

from __future__ import annotations

from typing import Any

from peewee import fn

from assets import state as rules
from assets.ledger import histories
from assets.models import Asset, ScanEvent
from database import tuples
from master_data.models import AssetType
from shipments.models import Shipment


def dispatched_on(shipment: Shipment) -> list[Asset]:
    """The assets that left on this shipment, as dispatches_onto() has it, by code, types joined.

    They stay in the list after they have come home: it says what left, which is what the packing list prints.
    """
    dispatches = dispatches_onto(shipment).select(ScanEvent.asset)
    return list(Asset.select(Asset, AssetType).join(AssetType).where(Asset.id.in_(dispatches)).order_by(Asset.code))


def dispatches_onto(shipment: Shipment) -> Any:
    """Query of the dispatches of boxes onto this shipment that count: neither refused nor void nor taken back, nor did
    the box leave with another shipment afterwards (state.left_otherwise): a box is on one truck, and on one packing
    list."""
    void = ScanEvent.alias()
    query = ScanEvent.select().where(
        ScanEvent.shipment == shipment,
        ScanEvent.type == "dispatch",
        ScanEvent.asset.is_null(False),
        ScanEvent.refused == "",
        ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
    )
    elsewhere = _left_otherwise(shipment)
    return query.where(ScanEvent.event_id.not_in(elsewhere)) if elsewhere else query


def _left_otherwise(shipment: Shipment) -> set[str]:
    """Ids of the events that state.left_otherwise finds among the boxes of this shipment.

    Only the boxes of which it can be true are replayed: a dispatch of what is out already always breaks a rule, and so
    does one that is taken back when the box has left otherwise.
    """
    here = ScanEvent.alias()
    boxes = here.select(here.asset).where(here.shipment == shipment, here.type == "dispatch", here.refused == "")
    suspects = (
        ScanEvent.select(ScanEvent.asset)
        .where(
            ScanEvent.asset.in_(boxes),
            ScanEvent.refused == "",
            ((ScanEvent.type == "dispatch") & (ScanEvent.shipment != shipment) & (ScanEvent.exception != ""))
            | ((ScanEvent.type == "cancel_dispatch") & (ScanEvent.shipment == shipment)),
        )
        .distinct()
    )
    found = histories([id_ for (id_,) in tuples(suspects)])
    return {id_ for events in found.values() for id_ in rules.left_otherwise(event for event, _ in events)}
