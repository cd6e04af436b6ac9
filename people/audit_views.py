"""The page of the audit: who changed and fetched what."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup, escape
from peewee import ModelSelect

from accounts.access import needs
from accounts.models import AuditEntry
from database import tuples, utc_now
from errors import N_
from i18n import instant, translated
from listing import Column, Filter, answer
from master_data.home import home_zone

blueprint = Blueprint("audit", __name__)

VERBS = {
    "created": N_("created"), "changed": N_("changed"), "deleted": N_("deleted"), "fetched": N_("fetched"),
    "refused": N_("refused"), "ordered": N_("ordered"), "cancelled": N_("cancelled"), "retried": N_("tried again"),
    "made": N_("written"), "restored": N_("restored"), "moved": N_("moved"), "accepted": N_("accepted"),
}  # fmt: skip
#: table → its name on pages; others stand as they are
KINDS = {
    "party": N_("Partner"), "place": N_("Place"), "product": N_("Product"), "asset_type": N_("Box type"),
    "shipment": N_("Shipment"), "shipment_line": N_("Line of a shipment"), "package": N_("Package"),
    "issued_document": N_("Paper"), "asset": N_("Box"), "device": N_("Device"), "agreement": N_("Agreement"),
    "statement": N_("Statement"), "customs_declaration": N_("Customs declaration"), "user": N_("Person"),
    "user_role": N_("Role of a person"), "user_session": N_("Session"), "api_token": N_("Token"),
    "person_link": N_("Link to come in"), "letter_of_credit": N_("Letter of credit"),
    "declared_box": N_("Box on a customs declaration"), "pool_minimum": N_("Minimum of a pool"), "role": N_("Role"),
    "statement_answer": N_("Answer to a statement"), "user_entity": N_("Selling company of a person"),
    "user_site": N_("Place of a person"), "job": N_("Background job"), "backup": N_("Backup"),
    "files": N_("Kept files"), "keys": N_("Keys of the installation"),
}  # fmt: skip
_SPANS = {"1": N_("last 24 hours"), "7": N_("last 7 days"), "31": N_("last 31 days")}
#: rows and values of a line that the page shows; the file has all of them
_MOST_ROWS = 5


def _body(row: AuditEntry) -> dict[str, Any]:
    return json.loads(row.body)  # type: ignore[no-any-return]


def _kind(kind: str) -> str:
    return translated(KINDS[kind]) if kind in KINDS else kind


def _values(row: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    before, after = row.get("before", {}), row.get("after", {})
    return [(name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after))]


def _what(row: AuditEntry) -> str:
    """The change as plain text, for files."""
    body = _body(row)
    rows = [
        f"{one['key'] or ''} " + ", ".join(f"{name}: {_said(old)} → {_said(new)}" for name, old, new in _values(one))
        for one in body.get("rows", [])
    ]
    return "\n".join(filter(None, [body.get("file", ""), *rows]))


def _said(value: Any) -> str:
    return "–" if value in (None, "") else str(value)


def _what_html(row: AuditEntry) -> Markup:
    body = _body(row)
    parts = [escape(body["file"])] if body.get("file") else []
    rows = body.get("rows", [])
    for one in rows[:_MOST_ROWS]:
        values = [
            Markup("<li><code>{}</code> <del>{}</del> → <ins>{}</ins></li>").format(name, _said(old), _said(new))
            for name, old, new in _values(one)
        ]
        if values:
            parts.append(Markup("<ul>{}</ul>").format(Markup("").join(values)))
    count = body.get("count", len(rows))
    if count > _MOST_ROWS:
        parts.append(escape(f"… {count}"))
    if not parts:
        return Markup("")
    if not rows or (len(rows) == 1 and len(_values(rows[0])) <= 3):
        return Markup('<div class="pe-change">{}</div>').format(Markup("").join(parts))
    names = ", ".join(name for name, _old, _new in (_values(rows[0]) if rows else []))
    return Markup('<details class="pe-change"><summary>{}</summary>{}</details>').format(
        names[:60] or str(count), Markup("").join(parts)
    )


def _since(query: ModelSelect[Any], days: str) -> ModelSelect[Any]:
    return query.where(AuditEntry.time >= utc_now() - timedelta(days=int(days)))


@blueprint.get("/audit")
@needs("audit.read")
def entry_list() -> Response | str:
    """The lines of the audit, the newest first; as a file with all that they say."""
    zone = home_zone()
    columns = [
        Column("time", N_("Time"), lambda row: row.time, sort=AuditEntry.id, html=lambda row: instant(row.time, zone)),
        Column("actor", N_("Who"), lambda row: row.actor, sort=AuditEntry.actor),
        Column("from", N_("From where"), lambda row: _body(row).get("from", "")),
        Column("verb", N_("Did what"), lambda row: translated(VERBS.get(row.verb, row.verb)), sort=AuditEntry.verb),
        Column("kind", N_("To what"), lambda row: f"{_kind(row.kind)} {row.key}".strip(), sort=AuditEntry.kind),
        Column("what", N_("Before and after"), _what, html=_what_html),
    ]  # fmt: skip
    if request.args.get("format"):
        columns += [
            Column("route", N_("Page"), lambda row: _body(row).get("route", "")),
            Column("request", N_("Request"), lambda row: _body(row).get("request", "")),
            Column("position", N_("Position"), lambda row: row.position),
            Column("hash", N_("Hash"), lambda row: row.hash),
        ]
    kinds = [kind for (kind,) in tuples(AuditEntry.select(AuditEntry.kind).distinct().order_by(AuditEntry.kind))]
    filters = [
        Filter("verb", N_("Did what"), list(VERBS.items()), lambda q, v: q.where(AuditEntry.verb == v)),
        Filter("kind", N_("To what"), [(kind, KINDS.get(kind, kind)) for kind in kinds],
               lambda q, v: q.where(AuditEntry.kind == v)),
        Filter("since", N_("When"), list(_SPANS.items()), _since),
    ]  # fmt: skip
    return answer(
        AuditEntry.select(), columns, template="people/audit.html", name="audit",
        search=(AuditEntry.actor, AuditEntry.kind, AuditEntry.key), filters=filters, sort="-time",
    )  # fmt: skip
