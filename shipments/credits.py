"""Letters of credit: what one must obey, and the only place that writes LetterOfCredit and CreditDocument.

The fields are those of the bank's message (SWIFT MT700); what the papers of a shipment must do to satisfy a credit is
checked where papers are made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from peewee import IntegrityError

from accounts.scope import both, current_scope
from database import taking_turns
from errors import N_, InvalidInput, Message
from master_data import codes
from master_data import rules as master_rules
from master_data.models import Party
from master_data.saving import TAKEN, other_with
from master_data.visible import visible_parties
from shipments.models import CreditDocument, LetterOfCredit
from shipments.rules import Problem, decimals

MAX_DOCUMENTS = 50
NOT_LISTED = N_("%(code)s is not in the list.")

#: field → most characters and lines; columns of the database, and of MT700 its longest text (45A: 100 lines of 65)
TEXT_LIMITS = {
    "number": (35, 1), "issuing_bank": (255, 1), "advising_bank": (255, 1), "goods": (6500, 100),
    "expiry_place": (64, 1), "port_of_loading": (64, 1), "port_of_discharge": (64, 1), "drawee": (255, 4),
    "tenor": (64, 1),
}  # fmt: skip
_NEEDED = (
    "code", "number", "issue_date", "expiry_date", "issuing_bank", "applicant", "beneficiary", "currency", "amount",
)  # fmt: skip
_PARTIES = ("applicant", "beneficiary")


@dataclass(frozen=True)
class CreditDocumentEntry:
    """One paper that the credit asks for, as entered."""

    type: str = ""  # a code of docs_gen.document_types
    title: str = ""
    originals: int | None = 1
    copies: int | None = 0
    signed: bool = False


@dataclass(frozen=True)
class CreditEntry:
    """A letter of credit as entered: the columns of `LetterOfCredit`, with parties by their codes."""

    code: str = ""
    number: str = ""
    issue_date: date | None = None
    issuing_bank: str = ""
    advising_bank: str = ""
    applicant: str = ""
    beneficiary: str = ""
    currency: str = ""
    amount: Decimal | None = None
    tolerance: Decimal | None = None  # ± per cent; None: 0
    goods: str = ""
    latest_shipment: date | None = None
    expiry_date: date | None = None
    expiry_place: str = ""
    presentation_days: int | None = None  # None: 21
    partial_shipments: bool = True
    transhipment: bool = True
    port_of_loading: str = ""
    port_of_discharge: str = ""
    drawee: str = ""
    tenor: str = ""
    documents: tuple[CreditDocumentEntry, ...] = ()


_PLAIN = tuple(f.name for f in fields(CreditEntry) if f.name not in (*_PARTIES, "documents"))
_DOCUMENT_COLUMNS = tuple(f.name for f in fields(CreditDocumentEntry))


def problems(entry: CreditEntry, parties: Mapping[str, Any]) -> list[Problem]:
    """Everything that keeps `entry` from being saved, in the order of the form; `parties`: code → row.

    A row of documents is named `documents-0-title`. Pure.
    """
    found = [Problem(name, Message(text, values)) for name, text, values in _head_problems(entry, parties)]
    if len(entry.documents) > MAX_DOCUMENTS:
        text = N_("More than %(max)s documents; put together what is alike.")
        found.append(Problem("documents-0-type", Message(text, {"max": MAX_DOCUMENTS})))
    for index, document in enumerate(entry.documents):
        for name, text, values in _document_problems(document):
            found.append(Problem(f"documents-{index}-{name}", Message(text, values)))
    return found


_Found = Iterator[tuple[str, str, dict[str, Any]]]


def _head_problems(entry: CreditEntry, parties: Mapping[str, Any]) -> _Found:
    for name in _NEEDED:
        if getattr(entry, name) in ("", None):
            yield name, N_("This is needed."), {}
    if entry.code:
        yield from _asked("code", lambda: master_rules.code(entry.code))
    for name, (limit, lines) in TEXT_LIMITS.items():
        yield from _plain(name, getattr(entry, name), limit, lines)
    yield from _party_problems(entry, parties)
    yield from _amount_problems(entry)
    yield from _date_problems(entry)
    if entry.presentation_days is not None and not 1 <= entry.presentation_days <= 365:
        values = {"least": 1, "most": 365}
        yield "presentation_days", N_("A whole number from %(least)s to %(most)s is needed."), values


def _asked(name: str, rule: Callable[[], Any]) -> _Found:
    try:
        rule()
    except InvalidInput as error:
        yield name, error.message.text, error.message.values


def _plain(name: str, text: str, limit: int, lines: int = 1) -> _Found:
    return _asked(name, lambda: master_rules.plain_text(name, text, limit, lines=lines))


def _party_problems(entry: CreditEntry, parties: Mapping[str, Any]) -> _Found:
    for name in _PARTIES:
        code = getattr(entry, name)
        if code and code not in parties:
            yield name, N_("There is no partner with the code %(code)s; choose one of the list."), {"code": code[:40]}
    beneficiary = parties.get(entry.beneficiary)
    if beneficiary is not None and not beneficiary.own:
        text = N_("%(code)s is not one of our own companies; only these are paid by a credit here.")
        yield "beneficiary", text, {"code": entry.beneficiary}
    if beneficiary is not None and beneficiary is parties.get(entry.applicant):
        yield "applicant", N_("Applicant and beneficiary are the same company."), {}


def _amount_problems(entry: CreditEntry) -> _Found:
    known = entry.currency in codes.currencies()
    if entry.currency and not known:
        yield "currency", N_("%(code)s is not a currency of ISO 4217."), {"code": entry.currency[:10]}
    if entry.amount is not None:
        most = codes.currency_decimals(entry.currency) if known else 4
        if entry.amount <= 0:
            yield "amount", N_("The amount must be above 0."), {}
        elif entry.amount >= 10**12:
            yield "amount", N_("This number is too large."), {}
        elif decimals(entry.amount) > most:
            text = N_("%(currency)s has %(most)s decimals, %(amount)s has %(count)s.")
            count = decimals(entry.amount)
            values = {"currency": entry.currency, "most": most, "amount": f"{entry.amount:f}", "count": count}
            yield "amount", text, values
    if entry.tolerance is not None and not 0 <= entry.tolerance <= 100:
        yield "tolerance", N_("This is per cent: from 0 to 100."), {}
    elif entry.tolerance is not None and decimals(entry.tolerance) > 2:
        yield (
            "tolerance",
            N_("At most %(most)s decimals; these are %(count)s."),
            {"most": 2, "count": decimals(entry.tolerance)},
        )


def _date_problems(entry: CreditEntry) -> _Found:
    """A credit is issued, then shipped under, then it expires (UCP 600 art. 6(d), 14(c))."""
    for name in ("issue_date", "latest_shipment", "expiry_date"):
        day = getattr(entry, name)
        if day is not None and not 2000 <= day.year <= 2099:
            yield name, N_("%(day)s cannot be right; check the year."), {"day": day.isoformat()}
            return
    issued, latest, expires = entry.issue_date, entry.latest_shipment, entry.expiry_date
    if issued and latest and latest < issued:
        yield "latest_shipment", N_("This is before the credit was issued."), {}
    if issued and expires and expires < issued:
        yield "expiry_date", N_("This is before the credit was issued."), {}
    elif latest and expires and expires < latest:
        yield "expiry_date", N_("The credit would expire before the latest day of shipment."), {}


def _document_problems(document: CreditDocumentEntry) -> _Found:
    if not document.type:
        yield "type", N_("Which paper is this?"), {}
    elif not re.fullmatch(r"[a-z_]{1,32}", document.type):
        yield "type", NOT_LISTED, {"code": document.type[:32]}
    yield from _plain("title", document.title, 128)
    counts = {"originals": document.originals, "copies": document.copies}
    for name, count in counts.items():
        if count is not None and not 0 <= count <= 99:
            yield name, N_("A whole number from %(least)s to %(most)s is needed."), {"least": 0, "most": 99}
    if not any(counts.values()):
        yield "originals", N_("How many of this paper does the credit ask for?"), {}


def parties_of(entry: CreditEntry, credit: LetterOfCredit | None) -> dict[str, Party]:
    """The parties that `entry` names, by their codes; archived ones only where `credit` holds them already."""
    usable: Any = both(~Party.archived, visible_parties(current_scope()))
    if credit is not None:
        usable |= Party.id.in_([credit.applicant_id, credit.beneficiary_id])
    query = Party.select().where(usable, Party.code.in_({entry.applicant, entry.beneficiary}))
    return {row.code: row for row in query}


def save_credit(entry: CreditEntry, credit: LetterOfCredit | None, now: datetime) -> LetterOfCredit:
    """Store a new letter of credit (`credit` None) or the new content of one, with its documents.

    Raises InvalidInput with the first problem, also when the code is another's.
    """
    taken = InvalidInput("code", TAKEN, code=entry.code)
    try:
        with taking_turns():
            parties = parties_of(entry, credit)
            for problem in problems(entry, parties)[:1]:
                raise InvalidInput(problem.field, problem.message.text, **problem.message.values)
            credit = credit or LetterOfCredit()
            if other_with(credit, entry.code):
                raise taken
            for name in _PLAIN:
                value = getattr(entry, name)
                setattr(credit, name, LetterOfCredit._meta.fields[name].default if value is None else value)  # type: ignore[attr-defined]
            credit.applicant, credit.beneficiary = parties[entry.applicant], parties[entry.beneficiary]
            credit.changed_time = now
            credit.save()
            CreditDocument.delete().where(CreditDocument.credit == credit).execute()
            if entry.documents:
                CreditDocument.insert_many(_document_rows(credit, entry.documents)).execute()
            return credit
    except IntegrityError:  # the unique index, when two came at once
        raise taken from None


def _document_rows(credit: LetterOfCredit, documents: tuple[CreditDocumentEntry, ...]) -> list[dict[str, Any]]:
    return [
        {
            "credit": credit,
            "position": position,
            **{name: getattr(document, name) for name in _DOCUMENT_COLUMNS},
            "originals": document.originals or 0,
            "copies": document.copies or 0,
        }
        for position, document in enumerate(documents, 1)
    ]


def entry_of(credit: LetterOfCredit) -> CreditEntry:
    """A stored letter of credit as an entry, ready to be changed and saved again."""
    rows = CreditDocument.select().where(CreditDocument.credit == credit).order_by(CreditDocument.position)
    return CreditEntry(
        **{name: getattr(credit, name) for name in _PLAIN},
        applicant=credit.applicant.code,
        beneficiary=credit.beneficiary.code,
        documents=tuple(
            CreditDocumentEntry(**{name: getattr(row, name) for name in _DOCUMENT_COLUMNS}) for row in rows
        ),
    )
