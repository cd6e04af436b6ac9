"""Our pages of box accounts: a partner's balance by month, its statement and charges, and what he answered."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import gettext as _
from flask_security import current_user
from markupsafe import Markup
from peewee import fn

import archive
import mail
from accounts.access import needs
from accounts.models import User
from accounts.once import done_already, first_said, has_key, has_own_keys, made_once, taken_once
from accounts.scope import current_scope, seen
from accounts.tokens import token_hash
from assets.event_types import EVENT_TYPES
from assets.models import Agreement, ExceptionCase, StockLevel
from assets.scan_answers import Answer
from assets.scan_told import ScanInput
from assets.scanned_text import storable
from assets.scanning import record_scans
from assets.visible import visible_levels
from config import Settings
from database import one_view, taking_turns, tuples, utc_now
from docs_gen.document_types import render_paper
from docs_gen.issuing import finish, latest_account_paper
from docs_gen.models import IssuedDocument
from docs_gen.register import types
from docs_gen.turns import prints
from errors import N_, InvalidInput, Refused
from form_fields import exact_number
from i18n import LANGUAGES, name_of, translated
from listing import Column, Filter, answer, attachment, table_file
from master_data.home import home_place, home_zone
from master_data.models import AssetType, Party, Place
from master_data.visible import own_parties, visible_parties
from statements import replies
from statements.accounts import (
    Account,
    Month,
    accounts_of,
    add_ages,
    add_lines,
    month_named,
    month_of,
    who_has_accounts,
)
from statements.all_due import order_statements
from statements.charging import Charge, currency_decimals, text_of
from statements.issuing import (
    charge_facts,
    chosen_charges,
    day_here,
    facts_of,
    is_stale,
    issue_charges,
    issue_statement,
    language_for,
    own_companies,
    statement_facts,
    statement_of,
    statement_xlsx,
    statements_of,
    valid_statements,
)
from statements.models import Statement, StatementLink
from statements.states import STATES, VERDICTS, accepted_by_silence
from statements.visible import visible_statements

blueprint = Blueprint("statements", __name__)

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
KINDS = {"deposit": N_("Deposits"), "rental": N_("Rental"), "loss": N_("Lost boxes")}
#: what a correction may report of a box, from the desk
CORRECTIONS = ("return", "arrive", "lost", "found", "write_off")
#: and of a counted pool
POOL_CORRECTIONS = ("return", "write_off")


# ---- the account of a partner


@blueprint.get("/parties/<code>/account")
@needs("statements.read")
def account(code: str) -> Any:
    """The balance of a month by box type and place: `?month=2026-10`, else this month; `?format=csv|xlsx` as a file."""
    partner, month, today = _partner(code), _month(), _today()
    zone = home_zone()
    with one_view():
        accounts = accounts_of(partner, month)
        add_lines(accounts, partner, month)
        add_ages(accounts, partner, min(month.last, today), zone)
        theirs = _their_boxes(partner)
    places = {
        row.id: row for row in Place.select().where(Place.id.in_({id for one in accounts for id in one.places if id}))
    }
    if request.args.get("format") in ("csv", "xlsx"):
        return _account_file(request.args["format"], partner, month, accounts, places)
    companies, issued = own_companies(), statements_of(partner, month)
    _seller(companies)  # one named in the address that who asks may not see is not there
    having = {one.owner.id for one in accounts}
    # What only outside owners have there, any one of ours may state.
    stating = [one for one in companies if one.id in having or one.id in issued] or companies
    return render_template(
        "statements/account.html", partner=partner, month=month, over=month.last < today, accounts=accounts,
        places=places, theirs=theirs, companies=companies, partner_language=language_for(partner),
        stating=[(one, issued.get(one.id)) for one in stating], states=STATES,
        this_month=month_of(today), agreed=Agreement.select().where(Agreement.partner == partner).exists(),
        languages={code: own for code, (_locale, own) in LANGUAGES.items()}, titles=EVENT_TYPES,
    )  # fmt: skip


def _their_boxes(partner: Party) -> list[tuple[str, int]]:
    """Boxes that belong to the partner and are with us: there we owe him."""
    rows = seen(
        visible_levels,
        StockLevel.select(StockLevel.asset_type, fn.SUM(StockLevel.quantity))
        .join(Party, on=StockLevel.holder == Party.id)
        .where(Party.own, StockLevel.owner == partner)
        .group_by(StockLevel.asset_type),
    )
    counts = dict(tuples(rows))
    if not counts:
        return []
    kinds = AssetType.select().where(AssetType.id.in_(list(counts))).order_by(AssetType.code)
    return [(name_of(kind), counts[kind.id]) for kind in kinds if counts[kind.id]]


def _account_file(
    kind: str, partner: Party, month: Month, accounts: list[Account], places: dict[int, Place]
) -> Response:
    titles = [
        N_("Partner"), N_("Month"), N_("Box type"), N_("Owner"), N_("Place"), N_("Opening balance"), N_("To partner"),
        N_("From partner"), N_("Between places"), N_("Adjustments"), N_("Closing balance"),
    ]  # fmt: skip
    rows = [
        [
            partner.code, str(month), one.asset_type.code, one.owner.code, places[id].code if id else "",
            figures.opening, figures.incoming, figures.outgoing, figures.moved, figures.adjustment, figures.closing,
        ]
        for one in accounts for id, figures in one.places.items()
    ]  # fmt: skip
    return table_file(kind, f"account-{partner.code}-{month}", titles, rows)


@blueprint.get("/parties/<code>/account.pdf")
@needs("statements.read")
@prints
def statement_draft(code: str) -> Response:
    """The statement of a month as it would be issued now: `?month=`, `seller`, `language`."""
    partner, month = _partner(code), _month()
    seller = _seller(own_companies()) or abort(404)
    with one_view():
        facts = statement_facts(seller, partner, month, request.args.get("language", ""))
    paper = render_paper(types()["box_statement"], facts, pictures_dir=_settings().pictures_dir)
    return attachment(paper.data, f"{partner.code} {month} DRAFT.pdf", "application/pdf", inline=True)


@blueprint.post("/parties/<code>/account/issue")
@needs("statements.write")
def issue(code: str) -> Any:
    """Form fields: `month`, `seller`, `language`."""
    partner = _partner(code)
    month = month_named(request.form.get("month", ""))
    seller = _seller(own_companies()) or abort(404)
    language = request.form.get("language", "")
    try:
        made = issue_statement(
            seller, partner, month, language if language in LANGUAGES else "", _user(), utc_now(), _settings()
        )
    except Refused as refused:
        before = statement_of(seller, partner, month) if refused.reason == "issued" else None
        wanted = language if language in LANGUAGES else language_for(partner)
        if before is None or (before.document.issued_by_id, before.language) != (current_user.id, wanted):
            raise
        done_already()  # the same person: pressed twice, or its answer was lost
        return redirect(url_for(".statement", id=before.id))
    flash(_("%(number)s is issued.", number=made.document.number), "success")
    return redirect(url_for(".statement", id=made.id))


# ---- charges


@dataclass(frozen=True)
class _Sum:
    """The charges of one currency, with the paper that was issued for them."""

    currency: str
    decimals: int
    lines: list[Charge]
    total: Any
    document: IssuedDocument | None
    stale: bool


@blueprint.get("/parties/<code>/charges")
@needs("statements.read", "agreements.read")
def charges(code: str) -> Any:
    """The charges of a month: `?month=`, `kind` (several) to leave some out, `seller`: for whose boxes."""
    partner, month, today = _partner(code), _month(), _today()
    companies = own_companies()
    seller = _seller(companies)
    kinds = _kinds(request.args.getlist("kind"))
    lines = chosen_charges(partner, month, kinds, seller)
    sums = []
    for currency in sorted({one.currency for one in lines}):
        own = [one for one in lines if one.currency == currency]
        document = latest_account_paper(seller, partner, "box_charges", f"{month}-{currency}") if seller else None
        stale = bool(
            seller and document and document.status == "issued"
            and is_stale(document, charge_facts(seller, partner, month, currency, own))
        )  # fmt: skip
        total = sum(one.amount for one in own)
        sums.append(_Sum(currency, currency_decimals(currency), own, total, document, stale))
    return render_template(
        "statements/charges.html", partner=partner, month=month, over=month.last < today, sums=sums, kinds=kinds,
        all_kinds=KINDS, companies=companies, seller=seller, text_of=text_of, this_month=month_of(today),
        agreed=Agreement.select().where(Agreement.partner == partner).exists(),
    )  # fmt: skip


def _kinds(chosen: list[str]) -> list[str]:
    """Without a choice: all but lost boxes, which are charged only after notice and a deadline."""
    return [kind for kind in KINDS if kind in chosen] if chosen else ["deposit", "rental"]


@blueprint.get("/parties/<code>/charges.pdf")
@needs("statements.read", "agreements.read")
@prints
def charges_draft(code: str) -> Response:
    """The pro-forma invoice as it would be issued now: `?month=`, `?currency=`, `kind`, `seller`."""
    partner, month = _partner(code), _month()
    seller = _seller(own_companies()) or abort(404)
    currency = request.args.get("currency", "")[:3]
    lines = chosen_charges(partner, month, _kinds(request.args.getlist("kind")), seller)
    if currency not in {one.currency for one in lines}:
        abort(404)
    facts = charge_facts(seller, partner, month, currency, lines)
    paper = render_paper(types()["box_charges"], facts, pictures_dir=_settings().pictures_dir)
    return attachment(paper.data, f"{partner.code} {month} {currency} DRAFT.pdf", "application/pdf", inline=True)


@blueprint.post("/parties/<code>/charges/issue")
@needs("statements.write", "agreements.read")
def charges_issue(code: str) -> Any:
    """Form fields: `month`, `seller`, `currency`, `kind`s, `replaces`: the number seen as valid."""
    partner = _partner(code)
    month = month_named(request.form.get("month", ""))
    seller = _seller(own_companies()) or abort(404)
    currency, replaces = request.form.get("currency", "")[:3], request.form.get("replaces")
    if replaces is None and has_key():  # a program does not say what it saw; sent again it must not replace its own
        before = latest_account_paper(seller, partner, "box_charges", f"{month}-{currency}")
        replaces = first_said(before.number if before and before.status == "issued" else "")
    document = issue_charges(
        seller, partner, month, currency, _kinds(request.form.getlist("kind")), replaces, _user(), utc_now(),
        _settings(),
    )  # fmt: skip
    flash(_("%(number)s is issued.", number=document.number), "success")
    kinds = request.form.getlist("kind")
    return redirect(url_for(".charges", code=code, month=str(month), kind=kinds, seller=request.form.get("seller")))


# ---- statements


_SELLER: Any = Party.alias()


def _state_title(row: Statement) -> str:
    if row.document.status == "void":
        return _("void")
    return translated(STATES[row.state][0])


@blueprint.get("/statements")
@needs("statements.read")
def statement_list() -> Response | str:
    columns = (
        Column(
            "number", N_("Number"), lambda row: row.document.number, IssuedDocument.number,
            url=lambda row: url_for("statements.statement", id=row.id),
        ),
        Column("partner", N_("Partner"), lambda row: name_of(row.partner), Party.code),
        Column("seller", N_("Our company"), lambda row: name_of(row.document.seller), _SELLER.code),
        Column("month", N_("Month"), lambda row: f"{row.first_day:%Y-%m}", Statement.first_day),
        Column("date", N_("Date"), lambda row: row.document.issue_date.isoformat(), IssuedDocument.issue_date),
        Column("state", N_("State"), _state_title, Statement.state, html=state_html),
    )  # fmt: skip
    query = (
        Statement.select(Statement, IssuedDocument, _SELLER, Party).join(IssuedDocument)
        .join(_SELLER, on=IssuedDocument.seller == _SELLER.id).switch(Statement)
        .join(Party, on=Statement.partner == Party.id)
    )  # fmt: skip
    query = seen(visible_statements, query)
    told = seen(visible_statements, Statement.select(Statement.partner))
    partners = Party.select().where(Party.id.in_(told)).order_by(Party.code)
    # Their papers are found by their keys: joined, SQLite reads all papers there are.
    stated = seen(visible_statements, Statement.select(Statement.document))
    stating = IssuedDocument.select(IssuedDocument.seller).where(IssuedDocument.id.in_(stated))
    sellers = list(Party.select().where(Party.id.in_(stating)).order_by(Party.code))
    filters = [
        Filter("state", N_("State"), [(c, title) for c, (title, _look) in STATES.items()],
               lambda q, v: q.where(Statement.state == v)),
        Filter("partner", N_("Partner"), [(row.code, f"{row.code} · {name_of(row)}") for row in partners],
               lambda q, v: q.where(Party.code == v)),
    ]  # fmt: skip
    companies, due = own_companies(), _due()
    if len(sellers) > 1:
        filters.append(
            Filter("seller", N_("Our company"), [(row.code, f"{row.code} · {name_of(row)}") for row in sellers],
                   lambda q, v: q.where(_SELLER.code == v))
        )  # fmt: skip
    missing = {one.company.id for one in due if one.statement is None}
    return answer(
        query, columns, template="statements/list.html", name="statements", filters=filters, sort="-month",
        search=(IssuedDocument.number, Party.code, Party.name_en, Party.name_zh), due=due, state_html=state_html,
        last_month=month_of(_today()).before, several=len(companies) > 1 or len({one.company.id for one in due}) > 1,
        missing=[one for one in companies if one.id in missing],
    )  # fmt: skip


def state_html(row: Statement) -> Any:
    """A statement's state as a coloured word."""
    look = "bad" if row.document.status == "void" else STATES[row.state][1]
    return Markup('<span class="rt-state rt-{}">{}</span>').format(look, _state_title(row))


@dataclass(frozen=True)
class _Due:
    """What a company of ours has to state to a partner for last month, and the valid statement of it."""

    partner: Party
    company: Party
    statement: Statement | None


def _due() -> list[_Due]:
    """One for each partner and company with something to state for last month, or with a statement of it."""
    last, scope = month_of(_today()).before, current_scope()
    with one_view():
        having = who_has_accounts(last)
        issued = {(row.partner_id, row.document.seller_id): row for row in valid_statements(last)}
    if scope.entities is not None:  # an account has no site
        having = {pair for pair in having if pair[1] in scope.entities}
    companies, own = own_companies(), {id_ for (id_,) in tuples(own_parties())}
    may_state = {one.id for one in companies}
    due = {pair for pair in having if pair[1] in may_state} | set(issued)
    told = {partner for partner, _company in due}
    # What only outside owners have at a partner is stated once, by any one of ours; first comes the first of them.
    first = {one.id for one in companies[:1]}
    due |= {(partner, one) for partner, owner in having if owner not in own and partner not in told for one in first}
    rows = Party.select().where(Party.id.in_({id_ for pair in due for id_ in pair}))
    parties = {row.id: row for row in rows}
    found = [_Due(parties[partner], parties[company], issued.get((partner, company))) for partner, company in due]
    return sorted(found, key=lambda one: (one.partner.code, one.company.id))


@blueprint.post("/statements/issue-due")
@needs("statements.write")
@taken_once
def issue_due() -> Any:
    """Issue what `_due` shows as missing, in the background. Form field: `seller`. Answers with the page of the job."""
    seller = _seller(own_companies()) or abort(404)
    month = month_of(_today()).before
    partners = [one.partner for one in _due() if one.company == seller and one.statement is None]
    if not partners:
        raise Refused("nothing_due", N_("No statement is missing."))
    job = order_statements(seller, month, partners, _user(), utc_now())
    return redirect(url_for("jobs.job_page", id=job.id))


@blueprint.get("/statements/<int(max=2147483647):id>")
@needs("statements.read")
def statement(id: int) -> Any:
    return _statement_page(_statement(id))


def _statement_page(row: Statement, *, fault: InvalidInput | None = None, token: str = "") -> Any:
    facts, now = facts_of(row), utc_now()
    answers, cases = replies.last_answers(row), replies.cases_of(row)
    lines = replies.lines_of(facts)
    links = list(StatementLink.select().where(StatementLink.statement == row).order_by(StatementLink.id.desc()))
    url = _settings().base_url + url_for("replies.show", token=token) if token else ""
    today = _today()
    page = render_template(
        "statements/statement.html", statement=row, document=row.document, facts=facts, answers=answers,
        lines=lines, sides=_sides(facts, answers, cases), states=STATES, verdicts=VERDICTS, links=links, now=now,
        url=url, mail=_mail(row, facts, url) if url else "", mail_on=bool(_settings().smtp_url),
        fault=fault, typed=request.form,
        answer_rows=list(row.answers.order_by(replies.StatementAnswer.id.desc()).limit(500)),
        silent=accepted_by_silence(row.state, row.document.issue_date, row.accepted_after_days, today),
        default_days=replies.DEFAULT_DAYS, corrections=_corrections(CORRECTIONS),
        pool_corrections=_corrections(POOL_CORRECTIONS),
        overdue_days=(today - row.document.issue_date).days if row.state in ("issued", "partly") else 0,
        expired={link.id: not replies.is_valid(link, now) for link in links},
    )  # fmt: skip
    return (page, 422) if fault else page


@dataclass(frozen=True)
class _Side:
    """A line that the partner sees otherwise: both figures beside each other."""

    line: str
    what: str
    counted: bool  # a pool without codes
    ours: int
    theirs: int | None
    reason: str
    by: str
    case: ExceptionCase
    values: dict[str, Any]


def _sides(facts: Any, answers: dict[str, Any], cases: dict[str, ExceptionCase]) -> list[_Side]:
    what, counted = {}, {account.no for account in facts.accounts if account.counted}
    for account in facts.accounts:
        what[account.no] = f"{name_of(account)} · {_('Closing balance')}"
        for line in account.lines:
            what[line.no] = f"{name_of(account)} · {line.event_day.isoformat()} {name_of(line, 'what')} {line.document}"
    found = []
    for line, case in cases.items():
        values = json.loads(case.values)
        found.append(
            _Side(
                line,
                what.get(line, ""),
                line.partition(".")[0] in counted,
                values["ours"],
                values["theirs"],
                values["reason"],
                values["by"],
                case,
                values,
            )
        )
    return sorted(found, key=lambda one: (one.case.state != "open", [int(n) for n in one.line.lstrip("+").split(".")]))


def _told_by_mail(row: Statement, url: str) -> tuple[str, str]:
    """Subject and text of the mail that brings the partner his link, in his language."""
    with force_locale(LANGUAGES[row.language][0]):
        subject = _(
            "Statement of boxes %(number)s, %(month)s", number=row.document.number, month=f"{row.first_day:%Y-%m}"
        )
        body = _(
            "Please look at the boxes that you have of ours. Confirm them, or tell us what your books say:\n%(url)s",
            url=url,
        )
    return subject, body


def _mail(row: Statement, facts: Any, url: str) -> str:
    """The mail to the partner, for the mail program of whoever sends it."""
    subject, body = _told_by_mail(row, url)
    return f"mailto:{quote(facts.consignee.email)}?subject={quote(subject)}&body={quote(body)}"


def _send_link(row: Statement, url: str, address: str) -> None:
    """Send the link and the statement as PDF by our mail server. Raises mail.NotSent."""
    settings = _settings()
    message = EmailMessage()
    message["From"], message["To"] = settings.mail_from, address
    message["Message-ID"] = make_msgid(domain=settings.mail_from.partition("@")[2])
    message["Subject"], body = _told_by_mail(row, url)
    message.set_content(body)
    data = archive.read(settings.archive_dir, row.document.sha256)
    message.add_attachment(data, maintype="application", subtype="pdf", filename=f"{row.document.number}.pdf")
    mail.send(message, settings.smtp_url)


def _corrections(codes: Sequence[str]) -> list[tuple[str, str]]:
    return [(code, translated(EVENT_TYPES[code].title)) for code in codes]


@blueprint.get("/statements/<int(max=2147483647):id>.xlsx")
@needs("statements.read")
def statement_file(id: int) -> Response:
    row = _statement(id)
    return attachment(statement_xlsx(facts_of(row), row.document.number), f"{row.document.number}.xlsx", _XLSX)


@blueprint.post("/statements/<int(max=2147483647):id>/link")
@needs("statements.write")
@has_own_keys
def link_new(id: int) -> Any:
    """A new link for the partner; `days`: how long it holds. It is shown in this answer and never again; with `send` it
    is sent to `address` instead, with the statement."""
    row = _statement(id)
    send, address = "send" in request.form and bool(_settings().smtp_url), request.form.get("address", "").strip()
    try:
        if send and not re.fullmatch(r"[^@\s<>,]{1,64}@[^@\s<>,]{1,190}", address):
            raise InvalidInput("address", N_("Type an e-mail address."))
        days = exact_number(request.form.get("days", "") or str(replies.DEFAULT_DAYS))
        if days is None or days != int(days):
            raise InvalidInput("days", N_("Type a whole number."))
        token, first = _link_once(row, int(days))
    except InvalidInput as fault:
        return _statement_page(row, fault=fault)
    if send and not first:
        done_already()
        return redirect(url_for(".statement", id=id))
    if not send:
        return _statement_page(row, token=token)
    try:
        _send_link(row, _settings().base_url + url_for("replies.show", token=token), address)
    except (mail.NotSent, archive.ArchiveFault) as fault:
        link = replies.link_of(token)
        if link is not None:
            replies.revoke_link(link, utc_now())
        told = InvalidInput("address", N_("The mail was not sent: %(fault)s"), fault=str(fault))
        return _statement_page(row, fault=told)
    flash(_("Sent to %(address)s.", address=address), "success")
    return redirect(url_for(".statement", id=id))


def _link_once(row: Statement, days: int) -> tuple[str, bool]:
    """The token of a new link, and whether the form came for the first time. Sent again it is another link in place of
    the first, which nobody has seen; one that went by mail stays."""
    made = []

    def make() -> str:
        made.append(replies.make_link(row, _user(), utc_now(), days))
        return str(StatementLink.get(StatementLink.token_sha256 == token_hash(made[0])).id)

    id, first = made_once(make)
    if first or "send" in request.form:
        return "".join(made), first
    with taking_turns():
        replies.revoke_link(StatementLink.get_by_id(int(id)), utc_now())
        return replies.make_link(row, _user(), utc_now(), days), False


@blueprint.post("/statements/<int(max=2147483647):id>/link/<int(max=2147483647):link>/revoke")
@needs("statements.write")
def link_revoke(id: int, link: int) -> Any:
    row = _statement(id)
    found = StatementLink.get_or_none(StatementLink.id == link, StatementLink.statement == row) or abort(404)
    replies.revoke_link(found, utc_now())
    flash(_("The link opens nothing any more."))
    return redirect(url_for(".statement", id=id))


@blueprint.post("/statements/<int(max=2147483647):id>/answer")
@needs("statements.write")
def answer_told(id: int) -> Any:
    """What the partner told us by telephone: `name`, `line` (empty: all is right), `verdict`, `quantity`, `reason`."""
    row = _statement(id)
    line, verdict = request.form.get("line", ""), request.form.get("verdict", "")
    try:
        text = request.form.get("quantity", "").strip()
        quantity = exact_number(text[:30]) if text else None
        if text and (quantity is None or quantity != int(quantity)):
            raise InvalidInput("quantity", N_("“%(typed)s” is no whole number."), typed=text[:30])
        if verdict not in VERDICTS:
            raise InvalidInput("verdict", N_("Choose what was said."))
        if line or verdict == "missing":
            said = [
                replies.Answer(
                    "1" if verdict == "missing" else line, verdict,
                    int(quantity) if quantity is not None and verdict in ("disputed", "missing") else None,
                    storable(request.form.get("reason", "")),
                )
            ]  # fmt: skip
        elif verdict == "confirmed":
            said = replies.all_is_right(row)
        else:
            raise InvalidInput("line", N_("Choose the line."))
        replies.take_answers(row, said, storable(request.form.get("name", "")), utc_now(), user=_user())
    except InvalidInput as fault:
        return _statement_page(
            row, fault=InvalidInput(fault.field.split("-")[0], fault.message.text, **fault.message.values)
        )
    flash(_("Saved."))
    return redirect(url_for(".statement", id=id))


@blueprint.post("/statements/<int(max=2147483647):id>/decide")
@needs("statements.write")
def decide(id: int) -> Any:
    """Agree a dispute: `line`, `whose` (ours, theirs, other), `agreed`, `note`; where boxes moved that our books do not
    know, `event`, `day`, and `codes` or `pieces`: these are recorded as scans, and come to the account."""
    row, now = _statement(id), utc_now()
    line, whose = request.form.get("line", "")[:16], request.form.get("whose", "")
    note = storable(request.form.get("note", ""))
    try:
        if whose not in ("ours", "theirs", "other"):
            raise InvalidInput("whose", N_("Choose which figure holds."))
        agreed = exact_number(request.form.get("agreed", "")) if whose == "other" else None
        if agreed is not None and agreed != int(agreed):
            raise InvalidInput("agreed", N_("Type a whole number."))
        if not note.strip():
            raise InvalidInput("note", N_("Say what was agreed, and with whom; it is kept."))
        moved = request.form.get("codes", "").strip() or request.form.get("pieces", "").strip()
        taken: list[Answer] = []

        def moving(case: ExceptionCase) -> list[str]:
            taken.extend(_record_correction(row, line, case) if moved else ())
            return [one.event_id for one in taken if one.outcome == "recorded"]

        replies.decide(
            row, line, whose, note, _user(), now, agreed=int(agreed) if agreed is not None else None, moving=moving
        )
    except InvalidInput as fault:
        return _statement_page(row, fault=fault)
    flash(_("Agreed, and kept with the statement."), "success")
    if whose != "ours" and not moved:
        flash(_("No box was booked with it: our balance is what it was. Book what happened, or it differs again."))
    for waiting in [one for one in taken if one.waits][:1]:
        flash(translated(waiting.text), "warning")
    return redirect(url_for(".statement", id=id))


def _record_correction(row: Statement, line: str, case: ExceptionCase) -> list[Answer]:
    """Report what happened to the boxes, with the line of the statement as its reason. The ids of the events follow
    from the dispute, so that told again they are the same ones; to be called in the transaction that decides it.

    Raises InvalidInput(`codes`, `pieces`) for the first box that cannot be taken.
    """
    kind, now = request.form.get("event", ""), utc_now()
    if kind not in CORRECTIONS:
        raise InvalidInput("event", N_("Choose what happened to the boxes."))
    codes = storable(request.form.get("codes", "")).replace(",", " ").split()
    if len(codes) > 500:
        raise InvalidInput("codes", N_("At most %(most)s boxes at a time."), most=500)
    day = request.form.get("day", "")
    try:
        happened = date.fromisoformat(day) if day else None
    except ValueError:
        raise InvalidInput("day", N_("“%(typed)s” is no date; write it like 2026-11-23."), typed=day[:20]) from None
    at = datetime.combine(happened, time(12), ZoneInfo(home_zone())) if happened else now
    about: dict[str, Any] = {"party": row.partner.code, "device": "statement", "happened": True}
    about["reason"] = f"{row.document.number}/{line}"
    scans = [ScanInput(_id_for(case, kind, code), kind, code, min(at, now), **about) for code in codes]
    text = request.form.get("pieces", "").strip()
    if text:
        pieces, (pool, owner), place = exact_number(text[:30]), _pool_of(row, line), home_place()
        if pieces is None or pieces != int(pieces) or pieces < 1:
            raise InvalidInput("pieces", N_("“%(typed)s” is no whole number."), typed=text[:30])
        if pool is None or place is None or kind not in POOL_CORRECTIONS:
            raise InvalidInput("pieces", N_("Boxes with a code are reported by their codes."))
        about |= {"asset_type": pool, "quantity": int(pieces), "place": place.code if kind == "return" else ""}
        about["owner"] = owner
        scans, codes = [ScanInput(_id_for(case, kind, pool), kind, "", min(at, now), **about)], [pool]
    taken = record_scans(scans, _user(), now)
    for code, one in zip(codes, taken, strict=True):
        if not one.done:
            field = "pieces" if text else "codes"
            raise InvalidInput(field, N_("Box %(code)s: %(fault)s"), code=code[:40], fault=one.text)
    return taken


def _id_for(case: ExceptionCase, kind: str, code: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"dispute {case.id} {kind} {code}"))


def _pool_of(row: Statement, line: str) -> tuple[str | None, str]:
    """The codes of the counted type that a line is about, and of its owner; None when its boxes have codes."""
    account = next((one for one in facts_of(row).accounts if one.no == line.partition(".")[0]), None)
    return (account.type_code, account.owner_code) if account and account.counted else (None, "")


@blueprint.post("/statements/<int(max=2147483647):id>/close")
@needs("statements.write")
def close(id: int) -> Any:
    row = _statement(id)
    silent = accepted_by_silence(row.state, row.document.issue_date, row.accepted_after_days, _today())
    replies.close(row, utc_now(), by_silence=silent)
    flash(_("Closed."))
    return redirect(url_for(".statement", id=id))


@blueprint.post("/statements/<int(max=2147483647):id>/finish")
@needs("statements.write")
@prints
def finish_file(id: int) -> Any:
    """Make the file of a statement that has its number but no file yet."""
    finish(_statement(id).document, _settings())
    return redirect(url_for(".statement", id=id))


# ---- small things


def _partner(code: str) -> Party:
    return seen(visible_parties, Party.select().where(Party.code == storable(code))).first() or abort(404)


def _statement(id: int) -> Statement:
    query = Statement.select(Statement, IssuedDocument, Party).join(IssuedDocument).switch(Statement).join(Party)
    return seen(visible_statements, query.where(Statement.id == id)).first() or abort(404)


def _month() -> Month:
    text = request.args.get("month", "")
    try:
        return month_named(text) if text else month_of(_today())
    except InvalidInput:
        abort(404)


def _seller(companies: list[Party]) -> Party | None:
    chosen = request.values.get("seller", "")
    found = next((one for one in companies if one.code == chosen), None)
    if chosen and found is None:
        abort(404)
    return found or next(iter(companies), None)


def _today() -> date:
    return day_here(utc_now(), home_zone())


def _user() -> User:
    return User.get_by_id(current_user.id)


def _settings() -> Settings:
    settings: Settings = current_app.config["ROUNDTRIP"]
    return settings
