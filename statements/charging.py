"""What the agreement with a partner asks for a month: trips and moves of pools → charges, by the formulas of
`assets.charges`.

Only our own boxes are charged. Charges go by the days on which things happened: what comes in late changes the charges
of its own month, and whoever has issued them is told so and may replace the paper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any

from peewee import fn

from accounts.scope import both, current_scope
from assets.agreements import agreement_for, agreements_of, free_days
from assets.charges import (
    Days,
    Stay,
    age_in_years,
    days_to_pay,
    deposits,
    first_in_first_out,
    loss_charge,
    rental,
)
from assets.models import Agreement, Asset, Movement, StockLevel, Trip
from database import tuples
from docs_gen.account_facts import BoxChargeFacts
from master_data import codes
from master_data.models import AssetType, Party
from statements.accounts import Month, day_of, end_of, pool_lots

KINDS = ("deposit", "rental", "loss")


@dataclass(frozen=True)
class Charge:
    """One line: `quantity` boxes (of a rental box-days) × `price`, exact. A refund has a quantity below zero."""

    kind: str  # deposit, refund, rental, second_rental, loss
    asset_type: AssetType
    currency: str
    quantity: int
    price: Decimal
    note_en: str = ""  # of a lost box: its code, day and age
    note_zh: str = ""

    @property
    def amount(self) -> Decimal:
        """Rounded half up to the decimals of the currency."""
        with localcontext(prec=60):
            step = Decimal(1).scaleb(-currency_decimals(self.currency))
            return (self.quantity * self.price).quantize(step, ROUND_HALF_UP)


def currency_decimals(currency: str) -> int:
    """Decimals of a currency (ISO 4217); 2 where the list does not know it."""
    return codes.currency_decimals(currency) if currency in codes.currencies() else 2


@dataclass(frozen=True)
class _Lost:
    asset_type_id: int
    code: str
    since: date
    out_day: date
    day: date


def charges_of(partner: Party, month: Month, zone: str, by: Party | None = None) -> list[Charge]:
    """All charges of the month, by type and in all currencies; `by`: for the boxes of this company of ours, else of all
    that who asks may see. Fixed number of queries."""
    agreements = agreements_of([partner.id])
    if not agreements:
        return []
    stays, gone, lost = _stays_of_boxes(partner, month, zone, by)
    for kind, found in _stays_of_pools(partner, month, by).items():
        stays[kind] += found
    types = {
        row.id: row
        for row in AssetType.select().where(AssetType.id.in_({*stays, *(one.asset_type_id for one in lost)}))
    }
    charges: list[Charge] = []
    for kind in sorted(stays, key=lambda id: types[id].code):
        charges += _by_agreement(types[kind], stays[kind], gone, agreements, month)
    for one in sorted(lost, key=lambda one: (types[one.asset_type_id].code, one.day, one.code)):
        charges += _loss(types[one.asset_type_id], one, agreements)
    return charges


def _by_agreement(
    kind: AssetType, stays: Sequence[Stay], gone: set[int], agreements: Sequence[Agreement], month: Month
) -> Iterator[Charge]:
    grouped: dict[int, tuple[Agreement, list[Stay]]] = {}
    for stay in stays:
        if agreement := agreement_for(agreements, agreements[0].partner_id, kind.id, stay.out_day):
            grouped.setdefault(agreement.id, (agreement, []))[1].append(stay)
    moves: dict[tuple[str, str, Decimal], int] = defaultdict(int)
    for agreement, own in grouped.values():
        # The deposit of a box that never returned is not given back; what is due for it is the loss charge.
        returned = [(stay if id(stay) not in gone else replace(stay, back_day=None)) for stay in own]
        for move in deposits([(stay, agreement.deposit) for stay in returned], month.first, month.last):
            moves[agreement.currency, "deposit" if move.quantity > 0 else "refund", move.price] += move.quantity
        free = free_days(agreement, kind)
        days = sum((days_to_pay(one, month.first, month.last, free, agreement.second_step_days) for one in own), Days())
        # The two rates are lines of their own: who pays wants to reckon them again.
        if rental(Days(days.first), agreement.rental, Decimal(0)):
            moves[agreement.currency, "rental", agreement.rental] += days.first
        if rental(Days(0, days.second), Decimal(0), agreement.second_rental):
            moves[agreement.currency, "second_rental", agreement.second_rental] += days.second
    order = ("deposit", "refund", "rental", "second_rental")
    for (currency, what, price), quantity in sorted(moves.items(), key=lambda one: (order.index(one[0][1]), one[0])):
        yield Charge(what, kind, currency, quantity, price)


def _loss(kind: AssetType, one: _Lost, agreements: Sequence[Agreement]) -> Iterator[Charge]:
    agreement = agreement_for(agreements, agreements[0].partner_id, kind.id, one.out_day)
    if agreement is None:
        return
    replacement = agreement.loss_charge
    if not replacement and kind.value_currency == agreement.currency:
        replacement = kind.value
    age = age_in_years(one.since, one.day)
    with localcontext(prec=60):
        price = loss_charge(replacement, age, agreement.life_years, agreement.loss_floor)
        price = price.quantize(Decimal(1).scaleb(-currency_decimals(agreement.currency)), ROUND_HALF_UP)
    if price:
        years = age.quantize(Decimal("0.1"), ROUND_HALF_UP)
        yield Charge(
            "loss", kind, agreement.currency, 1, price,
            f"{one.code}, lost {one.day.isoformat()}, {years} years old",
            f"{one.code}，{one.day.isoformat()} 丢失，已用 {years} 年",
        )  # fmt: skip


def _stays_of_boxes(
    partner: Party, month: Month, zone: str, by: Party | None
) -> tuple[dict[int, list[Stay]], set[int], list[_Lost]]:
    """The trips of our own boxes that touch the month, equal ones together; which of these stays (by `id`) ended by a
    loss; and the boxes that were lost in it."""
    begin = end_of(month.before.last, zone)
    trips = (
        Trip.select(
            Trip.asset_type, Trip.out_time, Trip.end_time, Trip.end, Asset.code, Asset.created_time
        )
        .join(Asset, on=Trip.asset == Asset.id)
        .join(Party, on=Asset.owner == Party.id)
        .where(
            _owners(by), Trip.partner == partner, Trip.out_time < end_of(month.last, zone),
            Trip.end_time.is_null() | (Trip.end_time >= begin),
        )
    )  # fmt: skip
    counted: dict[tuple[int, date, date | None, bool], int] = defaultdict(int)
    lost = []
    for kind, out_time, end_time, end, code, since in tuples(trips):
        out_day, end_day = day_of(out_time, zone), day_of(end_time, zone) if end_time else None
        gone = end in ("lost", "written_off")
        counted[kind, out_day, end_day, gone] += 1
        if gone and end_day and month.first <= end_day <= month.last:
            lost.append(_Lost(kind, code, day_of(since, zone), out_day, end_day))
    stays: dict[int, list[Stay]] = defaultdict(list)
    never_back: set[int] = set()
    for (kind, out_day, end_day, gone), quantity in counted.items():
        stays[kind].append(stay := Stay(out_day, end_day, quantity))
        if gone:
            never_back.add(id(stay))
    return stays, never_back, lost


def _owners(by: Party | None) -> Any:
    """Condition on Party: those of our own companies whose boxes are charged."""
    entities = current_scope().entities
    only = None if by is None else Party.id == by.id
    return both(Party.own, only, None if entities is None else Party.id.in_(entities))


def _stays_of_pools(partner: Party, month: Month, by: Party | None) -> dict[int, list[Stay]]:
    """The stays of our own counted pools in the month: what was there when it began, and what has moved since."""
    own = {id for (id,) in tuples(Party.select(Party.id).where(_owners(by)))}
    types = {id for (id,) in tuples(AssetType.select(AssetType.id).where(AssetType.counted))}
    if not own or not types:
        return {}
    opening: dict[tuple[int, int], int] = defaultdict(int)
    levels = (
        StockLevel.select(StockLevel.asset_type, StockLevel.owner, fn.SUM(StockLevel.quantity))
        .where(StockLevel.holder == partner, StockLevel.asset_type.in_(types), StockLevel.owner.in_(own))
        .group_by(StockLevel.asset_type, StockLevel.owner)
    )
    for kind, owner, quantity in tuples(levels):
        opening[kind, owner] += quantity
    moves: dict[tuple[int, int], list[tuple[date, int]]] = defaultdict(list)
    for sign, mine, other in (
        (1, Movement.to_holder, Movement.from_holder), (-1, Movement.from_holder, Movement.to_holder),
    ):  # fmt: skip
        # What happened in the month was booked in it or later.
        query = (
            Movement.select(Movement.asset_type, Movement.owner, Movement.event_day, fn.SUM(Movement.quantity))
            .where(
                mine == partner, Movement.asset_type.in_(types), other.is_null() | (other != mine),
                Movement.booked_day >= month.first,
                Movement.event_day >= month.first, Movement.asset.is_null(), Movement.owner.in_(own),
            )
            .group_by(Movement.asset_type, Movement.owner, Movement.event_day)
        )  # fmt: skip
        for kind, owner, day, quantity in tuples(query):
            opening[kind, owner] -= sign * quantity
            if day <= month.last:
                moves[kind, owner].append((day, sign * quantity))
    before = month.before.last
    lots = pool_lots(partner, before, opening)
    found: dict[int, list[Stay]] = defaultdict(list)
    for key in {*lots, *moves}:
        in_order = sorted(moves.get(key, []), key=lambda move: (move[0], -move[1]))
        found[key[0]] += first_in_first_out([*lots.get(key, []), *in_order])
    return found


_TEXTS = {
    "deposit": ("Deposit for boxes that left us", "发出周转箱押金"),
    "refund": ("Deposit given back for boxes that returned", "退回周转箱押金返还"),
    "rental": ("Rental beyond the free days, box-days", "免费期后租金（箱·天）"),
    "second_rental": ("Rental at the second rate, box-days", "第二档租金（箱·天）"),
    "loss": ("Lost box", "丢失周转箱"),
}


def text_of(kind: str) -> tuple[str, str]:
    """What a charge is called on the paper, English and Chinese."""
    return _TEXTS[kind]


def as_facts(charge: Charge) -> BoxChargeFacts:
    """A charge as the paper prints it."""
    en, zh = _TEXTS[charge.kind]
    return BoxChargeFacts(
        charge.kind, charge.asset_type.code, charge.asset_type.name_en, charge.asset_type.name_zh,
        f"{en}: {charge.note_en}" if charge.note_en else en, f"{zh}：{charge.note_zh}" if charge.note_zh else zh,
        charge.quantity, charge.price, charge.amount,
    )  # fmt: skip
