"""What the papers of a partner's box account say: plain frozen values, all sums made, as `docs_gen.facts` has them for
a shipment.

A balance is of one type of box and one owner: boxes of several types or owners are never added up. + means that the
partner has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from docs_gen.facts import CodeFacts, PartyFacts, SealFacts, WordingFacts, wording_for


@dataclass(frozen=True)
class AccountPaper:
    """What every paper of an account has. `part` tells the papers of a partner apart: the month."""

    seller: PartyFacts
    consignee: PartyFacts  # the partner whose account it is
    part: str
    first_day: date
    last_day: date
    timezone: str  # whose days these are: that of our home place
    language: str  # en, zh: of what is not printed in both
    logo: str = field(default="", kw_only=True)
    colour: str = field(default="", kw_only=True)
    wordings: tuple[WordingFacts, ...] = field(default=(), kw_only=True)
    seals: tuple[SealFacts, ...] = field(default=(), kw_only=True)
    verify_uri: str = field(default="", kw_only=True)

    @property
    def about(self) -> str:
        """`HAMBURG 2026-10`."""
        return f"{self.consignee.code} {self.first_day:%Y-%m}"

    def wording(self, slot: str, type: str, language: str = "en") -> str:
        """The text for this place on this kind of paper, '' when none is kept."""
        return wording_for(self.wordings, slot, type, language)


@dataclass(frozen=True)
class AccountLineFacts:
    """Boxes that went to the partner or came from him on one day, by one document at one place."""

    no: str  # 1.2: the second line of the first account
    event_day: date
    booked_day: date
    what_en: str
    what_zh: str
    document: str  # number of the shipment, the delivery note
    place_en: str
    place_zh: str
    incoming: int  # to the partner
    outgoing: int  # from the partner
    adjustment_for: date | None  # first day of the month in which it happened, when that month had been closed before
    balance: int  # after it
    adjustment: int = 0  # with its sign; what is one went neither to the partner nor from him in this month

    @property
    def quantity(self) -> int:
        """With its sign: + to the partner."""
        return self.incoming - self.outgoing + self.adjustment


@dataclass(frozen=True)
class PlaceBalanceFacts:
    """The part of an account that stands in one place; '' on the way."""

    code: str
    name_en: str
    name_zh: str
    opening: int
    incoming: int
    outgoing: int
    moved: int  # from (+) or to (−) other places of the partner
    adjustment: int
    closing: int


@dataclass(frozen=True)
class OldBoxFacts:
    """A box that the partner has had for longer than the free days."""

    code: str
    out_day: date
    days: int


@dataclass(frozen=True)
class AccountFacts:
    """The account of one type of box of one owner."""

    no: str  # 1, 2, 3 …
    type_code: str
    name_en: str
    name_zh: str
    counted: bool  # a pool without codes
    owner_code: str
    owner_en: str
    owner_zh: str
    opening: int
    incoming: int
    outgoing: int
    adjustment: int
    closing: int
    places: tuple[PlaceBalanceFacts, ...]
    lines: tuple[AccountLineFacts, ...]
    ages: tuple[int, ...]  # boxes that are out by days: 0–30, 31–60, 61–90, more than 90
    free_days: int  # 0: none agreed
    over_free: int  # boxes out for longer than the free days
    lost: int  # of the closing balance
    old_boxes: tuple[OldBoxFacts, ...]  # the oldest ones over the free days, at most so many as fit


@dataclass(frozen=True)
class BoxStatementFacts(AccountPaper):
    """The monthly statement of the boxes that a partner has."""

    accounts: tuple[AccountFacts, ...]
    opening_confirmed: bool  # the statement before it was confirmed or agreed
    opening_statement: str  # its number, '' when there is none
    accepted_after_days: int  # silence is consent after so many days, where that was agreed; 0: never


@dataclass(frozen=True)
class BoxChargeFacts:
    """One line of a list of charges."""

    kind: str  # deposit, refund, rental, loss
    type_code: str
    name_en: str
    name_zh: str
    text_en: str
    text_zh: str
    quantity: int  # boxes; of a rental box-days
    price: Decimal
    amount: Decimal  # rounded; a refund is below zero


@dataclass(frozen=True)
class BoxChargesFacts(AccountPaper):
    """What the agreement with a partner asks for the boxes of a month, in one currency."""

    currency: CodeFacts
    decimals: int
    charges: tuple[BoxChargeFacts, ...]
    total: Decimal  # sum of the printed amounts
    words_en: str  # '' when it cannot be written in words
    words_zh: str
