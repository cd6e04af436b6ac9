"""The page of one box: its life as a list and as a picture, where it was at any time, and what a desk can tell of it.

Part of the pages of assets.views; app.py takes the blueprint from here so that these are in it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_security import current_user
from markupsafe import Markup
from wtforms import Field

import archive
from accounts.access import needs, rights_held
from accounts.once import taken_once
from accounts.scope import seen
from assets.balances import days_late, is_overdue
from assets.event_types import EVENT_TYPES
from assets.forms import CorrectForm, ReportForm
from assets.labels import own_hosts
from assets.ledger import state_of
from assets.models import Asset, ExceptionCase, ScanEvent
from assets.past import Past, life_of, read_instant, state_at
from assets.pictures import Journey, Mark, Stay, Timeline, timeline
from assets.scan_answers import Answer
from assets.scan_told import ScanInput
from assets.scanned_text import storable
from assets.scanning import correct_event, record_scan
from assets.state import State, Step, shown
from assets.trips import trips
from assets.views import (
    WORDS,
    all_assets,
    all_events,
    blueprint,
    place_of,
    since_of,
    word_of,
    zone_of,
)  # fmt: skip
from assets.visible import event_is_seen, picture_is_seen, visible_assets, visible_cases
from database import utc_now
from errors import InvalidInput, Refused
from i18n import name_of, translated
from listing import attachment
from master_data.home import home_zone
from master_data.models import Party, Place
from photos import PHOTO_BYTES, keep_photo

#: More events than this make no picture any more; the latest are drawn.
_DRAWN = 300

_BAD = ("damage", "lost", "write_off", "decommission", "scrap")


@dataclass(frozen=True)
class Entry:
    """One line of a life. `undone`: the error declaration; `instead`: the wrong event in whose place this one stands,
    `instead_undone` its declaration; `moved_to`: the event of another box that stands in the place of this one."""

    event: ScanEvent
    undone: ScanEvent | None
    instead: ScanEvent | None
    instead_undone: ScanEvent | None
    moved_to: ScanEvent | None
    cases: Sequence[ExceptionCase]


def _asset(code: str) -> Asset:
    found: Asset = all_assets().where(Asset.code == code.upper()).first() or abort(404)
    return found


def _home_zone_of(asset: Asset) -> str:
    return zone_of(asset.return_place) if asset.return_place_id else home_zone()


@blueprint.get("/assets/<code>")
@needs("assets.read")
def asset_page(code: str) -> str:
    asset = _asset(code)
    return _asset_page(asset, _report_form(asset))


def _report_form(asset: Asset) -> ReportForm:
    return ReportForm(state_of(asset), _home_zone_of(asset))


def _asset_page(asset: Asset, form: ReportForm, question: str = "") -> str:
    now = utc_now()
    steps = life_of(asset)
    past, past_error = _past(asset)
    return render_template(
        "assets/asset.html", asset=asset, word=word_of(asset), place=place_of(asset), since=since_of(asset),
        late=days_late(asset.due_day, asset.return_place, now) if _is_late(asset) else 0,
        owner=Party.get_by_id(asset.owner_id), return_place=asset.return_place, form=form, question=question,
        entries=_entries(asset), picture=_picture(asset, steps), past=past, past_error=past_error,
        past_word=shown(past.state) if past else "", zone=_home_zone_of(asset),
        inside=seen(visible_assets, Asset.select().where(Asset.parent == asset.code)).count(), **WORDS,
    )  # fmt: skip


def _is_late(asset: Asset) -> bool:
    return Asset.select().where(Asset.id == asset.id, is_overdue(utc_now())).exists()


def _past(asset: Asset) -> tuple[Past | None, str]:
    """What `?at=` asks for, and what is wrong with it; with `known` by what we knew then."""
    text = storable(request.args.get("at", ""))[:40]
    if not text:
        return None, ""
    try:
        at = read_instant(text, _home_zone_of(asset), "at")
    except InvalidInput as error:
        return None, translated(error)
    return state_at(asset, at, as_known="known" in request.args), ""


def _entries(asset: Asset) -> list[Entry]:
    events = list(
        all_events()
        .where(ScanEvent.asset == asset)
        .order_by(ScanEvent.event_time.desc(), ScanEvent.record_time.desc(), ScanEvent.id.desc())
    )
    here = {event.event_id: event for event in events}
    void = {event.voids: event for event in events if event.voids}
    elsewhere = {event.corrects for event in events if event.corrects} - here.keys()
    wrong = (
        {row.event_id: row for row in all_events().where(ScanEvent.event_id.in_(elsewhere))} if elsewhere else {}
    ) | here
    corrected = (
        all_events().where(ScanEvent.corrects.is_null(False), ScanEvent.corrects.in_(list(void))) if void else ()
    )
    right = {row.corrects: row for row in corrected}
    open_cases: dict[str, list[ExceptionCase]] = defaultdict(list)
    found_cases = ExceptionCase.select().where(ExceptionCase.asset == asset, ExceptionCase.state == "open")
    for case in seen(visible_cases, found_cases):
        open_cases[case.event_id].append(case)
    found = []
    for event in events:
        correction = right.get(event.event_id)
        if (event.voids in here) or (correction is not None and correction.event_id in here):
            continue  # told with the event that it undoes, or with the one that stands in its place
        instead = wrong.get(event.corrects or "")
        found.append(
            Entry(
                event, void.get(event.event_id), instead, void.get(instead.event_id) if instead else None, correction,
                open_cases.get(event.event_id, ()),
            )
        )  # fmt: skip
    return found


# the picture


def _picture(asset: Asset, steps: Sequence[Step]) -> Markup:
    steps = steps[-_DRAWN:]
    ids = {one for step in steps for one in (step.after.place_id, step.event.place_id, step.before.place_id)} - {None}
    places = {row.id: row for row in Place.select().where(Place.id.in_(ids))}
    holders = {step.after.holder_id for step in steps} | {step.before.holder_id for step in steps}
    parties = {row.id: row for row in Party.select().where(Party.id.in_(holders - {None}))}
    zone = _home_zone_of(asset)
    names: dict[str, int] = {}

    def lane(state: State) -> int | None:
        standing = places.get(state.stands_at or 0) or (
            parties.get(state.holder_id or 0) if state.where in ("here", "there") else None
        )
        return names.setdefault(name_of(standing), len(names)) if standing and state.life != "gone" else None

    stays: list[Stay] = []
    marks: list[Mark] = []
    for number, step in enumerate(steps):
        time = step.event.order_time
        at = lane(step.after)
        before = lane(step.before) if step.before.life != "none" else at
        after_it = steps[number + 1].event.order_time if number + 1 < len(steps) else None
        if step.after.life not in ("none", "gone"):
            text = f"{translated(WORDS['titles'][shown(step.after)])}: {_moment(time, zone)} –"
            if stays and stays[-1].lane == at:
                stays[-1] = Stay(at, stays[-1].start, after_it, stays[-1].text)
            else:
                stays.append(Stay(at, time, after_it, text))
        on = before if at is None or EVENT_TYPES[step.event.type].code in ("dispatch", "transfer_out") else at
        on = on if on is not None else at if at is not None else (marks[-1].lane if marks else 0)
        look = "warn" if step.broken else "bad" if step.event.type in _BAD else "ok"
        marks.append(Mark(on, time, f"{translated(EVENT_TYPES[step.event.type].title)}, {_moment(time, zone)}", look))
    journeys = [
        Journey(trip.out_time, trip.end_time, f"{_moment(trip.out_time, zone)} – "
                f"{_moment(trip.end_time, zone) if trip.end_time else ''}")
        for trip in trips(steps)
    ]  # fmt: skip
    if not names:
        return Markup("")
    description = "; ".join(mark.text for mark in marks[-40:])
    title = _("Life of %(code)s: where it stood, and its trips", code=asset.code)
    return timeline(
        Timeline(title, description, list(names), _("Trips"), stays, marks, journeys, utc_now(), zone)
    )  # fmt: skip


def _moment(time: datetime, zone: str) -> str:
    return f"{time.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


# what is told


@blueprint.post("/assets/<code>/report")
@needs("assets.scan")
def asset_report(code: str) -> Any:
    """An event told from a desk; fields of ReportForm. `confirmed`: what the person said yes to."""
    asset = _asset(code)
    form = _report_form(asset)
    if not form.validate():
        return _asset_page(asset, form), 422
    photo = _kept(form.photo)
    if photo is None:
        return _asset_page(asset, form), 422
    return _reported(asset, form, photo)  # who waits for a turn to write has read the picture already


@taken_once
def _reported(asset: Asset, form: ReportForm, photo: str) -> Any:
    now = utc_now()
    confirmed = tuple(storable(word)[:24] for word in request.form.getlist("confirmed"))
    told = form.told(now, asset.code, photo=photo, confirmed=confirmed, rights=rights_held())
    taken = record_scan(told, current_user, now, _own_hosts())
    if not taken.done:
        form.blame(taken)
        return _asset_page(asset, form, taken.confirm or ""), 422
    return _flashed(taken)


@blueprint.post("/assets/<code>/void")
@needs("ledger.correct")
def asset_void(code: str) -> Any:
    """Undo an event: `event_id`, `reason`. The event stays and is marked; another one says that it does not count."""
    _asset(code)
    event_id = storable(request.form.get("event_id", ""))[:36]
    if not event_is_seen(event_id):
        abort(404)
    told = ScanInput(
        str(uuid4()), "void", "", utc_now(), reason=storable(request.form.get("reason", ""))[:2000], device="desk",
        voids=event_id,
    )  # fmt: skip
    taken = record_scan(told, current_user, told.event_time)
    if not taken.done:
        raise Refused(taken.reason or taken.field or "invalid", taken.text.text, **taken.text.values)
    return _flashed(taken)


@blueprint.route("/assets/<code>/events/<event_id>/correct", methods=["GET", "POST"])
@needs("ledger.correct")
@taken_once
def asset_correct(code: str, event_id: str) -> Any:
    """What an event should have said: it is declared void, and the right one stands in its place."""
    asset = _asset(code)
    event = all_events().where(ScanEvent.event_id == event_id, ScanEvent.asset == asset).first() or abort(404)
    undone = ScanEvent.select().where(ScanEvent.voids == event.event_id).exists()
    if event.refused or undone or event.type in ("void", "commission"):
        abort(404)
    form, question = CorrectForm(event, zone_of(event.place) if event.place else _home_zone_of(asset)), ""
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate() and (photo := _kept(form.photo)) is not None:
            now = utc_now()
            confirmed = tuple(storable(word)[:24] for word in request.form.getlist("confirmed"))
            allowed = rights_held() | {"assets.scan"}  # who may correct may say of any scan how it was
            told = {"photo": photo or event.photo, "confirmed": confirmed, "rights": allowed}
            right = form.told(now, storable(form.code.data), **told)
            taken = correct_event(event.event_id, right, form.difference(), current_user, now, _own_hosts())
            if taken.outcome == "recorded" or taken.waits:
                return _flashed(taken)
            form.blame(taken)
            question = taken.confirm or ""
    return render_template(
        "assets/correct.html", asset=asset, event=event, form=form, question=question, **WORDS
    ), status


def _kept(field: Field) -> str | None:
    """The SHA-256 of the photo that came with a form, '' without one; None when it cannot be taken."""
    if not field.data or not field.data.filename:
        return ""
    try:
        return keep_photo(field.data.read(PHOTO_BYTES + 1), "photo", current_app.config["ROUNDTRIP"].photos_dir)
    except InvalidInput as error:
        field.errors = [*field.errors, translated(error)]
        return None


@blueprint.get("/photos/<sha256>.jpg")
@needs("assets.read")
def photo(sha256: str) -> Response:
    """A photo that came with an event, or a signature."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not picture_is_seen(sha256, current_user.id):
        abort(404)
    try:
        data = archive.read(current_app.config["ROUNDTRIP"].photos_dir, sha256, suffix=".jpg")
    except archive.ArchiveFault:
        abort(404)
    return attachment(data, f"{sha256[:8]}.jpg", "image/jpeg", inline=True)


def _flashed(taken: Answer) -> Any:
    flash(translated(taken.text), "warning" if taken.exceptions or taken.waits else "success")
    return redirect(url_for("assets.asset_page", code=taken.code))


def _own_hosts() -> tuple[str, ...]:
    return own_hosts(current_app.config["ROUNDTRIP"].base_url)
