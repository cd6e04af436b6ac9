"""Pages of the boxes that are only counted: their levels, booking an event, the events, and minimums."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_security import current_user
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup
from peewee import JOIN, fn

from accounts.access import may, needs
from accounts.once import taken_once
from accounts.scope import seen
from assets.event_types import EVENT_TYPES
from assets.forms import MinimumForm, PoolForm
from assets.models import PoolMinimum, ScanEvent, StockLevel
from assets.pools import NEEDS
from assets.scan_told import ScanInput
from assets.scanned_text import storable
from assets.scanning import record_scan
from assets.shipment_pools import dispatch_counted
from assets.state import State, shown
from assets.views import WORDS, all_events, event_columns, find_undone, owners_of_boxes, state_html
from assets.visible import event_is_seen, visible_levels, visible_minimums
from database import save_one, utc_now
from errors import N_, Refused
from i18n import name_of, translated
from listing import Column, Filter, answer
from master_data.home import home_zone
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment
from shipments.visible import visible_shipments

blueprint = Blueprint("pools", __name__)


#: Within this time the same event of a counted pool, told by the same person, is asked about; and the yes to it.
SOON, AGAIN = timedelta(minutes=10), "again"

_OWNER: Any = Party.alias()


def level_state(level: StockLevel) -> str:
    """The shown state of what a level counts."""
    return shown(State(level.life, level.where, level.condition))


def levels() -> Any:
    """Query of the levels that are not zero and that who asks may see, with type, owner, holder and place joined."""
    return seen(
        visible_levels,
        StockLevel.select(StockLevel, AssetType, Party, Place, _OWNER)
        .join_from(StockLevel, AssetType)
        .join_from(StockLevel, Party, on=(StockLevel.holder == Party.id))
        .join_from(StockLevel, Place, JOIN.LEFT_OUTER, on=(StockLevel.place == Place.id))
        .join_from(StockLevel, _OWNER, on=(StockLevel.owner == _OWNER.id))
        .where(StockLevel.quantity != 0),
    )


LEVEL_COLUMNS = (
    Column("type", N_("Box type"), lambda row: name_of(row.asset_type), sort=AssetType.code),
    Column("owner", N_("Owner"), lambda row: name_of(row.owner), sort=_OWNER.code),
    Column("holder", N_("Holder"), lambda row: name_of(row.holder), sort=Party.code),
    Column("place", N_("Place"), lambda row: name_of(row.place) if row.place else "", sort=Place.code),
    Column("state", N_("State"), lambda row: translated(WORDS["titles"][level_state(row)]), sort=StockLevel.where,
           html=lambda row: state_html(level_state(row))),
    Column("count", N_("Boxes"), lambda row: row.quantity, sort=StockLevel.quantity, numeric=True),
)  # fmt: skip


def level_filters(counted: bool | None) -> list[Filter]:
    """By type, holder, place. `counted` None: all types."""
    kinds = AssetType.select()
    if counted is not None:
        kinds = kinds.where(AssetType.counted == counted)
    having = seen(visible_levels, StockLevel.select(StockLevel.holder))
    at = seen(visible_levels, StockLevel.select(StockLevel.place))
    holders = Party.select().where(Party.id.in_(having)).order_by(Party.code)
    places = Place.select().where(Place.id.in_(at)).order_by(Place.code)
    owners = owners_of_boxes()
    of_owner = [
        Filter("owner", N_("Owner"), [(row.code, name_of(row)) for row in owners],
               lambda q, v: q.where(_OWNER.code == v))
    ]  # fmt: skip
    return [
        *(of_owner if len(owners) > 1 else ()),
        Filter("type", N_("Box type"), [(row.code, name_of(row)) for row in kinds.order_by(AssetType.code)],
               lambda q, v: q.where(AssetType.code == v)),
        Filter("holder", N_("Holder"), [(row.code, name_of(row)) for row in holders],
               lambda q, v: q.where(Party.code == v)),
        Filter("place", N_("Place"), [(row.code, name_of(row)) for row in places],
               lambda q, v: q.where(Place.code == v)),
        Filter("condition", N_("Condition"), [("good", N_("Good")), ("damaged", N_("Damaged"))],
               lambda q, v: q.where(StockLevel.condition == v)),
    ]  # fmt: skip


@blueprint.get("/pools")
@needs("assets.read")
def pool_list() -> Response | str:
    return answer(
        levels().where(AssetType.counted), LEVEL_COLUMNS, template="assets/pools.html", name="pools", sort="type",
        search=(AssetType.code, AssetType.name_en, AssetType.name_zh, Party.code, Party.name_en, Party.name_zh),
        filters=level_filters(True),
    )  # fmt: skip


@blueprint.route("/pools/book", methods=["GET", "POST"])
@needs("assets.write")
@taken_once
def pool_book() -> Any:
    """Tell an event of a counted pool; fields of PoolForm."""
    shown_first = {} if request.method == "POST" else {"data": {"asset_type": request.args.get("type", "")}}
    form, status, same = PoolForm(home_zone(), **shown_first), 200, None
    if form.is_submitted():
        status = 422
        if form.validate():
            now = utc_now()
            told = form.told_of_pool(now)
            if AGAIN not in request.form.getlist("confirmed"):
                same = _told_before(told, now)
            if same is None:
                taken = record_scan(told, current_user, now)
                if taken.outcome == "recorded" or taken.waits:
                    flash(translated(taken.text), "warning" if taken.exceptions or taken.waits else "success")
                    return redirect(url_for("pools.pool_list", type=form.asset_type.data))
                form.blame(taken)
    page = render_template("assets/pool_book.html", form=form, same=same, zone=home_zone(), again=AGAIN)
    return page, status


def _told_before(told: ScanInput, now: datetime) -> ScanEvent | None:
    """The event by which the same person told the same a moment ago: whoever goes back to the form that was sent has a
    new one, with what was typed and another key."""
    kind = AssetType.select(AssetType.id).where(AssetType.code == told.asset_type)
    voids = ScanEvent.alias()
    query = ScanEvent.select().where(
        ScanEvent.asset_type == kind, ScanEvent.event_time.between(told.event_time - SOON, told.event_time + SOON),
        ScanEvent.record_time >= now - SOON, ScanEvent.user == current_user.id, ScanEvent.type == told.type,
        ScanEvent.quantity == told.quantity, ScanEvent.document == told.document, ScanEvent.refused == "",
        ~fn.EXISTS(voids.select(voids.id).where(voids.voids == ScanEvent.event_id)),
    )  # fmt: skip
    for code, column, named in (
        (told.place, ScanEvent.place, Place.code), (told.destination, ScanEvent.destination, Place.code),
        (told.party, ScanEvent.party, Party.code), (told.owner, ScanEvent.owner, Party.code),
        (told.shipment, ScanEvent.shipment, Shipment.number),
    ):  # fmt: skip
        if code:
            query = query.where(column.in_(named.model.select(named.model.id).where(named == code)))
    return query.order_by(ScanEvent.id.desc()).first()  # type: ignore[no-any-return]


@blueprint.get("/pools/events")
@needs("assets.read")
def pool_events() -> Response | str:
    """All events of counted pools; each can be declared void."""
    query = all_events().where(ScanEvent.asset_type.is_null(False), ScanEvent.type != "void")
    columns = event_columns("time", "type", "kind", "quantity", "owner", "outcome", "shipment", "place", "party",
                            "document", "person", "recorded")  # fmt: skip
    if request.args.get("format") not in ("csv", "xlsx"):
        columns = (*columns, Column("undo", N_("Undo"), lambda row: "", html=_undo_html))
    kinds = AssetType.select().where(AssetType.counted).order_by(AssetType.code)
    filters = (
        Filter("kind", N_("Box type"), [(row.code, name_of(row)) for row in kinds],
               lambda q, v: q.where(ScanEvent.asset_type == AssetType.get(AssetType.code == v))),
        Filter("type", N_("Scan"), [(code, EVENT_TYPES[code].title) for code in NEEDS],
               lambda q, v: q.where(ScanEvent.type == v)),
    )  # fmt: skip
    return answer(
        query, columns, template="assets/pool_events.html", name="pool-events", sort="-recorded", filters=filters,
        search=(Shipment.number, Place.code, Party.code, ScanEvent.document), prepare=find_undone,
        files=True,
    )  # fmt: skip


def _undo_html(event: ScanEvent) -> Markup:
    if event.event_id in g.undone or event.refused or not may("ledger.correct"):
        return Markup("")
    return Markup(
        '<details class="as-undo"><summary>{}</summary><form method="post" action="{}">'
        '<input type="hidden" name="csrf_token" value="{}"><input class="form-control" name="reason" required '
        'maxlength="500" placeholder="{why}" aria-label="{why}"><button class="btn btn-outline-danger">{}</button>'
        "</form></details>"
    ).format(
        _("Undo"), url_for("pools.pool_void", event_id=event.event_id), generate_csrf(), _("This scan does not count"),
        why=_("Why was it wrong?"),
    )  # fmt: skip


@blueprint.post("/pools/events/<event_id>/void")
@needs("ledger.correct")
def pool_void(event_id: str) -> Any:
    """Declare an event of a pool void: `reason`."""
    if not event_is_seen(storable(event_id)[:36]):
        abort(404)
    told = ScanInput(
        str(uuid4()), "void", "", utc_now(), voids=storable(event_id)[:36], device="desk",
        reason=storable(request.form.get("reason", ""))[:2000],
    )  # fmt: skip
    taken = record_scan(told, current_user, told.event_time)
    if not taken.done:
        raise Refused(taken.reason or taken.field or "invalid", taken.text.text, **taken.text.values)
    flash(translated(taken.text) if taken.waits else _("Undone."))
    return redirect(url_for("pools.pool_events"))


@blueprint.route("/pools/minimums", methods=["GET", "POST"])
@needs("assets.read", post="assets.write")
def minimum_list() -> Any:
    """How many good boxes are to be in hand by type and place; 0 takes a minimum away."""
    form, status = MinimumForm(), 200
    if form.is_submitted():
        status = 422
        if form.validate():
            kind, place = form.types[form.asset_type.data], form.places[form.place.data]
            if form.minimum.data:
                save_one(PoolMinimum, {"asset_type": kind, "place": place}, {"minimum": form.minimum.data})
            else:
                PoolMinimum.delete().where(PoolMinimum.asset_type == kind, PoolMinimum.place == place).execute()
            flash(_("Saved."))
            return redirect(url_for("pools.minimum_list"))
    rows = seen(
        visible_minimums,
        PoolMinimum.select(PoolMinimum, AssetType, Place)
        .join_from(PoolMinimum, AssetType)
        .join_from(PoolMinimum, Place)
        .order_by(AssetType.code, Place.code),
    )
    in_hand: dict[tuple[int, int], int] = {}
    good = StockLevel.select().where(
        StockLevel.life == "active", StockLevel.where == "here", StockLevel.condition == "good"
    )
    for level in seen(visible_levels, good):
        key = (level.asset_type_id, level.place_id)
        in_hand[key] = in_hand.get(key, 0) + level.quantity
    return render_template("assets/minimums.html", form=form, rows=list(rows), in_hand=in_hand), status


@blueprint.post("/shipments/<number>/counted")
@needs("assets.scan")
def shipment_counted(number: str) -> Any:
    """Record that the counted packages of a shipment left."""
    shipment = seen(visible_shipments, Shipment.select().where(Shipment.number == storable(number)[:24])).first()
    if shipment is None:
        abort(404)
    count = dispatch_counted(shipment, current_user, utc_now())
    flash(ngettext("%(num)s counted piece is recorded.", "%(num)s counted pieces are recorded.", count))
    return redirect(url_for("docs_gen.shipment_page", number=shipment.number) + "#boxes")
