"""The partner's page of a statement: opened by a link, without an account. It shows this statement and nothing else."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from accounts.access import public
from accounts.throttle import look_up
from config import Settings
from database import utc_now
from docs_gen.handing_out import paper_file
from errors import N_, InvalidInput, Refused
from form_fields import exact_number
from i18n import offer_language, translated
from listing import attachment
from statements import replies
from statements.issuing import facts_of, statement_xlsx
from statements.models import StatementLink
from statements.states import VERDICTS

blueprint = Blueprint("replies", __name__)

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@blueprint.get("/statement/<token>")
@public
def show(token: str) -> Any:
    link = _valid(token)
    if not isinstance(link, StatementLink):
        return link
    if link.seen_time is None:
        StatementLink.update(seen_time=utc_now()).where(StatementLink.id == link.id).execute()
    return _page(link, token)


@blueprint.post("/statement/<token>")
@public
def answer(token: str) -> Any:
    """Form fields: `name`; `all`: everything is right; of each line `verdict-1.2`, `quantity-1.2`, `reason-1.2`; lines
    that are missing: `missing-quantity-1`, `missing-reason-1` …"""
    link = _valid(token)
    if not isinstance(link, StatementLink):
        return link
    try:
        if "all" in request.form:
            said = replies.all_is_right(link.statement)
        else:
            said = answers_in_form(replies.lines_of(facts_of(link.statement)))
        count = replies.take_answers(
            link.statement, said, request.form.get("name", ""), utc_now(), link=link,
            address=request.remote_addr or "",
        )  # fmt: skip
    except InvalidInput as fault:
        return _page(link, token, fault), 422
    except Refused as fault:
        return _page(link, token, refused=fault), 429 if fault.reason == "too_many" else 409
    if count:
        flash(ngettext("Thank you. %(num)s answer was taken.", "Thank you. %(num)s answers were taken.", count))
    else:
        flash(_("Nothing was changed. Choose an answer for at least one line."), "warning")
    return redirect(url_for(".show", token=token))


@blueprint.get("/statement/<token>/statement.pdf")
@public
def pdf(token: str) -> Any:
    link = _valid(token)
    if not isinstance(link, StatementLink):
        return link
    document = link.statement.document
    return paper_file(document, f"{document.number}.pdf")


@blueprint.get("/statement/<token>/statement.xlsx")
@public
def xlsx(token: str) -> Any:
    link = _valid(token)
    if not isinstance(link, StatementLink):
        return link
    number = link.statement.document.number
    return attachment(statement_xlsx(facts_of(link.statement), number), f"{number}.xlsx", _XLSX)


def answers_in_form(lines: dict[str, replies.ReplyLine]) -> list[replies.Answer]:
    """What was sent: an answer for each line that has one. Raises InvalidInput at the field of a wrong quantity."""
    found = []
    for no in lines:
        verdict = request.form.get(f"verdict-{no}", "")
        if verdict in ("confirmed", "disputed", "not_ours"):
            said = verdict != "confirmed"
            found.append(
                replies.Answer(
                    no, verdict, _quantity(f"quantity-{no}") if verdict == "disputed" else None,
                    _text(f"reason-{no}") if said else "",
                )
            )  # fmt: skip
    for number in range(1, replies.MOST_MISSING + 1):
        if request.form.get(f"missing-quantity-{number}", "").strip() or _text(f"missing-reason-{number}"):
            found.append(
                replies.Answer(
                    str(number), "missing", _quantity(f"missing-quantity-{number}"), _text(f"missing-reason-{number}")
                )
            )
    return found


def _quantity(name: str) -> int | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    number = exact_number(text[:30])
    if number is None or number != int(number):
        raise InvalidInput(name, N_("“%(typed)s” is no whole number."), typed=text[:30])
    return int(number)


def _text(name: str) -> str:
    """What was typed, without what no database takes."""
    return request.form.get(name, "").replace("\0", "").strip()


def _valid(token: str) -> StatementLink | tuple[str, int] | Response:
    """The link, or the plain page that tells that there is none: 404 for one that never was, 410 for one that ended."""
    link = look_up(lambda: replies.link_of(token))
    if link is None:
        return render_template("statements/no_link.html", ended=False), 404
    if not replies.is_valid(link, utc_now()):
        return render_template("statements/no_link.html", ended=True), 410
    offer_language(link.statement.language)
    return link


def _page(
    link: StatementLink, token: str, fault: InvalidInput | None = None, refused: Refused | None = None
) -> str:  # fmt: skip
    statement = link.statement
    answers = replies.last_answers(statement)
    return render_template(
        "statements/reply.html", statement=statement, document=statement.document, facts=facts_of(statement),
        answers=answers, added=[row for row in answers.values() if row.verdict == "missing"], token=token, link=link,
        fault=fault, refused=translated(refused) if refused else "", typed=request.form, verdicts=VERDICTS,
        most_missing=replies.MOST_MISSING, max_reason=replies.MAX_REASON, max_name=replies.MAX_NAME,
    )  # fmt: skip


def _settings() -> Settings:
    settings: Settings = current_app.config["ROUNDTRIP"]
    return settings
