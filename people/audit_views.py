"""The page of the audit: who changed and fetched what."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import Markup, escape
from peewee import ModelSelect

from accounts.access import needs, reaches
from accounts.models import AuditEntry
from database import tuples, utc_now
from errors import N_, Message
from i18n import instant, translated
from listing import Column, Filter, answer
from master_data.home import home_zone
from people.audit_columns import column_title
from people.audit_subjects import Subjects, body_of, kind_title, lines_about

blueprint = Blueprint("audit", __name__)

VERBS = {
    "created": N_("created"), "changed": N_("changed"), "deleted": N_("deleted"), "fetched": N_("fetched"),
    "refused": N_("refused"), "ordered": N_("ordered"), "cancelled": N_("cancelled"), "retried": N_("tried again"),
    "made": N_("written"), "restored": N_("restored"), "moved": N_("moved"), "accepted": N_("accepted"),
}  # fmt: skip
_SPANS = {"1": N_("last 24 hours"), "7": N_("last 7 days"), "31": N_("last 31 days")}
#: rows and values of a line that the page shows; the file has all of them
_MOST_ROWS = 5


def _values(row: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    before, after = row.get("before", {}), row.get("after", {})
    return [(name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after))]


def _name_html(kind: str, column: str) -> Markup:
    """What a value is called; set apart as code where there is no word for it."""
    title = column_title(kind, column)
    return Markup("<code>{}</code>").format(title) if title == column else Markup("<b>{}</b>").format(title)


def _said(value: Any, zone: str = "") -> str:
    """A value on the page (a <time> in `zone`) or in a file (in UTC, to the second)."""
    if isinstance(value, datetime):
        return instant(value, zone) if zone else value.isoformat(" ", timespec="seconds")
    return "–" if value in (None, "") else str(value)


def _left_out(body: dict[str, Any]) -> str:
    """That a line of very many rows has the values of the first of them only; '' of a line that has all."""
    told, count = len(body.get("rows", [])), body.get("count", 0)
    text = N_("%(count)s rows; the values of the first %(told)s were written down.")
    return translated(Message(text, {"count": count, "told": told})) if count > told else ""


class _Shown:
    """The lines of one answer as the page and the files show them; `prepare` comes before the rows of each."""

    def __init__(self, zone: str) -> None:
        self.zone = zone

    def prepare(self, rows: list[AuditEntry]) -> None:
        self.subjects = Subjects(rows)

    def subject(self, row: AuditEntry) -> str:
        """What it is about, as plain text."""
        return self.subjects.of(row).words

    def subject_html(self, row: AuditEntry) -> Markup:
        subject = self.subjects.of(row)
        shown = escape(subject.words)
        if subject.url and reaches(subject.url):
            shown = Markup('<a href="{}">{}</a>').format(subject.url, shown)
        note = ""
        if subject.today:
            note = translated(Message(N_("today: %(name)s"), {"name": subject.today}))
        elif subject.gone:
            note = translated(N_("not there any more"))
        return shown + Markup('<small class="pe-note">{}</small>').format(note) if note else shown

    def what(self, row: AuditEntry) -> str:
        """The change as plain text, for files."""
        body = body_of(row)
        rows = [
            f"{one['key'] or ''} " + ", ".join(
                f"{name}: {_said(self._value(row, name, old))} → {_said(self._value(row, name, new))}"
                for name, old, new in _values(one)
            )
            for one in body.get("rows", [])
        ]  # fmt: skip
        return "\n".join(filter(None, [body.get("file", ""), *rows, _left_out(body)]))

    def what_html(self, row: AuditEntry) -> Markup:
        body = body_of(row)
        parts = [escape(body["file"])] if body.get("file") else []
        rows = body.get("rows", [])
        for one in rows[:_MOST_ROWS]:
            values = [
                Markup("<li>{} <del>{}</del> → <ins>{}</ins></li>").format(
                    _name_html(row.kind, name),
                    _said(self._value(row, name, old), self.zone),
                    _said(self._value(row, name, new), self.zone),
                )
                for name, old, new in _values(one)
            ]
            if values:
                parts.append(Markup("<ul>{}</ul>").format(Markup("").join(values)))
        count = body.get("count", len(rows))
        if count > _MOST_ROWS:
            parts.append(escape(f"… {_left_out(body) or count}"))
        if not parts:
            return Markup("")
        if not rows or (len(rows) == 1 and len(_values(rows[0])) <= 3):
            return Markup('<div class="pe-change">{}</div>').format(Markup("").join(parts))
        names = ", ".join(column_title(row.kind, name) for name, _old, _new in (_values(rows[0]) if rows else []))
        return Markup('<details class="pe-change"><summary>{}</summary>{}</details>').format(
            names[:60] or str(count), Markup("").join(parts)
        )

    def _value(self, row: AuditEntry, name: str, value: Any) -> Any:
        return self.subjects.value(row.kind, name, value)


def _since(query: ModelSelect[Any], days: str) -> ModelSelect[Any]:
    return query.where(AuditEntry.time >= utc_now() - timedelta(days=int(days)))


@blueprint.get("/audit")
@needs("audit.read")
def entry_list() -> Response | str:
    """The lines of the audit, the newest first; as a file with all that they say."""
    zone = home_zone()
    shown = _Shown(zone)
    columns = [
        Column("time", N_("Time"), lambda row: row.time, sort=AuditEntry.id, html=lambda row: instant(row.time, zone)),
        Column("actor", N_("Who"), lambda row: row.actor, sort=AuditEntry.actor),
        Column("from", N_("From where"), lambda row: body_of(row).get("from", "")),
        Column("verb", N_("Did what"), lambda row: translated(VERBS.get(row.verb, row.verb)), sort=AuditEntry.verb),
        Column("kind", N_("To what"), shown.subject, sort=AuditEntry.kind, html=shown.subject_html),
        Column("what", N_("Before and after"), shown.what, html=shown.what_html),
    ]  # fmt: skip
    if request.args.get("format"):
        columns += [
            Column("row", N_("Row"), lambda row: f"{row.kind} {row.key}".strip()),
            Column("route", N_("Page"), lambda row: body_of(row).get("route", "")),
            Column("request", N_("Request"), lambda row: body_of(row).get("request", "")),
            Column("position", N_("Position"), lambda row: row.position),
            Column("hash", N_("Hash"), lambda row: row.hash),
        ]
    kinds = [kind for (kind,) in tuples(AuditEntry.select(AuditEntry.kind).distinct().order_by(AuditEntry.kind))]
    choices = sorted(((kind, kind_title(kind)) for kind in kinds), key=lambda choice: choice[1])
    filters = [
        Filter("verb", N_("Did what"), list(VERBS.items()), lambda q, v: q.where(AuditEntry.verb == v)),
        Filter("kind", N_("To what"), choices, lambda q, v: q.where(AuditEntry.kind == v)),
        Filter("since", N_("When"), list(_SPANS.items()), _since),
    ]  # fmt: skip
    return answer(
        AuditEntry.select(), columns, template="people/audit.html", name="audit", search=lines_about, filters=filters,
        sort="-time", prepare=shown.prepare, files=True,
    )  # fmt: skip
