"""Pages of the loads: what travels under one label, its history, packing and unpacking by typed or pasted codes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import ngettext
from flask_security import current_user
from peewee import fn

from accounts.access import needs
from accounts.once import taken_once
from accounts.scope import current_scope, seen
from assets.finding import find_box
from assets.forms import PackForm
from assets.labels import own_hosts
from assets.loads import counted_in, sscc_key
from assets.models import Asset, ScanEvent
from assets.scan_told import MAX_QUANTITY, ScanInput
from assets.scanned_text import read_scanned_text, storable
from assets.scanning import record_scans
from assets.views import WORDS, all_assets, all_events, word_of
from assets.visible import visible_assets, visible_events
from database import taking_turns, tuples, utc_now
from errors import N_, Message
from i18n import translated
from listing import Column, answer_reckoned
from master_data.models import AssetType

blueprint = Blueprint("loads", __name__)

_MOST = 500  # codes at a time, as the API takes them
_TAKEN = ("recorded", "known")


@dataclass(frozen=True)
class Load:
    """A load in the list."""

    key: str
    boxes: int
    pieces: int


@blueprint.get("/loads")
@needs("assets.read")
def load_list() -> Response | str:
    """The loads with something in them. `?code=` opens one."""
    if request.args.get("code"):
        key = _key(request.args["code"])
        if key:
            return redirect(url_for("loads.load_page", key=key))  # type: ignore[return-value]
    loaded = Asset.select(Asset.parent, fn.COUNT(Asset.id)).where(Asset.parent != "").group_by(Asset.parent)
    boxes = dict(tuples(seen(visible_assets, loaded)))
    packed = ScanEvent.select(ScanEvent.parent).where(
        ScanEvent.parent != "", ScanEvent.type == "pack", ScanEvent.asset_type.is_null(False)
    )
    packed = seen(visible_events, packed)
    keys = {key for (key,) in tuples(packed)}
    pieces = {key: sum(inside.values()) for key, inside in counted_in(keys, visible_events).items()}
    rows = [Load(key, boxes.get(key, 0), pieces.get(key, 0)) for key in sorted({*boxes, *pieces})]
    columns = (
        Column("load", N_("Load"), lambda row: row.key, sort=lambda row: row.key,
               url=lambda row: url_for("loads.load_page", key=row.key)),
        Column("boxes", N_("Boxes"), lambda row: row.boxes, sort=lambda row: row.boxes, numeric=True),
        Column("pieces", N_("Counted pieces"), lambda row: row.pieces, sort=lambda row: row.pieces, numeric=True),
    )  # fmt: skip
    return answer_reckoned(
        rows, columns, template="assets/loads.html", name="loads", search=lambda row: row.key, sort="load"
    )


@blueprint.route("/loads/<path:key>", methods=["GET", "POST"])
@needs("assets.read", post="assets.scan")
@taken_once
def load_page(key: str) -> Any:
    """One load. POST `how`: pack or unpack, fields of PackForm."""
    right = _key(key)
    if not right:
        abort(404)
    if right != key:
        return redirect(url_for("loads.load_page", key=right))
    about = all_events().where(ScanEvent.parent == right, ScanEvent.parent != "")  # the second for the index
    history = list(about.order_by(ScanEvent.event_time.desc(), ScanEvent.id.desc()).limit(200))
    if not history and _is_foreign(right):
        abort(404)
    form, status = PackForm(), 200
    if form.is_submitted():
        status = 422
        if form.validate():
            taken = _taken(form, right, request.form.get("how", ""))
            if taken:
                flash(ngettext("%(num)s code is recorded.", "%(num)s codes are recorded.", taken))
                return redirect(url_for("loads.load_page", key=right))
    box = seen(visible_assets, Asset.select().where(Asset.code == right)).first()
    inside = list(all_assets().where(Asset.parent == right).order_by(Asset.code))
    counted: dict[int, int] = dict(counted_in({right}, visible_events).get(right, {}))
    kinds = {row.id: row for row in AssetType.select().where(AssetType.id.in_(list(counted)))}
    undone = ScanEvent.select(ScanEvent.voids).where(ScanEvent.voids.in_([row.event_id for row in history]))
    void = {voids for (voids,) in tuples(undone)}
    page = render_template(
        "assets/load.html", key=right, box=box, inside=inside, form=form, void=void, word_of=word_of,
        counted=[(kinds[kind], count) for kind, count in counted.items()], history=history, **WORDS,
    )  # fmt: skip
    return page, status


def _key(text: str) -> str:
    """The key of the load that a text means; '' when it means none. 18 digits are an SSCC without its (00)."""
    text = f"(00){text.strip()}" if re.fullmatch(r"\s*[0-9]{18}\s*", text) else text
    code = read_scanned_text(storable(text), own_hosts(current_app.config["ROUNDTRIP"].base_url))
    box, _fault = find_box(code, visible_assets(current_scope()))
    return sscc_key(code) or (box.code if box else "")


def _is_foreign(key: str) -> bool:
    """Whether there is something in this load, and nothing that who asks may see."""
    if not current_scope().is_limited:
        return False
    inside = Asset.select().where(Asset.parent == key)
    told = ScanEvent.select().where(ScanEvent.parent == key, ScanEvent.parent != "")
    return (inside.exists() or told.exists()) and not seen(visible_assets, inside).exists()


def _taken(form: PackForm, key: str, how: str) -> int:
    """Take what was typed, all of it or nothing, and give how much that is; what is wrong stands at its field."""
    if how not in ("pack", "unpack"):
        abort(400)
    codes = [line.strip() for line in re.split(r"[\r\n,;，；]+", storable(form.codes.data or "")) if line.strip()]
    now = utc_now()
    told = [ScanInput(str(uuid4()), how, code, now, place=form.place.data, parent=key, device="desk") for code in codes]
    if form.asset_type.data:
        quantity = form.quantity.data if form.quantity.data is not None else 0
        told.append(
            ScanInput(
                str(uuid4()), how, "", now, place=form.place.data, parent=key, device="desk",
                asset_type=form.asset_type.data, quantity=min(max(quantity, 0), MAX_QUANTITY + 1),
            )
        )  # fmt: skip
    if not told:
        form.codes.errors = [*form.codes.errors, translated(N_("Type at least one code."))]
        return 0
    if len(told) > _MOST:
        form.codes.errors = [
            *form.codes.errors, translated(Message(N_("At most %(max)s codes at a time."), {"max": _MOST}))
        ]  # fmt: skip
        return 0
    try:
        with taking_turns():
            answers = record_scans(told, current_user, now, own_hosts(current_app.config["ROUNDTRIP"].base_url))
            if not all(one.outcome in _TAKEN for one in answers):
                raise _NotAll  # the form comes back with all that was typed: sent again it would be taken twice
    except _NotAll:
        for scan, one in zip(told, answers, strict=True):
            if one.outcome not in _TAKEN:
                field = form.quantity if scan.asset_type else form.codes
                text = translated(one.text)
                field.errors = [*field.errors, text if scan.asset_type else f"{scan.scanned_text[:40]}: {text}"]
        return 0
    return len(answers)


class _NotAll(Exception):
    """Something that was typed cannot be taken; rolls back the rest of it."""


def load_title(key: str) -> str:
    """How a load is called on pages: `SSCC 3401…` or the code of its box."""
    return f"SSCC {key[4:]}" if key.startswith("(00)") else key
