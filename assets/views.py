"""Pages of the boxes: the list, one box's life, registering, balances, what is overdue, the scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask_babel import ngettext
from flask_security import current_user
from markupsafe import Markup
from peewee import JOIN, Case, ModelSelect, Value, fn

from accounts.access import needs
from accounts.models import User
from accounts.once import taken_once
from accounts.scope import current_scope, seen
from assets import registering
from assets.balances import balances, by_place, day_at, days_late, is_overdue, overdue_assets
from assets.dispatched import dispatches_onto
from assets.event_types import EVENT_TYPES, REASONS, STATES
from assets.forms import RegisterForm
from assets.models import Asset, ScanEvent, StockLevel
from assets.registering import ReadBoxes
from assets.scan_words import reason_words
from assets.scanned_text import storable
from assets.state import State, shown
from assets.visible import (
    FEW_TO_COUNT,
    BoxLists,
    visible_assets,
    visible_events,
    visible_levels,
)
from database import one_of, tuples, utc_now
from errors import N_, Message
from i18n import name_of, number, translated
from listing import Column, Filter, answer, answer_reckoned
from master_data.home import home_zone_here, instant_at_home
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment
from shipments.visible import if_seen, number_of, visible_shipments

blueprint = Blueprint("assets", __name__)

_TITLES = {code: title for code, (title, _look) in STATES.items()}

#: assets.state.shown() in SQL, to sort and to filter by; a test compares both.
shown_word = Case(
    None,
    [
        (Asset.life != "active", Asset.life),
        (Asset.condition.in_(["damaged", "in_repair"]), Asset.condition),
        ((Asset.where == "here") & (Asset.condition == "unchecked"), Value("returned")),
        (Asset.where == "here", Value("available")),
        (Asset.where == "out", Value("in_transit_out")),
        (Asset.where == "there", Value("at_partner")),
        (Asset.where == "back", Value("in_transit_back")),
        (Asset.where == "moving", Value("in_transit_own")),
    ],
    Value("none"),
)


def word_of(asset: Asset) -> str:
    """One of event_types.STATES: its state now."""
    return shown(State(asset.life, asset.where, asset.condition))


def state_html(word: str) -> Markup:
    """A shown state as a coloured word."""
    title, look = STATES[word]
    return Markup('<span class="rt-state rt-{}">{}</span>').format(look, translated(title))


def _value(asset: Asset) -> Decimal:
    return asset.asset_type.value


def place_of(asset: Asset) -> Place | None:
    """Where it stands; on the way it stands nowhere."""
    return asset.place if asset.where in ("here", "there") else None


def since_of(asset: Asset) -> datetime | None:
    """When it left or came home, else when it was last told of."""
    return asset.out_since or asset.home_since or asset.last_event_time


def zone_of(place: Place | None) -> str:
    """The time zone of a place; without one '', which `instant_at_home` takes for that of our home place."""
    return place.timezone if place else ""


def _page_of(asset: Asset) -> str:
    return url_for("assets.asset_page", code=asset.code)


_ASSET_COLUMNS = (
    Column("code", N_("Code"), lambda row: row.code, sort=Asset.code, url=_page_of),
    Column("type", N_("Box type"), lambda row: name_of(row.asset_type), sort=AssetType.code),
    Column(
        "state",
        N_("State"),
        lambda row: translated(_TITLES[word_of(row)]),
        sort=shown_word,
        html=lambda row: state_html(word_of(row)),
    ),
    Column("holder", N_("Holder"), lambda row: name_of(row.holder) if row.holder else "", sort=Party.code),
    Column("place", N_("Place"), lambda row: name_of(place_of(row)) if place_of(row) else "", sort=Place.code),
    Column("shipment", N_("Shipment"), lambda row: number_of(row.shipment), sort=Shipment.number),
    Column(
        "since",
        N_("Since"),
        since_of,
        sort=Asset.last_event_time,
        html=lambda row: instant_at_home(since_of(row), zone_of(row.place)),
    ),
)


def all_assets(visible: Any = visible_assets) -> ModelSelect[Any]:
    """Query of the boxes that who asks may see, with type, holder, place and shipment joined."""
    return seen(  # type: ignore[no-any-return]
        visible,
        Asset.select(Asset, AssetType, Party, Place, Shipment)
        .join_from(Asset, AssetType)
        .join_from(Asset, Party, JOIN.LEFT_OUTER, on=(Asset.holder == Party.id))
        .join_from(Asset, Place, JOIN.LEFT_OUTER, on=(Asset.place == Place.id))
        .join_from(Asset, Shipment, JOIN.LEFT_OUTER, on=(Asset.shipment == Shipment.id)),
    )


def _asset_filters(lists: BoxLists) -> list[Filter]:
    types = AssetType.select().where(~AssetType.counted).order_by(AssetType.code)
    holders = Party.select().where(_holders(lists)).order_by(Party.code)
    filters = [
        Filter(
            "type",
            N_("Box type"),
            [(row.code, name_of(row)) for row in types],
            lambda q, v: q.where(AssetType.code == v),
        ),
        Filter("state", N_("State"), list(_TITLES.items()), lambda q, v: q.where(shown_word == v)),
        Filter(
            "holder", N_("Holder"), [(row.code, name_of(row)) for row in holders], lambda q, v: q.where(Party.code == v)
        ),
    ]
    at_home = seen(
        visible_levels, StockLevel.select(StockLevel.place).where(StockLevel.where == "here", StockLevel.quantity != 0)
    )
    places = Place.select().where(Place.id.in_(at_home)).order_by(Place.code)
    filters.append(
        Filter(
            "place",
            N_("Here at"),
            [(row.code, name_of(row)) for row in places],
            lambda q, v: q.where(Place.code == v, Asset.where == "here", Asset.life == "active"),
        )
    )
    number = storable(request.args.get("shipment", ""))
    shipment = seen(visible_shipments, Shipment.select().where(Shipment.number == number)).first()
    if shipment:  # which boxes left on it, wherever they are now
        left = dispatches_onto(shipment).select(ScanEvent.asset)
        choices = [(shipment.number, shipment.number)]
        filters.append(Filter("shipment", N_("Shipment"), choices, lambda q, v: q.where(Asset.id.in_(left))))
    return filters + _owner_filter()


def _holders(lists: BoxLists) -> Any:
    """Condition on Party: who holds boxes; without a limit read from the levels, which are fewer."""
    if not current_scope().is_limited:
        return Party.id.in_(StockLevel.select(StockLevel.holder))
    few = lists.few(visible_assets, FEW_TO_COUNT)
    if few is not None:
        return Party.id.in_(Asset.select(Asset.holder).where(one_of(Asset.id, few)))
    # Of many boxes the first one that is seen ends the question for its holder.
    return fn.EXISTS(seen(visible_assets, Asset.select(Asset.id).where(Asset.holder == Party.id)))


@blueprint.get("/assets")
@needs("assets.read")
def asset_list() -> Response | str:
    lists = BoxLists(current_scope())
    return answer(
        all_assets(lists.assets), _ASSET_COLUMNS, template="assets/list.html", name="boxes",
        search=(Asset.code, Asset.grai), exact=(Asset.code,), filters=_asset_filters(lists), sort="code",
        bare=seen(visible_assets, Asset.select()),
    )  # fmt: skip


@blueprint.route("/assets/new", methods=["GET", "POST"])
@needs("assets.write")
def asset_new() -> Any:
    how = request.form.get("how", "")
    if how in ("codes", "range", "boxes"):
        return _asked_to_register(how)
    form = RegisterForm()
    return _register_page(form, form.preview() if how == "file" else None)


@taken_once
def _asked_to_register(how: str) -> Any:
    form = RegisterForm()
    made = form.registered(how, request.form.get("boxes", ""), current_user)
    return _registered(made) if made else _register_page(form)


def _register_page(form: RegisterForm, read: ReadBoxes | None = None) -> Any:
    boxes = registering.boxes_as_text(read.boxes) if read and not read.problems else ""
    status = 422 if form.is_submitted() and not boxes else 200
    return render_template("assets/new.html", form=form, read=read, boxes=boxes), status


def _registered(assets: list[Asset]) -> Any:
    """Next come the labels."""
    flash(ngettext("%(num)s box is registered.", "%(num)s boxes are registered.", len(assets)), "success")
    if len({asset.asset_type_id for asset in assets}) > 1:
        return redirect(url_for("assets.asset_list", sort="-since"))
    codes = sorted(asset.code for asset in assets)
    kind = AssetType.get_by_id(assets[0].asset_type_id)
    return redirect(url_for("labels.sheet", type=kind.code, first=codes[0], last=codes[-1]))


# balances


@blueprint.get("/balances")
@needs("assets.read")
def balance_list() -> Response | str:
    """Boxes by holder and type."""
    rows, owner = balances(utc_now()), request.args.get("owner", "")
    owners = {row.owner.code: row.owner for row in rows}
    several = len(owners) > 1
    if several and owner in owners:
        rows = [row for row in rows if row.owner.code == owner]
    columns = _balance_columns(request.args.get("format") in ("csv", "xlsx"), several)
    return answer_reckoned(
        rows, columns, template="assets/balances.html", name="balances", search=_balance_text, sort="holder",
        filters=_owner_choice(owners.values()) if several else (),
        pools=_pools(rows, owner if several and owner in owners else ""), conditions=_CONDITIONS,
    )  # fmt: skip


def _owner_choice(owners: Iterable[Party]) -> list[Filter]:
    by_code = sorted(owners, key=lambda row: row.code)
    of_owner = Party.alias()
    return [
        Filter(
            "owner",
            N_("Owner"),
            [(row.code, name_of(row)) for row in by_code],
            lambda q, v: q.where(Asset.owner.in_(of_owner.select(of_owner.id).where(of_owner.code == v))),
        )
    ]


def owners_of_boxes() -> list[Party]:
    """Whose boxes who asks may see, by the levels."""
    having = seen(visible_levels, StockLevel.select(StockLevel.owner).where(StockLevel.quantity != 0))
    return list(Party.select().where(Party.id.in_(having)).order_by(Party.code))


def _owner_filter() -> list[Filter]:
    """By owner, where there is more than one."""
    owners = owners_of_boxes()
    return _owner_choice(owners) if len(owners) > 1 else []


def _balance_columns(as_file: bool, several: bool) -> list[Column]:
    """A page has no room for a column of currencies; a file wants the amount alone. `several`: boxes of more than one
    owner."""
    words = [word for word in _TITLES if word not in ("none", "gone")]
    _whose = partial(_named, several=several)
    return [
        *(
            [
                Column(
                    "owner",
                    N_("Owner"),
                    lambda row: name_of(row.owner),
                    sort=lambda row: (row.owner.code, row.holder.code, row.asset_type.code),
                )
            ]
            if several
            else ()
        ),
        Column(
            "holder",
            N_("Holder"),
            lambda row: name_of(row.holder),
            sort=lambda row: (row.holder.code, row.asset_type.code),
            url=lambda row: url_for("assets.asset_list", holder=row.holder.code),
        ),
        Column(
            "type",
            N_("Box type"),
            lambda row: name_of(row.asset_type),
            sort=lambda row: (row.asset_type.code, row.holder.code),
            url=lambda row: url_for(
                "pools.pool_list" if row.asset_type.counted else "assets.asset_list", **_whose(row)
            ),
        ),
        *(_count_column(word, _whose) for word in words),
        Column("total", N_("Total"), lambda row: row.total, sort=lambda row: row.total, numeric=True),
        Column(
            "overdue",
            N_("Overdue"),
            lambda row: row.overdue,
            sort=lambda row: row.overdue,
            url=lambda row: url_for("assets.overdue_list", **_whose(row)) if row.overdue else "",
            numeric=True,
            html=lambda row: (
                Markup('<span class="rt-state rt-bad">{}</span>').format(row.overdue) if row.overdue else ""
            ),
        ),
        Column(
            "value",
            N_("Value"),
            lambda row: row.value,
            sort=lambda row: (row.asset_type.value_currency, row.value),
            numeric=True,
            right="agreements.read",
            html=lambda row: f"{number(row.value, 2)} {row.asset_type.value_currency}",
        ),
        *(
            [Column("currency", N_("Currency"), lambda row: row.asset_type.value_currency, right="agreements.read")]
            if as_file
            else ()
        ),
    ]


def _count_column(word: str, whose: Callable[[Any], dict[str, Any]]) -> Column:
    """How many are in one of the shown states; a link to them, empty when there are none."""
    return Column(
        word,
        _TITLES[word],
        lambda row: row.counts.get(word, 0),
        sort=lambda row: row.counts.get(word, 0),
        url=lambda row: _boxes_url(row, word, whose(row)) if row.counts.get(word) else "",
        numeric=True,
        html=lambda row: number(row.counts[word]) if row.counts.get(word) else "",
    )


def _boxes_url(row: Any, word: str, whose: dict[str, Any]) -> str:
    if row.asset_type.counted:
        return url_for("pools.pool_list", **whose)
    return url_for("assets.asset_list", state=word, **whose)


def _named(row: Any, several: bool) -> dict[str, Any]:
    """How the lists of boxes are told which these are."""
    owner = {"owner": row.owner.code} if several else {}
    return {"holder": row.holder.code, "type": row.asset_type.code, **owner}


def _balance_text(row: Any) -> str:
    names = (one for part in (row.holder, row.asset_type, row.owner) for one in (part.code, part.name_en, part.name_zh))
    return "\n".join(names)


#: conditions of boxes at home in the order of their bars → what stands beside the number
_CONDITIONS = {
    "good": N_("here"), "unchecked": N_("not checked"), "damaged": N_("damaged"), "in_repair": N_("in repair"),
}  # fmt: skip


def _pools(rows: list[Any], owner: str) -> list[dict[str, Any]]:
    """By type: where its boxes are, as bars. At home by place and condition, away by partner; the longest bar fills
    the width. `owner`: the one that was chosen; '': of all."""
    pools: dict[int, dict[str, Any]] = {}
    chosen: dict[str, Any] = {"owner": owner} if owner else {}
    for place, kind, counts in by_place(owner):
        state: dict[str, Any] = {"state": "in_transit_own"} if place is None else {"place": place.code}
        pools.setdefault(kind.id, {"type": kind, "bars": []})["bars"].append(
            {
                "label": name_of(place) if place else translated(_TITLES["in_transit_own"]),
                "look": "moving" if place is None else "here",
                "count": sum(counts.values()),
                "parts": [(word, counts[word]) for word in _CONDITIONS if counts.get(word)] if place else [],
                "url": url_for("pools.pool_list", type=kind.code, **chosen)
                if kind.counted
                else url_for("assets.asset_list", type=kind.code, **state, **chosen),
            }
        )
    away_bars: dict[tuple[int, int, str], dict[str, Any]] = {}  # of several owners together
    for row in rows:
        bars = pools.setdefault(row.asset_type.id, {"type": row.asset_type, "bars": []})["bars"]
        away = sum(row.counts.get(word, 0) for word in ("in_transit_out", "at_partner", "in_transit_back"))
        if not row.holder.own:
            away += row.counts.get("damaged", 0) + row.counts.get("in_repair", 0)
        whose = {"holder": row.holder.code, "type": row.asset_type.code, **chosen}
        if row.asset_type.counted:
            there = lost = url_for("pools.pool_list", **whose)
        else:
            there, lost = url_for("assets.asset_list", **whose), url_for("assets.asset_list", state="lost", **whose)
        for look, count, url in (
            ("away", away, there),
            ("late", row.overdue, url_for("assets.overdue_list", **whose)),
            ("lost", row.counts.get("lost", 0), lost),
        ):
            key = row.asset_type.id, row.holder.id, look
            if key in away_bars:
                away_bars[key]["count"] += count
            elif count:
                bar = {"label": name_of(row.holder), "look": look, "count": count, "parts": [], "url": url}
                away_bars[key] = bar
                bars.append(bar)
    for pool in pools.values():
        most = max(1, *(bar["count"] for bar in pool["bars"]))
        for bar in pool["bars"]:
            bar["width"] = max(1, round(100 * bar["count"] / most))
            left = 0.0
            drawn = []
            for word, count in bar["parts"]:
                wide = max(0.0, 100 * count / most)
                drawn.append({"look": word, "count": count, "x": round(left, 2), "width": round(wide, 2)})
                left += wide
            bar["parts"] = drawn
    return sorted(pools.values(), key=lambda pool: pool["type"].code)


@blueprint.get("/overdue")
@needs("assets.read")
def overdue_list() -> Response | str:
    now = utc_now()
    late = seen(visible_assets, Asset.select(Asset.holder).where(is_overdue(now)))
    holders = Party.select().where(Party.id.in_(late)).order_by(Party.code)
    types = AssetType.select().where(~AssetType.counted).order_by(AssetType.code)
    columns = (
        Column("code", N_("Code"), lambda row: row.code, sort=Asset.code, url=_page_of),
        Column("type", N_("Box type"), lambda row: name_of(row.asset_type), sort=AssetType.code),
        Column("holder", N_("Holder"), lambda row: name_of(row.holder), sort=Party.code),
        Column("shipment", N_("Shipment"), lambda row: number_of(row.shipment), sort=Shipment.number),
        Column("since", N_("Out since"), lambda row: day_at(row.return_place, row.out_since), sort=Asset.out_since),
        Column("due", N_("Due"), lambda row: row.due_day, sort=Asset.due_day),
        Column(
            "late",
            N_("Days late"),
            lambda row: days_late(row.due_day, row.return_place, now),
            numeric=True,
        ),
        Column(
            "value", N_("Value"), _value, numeric=True, right="agreements.read", html=lambda row: number(_value(row), 2)
        ),
        Column("currency", N_("Currency"), lambda row: row.asset_type.value_currency, right="agreements.read"),
    )
    query = seen(
        visible_assets,
        overdue_assets(now)
        .select_extend(Shipment)
        .join_from(Asset, Shipment, JOIN.LEFT_OUTER, on=(Asset.shipment == Shipment.id)),
    )
    filters = [
        Filter(
            "holder", N_("Holder"), [(row.code, name_of(row)) for row in holders], lambda q, v: q.where(Party.code == v)
        ),
        Filter(
            "type",
            N_("Box type"),
            [(row.code, name_of(row)) for row in types],
            lambda q, v: q.where(AssetType.code == v),
        ),
        *_owner_filter(),
    ]
    return answer(
        query,
        columns,
        template="assets/overdue.html",
        name="overdue",
        search=(Asset.code,),
        filters=filters,
        sort="since",
    )


# scans


def reason_text(event: ScanEvent, reason: str) -> str:
    """The sentence for a reason or an exception of a scan."""
    text = REASONS.get(reason, reason)
    return translated(
        Message(text, {"code": event.asset.code if event.asset else event.scanned_text[:40]} if "%(" in text else {})
    )


def event_title(event: ScanEvent) -> str:
    """What kind of scan it was."""
    kind = EVENT_TYPES.get(event.type)
    return translated(kind.title) if kind else event.type


WORDS: dict[str, Any] = {
    "reason_text": reason_text, "event_title": event_title, "state_html": state_html, "titles": _TITLES,
    "if_seen": if_seen, "reason_words": reason_words,
}  # fmt: skip


def all_events(visible: Any = visible_events) -> ModelSelect[Any]:
    """Query of the events that who asks may see, with box, shipment, place, party, person, destination, counted
    type and owner joined."""
    goal, kind, owner = Place.alias(), AssetType.alias(), Party.alias()
    return seen(  # type: ignore[no-any-return]
        visible,
        ScanEvent.select(ScanEvent, Asset, Shipment, Place, Party, User, goal, kind, owner)
        .join_from(ScanEvent, Asset, JOIN.LEFT_OUTER)
        .join_from(ScanEvent, Shipment, JOIN.LEFT_OUTER, on=(ScanEvent.shipment == Shipment.id))
        .join_from(ScanEvent, Place, JOIN.LEFT_OUTER, on=(ScanEvent.place == Place.id))
        .join_from(ScanEvent, Party, JOIN.LEFT_OUTER, on=(ScanEvent.party == Party.id))
        .join_from(ScanEvent, User, JOIN.LEFT_OUTER, on=(ScanEvent.user == User.id))
        .join_from(ScanEvent, goal, JOIN.LEFT_OUTER, on=(ScanEvent.destination == goal.id))
        .join_from(ScanEvent, kind, JOIN.LEFT_OUTER, on=(ScanEvent.asset_type == kind.id))
        .join_from(ScanEvent, owner, JOIN.LEFT_OUTER, on=(ScanEvent.owner == owner.id)),
    )


def _remarks(event: ScanEvent) -> str:
    return " ".join(reason_text(event, reason) for reason in (event.refused or event.exception).split())


def _box_html(event: ScanEvent) -> Markup | str:
    if event.asset:
        return event.asset.code
    if event.asset_type:
        return f"{event.quantity} × {event.asset_type.code}"
    text = event.scanned_text
    return Markup('<span class="as-raw">{}</span>').format(text[:80] + ("…" if len(text) > 80 else ""))


def find_undone(rows: list[ScanEvent]) -> None:
    """Which events of a page have been declared void; the columns of events need it. And the clock at home, for those
    without a place."""
    home_zone_here()
    query = ScanEvent.select(ScanEvent.voids).where(ScanEvent.voids.in_([row.event_id for row in rows]))
    g.undone = {voids for (voids,) in tuples(query)}


def _outcome(event: ScanEvent) -> str:
    if event.event_id in g.undone:  # the last word
        return translated(N_("undone"))
    return _remarks(event) or translated(N_("taken"))


def _outcome_html(event: ScanEvent) -> Markup:
    """What became of a scan, as a coloured word with its reasons."""
    look, word = (
        ("bad", N_("undone"))
        if event.event_id in g.undone
        else ("warn", N_("asked for"))
        if event.refused == "needs_second"
        else ("bad", N_("refused"))
        if event.refused
        else ("warn", N_("taken, but look"))
        if event.exception
        else ("ok", N_("taken"))
    )
    return Markup('<span><span class="rt-state rt-{}">{}</span> {}</span>').format(
        look, translated(word), "" if event.event_id in g.undone else _remarks(event)
    )


_EVENT_COLUMNS = {
    column.key: column
    for column in (
        Column("time", N_("Time"), lambda row: row.event_time, sort=ScanEvent.event_time,
               html=lambda row: instant_at_home(row.event_time, zone_of(row.place))),
        Column("type", N_("Scan"), event_title, sort=ScanEvent.type),
        Column("box", N_("Box"), lambda row: row.asset.code if row.asset else row.scanned_text, sort=Asset.code,
               url=lambda row: _page_of(row.asset) if row.asset else "", html=_box_html),
        Column("kind", N_("Box type"), lambda row: name_of(row.asset_type) if row.asset_type else ""),
        Column("quantity", N_("Quantity"), lambda row: row.quantity or None, sort=ScanEvent.quantity, numeric=True),
        Column("owner", N_("Owner"), lambda row: row.owner.code if row.owner else ""),
        Column("outcome", N_("Outcome"), _outcome, sort=ScanEvent.refused, html=_outcome_html),
        Column("shipment", N_("Shipment"), lambda row: number_of(row.shipment),
               sort=Shipment.number),
        Column("place", N_("Place"), lambda row: row.place.code if row.place else "", sort=Place.code),
        Column("party", N_("Partner"), lambda row: row.party.code if row.party else "", sort=Party.code),
        Column("document", N_("Document no."), lambda row: row.document, sort=ScanEvent.document),
        Column("person", N_("Person"), lambda row: row.user.username if row.user else "", sort=User.username),
        Column("device", N_("Device"), lambda row: row.device, sort=ScanEvent.device),
        Column("recorded", N_("Recorded"), lambda row: row.record_time, sort=ScanEvent.record_time,
               html=lambda row: instant_at_home(row.record_time, zone_of(row.place))),
        # files only: a page has no room for them
        Column("event_id", N_("Event id"), lambda row: row.event_id),
        Column("destination", N_("Going to"), lambda row: row.destination.code if row.destination else ""),
        Column("parent", N_("Load"), lambda row: row.parent),
        Column("reason", N_("Reason or remark"), lambda row: reason_words(row.type, row.reason)),
        Column("voids", N_("Undoes"), lambda row: row.voids or ""),
        Column("corrects", N_("In place of"), lambda row: row.corrects or ""),
    )
}  # fmt: skip


def event_columns(*keys: str) -> tuple[Column, ...]:
    """These columns of a list of events, which is prepared by `find_undone`."""
    return tuple(_EVENT_COLUMNS[key] for key in keys)


def _to_decide() -> Any:
    """Refused or against a rule, and not undone since."""
    void = ScanEvent.alias()
    undone = void.select(void.voids).where(void.voids.is_null(False))
    return ((ScanEvent.refused != "") | (ScanEvent.exception != "")) & ScanEvent.event_id.not_in(undone)


_EVENT_FILTERS = (
    Filter(
        "show",
        N_("Outcome"),
        [("decide", N_("refused or against a rule")), ("refused", N_("refused")), ("exception", N_("taken, but look"))],
        lambda q, v: q.where(
            _to_decide() if v == "decide" else ScanEvent.refused != "" if v == "refused" else ScanEvent.exception != ""
        ),
    ),
    Filter(
        "type",
        N_("Scan"),
        [(kind.code, kind.title) for kind in EVENT_TYPES.values()],
        lambda q, v: q.where(ScanEvent.type == v),
    ),
)


@blueprint.get("/scan-events")
@needs("assets.read")
def event_list() -> Response | str:
    lists, document = BoxLists(current_scope()), storable(request.args.get("document", ""))[:64]
    query = all_events(partial(visible_events, passes=lists.to_list))
    counted = seen(partial(visible_events, passes=lists.to_count), ScanEvent.select())
    if document:
        query = query.where(ScanEvent.document == document, ScanEvent.document != "")
    file = request.args.get("format") in ("csv", "xlsx")
    columns = (
        tuple(_EVENT_COLUMNS.values())
        if file
        else event_columns("time", "type", "box", "outcome", "shipment", "place", "person", "device", "recorded")
    )
    return answer(
        query, columns, template="assets/events.html", name="scans", document=document,
        search=(Asset.code, ScanEvent.scanned_text, ScanEvent.device), exact=(Asset.code,),
        filters=_EVENT_FILTERS, sort="-recorded", bare=None if document else counted, prepare=find_undone, files=True,
    )  # fmt: skip
