"""GET /assets/<code>/epcis.json and GET /api/v1/epcis: our events for programs that speak GS1 EPCIS 2.0.

GET /api/v1/epcis?from=…&to=…&perPage=…
    An EPCISDocument of what was *recorded* from `from` on and before `to` (ISO 8601 with a zone, or a day of UTC; both
    may be left out), at most perPage rows (100; up to 500), in the order of recording. While there is more, the header
    `Link: <…&nextPageToken=…>; rel="next"` leads on. To keep up, ask again from a few minutes before the last answer:
    an event that comes twice has the same eventID. What is undone comes again with an error declaration.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, abort, current_app, json, request, url_for

from accounts.access import needs
from accounts.scope import seen
from assets import epcis
from assets.models import Asset
from assets.visible import visible_assets
from database import utc_now
from errors import N_, InvalidInput

blueprint = Blueprint("epcis", __name__)

PER_PAGE, MOST_PER_PAGE = 100, 500
_NAMES = ("from", "to", "perPage", "nextPageToken")
_TIME = N_("This is no time like 2026-11-20T16:05:12+08:00 and no day like 2026-11-20.")


@blueprint.get("/assets/<code>/epcis.json")
@needs("assets.read")
def asset_epcis(code: str) -> Response:
    """The life of one box."""
    asset = seen(visible_assets, Asset.select().where(Asset.code == code.upper())).first() or abort(404)
    answer = _json(epcis.document(epcis.rows_of(asset), _base_url(), utc_now()))
    answer.headers["Content-Disposition"] = f'attachment; filename="{asset.code}-epcis.json"'
    return answer


@blueprint.get("/api/v1/epcis")
@needs("assets.read")
def get_epcis() -> Response:
    unknown = next((name for name in request.args if name not in _NAMES), None)
    if unknown:  # the standard: an unknown parameter is an error and not ignored
        raise InvalidInput(unknown[:64], N_("There is no such parameter."))
    now = utc_now()
    limit = _per_page(request.args.get("perPage", ""))
    rows = epcis.recorded(_time("from"), _time("to") or now, limit + 1, _token(request.args.get("nextPageToken", "")))
    answer = _json(epcis.document(rows[:limit], _base_url(), now))
    if len(rows) > limit:
        last = rows[limit - 1]
        token = f"{last.record_time.replace(tzinfo=None).isoformat(timespec='microseconds')}_{last.id}"
        answer.headers["Link"] = f'<{_next_page(token, limit, now)}>; rel="next"'
    return answer


def _next_page(token: str, limit: int, now: datetime) -> str:
    """The same question with its end kept: what is recorded in the meantime is for the next one."""
    asked = {"from": request.args.get("from", ""), "to": request.args.get("to", "") or now.isoformat()}
    query = {name: value for name, value in asked.items() if value}
    return _base_url() + url_for("epcis.get_epcis", **query, perPage=limit, nextPageToken=token)  # type: ignore[arg-type]


def _time(name: str) -> datetime | None:
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return time.replace(tzinfo=UTC)
        if time.tzinfo is None:
            raise ValueError(text)
        return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(name, _TIME) from error


def _per_page(text: str) -> int:
    if not text:
        return PER_PAGE
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= MOST_PER_PAGE:
        raise InvalidInput("perPage", N_("From 1 to %(most)s."), most=MOST_PER_PAGE)
    return int(text)


def _token(text: str) -> tuple[datetime, int] | None:
    if not text:
        return None
    time, _, id_ = text.partition("_")
    try:
        if not re.fullmatch(r"[0-9]{1,18}", id_):
            raise ValueError(text)
        return datetime.fromisoformat(time).replace(tzinfo=UTC), int(id_)
    except ValueError as error:
        raise InvalidInput("nextPageToken", N_("This token is not from here. Begin again without it.")) from error


def _base_url() -> str:
    return str(current_app.config["ROUNDTRIP"].base_url).rstrip("/")


def _json(document: dict[str, Any]) -> Response:
    answer = Response(json.dumps(document), mimetype="application/ld+json")
    answer.headers["GS1-EPCIS-Version"] = "2.0.0"
    answer.headers["GS1-CBV-Version"] = "2.0.0"
    return answer
