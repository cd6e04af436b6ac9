"""The flow of boxes by leg as a picture, and the lists of what it is made of: trips, the account book, levels."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from flask import Blueprint, Response, render_template, request, url_for
from flask_babel import gettext as _
from peewee import JOIN

from accounts.access import needs
from accounts.scope import current_scope, seen
from assets.flow import STATIONS, Legs, legs
from assets.models import Asset, Movement, Trip
from assets.pictures import Flow, Node, Ribbon, flow
from assets.pool_views import LEVEL_COLUMNS, level_filters, levels
from assets.visible import FEW_TO_COUNT, FEW_TO_LIST, BoxLists, visible_trips
from database import utc_now
from errors import N_
from i18n import instant, name_of, number, translated
from listing import Column, Filter, answer, table_file
from master_data.home import home_zone
from master_data.models import AssetType, Party, Place
from master_data.visible import visible_parties
from shipments.models import Shipment
from shipments.visible import if_seen, number_of

blueprint = Blueprint("flows", __name__)

#: Days of the window that may be chosen.
WINDOWS = (30, 90, 180, 365)

_STATION_TITLES = {
    "home": N_("At home"), "out": N_("On the way out"), "partner": N_("At the partner"), "back": N_("On the way back"),
    "home2": N_("Home again"), "lost": N_("Lost"), "written_off": N_("Written off"),
}  # fmt: skip
_ENDS = {
    "": N_("still away"), "returned": N_("returned"), "lost": N_("lost"), "written_off": N_("written off"),
}  # fmt: skip


@blueprint.get("/flow")
@needs("assets.read")
def flow_page() -> Any:
    """Boxes by leg in the last days: `?days=`, `?type=`."""
    days = request.args.get("days", "")
    window = int(days) if days in map(str, WINDOWS) else 90
    types = list(AssetType.select().where(~AssetType.counted).order_by(AssetType.code))
    chosen = next((row for row in types if row.code == request.args.get("type")), None)
    found = legs(utc_now() - timedelta(days=window), chosen)
    rows = [
        (_STATION_TITLES[source], _STATION_TITLES[target], count)
        for (source, target), count in sorted(found.counts.items(), key=lambda pair: list(STATIONS).index(pair[0][1]))
    ]
    kind = request.args.get("format", "")
    if kind in ("csv", "xlsx"):
        told = ((translated(source), translated(target), count) for source, target, count in rows)
        return table_file(kind, "flow", (N_("From station"), N_("To station"), N_("Boxes")), told)
    return render_template(
        "assets/flow.html", picture=_picture(found, window), rows=rows, window=window, windows=WINDOWS, types=types,
        chosen=chosen, legs=found,
    )  # fmt: skip


def _picture(found: Legs, window: int) -> Any:
    ribbons = [
        Ribbon(source, target, count, f"{translated(_STATION_TITLES[source])} → {translated(_STATION_TITLES[target])}: "
               f"{number(count)}")
        for (source, target), count in found.counts.items()
    ]  # fmt: skip
    nodes = [
        Node(
            key, translated(_STATION_TITLES[key]), column, row,
            _("%(count)s now", count=number(found.stock.get(key, 0))) if key not in ("home2", "written_off") else "",
        )
        for key, (column, row) in STATIONS.items()
    ]  # fmt: skip
    title = _("Boxes by leg in the last %(days)s days", days=window)
    return flow(Flow(title, "; ".join(one.text for one in ribbons), nodes, ribbons))


def _type_filter() -> Filter:
    kinds = AssetType.select().order_by(AssetType.code)
    return Filter("type", N_("Box type"), [(row.code, name_of(row)) for row in kinds],
                  lambda q, v: q.where(AssetType.code == v))  # fmt: skip


def _party_filter(key: str, title: str, conditions: Any) -> Filter:
    parties = seen(visible_parties, Party.select().order_by(Party.code))
    return Filter(key, title, [(row.code, name_of(row)) for row in parties],
                  lambda q, v: q.where(conditions(Party.get(Party.code == v))))  # fmt: skip


def _shipment_url(shipment: Shipment | None) -> str:
    seen_one = if_seen(shipment)
    return url_for("docs_gen.shipment_page", number=seen_one.number) if seen_one else ""


def _days(trip: Trip) -> int:
    return int(((trip.end_time or utc_now()) - trip.out_time).days)


@blueprint.get("/trips")
@needs("assets.read")
def trip_list() -> Response | str:
    """Every time that a box was away."""
    zone = home_zone()
    query = (
        Trip.select(Trip, Asset, AssetType, Party, Place, Shipment)
        .join_from(Trip, Asset)
        .join_from(Trip, AssetType, on=(Trip.asset_type == AssetType.id))
        .join_from(Trip, Party, on=(Trip.partner == Party.id))
        .join_from(Trip, Place, JOIN.LEFT_OUTER, on=(Trip.from_place == Place.id))
        .join_from(Trip, Shipment, JOIN.LEFT_OUTER, on=(Trip.shipment == Shipment.id))
    )

    def moment(key: str, title: str, field: Any) -> Column:
        return Column(key, title, lambda row: getattr(row, field.name), sort=field,
                      html=lambda row: instant(getattr(row, field.name), zone))  # fmt: skip

    columns = (
        Column("box", N_("Box"), lambda row: row.asset.code, sort=Asset.code,
               url=lambda row: url_for("assets.asset_page", code=row.asset.code)),
        Column("type", N_("Box type"), lambda row: row.asset_type.code, sort=AssetType.code),
        Column("partner", N_("Partner"), lambda row: name_of(row.partner), sort=Party.code),
        Column("shipment", N_("Shipment"), lambda row: number_of(row.shipment),
               sort=Shipment.number,
               url=lambda row: _shipment_url(row.shipment)),
        moment("out", N_("Left"), Trip.out_time),
        moment("arrived", N_("Arrived"), Trip.arrived_time),
        moment("ready", N_("Empties ready"), Trip.ready_time),
        moment("back", N_("Sent back"), Trip.back_time),
        moment("end", N_("Ended"), Trip.end_time),
        Column("how", N_("How it ended"), lambda row: translated(_ENDS[row.end]), sort=Trip.end),
        Column("days", N_("Days"), _days, numeric=True),
        Column("damaged", N_("Damaged"), lambda row: _("yes") if row.damaged else "", sort=Trip.damaged),
    )  # fmt: skip
    filters = [
        _type_filter(),
        _party_filter("partner", N_("Partner"), lambda party: Trip.partner == party),
        Filter("how", N_("How it ended"), [(code or "open", title) for code, title in _ENDS.items()],
               lambda q, v: q.where(Trip.end == ("" if v == "open" else v))),
    ]  # fmt: skip
    lists = BoxLists(current_scope())
    return answer(
        seen(partial(visible_trips, passes=lists.to_list), query), columns,
        bare=seen(partial(visible_trips, passes=lists.to_count), Trip.select()),
        template="assets/trips.html", name="trips", search=(Asset.code, Shipment.number),
        exact=(Asset.code, Shipment.number), sort="-out",
        filters=filters,
    )  # fmt: skip


@blueprint.get("/movements")
@needs("assets.read")
def movement_list() -> Response | str:
    """The account book, line by line."""
    giver, taker, source, target = Party.alias(), Party.alias(), Place.alias(), Place.alias()
    query = (
        Movement.select(Movement, Asset, AssetType, giver, taker, source, target)
        .join_from(Movement, Asset, JOIN.LEFT_OUTER)
        .join_from(Movement, AssetType, on=(Movement.asset_type == AssetType.id))
        .join_from(Movement, giver, JOIN.LEFT_OUTER, on=(Movement.from_holder == giver.id))
        .join_from(Movement, taker, JOIN.LEFT_OUTER, on=(Movement.to_holder == taker.id))
        .join_from(Movement, source, JOIN.LEFT_OUTER, on=(Movement.from_place == source.id))
        .join_from(Movement, target, JOIN.LEFT_OUTER, on=(Movement.to_place == target.id))
    )
    columns = (
        Column("day", N_("Booked on"), lambda row: row.booked_day, sort=Movement.booked_day),
        Column("happened", N_("Happened on"), lambda row: row.event_day, sort=Movement.event_day),
        Column("box", N_("Box"), lambda row: row.asset.code if row.asset else "", sort=Asset.code,
               url=lambda row: url_for("assets.asset_page", code=row.asset.code) if row.asset else ""),
        Column("type", N_("Box type"), lambda row: row.asset_type.code, sort=AssetType.code),
        Column("quantity", N_("Boxes"), lambda row: row.quantity, sort=Movement.quantity, numeric=True),
        Column("from", N_("From holder"), lambda row: name_of(row.from_holder) if row.from_holder else _("new"),
               sort=giver.code),
        Column("from_place", N_("From place"), lambda row: row.from_place.code if row.from_place else "",
               sort=source.code),
        Column("to", N_("To holder"), lambda row: name_of(row.to_holder) if row.to_holder else _("gone"),
               sort=taker.code),
        Column("to_place", N_("To place"), lambda row: row.to_place.code if row.to_place else "", sort=target.code),
    )  # fmt: skip
    filters = [
        _type_filter(),
        _party_filter("party", N_("Partner"),
                      lambda party: (Movement.from_holder == party) | (Movement.to_holder == party)),
    ]  # fmt: skip
    lists = BoxLists(current_scope())
    return answer(
        seen(partial(lists.movements, FEW_TO_LIST), query), columns,
        bare=seen(partial(lists.movements, FEW_TO_COUNT), Movement.select()),
        template="assets/movements.html", name="movements", search=(Asset.code,), exact=(Asset.code,), sort="-day",
        filters=filters,
    )  # fmt: skip


@blueprint.get("/levels")
@needs("assets.read")
def level_list() -> Response | str:
    """How many boxes of each type are in which state at whom and where, with codes and counted."""
    return answer(
        levels(), LEVEL_COLUMNS, template="assets/levels.html", name="levels", sort="type", filters=level_filters(None),
        search=(AssetType.code, AssetType.name_en, AssetType.name_zh, Party.code, Party.name_en, Party.name_zh),
    )  # fmt: skip
