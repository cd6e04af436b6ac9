"""The page of the devices that scan: which they are, what they have not sent, and an end to one that is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, url_for
from flask_security import current_user
from markupsafe import Markup
from peewee import JOIN, fn

from accounts.access import may, needs
from accounts.models import ApiToken, User
from accounts.scope import current_scope
from assets.clocks import CORRECTED
from assets.devices import gaps_of, revoke
from assets.labels import own_hosts
from assets.models import Device, ExceptionCase, ScanEvent
from assets.quarantine import REVOKED, let_count
from assets.visible import visible_devices
from database import utc_now
from errors import N_, Message
from i18n import instant, name_of, number, translated
from listing import Column, Filter, answer
from master_data.home import home_zone
from master_data.models import Place

blueprint = Blueprint("devices", __name__)


@blueprint.get("/devices")
@needs("assets.scan")
def device_list() -> Response | str:
    open_case = (ExceptionCase.code == REVOKED) & (ExceptionCase.state == "open")
    kept = (
        ScanEvent.select(ScanEvent.sender, fn.COUNT(ScanEvent.id).alias("number"))
        .join(ExceptionCase, on=(ExceptionCase.event == ScanEvent.event_id))
        .where(ScanEvent.refused == REVOKED, open_case)
        .group_by(ScanEvent.sender)
        .alias("kept")
    )
    query = (
        Device.select(Device, ApiToken, User, Place, fn.COALESCE(kept.c.number, 0).alias("kept"))
        .join_from(Device, ApiToken)
        .join_from(ApiToken, User)
        .join_from(Device, Place, JOIN.LEFT_OUTER)
        .join_from(Device, kept, JOIN.LEFT_OUTER, on=(kept.c.sender_id == Device.id))
    )
    states = Filter(
        "state",
        N_("State"),
        [("used", N_("in use")), ("revoked", N_("taken out of use"))],
        lambda q, v: q.where(Device.revoked_time.is_null(v == "used")),
    )
    narrow = visible_devices(current_scope(), current_user.id)
    query = query if narrow is None else query.where(narrow)
    return answer(
        query, _columns(home_zone()), template="assets/devices.html", name="devices",
        search=(Device.name, User.username), filters=[states], sort="name",
    )  # fmt: skip


def _columns(zone: str) -> list[Column]:
    # What was told longest ago comes first, and of what never happened nothing was told.
    may_all = _administrator()
    never = fn.COALESCE(ApiToken.last_used_time, Device.created_time)
    return [
        Column("name", N_("Device"), lambda row: row.name, sort=Device.name),
        Column("person", N_("Person"), lambda row: row.token.user.username, sort=User.username),
        Column("place", N_("Place"), lambda row: name_of(row.place) if row.place else "", sort=Place.code),
        Column(
            "seen", N_("Last seen"), lambda row: row.token.last_used_time, sort=never,
            html=lambda row: instant(row.token.last_used_time, zone) or translated(N_("never")),
        ),
        Column(
            "sent", N_("Last sent"), lambda row: row.sync_time, sort=Device.sync_time,
            html=lambda row: instant(row.sync_time, zone),
        ),
        Column("unsent", N_("Not sent yet"), lambda row: row.unsent, sort=Device.unsent, numeric=True, html=_unsent),
        Column("gaps", N_("Missing scans"), gaps_text, html=_gaps),
        Column(
            "clock", N_("Clock"), lambda row: row.clock_offset_ms, sort=Device.clock_offset_ms, numeric=True,
            html=_clock,
        ),
        Column("version", N_("App"), lambda row: row.app_version, sort=Device.app_version),
        Column("state", N_("State"), _state, sort=Device.revoked_time,
               html=lambda row: _state_html(row, may_all)),
    ]  # fmt: skip


def _marked(mark: str, text: str) -> Markup:
    return Markup('<span class="rt-state {}">{}</span>').format(mark, text)


def _unsent(row: Device) -> Any:
    if row.unsent is None:
        return ""
    return _marked("rt-warn", number(row.unsent)) if row.unsent else number(row.unsent)


def gaps_text(row: Device) -> str:
    """41–43, 50: numbers of scans that the device made and that have not come."""
    return ", ".join(str(low) if low == high else f"{low}–{high}" for low, high in gaps_of(row))


def _gaps(row: Device) -> Any:
    text = gaps_text(row)
    return _marked("rt-warn", text[:80]) if text else ""


def _clock(row: Device) -> Any:
    if row.clock_offset_ms is None:
        return ""
    offset = timedelta(milliseconds=row.clock_offset_ms)
    if abs(offset) <= CORRECTED:
        return _marked("rt-ok", translated(N_("right")))
    text = N_("%(time)s behind") if offset > timedelta(0) else N_("%(time)s ahead")
    return _marked("rt-warn", translated(Message(text, {"time": _long(abs(offset))})))


def _long(time: timedelta) -> str:
    days, rest = divmod(round(time / timedelta(minutes=1)) * 60, 86_400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    if days:
        return translated(Message(N_("%(days)s d %(hours)s h"), {"days": days, "hours": hours}))
    return translated(Message(N_("%(hours)s:%(minutes)s h"), {"hours": hours, "minutes": f"{minutes:02}"}))


def _state(row: Device) -> str:
    return translated(N_("taken out of use") if row.revoked_time else N_("in use"))


def _state_html(row: Device, may_all: bool) -> Markup:
    if row.revoked_time:
        return Markup(render_template("assets/_revoked.html", device=row, administrator=may_all))  # noqa: S704
    if not _may_revoke(row, may_all):
        return _marked("rt-ok", _state(row))
    return Markup(render_template("assets/_revoke.html", device=row))  # noqa: S704 - our own template, which escapes


def _may_revoke(device: Device, may_all: bool) -> bool:
    """One's own, and administrators any."""
    return device.token.user_id == current_user.id or may_all


def _administrator() -> bool:
    return may("people.manage")


def _devices() -> Any:
    query = Device.select(Device, ApiToken).join(ApiToken)
    narrow = visible_devices(current_scope(), current_user.id)
    return query if narrow is None else query.where(narrow)


@blueprint.post("/devices/<int:id>/let-count")
@needs("ledger.correct")
def device_let_count(id: int) -> Any:
    """What a revoked device sent counts after all."""
    device = _devices().where(Device.id == id).first() or abort(404)
    hosts = own_hosts(current_app.config["ROUNDTRIP"].base_url)
    taken, left = let_count(device, current_user._get_current_object(), utc_now(), hosts)
    text = N_("%(taken)s scans of %(name)s count now; %(left)s go on waiting, because they cannot be recorded.")
    if not left:
        text = N_("%(taken)s scans of %(name)s count now.")
    values = {"taken": taken, "left": left, "name": device.name}
    flash(translated(Message(text, values)), "warning" if left else "success")
    return redirect(url_for("devices.device_list"))


@blueprint.post("/devices/<int:id>/revoke")
@needs("assets.scan")
def device_revoke(id: int) -> Any:
    device = _devices().where(Device.id == id).first() or abort(404)
    if not _may_revoke(device, _administrator()):
        abort(403)
    revoke(device, current_user._get_current_object(), utc_now())
    text = N_("%(name)s is taken out of use. What it has not sent yet is kept for review when it comes.")
    flash(translated(Message(text, {"name": device.name})), "success")
    return redirect(url_for("devices.device_list"))
