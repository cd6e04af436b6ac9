"""Pages of what lies ahead: all types, one type at one place, return times, fleet size."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, render_template, request

from accounts.access import needs
from accounts.scope import seen
from assets.scanned_text import storable
from database import utc_now
from foresight import metrics, pictures, tables
from foresight import outlook as looking
from foresight.forms import AheadForm, CountingForm, FleetForm
from foresight.outlook import AHEAD, HORIZONS, Facts, facts
from foresight.tables import Table
from listing import table_file
from master_data.models import AssetType, Place
from master_data.visible import visible_places

blueprint = Blueprint("foresight", __name__, url_prefix="/foresight")


def _known(code: str) -> tuple[Facts, AssetType]:
    found = facts(utc_now(), storable(code))
    return found, next(iter(found.types.values()), None) or abort(404)


def _answer(template: str, shown: Sequence[Table], status: int = 200, **values: Any) -> Any:
    """The page, or the table that `?table=…&format=csv|xlsx` asks for as a file."""
    kind, name = request.args.get("format", ""), request.args.get("table", "")
    table = next((table for table in shown if table.name == name), None)
    if table and kind in ("csv", "xlsx"):
        answer: Response = table_file(kind, f"{table.name}", table.titles, table.rows)
        return answer
    named = {table.name: table for table in shown}
    words = {"weekday": pictures.weekday, "is_date": lambda value: isinstance(value, date), "bases": tables.BASES}
    return render_template(template, tables=named, **words, **values), status


@blueprint.get("")
@needs("assets.read")
def overview() -> Any:
    """Every box type: in hand, out, expected back, the first day it is short, fleet against need."""
    known = facts(utc_now())
    lines = looking.overview(known, HORIZONS[1])
    shown = (tables.types_table(lines), tables.places_table(lines))
    return _answer("foresight/overview.html", shown, lines=lines, ahead=AHEAD, horizon=HORIZONS[1])


@blueprint.get("/shortage/<code>/<place_code>")
@needs("assets.read")
def shortage_page(code: str, place_code: str) -> Any:
    """Day by day: boxes of a type at a place, what comes back, what is planned, when it breaks and for whom."""
    known, type_ = _known(code)
    place = seen(visible_places, Place.select().where(Place.code == storable(place_code))).first() or abort(404)
    form = AheadForm()
    horizon, check_days = form.asked
    item = looking.outlook(known, type_.id, place.id, horizon, check_days)
    shown = (
        tables.days_table(item), tables.shipments_table(item, known), tables.sources_table(item),
        tables.levers_table(item),
    )  # fmt: skip
    return _answer(
        "foresight/shortage.html", shown, 200 if form.valid else 422, item=item, form=form, horizon=horizon,
        usable=round(100 * item.situation.usable), chart=pictures.shortage_chart(item),
        returns_chart=pictures.returns_chart(item),
    )  # fmt: skip


@blueprint.get("/return-times/<code>")
@needs("assets.read")
def return_times_page(code: str) -> Any:
    """How long boxes stay away: `?partner=` and `?place=` choose a lane."""
    known, type_ = _known(code)
    partners = sorted({group.partner for group in known.groups}, key=lambda id_: known.parties[id_].code)
    places = sorted({g.from_place for g in known.groups if g.from_place}, key=lambda id_: known.places[id_].code)
    partner = _chosen(known.parties, partners, "partner")
    place = _chosen(known.places, places, "place")
    found = looking.return_times(known, type_.id, place, partner)
    shown = (
        tables.curve_table(found), tables.lanes_table(found, type_), tables.legs_table(found),
        tables.metrics_table(found),
    )  # fmt: skip
    return _answer(
        "foresight/return_times.html", shown, type=type_, found=found,
        partners=[known.parties[id_] for id_ in partners], places=[known.places[id_] for id_ in places],
        partner=known.parties[partner] if partner else None, place=known.places[place] if place else None,
        chart=pictures.curve_chart(found), legs_chart=pictures.legs_chart(found), window=(known.now - known.begin).days,
    )  # fmt: skip


def _chosen(rows: dict[int, Any], ids: Sequence[int], key: str) -> int | None:
    code = request.args.get(key, "")
    return next((id_ for id_ in ids if rows[id_].code == code), None) if code else None


@blueprint.get("/fleet/<code>")
@needs("assets.read")
def fleet_page(code: str) -> Any:
    """How many boxes of a type the flow needs, by four ways to reckon the safety stock."""
    known, type_ = _known(code)
    form = FleetForm()
    service, home_days, peak, lead_days = form.asked
    need = looking.fleet_need(known, type_.id, service, home_days, peak, lead_days)
    active = looking.active(known, type_.id)
    return _answer(
        "foresight/fleet.html", (tables.fleet_table(need, active),), 200 if form.valid else 422, type=type_, need=need,
        active=active, form=form, models=tables.FLEET_MODELS, chart=pictures.fleet_chart(need, active),
        service=service, home_days=home_days, lead_days=lead_days, peak=peak,
    )  # fmt: skip


@blueprint.get("/counting")
@needs("assets.read")
def counting_page() -> Any:
    """Estimates by counting: how many to count, how sure a share is, how large a pool of unknown size is."""
    form, size, share, interval, pool = CountingForm(), None, None, None, None
    if form.valid:
        if form.boxes.data and form.share.data is not None and form.margin.data:
            size = metrics.sample_size(form.boxes.data, float(form.share.data) / 100, float(form.margin.data) / 100)
        if form.counted.data and form.missing.data is not None:
            share = 100 * form.missing.data / form.counted.data
            interval = metrics.wilson(form.missing.data, form.counted.data)
        first, second, both = form.first.data, form.second.data, form.both.data
        if first is not None and second is not None and both is not None:
            pool = metrics.chapman(first, second, both)
    return _answer(
        "foresight/counting.html", (), 200 if form.valid else 422, form=form, size=size, share=share, interval=interval,
        pool=pool,
    )  # fmt: skip
