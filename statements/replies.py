"""What partners answer: links for one purpose, answers that are only ever added, disputes with both sides' figures.

A link shows one statement and takes answers to it. Its token has 256 random bits, and only its hash is kept; it expires
and may be revoked. An answer is a row; the last one to a line counts. A line that the partner sees otherwise becomes an
ExceptionCase with both figures; deciding it says which one holds, and the statement follows.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from accounts.models import User
from accounts.tokens import token_hash
from assets.models import ExceptionCase
from database import locked, taking_turns
from docs_gen.account_facts import BoxStatementFacts
from docs_gen.models import IssuedDocument
from errors import N_, InvalidInput, Refused
from master_data.models import AssetType
from statements.issuing import facts_of
from statements.models import Statement, StatementAnswer, StatementLink
from statements.states import state_of

SOURCE = "statement"
DEFAULT_DAYS = 60
MOST_DAYS = 366
#: bounds of what one link may bring
MOST_SUBMISSIONS_AN_HOUR = 20
MOST_ANSWERS = 5_000
MOST_MISSING = 5
MAX_REASON = 500
MAX_NAME = 80
MAX_QUANTITY = 10_000_000


@dataclass(frozen=True)
class Answer:
    """What a partner says to one line. `quantity`: by his books."""

    line: str
    verdict: str  # a key of states.VERDICTS
    quantity: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class ReplyLine:
    """One line of a statement that can be answered. `ours`: the closing balance, or + to the partner and − from him."""

    no: str
    ours: int
    type_code: str


def lines_of(facts: BoxStatementFacts) -> dict[str, ReplyLine]:
    """Number → line: of each account the closing balance and then its movements."""
    found = {}
    for account in facts.accounts:
        found[account.no] = ReplyLine(account.no, account.closing, account.type_code)
        for line in account.lines:
            found[line.no] = ReplyLine(line.no, line.quantity, account.type_code)
    return found


# links


def make_link(statement: Statement, user: User | None, now: datetime, days: int = DEFAULT_DAYS) -> str:
    """A new link to the statement; gives its token, which is kept nowhere. Raises InvalidInput(`days`)."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput("days", N_("A link may hold for 1 to %(most)s days."), most=MOST_DAYS)
    if statement.document.status != "issued":
        raise Refused("not_valid", N_("%(number)s is not valid any more. Reload the page."),
                      number=statement.document.number)  # fmt: skip
    token = secrets.token_urlsafe(32)
    StatementLink.create(
        statement=statement, token_sha256=token_hash(token), created_time=now, created_by=user,
        expires_time=now + timedelta(days=days),
    )  # fmt: skip
    return token


def revoke_link(link: StatementLink, now: datetime) -> None:
    """End a link at once."""
    StatementLink.update(revoked_time=now).where(
        StatementLink.id == link.id, StatementLink.revoked_time.is_null()
    ).execute()


def link_of(token: str) -> StatementLink | None:
    """The link of a token, valid or not; its statement, paper and partner are joined."""
    if not 40 <= len(token) <= 50 or not token.isascii():
        return None
    found: StatementLink | None = (
        StatementLink.select(StatementLink, Statement, IssuedDocument)
        .join(Statement).join(IssuedDocument)
        .where(StatementLink.token_sha256 == token_hash(token)).first()
    )  # fmt: skip
    return found


def is_valid(link: StatementLink, now: datetime) -> bool:
    """True while the link may be used: not expired, not revoked, and its statement not void."""
    return (
        link.revoked_time is None and now < link.expires_time and link.statement.document.status == "issued"
    )  # fmt: skip


# answers


def last_answers(statement: Statement) -> dict[str, StatementAnswer]:
    """Line → the partner's last word."""
    rows = StatementAnswer.select().where(StatementAnswer.statement == statement).order_by(StatementAnswer.id)
    return {row.line: row for row in rows}


def all_is_right(statement: Statement) -> list[Answer]:
    """The answers of who says so: every closing balance is confirmed, and whatever was seen otherwise before."""
    before = last_answers(statement)
    lines = [account.no for account in facts_of(statement).accounts]
    lines += [line for line, row in before.items() if row.verdict != "confirmed" and line not in lines]
    return [Answer(line, "confirmed") for line in lines]


def cases_of(statement: Statement) -> dict[str, ExceptionCase]:
    """Line → its dispute, the last one."""
    number = statement.document.number
    rows = (
        ExceptionCase.select()
        .where(
            ExceptionCase.source == SOURCE, ExceptionCase.party == statement.partner_id,
            ExceptionCase.subject.startswith(f"{number}/"),
        )
        .order_by(ExceptionCase.id)
    )  # fmt: skip
    # Numbers are unique to a company of ours, and there may be several.
    mine = [row for row in rows if json.loads(row.values).get("statement") == statement.id]
    return {row.subject.partition("/")[2]: row for row in mine}


def take_answers(
    statement: Statement, answers: Sequence[Answer], name: str, now: datetime, *, link: StatementLink | None = None,
    user: User | None = None, address: str = "",
) -> int:  # fmt: skip
    """Keep what the partner says, and open or end the disputes that follow from it; gives how many answers were new.

    An answer that says the same as the last one to its line is none. Raises InvalidInput at `name`, `quantity-1.2`,
    `reason-1.2`, `missing-quantity-1` …; Refused: `closed` for a closed statement, `too_many` beyond the bounds.
    """
    name = name.strip()
    if not name:
        raise InvalidInput("name", N_("Type your name."))
    if len(name) > MAX_NAME:
        raise InvalidInput(
            "name", N_("At most %(limit)s characters fit; these are %(count)s."), limit=MAX_NAME, count=len(name)
        )
    facts = facts_of(statement)
    lines = lines_of(facts)
    with taking_turns():
        statement = locked(Statement.select().where(Statement.id == statement.id)).get()
        if statement.state == "closed":
            raise Refused("closed", N_("This statement is closed; nothing can be added to it any more."))
        if statement.document.status != "issued":
            raise Refused("not_valid", N_("%(number)s is not valid any more. Reload the page."),
                          number=statement.document.number)  # fmt: skip
        if link is not None:
            _check_bounds(link, len(answers), now)
        before = last_answers(statement)
        for answer in answers:
            _check(answer, {*lines, *before})
        extra = sum(line.startswith("+") for line in before)
        new = []
        for answer in answers:
            if answer.verdict == "missing":
                if not _says_missing(before, answer):
                    extra += 1
                    new.append(Answer(f"+{extra}", "missing", answer.quantity, answer.reason))
            elif not _same(before.get(answer.line), answer):
                new.append(answer)
        for answer in new:
            StatementAnswer.create(
                statement=statement, link=link, user=user, line=answer.line, verdict=answer.verdict,
                quantity=answer.quantity, reason=answer.reason.strip(), name=name, address=address[:45],
                answered_time=now,
            )  # fmt: skip
        _open_disputes(statement, new, lines, name, now)
        refresh(statement, now, facts)
    return len(new)


def _check(answer: Answer, lines: Collection[str]) -> None:
    missing = answer.verdict == "missing"
    key = f"missing-{{}}-{answer.line}" if missing else f"{{}}-{answer.line}"
    if not missing and answer.line not in lines:
        raise InvalidInput("lines", N_("There is no line %(line)s on this statement."), line=answer.line[:16])
    if answer.verdict == "disputed" and answer.quantity is None:
        raise InvalidInput(key.format("quantity"), N_("Type the quantity by your books."))
    if missing and not answer.quantity:
        raise InvalidInput(key.format("quantity"), N_("Type the quantity by your books."))
    if answer.quantity is not None and abs(answer.quantity) > MAX_QUANTITY:
        raise InvalidInput(key.format("quantity"), N_("This number is too large."))
    if answer.verdict in ("not_ours", "missing") and not answer.reason.strip():
        raise InvalidInput(key.format("reason"), N_("Say in a few words what is wrong."))
    if len(answer.reason) > MAX_REASON:
        raise InvalidInput(
            key.format("reason"), N_("At most %(limit)s characters fit; these are %(count)s."),
            limit=MAX_REASON, count=len(answer.reason),
        )  # fmt: skip


def _check_bounds(link: StatementLink, more: int, now: datetime) -> None:
    mine = StatementAnswer.select().where(StatementAnswer.link == link)
    recent = (
        mine.where(StatementAnswer.answered_time > now - timedelta(hours=1))
        .select(fn.COUNT(StatementAnswer.answered_time.distinct())).scalar()
    )  # fmt: skip
    if recent >= MOST_SUBMISSIONS_AN_HOUR or mine.count() + more > MOST_ANSWERS:
        raise Refused("too_many", N_("These were many answers in a short time. Try again later, or call us."))


def _same(before: StatementAnswer | None, answer: Answer) -> bool:
    return before is not None and (before.verdict, before.quantity, before.reason) == (
        answer.verdict, answer.quantity, answer.reason.strip(),
    )  # fmt: skip


def _says_missing(before: Mapping[str, StatementAnswer], answer: Answer) -> bool:
    """A page that is sent twice adds no line twice."""
    return any(_same(one, answer) for line, one in before.items() if line.startswith("+"))


def _open_disputes(
    statement: Statement, answers: Iterable[Answer], lines: Mapping[str, ReplyLine], name: str, now: datetime
) -> None:
    cases = cases_of(statement)
    types = {
        row.code: row
        for row in AssetType.select().where(AssetType.code.in_({line.type_code for line in lines.values()}))
    }
    for answer in answers:
        case, line = cases.get(answer.line), lines.get(answer.line)
        is_open = case is not None and case.state == "open"
        if answer.verdict == "confirmed":
            if case is not None and is_open:
                ExceptionCase.update(state="explained", decided_time=now, note=f"{name}: confirmed").where(
                    ExceptionCase.id == case.id
                ).execute()
            continue
        values = json.dumps(
            {"ours": line.ours if line else 0, "theirs": 0 if answer.verdict == "not_ours" else answer.quantity,
             "reason": answer.reason.strip(), "by": name, "statement": statement.id},
            ensure_ascii=False,
        )  # fmt: skip
        if case is not None and is_open:
            ExceptionCase.update(code=answer.verdict, values=values).where(ExceptionCase.id == case.id).execute()
        else:
            ExceptionCase.create(
                source=SOURCE, code=answer.verdict, party=statement.partner_id,
                asset_type=types.get(line.type_code) if line else None,
                subject=f"{statement.document.number}/{answer.line}", values=values, opened_time=now,
            )  # fmt: skip


def refresh(statement: Statement, now: datetime, facts: BoxStatementFacts | None = None) -> str:
    """Bring the statement's state up to what was answered and decided; gives the state."""
    cases = cases_of(statement)
    verdicts = {line: row.verdict for line, row in last_answers(statement).items()}
    state = state_of(
        [account.no for account in (facts or facts_of(statement)).accounts], verdicts,
        sum(case.state == "open" for case in cases.values()),
        [line for line, case in cases.items() if case.state in ("accepted", "mended")],
        closed=statement.state == "closed",
    )  # fmt: skip
    if state != statement.state:
        Statement.update(state=state, changed_time=now).where(Statement.id == statement.id).execute()
        statement.state = state
    return state


# what we do about it


def decide(
    statement: Statement, line: str, whose: str, note: str, user: User | None, now: datetime, *,
    agreed: int | None = None, moving: Callable[[ExceptionCase], Sequence[str]] = lambda case: (),
) -> ExceptionCase:  # fmt: skip
    """Say which figure of a disputed line holds: `ours`, `theirs`, or `other` with `agreed`. `moving` records the scans
    by which boxes moved for it, and gives their ids; without any our books stay as they are, and the next statement
    tells the same again. Both are one transaction, in which nobody else decides: what `moving` raises undoes all of it.

    Raises InvalidInput(`note`, `agreed`); Refused(`decided`) when it is not open any more.
    """
    if not note.strip():
        raise InvalidInput("note", N_("Say what was agreed, and with whom; it is kept."))
    if whose == "other" and agreed is None:
        raise InvalidInput("agreed", N_("Type the quantity that was agreed."))
    with taking_turns():
        # The statement first, as those do who take answers: its state follows from all of its lines.
        statement = locked(Statement.select().where(Statement.id == statement.id)).get()
        case = cases_of(statement).get(line)
        if case is None or case.state != "open":
            raise Refused("decided", N_("This line is not in dispute any more. Reload the page."))
        values: dict[str, Any] = json.loads(case.values)
        values["agreed"] = agreed if whose == "other" else values[whose]
        values["whose"], values["events"] = whose, list(moving(case))
        ExceptionCase.update(
            state="accepted" if whose == "ours" else "mended", values=json.dumps(values, ensure_ascii=False),
            note=note.strip()[:1000], decided_time=now, decided_by=user,
        ).where(ExceptionCase.id == case.id).execute()  # fmt: skip
        refresh(statement, now)
    return ExceptionCase.get_by_id(case.id)


def close(statement: Statement, now: datetime, *, by_silence: bool = False) -> None:
    """End a statement that is confirmed or agreed, or accepted by silence. Raises Refused(`not_settled`)."""
    with taking_turns():
        row = locked(Statement.select().where(Statement.id == statement.id)).get()
        if row.state not in ("confirmed", "agreed") and not (by_silence and row.state == "issued"):
            raise Refused("not_settled", N_("Only a statement that is confirmed or agreed can be closed."))
        Statement.update(state="closed", changed_time=now).where(Statement.id == row.id).execute()
