"""The home page and the search."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask_babel import format_date
from werkzeug.wrappers import Response

from accounts.access import may, needs, signed_in
from alerts.rules import KINDS
from alerts.views import alert_url, severity_html
from assets.exception_views import SOURCES, case_text, case_url, subject_of
from assets.labels import own_hosts
from assets.scanned_text import storable
from assets.views import event_title
from database import utc_now
from docs_gen.register import types
from shipments.visible import if_seen
from today import agenda
from today import search as searching

blueprint = Blueprint("today", __name__)


@blueprint.get("/")
@signed_in
def home() -> Response | str:
    """What needs doing today; to whoever has no part in that, the page that is theirs."""
    if not may("shipments.read", "papers.read", "assets.read", "alerts.read"):
        own = [("own_statements.statement_list", "statements.own"), ("scan.start", "assets.scan")]
        if "elsewhere" in request.args:  # who scans, and has come from there
            own = [("assets.asset_list", "assets.read")]
        return redirect(url_for(next((page for page, right in own if may(right)), "accounts.profile")))
    return render_template(
        "today/home.html", agenda=agenda.agenda(utc_now(), _base_url()), weekday=_weekday,
        event_title=event_title, case_text=case_text, case_url=case_url, subject_of=subject_of, sources=SOURCES,
        kinds=KINDS, alert_url=alert_url, severity_html=severity_html, if_seen=if_seen,
    )  # fmt: skip


@blueprint.get("/search")
@needs("assets.read")
def search() -> Response | str:
    """A scanned code or a number opens its page, anything else a page of results."""
    text = storable(request.args.get("q", "")).strip()[:512]
    if not text:
        return render_template("today/search.html", results=None)
    page = searching.exact(text, own_hosts(_base_url()))
    if page:
        return redirect(page)
    titles = {code: kind.title for code, kind in types().items()}
    return render_template(
        "today/search.html",
        results=searching.find(text[:200]),
        document_url=searching.document_url,
        sees=searching.sees,
        titles=titles,
        type_url=searching.type_url,
    )


def _weekday(day: date) -> str:
    return format_date(day, "EEE")


def _base_url() -> str:
    return str(current_app.config["ROUNDTRIP"].base_url)
