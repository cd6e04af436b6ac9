"""Pages of the exceptions: what somebody has to decide, what was assumed meanwhile, and one-click mends."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_security import current_user
from flask_wtf.csrf import generate_csrf
from markupsafe import Markup

from accounts.access import may, needs
from accounts.scope import seen
from assets.event_types import EVENT_TYPES, REASONS
from assets.labels import own_hosts
from assets.mending import Offer, asked_of, assumed, cases, mend, offers
from assets.models import Asset, ExceptionCase, ScanEvent
from assets.scan_told import heard_again
from assets.scanned_text import storable
from assets.state import shown
from assets.views import WORDS, event_title, zone_of
from assets.visible import visible_cases
from database import tuples, utc_now
from errors import N_, InvalidInput, Message, Refused
from i18n import name_of, translated
from listing import Column, Filter, answer
from master_data.models import Party, Place
from shipments.models import Shipment
from shipments.visible import visible_shipments

blueprint = Blueprint("exceptions", __name__)

SOURCES = {
    "scan": N_("taken, but look"), "refused": N_("refused"), "count": N_("count"), "statement": N_("statement"),
}  # fmt: skip
CASE_STATES = {
    "open": (N_("to decide"), "warn"), "explained": (N_("explained itself"), "ok"), "accepted": (N_("accepted"), "ok"),
    "mended": (N_("mended"), "ok"),
}  # fmt: skip


def subject_of(case: ExceptionCase) -> str:
    """What a case is about: the code of a box, of a counted type, or what was scanned."""
    if case.asset:
        return str(case.asset.code)
    if case.asset_type:
        return str(case.asset_type.code)
    return str(case.event.scanned_text[:60] or case.event.parent if case.event else case.subject)


def case_text(case: ExceptionCase) -> str:
    """What is the matter; of a dispute with both figures."""
    text = REASONS.get(case.code, case.code)
    told = translated(Message(text, {"code": subject_of(case)} if "%(" in text else {}))
    if case.source == "statement":
        values = json.loads(case.values)
        figures = _("ours %(ours)s, theirs %(theirs)s", ours=values["ours"], theirs=values["theirs"])
        told = f"{case.subject}: {told} ({figures})"
    return told


def kind_title(code: str) -> str:
    """What is the matter in all cases of this kind: the sentence of a case, with … for its box."""
    text = REASONS.get(code, code)
    return translated(Message(text, {"code": "…"} if "%(" in text else {}))


def case_url(case: ExceptionCase) -> str:
    """Where it is decided: its page, or of a dispute the statement."""
    if case.source == "statement":
        line = case.subject.partition("/")[2]
        return url_for("statements.statement", id=json.loads(case.values)["statement"], _anchor=f"line-{line}")
    return url_for("exceptions.case_page", id=case.id)


def _age(case: ExceptionCase) -> int:
    return int((utc_now() - case.opened_time).days)


def _age_html(case: ExceptionCase) -> str:
    days = _age(case)
    return ngettext("%(num)s day", "%(num)s days", days) if days else _("today")


def _state_html(case: ExceptionCase) -> Markup:
    title, look = CASE_STATES[case.state]
    who = f" · {case.decided_by.username}" if case.decided_by else ""
    return Markup('<span class="rt-state rt-{}">{}</span>{}').format(look, translated(title), who)


def _subject_html(case: ExceptionCase) -> Markup | str:
    return subject_of(case) if case.asset else Markup('<span class="as-raw">{}</span>').format(subject_of(case))


def _matter_html(case: ExceptionCase) -> Markup:
    told = [translated(SOURCES.get(case.source, case.source)), event_title(case.event) if case.event else ""]
    return Markup(
        '<span><a class="as-matter" href="{}"><strong>{}</strong></a> <span class="text-body-secondary">{}</span> '
        '<small class="text-body-secondary">({})</small></span>'
    ).format(case_url(case), case_text(case), translated(assumed(case)), ", ".join(filter(None, told)))


def _mend_html(case: ExceptionCase) -> Markup:
    """What explains the case, as one button; where a person has to choose or to fill in something, its page."""
    if case.state != "open":
        return Markup("{}").format(case.note)
    if not may("ledger.correct"):
        return Markup("")
    first = next(iter(_offers()[case.id].mends), None)
    if first is None or first.needs or first.key in ("accept", "void", "retake", "agree"):
        return Markup('<a class="btn btn-sm btn-outline-secondary" href="{}">{}</a>').format(
            case_url(case), _("Decide")
        )
    return Markup(
        '<form method="post" action="{}"><input type="hidden" name="csrf_token" value="{}">'
        '<button class="btn btn-sm btn-outline-primary" name="mend" value="{}">{}</button></form>'
    ).format(case_url(case), generate_csrf(), first.key, translated(first.title))


def _offers() -> dict[int, Offer]:
    return g.offers  # type: ignore[no-any-return]


_COLUMNS = (
    Column("opened", N_("Since"), lambda row: row.opened_time, sort=ExceptionCase.opened_time, html=_age_html),
    Column("subject", N_("Box"), subject_of, sort=Asset.code, html=_subject_html,
           url=lambda row: url_for("assets.asset_page", code=row.asset.code) if row.asset else ""),
    Column("matter", N_("What is the matter, and what was assumed"),
           lambda row: f"{case_text(row)} {translated(assumed(row))}", sort=ExceptionCase.code, html=_matter_html),
    Column("party", N_("Partner"), lambda row: name_of(row.party) if row.party else "", sort=Party.code),
    Column("place", N_("Place"), lambda row: row.place.code if row.place else "", sort=Place.code),
    Column("state", N_("State"), lambda row: translated(CASE_STATES[row.state][0]), sort=ExceptionCase.state,
           html=_state_html),
)  # fmt: skip
_MEND = Column("mend", N_("Mend"), lambda row: "", html=_mend_html)
#: files only: a page has no room for them
_MORE = (
    Column("source", N_("Source"), lambda row: translated(SOURCES.get(row.source, row.source))),
    Column("code", N_("Kind"), lambda row: row.code),
    Column("scan", N_("Scan"), lambda row: event_title(row.event) if row.event else ""),
    Column("event_id", N_("Event id"), lambda row: row.event_id or ""),
    Column("decided", N_("Decided"), lambda row: row.decided_time),
    Column("person", N_("Person"), lambda row: row.decided_by.username if row.decided_by else ""),
    Column("note", N_("Note"), lambda row: row.note),
)


def _filters() -> list[Filter]:
    codes = [
        code
        for (code,) in tuples(
            seen(visible_cases, ExceptionCase.select(ExceptionCase.code).distinct().order_by(ExceptionCase.code))
        )
    ]
    kinds = sorted(((code, kind_title(code)) for code in codes), key=lambda kind: kind[1])
    named = seen(visible_cases, ExceptionCase.select(ExceptionCase.party))
    parties = Party.select().where(Party.id.in_(named)).order_by(Party.code)
    return [
        Filter("state", N_("State"), [(code, title) for code, (title, _look) in CASE_STATES.items()],
               lambda q, v: q.where(ExceptionCase.state == v)),
        Filter("source", N_("Source"), list(SOURCES.items()), lambda q, v: q.where(ExceptionCase.source == v)),
        Filter("code", N_("Kind"), kinds, lambda q, v: q.where(ExceptionCase.code == v)),
        Filter("party", N_("Partner"), [(row.code, name_of(row)) for row in parties],
               lambda q, v: q.where(Party.code == v)),
    ]  # fmt: skip


@blueprint.get("/exceptions")
@needs("assets.read")
def case_list() -> Response | str:
    """The cases; `?state=open` are those that somebody has to decide."""
    columns = (*_COLUMNS, *(_MORE if request.args.get("format") in ("csv", "xlsx") else (_MEND,)))
    return answer(
        seen(visible_cases, cases()), columns, template="assets/exceptions.html", name="exceptions",
        search=(Asset.code, ScanEvent.scanned_text, Shipment.number, ExceptionCase.code, ExceptionCase.note),
        exact=(Asset.code,), filters=_filters(), sort="-opened", prepare=_prepare,
        bare=seen(visible_cases, ExceptionCase.select()),
    )  # fmt: skip


def _prepare(rows: list[ExceptionCase]) -> None:
    """Read what can be done about the cases of a page, all at once."""
    g.offers = {offer.case.id: offer for offer in offers(rows)}


@blueprint.route("/exceptions/<int(max=2147483647):id>", methods=["GET", "POST"])
@needs("assets.read", post="ledger.correct")
def case_page(id: int) -> Any:
    """One case. POST `mend`: key of what is done about it; `shipment` where it is asked for, `note`."""
    case = _case(id)
    if case.source == "statement":  # decided beside both figures, where the partner's answers stand
        return redirect(case_url(case))
    error, status = None, 200
    if request.method == "POST":
        key = storable(request.form.get("mend", ""))[:60]
        try:
            done = mend(
                id, key, current_user, utc_now(), shipment=storable(request.form.get("shipment", ""))[:40],
                note=storable(request.form.get("note", "")).strip()[:500],
                own_hosts=own_hosts(current_app.config["ROUNDTRIP"].base_url),
            )  # fmt: skip
            if not done:
                flash(_("This is older than a day: it counts when a second person has agreed."))
            elif case.code == "needs_second":
                flash(_("Declined.") if key == "accept" else _("Agreed: it counts."))
            else:
                flash(_("Accepted.") if key == "accept" else _("Mended."))
            return redirect(url_for("exceptions.case_list", state="open"))
        except (InvalidInput, Refused) as fault:
            error, status = fault, 422 if isinstance(fault, InvalidInput) else fault.status
            case = _case(id)
    (offer,) = offers([case])
    asked = asked_of(case)
    shipments = seen(visible_shipments, Shipment.select(Shipment.number).where(Shipment.state != "cancelled"))
    page = render_template(
        "assets/exception.html", case=case, offer=offer, shown=shown, error=error, text=case_text(case),
        assumed=assumed(case), subject=subject_of(case), source=SOURCES.get(case.source, case.source),
        state=_state_html(case), done=_done(case), zone=zone_of(case.place),
        shipments=[row.number for row in shipments.order_by(Shipment.created_time.desc()).limit(100)],
        unknown=case.code == "unknown_asset", instead=_instead(asked.get("instead", "")),
        undoes=ScanEvent.get_or_none(ScanEvent.event_id == asked["voids"]) if asked.get("voids") else None, **WORDS,
    )  # fmt: skip
    return page, status


def _case(id: int) -> ExceptionCase:
    found: ExceptionCase = seen(visible_cases, cases().where(ExceptionCase.id == id)).first() or abort(404)
    return found


def _instead(kept: str) -> str:
    """What shall stand in the place of what is undone: its kind and what it names."""
    if not kept:
        return ""
    right = heard_again(json.loads(kept))
    named = [right.scanned_text, right.shipment, right.party, right.place, right.destination, right.document]
    when = right.event_time.strftime("%Y-%m-%d %H:%M %z")
    return " · ".join([translated(EVENT_TYPES[right.type].title), when, *filter(None, named)])


def _done(case: ExceptionCase) -> str:
    """Key of the mend that was done; '' before."""
    return str(json.loads(case.values or "{}").get("mend", ""))
