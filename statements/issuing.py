"""Statements and charge lists become papers: their facts, their issue, the same as a table.

Issuing a statement closes the account: in one transaction the facts are read, frozen under the next number, and
AccountClosing set; from then on the ledger books what comes late for these days on the day of recording. So neither the
file nor the figures of an issued statement ever change.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import force_locale, gettext

from accounts.models import User
from accounts.scope import seen
from assets.agreements import agreement_for, agreements_of
from assets.models import AccountClosing, Movement
from config import Settings
from database import keep_writers_out, one_view, taking_turns
from docs_gen import words
from docs_gen.account_facts import (
    AccountFacts,
    AccountLineFacts,
    BoxChargesFacts,
    BoxStatementFacts,
    OldBoxFacts,
    PlaceBalanceFacts,
)
from docs_gen.facts import code_facts, from_json, look_of, party_facts
from docs_gen.issuing import finish, latest_account_paper, take_account_number
from docs_gen.models import IssuedDocument
from docs_gen.numbering import locked_series
from docs_gen.register import types
from errors import N_, Refused
from i18n import LANGUAGES
from master_data import codes
from master_data.home import home_zone
from master_data.models import Party, Place
from master_data.visible import visible_parties
from spreadsheets import write_xlsx
from statements.accounts import Account, Month, accounts_of, add_ages, add_lines
from statements.charging import Charge, as_facts, charges_of, currency_decimals
from statements.models import Statement
from statements.visible import visible_statements

#: What an event is called on a statement, in the words of both sides; others are a movement.
_WHAT = {
    "commission": ("New boxes", "新箱"),
    "opening": ("Balance when the books were opened", "建账余额"),
    "dispatch": ("Sent to partner", "发往合作方"),
    "cancel_dispatch": ("Sending undone", "撤销发出"),
    "arrive": ("Arrived at partner", "到达合作方"),
    "empties_ready": ("Empties ready", "空箱待退"),
    "return_shipped": ("Sent back by partner", "合作方发出退回"),
    "return": ("Returned by partner", "合作方退回"),
    "receive": ("Received", "接收"),
    "transfer_out": ("Transferred", "调拨"),
    "transfer_in": ("Transferred", "调拨"),
    "owner_change": ("Change of owner", "所有人变更"),
    "stock_take": ("Counted", "盘点"),
    "lost": ("Lost", "丢失"),
    "found": ("Found", "找回"),
    "write_off": ("Written off", "核销"),
    "decommission": ("Taken out of service", "停用"),
    "scrap": ("Scrapped", "报废"),
    "void": ("Correction", "更正"),
}
_MOVEMENT = ("Movement", "变动")


def language_for(partner: Party) -> str:
    """The language in which a partner is written to: Chinese where Chinese is read, else English."""
    return "zh" if partner.country in ("CN", "HK", "MO", "TW") else "en"


def own_companies() -> list[Party]:
    """Those in whose name a statement may be issued."""
    return list(seen(visible_parties, Party.select().where(Party.own, ~Party.archived).order_by(Party.id)))


def day_here(now: datetime, zone: str) -> date:
    """The day of `now` by the calendar of the accounts."""
    return now.astimezone(ZoneInfo(zone)).date()


def statement_facts(seller: Party, partner: Party, month: Month, language: str = "") -> BoxStatementFacts:
    """What the statement of a month says, as the books are now. The caller sees to it that nobody books in between."""
    zone = home_zone()
    accounts = accounts_of(partner, month, seller)
    add_lines(accounts, partner, month)
    add_ages(accounts, partner, month.last, zone, named=True)
    before = statement_of(seller, partner, month.before)
    return BoxStatementFacts(
        seller=party_facts(seller),
        consignee=party_facts(partner),
        part=str(month),
        first_day=month.first,
        last_day=month.last,
        timezone=zone,
        language=language or language_for(partner),
        accounts=tuple(_account(one, str(number)) for number, one in enumerate(accounts, 1)),
        opening_confirmed=before is not None and before.state in ("confirmed", "agreed", "closed"),
        opening_statement=before.document.number if before else "",
        accepted_after_days=_silence(partner, month.last),
        **look_of(seller.id, partner.id, partner.country),
    )


def _silence(partner: Party, day: date) -> int:
    """After how many days silence is consent, by the agreement for every type of box; 0: never."""
    agreement = agreement_for(agreements_of([partner.id]), partner.id, 0, day)
    return agreement.accepted_after_days if agreement else 0


def _account(account: Account, no: str) -> AccountFacts:
    sums, balance, lines = account.figures, account.figures.opening, []
    for number, line in enumerate(account.lines, 1):
        balance += line.quantity
        en, zh = _WHAT.get("void" if line.undone else line.what, _MOVEMENT)
        late = line.adjustment_for
        lines.append(
            AccountLineFacts(
                f"{no}.{number}", line.event_day, line.booked_day, en, zh, line.document,
                line.place.name_en if line.place else "", line.place.name_zh if line.place else "",
                line.incoming, line.outgoing, late.first if late else None, balance, line.adjustment,
            )
        )  # fmt: skip
    places = {row.id: row for row in Place.select().where(Place.id.in_([id for id in account.places if id]))}
    kind, owner = account.asset_type, account.owner
    return AccountFacts(
        no=no,
        type_code=kind.code,
        name_en=kind.name_en,
        name_zh=kind.name_zh,
        counted=kind.counted,
        owner_code=owner.code,
        owner_en=owner.name_en,
        owner_zh=owner.name_zh,
        opening=sums.opening,
        incoming=sums.incoming,
        outgoing=sums.outgoing,
        adjustment=sums.adjustment,
        closing=sums.closing,
        places=tuple(
            PlaceBalanceFacts(
                place.code if place else "", place.name_en if place else "", place.name_zh if place else "",
                one.opening, one.incoming, one.outgoing, one.moved, one.adjustment, one.closing,
            )
            for place, one in sorted(
                ((places.get(id) if id else None, one) for id, one in account.places.items()),
                key=lambda pair: pair[0].code if pair[0] else "",
            )
        ),
        lines=tuple(lines),
        ages=tuple(account.ages),
        free_days=account.free_days,
        over_free=account.over_free,
        lost=account.lost,
        old_boxes=tuple(OldBoxFacts(*one) for one in account.old_boxes),
    )  # fmt: skip


def statement_of(seller: Party, partner: Party, month: Month) -> Statement | None:
    """The valid statement of a month; None when none was issued, or it was declared void."""
    rows = (
        Statement.select(Statement, IssuedDocument).join(IssuedDocument)
        .where(
            Statement.partner == partner, Statement.first_day == month.first, IssuedDocument.seller == seller,
            IssuedDocument.voided_time.is_null(), IssuedDocument.state != "replaced",
        )
        .order_by(Statement.id.desc())
    )  # fmt: skip
    found: Statement | None = rows.first()
    return found


def statements_of(partner: Party, month: Month) -> dict[int, Statement]:
    """The valid statements of a month that who asks may see, by the id of the company of ours that states."""
    return {row.document.seller_id: row for row in valid_statements(month).where(Statement.partner == partner)}


def valid_statements(month: Month) -> Any:
    """Query of all valid statements of a month that who asks may see; each company of ours has its own."""
    return seen(
        visible_statements,
        Statement.select(Statement, IssuedDocument).join(IssuedDocument)
        .where(
            Statement.first_day == month.first, IssuedDocument.voided_time.is_null(),
            IssuedDocument.state != "replaced",
        )
        .order_by(Statement.id),
    )  # fmt: skip


def issue_statement(
    seller: Party, partner: Party, month: Month, language: str, user: User | None, now: datetime, settings: Settings
) -> Statement:
    """Issue the statement of a month that is over, and close the account over it.

    Raises Refused: `not_over` while the month goes on, `issued` when it has a valid statement, `empty` without any
    account, `problems` when it cannot be printed or does not add up, `not_rendered` when its file could not be made.
    """
    statement = number_statement(seller, partner, month, language, user, now, settings)
    statement.document = finish(statement.document, settings)
    return statement


def number_statement(
    seller: Party, partner: Party, month: Month, language: str, user: User | None, now: datetime, settings: Settings
) -> Statement:
    """The first half of it: number and frozen facts; its file is made by `docs_gen.issuing.finish` or `finish_many`."""
    if month.last >= day_here(now, home_zone()):
        raise Refused("not_over", N_("The month %(month)s is not over yet."), month=str(month))
    with taking_turns():
        keep_writers_out(Movement)
        if statement_of(seller, partner, month):
            raise Refused("issued", N_("The statement of %(month)s has been issued already."), month=str(month))
        closing, made = AccountClosing.get_or_create(
            owner=seller, partner=partner, defaults={"closed_until": month.last}
        )
        if not made and closing.closed_until < month.last:
            AccountClosing.update(closed_until=month.last).where(AccountClosing.id == closing.id).execute()
        facts = statement_facts(seller, partner, month, language)
        if not facts.accounts:
            raise Refused("empty", N_("There are no boxes on this account, so there is nothing to state."))
        document = take_account_number(
            types()["box_statement"], facts, seller, partner, day_here(now, facts.timezone), user, now,
            settings.base_url,
        )  # fmt: skip
        return Statement.create(
            document=document, partner=partner, first_day=month.first, last_day=month.last,
            language=facts.language, accepted_after_days=facts.accepted_after_days, issued_time=now, changed_time=now,
        )  # fmt: skip


def facts_of(statement: Statement) -> BoxStatementFacts:
    """What the statement says, as it was frozen."""
    return from_json(BoxStatementFacts, statement.document.facts)


def charge_facts(
    seller: Party, partner: Party, month: Month, currency: str, charges: Iterable[Charge]
) -> BoxChargesFacts:
    """What the pro-forma invoice of these charges says; those of other currencies are left out."""
    lines = tuple(as_facts(one) for one in charges if one.currency == currency)
    total = sum((one.amount for one in lines), Decimal(0))
    in_words = total >= 0 and currency in codes.currencies()
    return BoxChargesFacts(
        seller=party_facts(seller),
        consignee=party_facts(partner),
        part=f"{month}-{currency}",
        first_day=month.first,
        last_day=month.last,
        timezone=home_zone(),
        language=language_for(partner),
        currency=code_facts(codes.currencies(), currency),
        decimals=currency_decimals(currency),
        charges=lines,
        total=total,
        words_en=words.english(total, currency) if in_words else "",
        words_zh=words.chinese(total, currency) if in_words else "",
        **look_of(seller.id, partner.id, partner.country),
    )


def chosen_charges(partner: Party, month: Month, kinds: Iterable[str], by: Party | None = None) -> list[Charge]:
    """The charges of a month of these kinds: deposit (with what is given back), rental, loss. `by`: for the boxes of
    this company of ours; None: of all."""
    of = {"deposit": "deposit", "refund": "deposit", "rental": "rental", "second_rental": "rental", "loss": "loss"}
    wanted = set(kinds)
    with one_view():
        return [one for one in charges_of(partner, month, home_zone(), by) if of[one.kind] in wanted]


def issue_charges(
    seller: Party, partner: Party, month: Month, currency: str, kinds: Iterable[str], replaces: str | None,
    user: User | None, now: datetime, settings: Settings,
) -> IssuedDocument:  # fmt: skip
    """Issue the charges of a month in one currency as a pro-forma invoice; it takes the place of the one before.

    Raises Refused as `docs_gen.issuing.issue_document` does; `not_over` while the month goes on.
    """
    if month.last >= day_here(now, home_zone()):
        raise Refused("not_over", N_("The month %(month)s is not over yet."), month=str(month))
    left = latest_account_paper(seller, partner, "box_charges", f"{month}-{currency}")
    if left and left.state == "numbered" and (left.failed or now - left.issued_time > timedelta(minutes=2)):
        finish(left, settings)
    with taking_turns():
        locked_series(seller.id, types()["box_charges"].series, day_here(now, home_zone()).year)  # one after the other
        facts = charge_facts(seller, partner, month, currency, chosen_charges(partner, month, kinds, seller))
        before = latest_account_paper(seller, partner, "box_charges", f"{month}-{currency}")
        if before and user and _is_same_order(before, replaces, user) and not is_stale(before, facts):
            document = before  # its answer was lost
        else:
            document = take_account_number(
                types()["box_charges"], facts, seller, partner, day_here(now, facts.timezone), user, now,
                settings.base_url, replaces=replaces,
            )  # fmt: skip
    return finish(document, settings)


def _is_same_order(before: IssuedDocument, replaces: str | None, user: User) -> bool:
    """Whether this paper is what the same person ordered when the same one, or none, was the valid one."""
    if replaces is None or before.status == "void" or before.number == replaces or before.issued_by_id != user.id:
        return False
    return (before.replaces.number if before.replaces_id else "") == replaces


def is_stale(document: IssuedDocument, facts: BoxChargesFacts) -> bool:
    """True when the charges are no longer those that the paper was issued with."""
    then = from_json(BoxChargesFacts, document.facts)
    return (then.charges, then.total) != (facts.charges, facts.total)


def statement_xlsx(facts: BoxStatementFacts, number: str) -> bytes:
    """The statement as a table in the partner's language: opening, lines and closing of each account."""
    zh = facts.language == "zh"
    with force_locale(LANGUAGES[facts.language][0]):
        header = [
            gettext(title)
            for title in (
                N_("Statement"), N_("Line no."), N_("Box type"), N_("Name"), N_("Owner"), N_("Date"), N_("Booked on"),
                N_("What"), N_("Document"), N_("Place"), N_("To partner"), N_("From partner"),
                N_("Adjustment"), N_("Adjustment for"), N_("Balance"),
            )
        ]  # fmt: skip
        opening, closing = gettext("Opening balance"), gettext("Closing balance")
    rows: list[list[object]] = []
    for one in facts.accounts:
        head = [one.type_code, (one.name_zh if zh else "") or one.name_en, (one.owner_zh if zh else "") or one.owner_en]
        start: list[object] = [number, "", *head, facts.first_day, "", opening, *[""] * 6, one.opening]
        end: list[object] = [number, one.no, *head, facts.last_day, "", closing, *[""] * 6, one.closing]
        rows.append(start)
        for line in one.lines:
            rows.append([
                number, line.no, *head, line.event_day, line.booked_day, line.what_zh if zh else line.what_en,
                line.document, (line.place_zh if zh else "") or line.place_en, line.incoming or "",
                line.outgoing or "", line.adjustment or "",
                f"{line.adjustment_for:%Y-%m}" if line.adjustment_for else "", line.balance,
            ])  # fmt: skip
        rows.append(end)
    return write_xlsx(number, header, rows)
