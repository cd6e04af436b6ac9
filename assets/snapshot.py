"""What a device needs to go on without a network: the boxes of its places, open shipments, and the table of rules.

Bounded, with a fixed number of queries, and without any price.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from peewee import JOIN, Case, fn

from accounts.scope import both, current_scope, seen
from assets import state as rules
from assets.event_types import EVENT_TYPES, REASONS, SCANNABLE
from assets.ledger import state_of
from assets.models import Asset, ScanEvent, Trip
from assets.visible import of_entities
from database import tuples
from errors import N_, InvalidInput
from i18n import in_each
from master_data.models import AssetType, Party, Place
from master_data.visible import visible_parties, visible_places
from shipments.models import Package, Shipment
from shipments.visible import visible_shipments

#: Boxes that a device keeps: 1 MB at most.
MAX_BOXES = 5_000
MAX_PARTIES, MAX_PLACES, MAX_SHIPMENTS = 1_000, 1_000, 50


@dataclass(frozen=True)
class Snapshot:
    """`version` changes when anything in it does; `body` is JSON without it, and without the time."""

    version: str
    body: dict[str, Any]


def snapshot(
    places: Sequence[str], user: str, *, opens_shipments: bool = False, undoes_of: int | None = None
) -> Snapshot:
    """For the places with these codes. Raises InvalidInput(place) for one that does not exist.

    `opens_shipments`: who asks may open the page of a shipment, so the device offers the way to it. `undoes_of`: of
    whose scans onto a shipment alone it offers to undo them; None: of everybody's.
    """
    offered = Place.select(Place, Party).join(Party).where(~Place.archived | Place.code.in_(list(places)))
    rows = list(seen(visible_places, offered))
    by_code = {row.code: row for row in rows}
    if missing := [code for code in places if code not in by_code]:
        raise InvalidInput("place", N_("There is no place of this code: %(code)s."), code=missing[0][:24])
    rows.sort(key=lambda row: (row.code not in places, not row.party.own, row.code))
    boxes, truncated = _boxes([by_code[code] for code in places])
    parties = seen(visible_parties, Party.select().where(~Party.archived).order_by(Party.code).limit(MAX_PARTIES))
    body = {
        "user": user,
        "opens_shipments": opens_shipments,
        "places": [
            {"code": row.code, "name": _names(row), "own": row.party.own, "party": row.party.code}
            for row in rows[:MAX_PLACES]
        ],
        "parties": [{"code": row.code, "name": _names(row)} for row in parties],
        "types": [
            {
                "code": row.code,
                "name": _names(row),
                "counted": row.counted,
                "must_be_inspected": row.inspected_before_dispatch,
            }
            for row in AssetType.select().order_by(AssetType.code)
        ],
        "shipments": _shipments(undoes_of),
        "boxes": boxes,
        "truncated": truncated,
        **rules_as_json(),
    }
    text = json.dumps(body, sort_keys=True)
    return Snapshot(hashlib.sha256(text.encode()).hexdigest()[:32], body)


def _names(row: Any) -> dict[str, str]:
    return {"en": row.name_en, "zh": row.name_zh}


def _boxes(places: Sequence[Place]) -> tuple[dict[str, list[str]], bool]:
    """code → [type, column of the table, holder, place, shipment, GRAI], what is empty at the end left out.

    Those that stand at the places come first, then those that are on their way there or held by whose place it is.
    """
    if not places:
        return {}, False
    ids = [place.id for place in places]
    partners = [place.party_id for place in places if not place.party.own]
    stands = Asset.place.in_(ids) & Asset.where.in_(["here", "there"])
    expected = Asset.return_place.in_(ids) & (Asset.where.in_(["out", "there", "back"]) | (Asset.life == "lost"))
    wanted = stands | (Asset.where == "moving") | expected
    if partners:
        wanted = wanted | (Asset.holder.in_(partners) & Asset.where.in_(["out", "there", "back"]))
    scope = current_scope()
    query = (
        Asset.select(
            Asset, AssetType.code.alias("type_code"), Party.code.alias("holder_code"), Place.code.alias("place_code"),
            Shipment.number.alias("shipment_number"),
        )
        .join_from(Asset, AssetType)
        .join_from(Asset, Party, JOIN.LEFT_OUTER, on=(Asset.holder == Party.id))
        .join_from(Asset, Place, JOIN.LEFT_OUTER, on=(Asset.place == Place.id))
        .join_from(Asset, Shipment, JOIN.LEFT_OUTER, on=both(Asset.shipment == Shipment.id, visible_shipments(scope)))
        .where(Asset.life.in_(["active", "lost"]), wanted)
        .order_by(Case(None, [(stands, 0)], 1), Asset.due_day.is_null(), Asset.due_day, Asset.code)
        .limit(MAX_BOXES + 1)
    )  # fmt: skip
    found = {}
    for row in seen(of_entities, query).objects():
        told = [
            row.type_code, rules.column(state_of(row)), row.holder_code, row.place_code, row.shipment_number, row.grai,
        ]  # fmt: skip
        while not told[-1]:
            told.pop()
        found[row.code] = [word or "" for word in told]
    truncated = len(found) > MAX_BOXES
    if truncated:
        found.popitem()
    return found, truncated


def _shipments(undoes_of: int | None) -> list[dict[str, Any]]:
    """Shipments that have not left yet, the next to leave first; what is expected on each, and what is on it, with
    `stays` where who asks may not undo it."""
    rows = list(
        seen(
            visible_shipments,
            Shipment.select(Shipment, Party)
            .join(Party, on=(Shipment.consignee == Party.id))
            .where(Shipment.state == "open")
            .order_by(Shipment.departure_date.is_null(), Shipment.departure_date, Shipment.number)
            .limit(MAX_SHIPMENTS),
        )
    )
    ids = [row.id for row in rows]
    expected: dict[int, list[dict[str, Any]]] = defaultdict(list)
    scanned: dict[int, dict[str, dict[str, Any]]] = defaultdict(dict)
    if ids:
        packages = (
            Package.select(Package.shipment, AssetType.code, fn.SUM(Package.count))
            .join(AssetType)
            .where(Package.shipment.in_(ids))
            .group_by(Package.shipment, AssetType.code)
            .order_by(AssetType.code)
        )
        for shipment, kind, count in tuples(packages):
            expected[shipment].append({"asset_type": kind, "count": int(count)})
        # A trip begins with the dispatch that counts, and there is none of one that was undone or taken back.
        trips = (
            Trip.select(Trip.shipment, Asset.code, AssetType.code, Trip.out_event, ScanEvent.user)
            .join_from(Trip, Asset)
            .join_from(Asset, AssetType)
            .join_from(Trip, ScanEvent, on=(ScanEvent.event_id == Trip.out_event))
            .where(both(Trip.shipment.in_(ids), of_entities(current_scope())))
            .order_by(Trip.out_time)
            .limit(MAX_BOXES)
        )
        # With its type: a box that belongs to another place is not among the boxes of the device.
        for shipment, code, kind, event_id, user in tuples(trips):
            stays = {} if undoes_of in (None, user) else {"stays": True}
            scanned[shipment][code] = {"code": code, "asset_type": kind, "event_id": event_id, **stays}
    return [
        {
            "number": row.number,
            "consignee": _names(row.consignee),
            "consignee_code": row.consignee.code,
            "departure": row.departure_date.isoformat() if row.departure_date else None,
            "expected": expected[row.id],
            "scanned": list(scanned[row.id].values()),
        }
        for row in rows
    ]


@cache
def rules_as_json() -> dict[str, Any]:
    """The table, the kinds of scans and all sentences in all languages, as `event_types` has them."""
    return {
        "table": {
            code: {
                column: [[cell.condition, cell.verdict, cell.code, cell.target] for cell in cells]
                for column, cells in EVENT_TYPES[code].transitions.items()
            }
            for code in SCANNABLE
        },
        "event_types": [
            {
                "code": code, "title": in_each(kind.title), "needs": list(kind.needs), "takes": list(kind.takes),
                "moves": kind.moves,
            }
            for code, kind in EVENT_TYPES.items()
            if code in SCANNABLE
        ],
        "reasons": {code: in_each(text) for code, text in REASONS.items()},
        "happened": {code: kind.happened for code, kind in EVENT_TYPES.items() if kind.happened},
    }  # fmt: skip
