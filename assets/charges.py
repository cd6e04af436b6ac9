"""What an agreement asks for boxes: deposit, rental by day, loss. Pure formulas on plain values, all of them exact.

A stay is one or more boxes that were with a partner from the day of dispatch to the day of return. Box-days are the sum
over days of the balance at the end of the day: so the day of dispatch counts, it is day 1, and the day of return does
not. Days are those of a calendar, and so is the day on which a rate changes. Nothing is rounded here: an amount is
rounded once, where it is printed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal


@dataclass(frozen=True)
class Stay:
    """`quantity` boxes that went to the partner on `out_day`; `back_day` None: they are still there."""

    out_day: date
    back_day: date | None
    quantity: int = 1


@dataclass(frozen=True)
class Days:
    """Box-days to be paid, at the first rate and at the second one."""

    first: int = 0
    second: int = 0

    def __add__(self, other: Days) -> Days:
        return Days(self.first + other.first, self.second + other.second)


def first_in_first_out(moves: Iterable[tuple[date, int]]) -> list[Stay]:
    """The stays of a counted pool: of boxes without a code the oldest ones are taken to come back first.

    `moves`: day and quantity, + to the partner, in their order. What comes back beyond what had gone out belongs to no
    stay and costs nothing.
    """
    out: deque[Stay] = deque()
    done: list[Stay] = []
    for day, quantity in moves:
        if quantity > 0:
            out.append(Stay(day, None, quantity))
        back = -quantity
        while back > 0 and out:
            oldest = out.popleft()
            part = min(back, oldest.quantity)
            done.append(Stay(oldest.out_day, day, part))
            if oldest.quantity > part:
                out.appendleft(replace(oldest, quantity=oldest.quantity - part))
            back -= part
    return [*done, *out]


def last_ones_in(balance: int, incoming: Iterable[tuple[date, int]]) -> list[tuple[date, int]]:
    """Of a pool the moves that its balance consists of, oldest first: the first ones in are out again.

    `incoming`: day and quantity of what went to the partner, latest first; only so many are taken as are needed.
    """
    found: list[tuple[date, int]] = []
    for day, quantity in incoming:
        if balance <= 0:
            break
        found.append((day, min(quantity, balance)))
        balance -= quantity
    return found[::-1]


def days_to_pay(stay: Stay, first: date, last: date, free_days: int, second_step_days: int = 0) -> Days:
    """Box-days of a stay in the period `first` … `last` (both count) beyond the free ones.

    Days 1 to `free_days` are free, those up to and with `second_step_days` are of the first rate, later ones of the
    second; 0: there is no second rate.
    """
    end = min(last, stay.back_day - timedelta(days=1)) if stay.back_day else last
    begin = max(first, stay.out_day + timedelta(days=free_days))
    days = (end - begin).days + 1
    if days <= 0:
        return Days()
    second = 0
    if second_step_days:
        change = max(begin, stay.out_day + timedelta(days=max(second_step_days, free_days)))
        second = max(0, (end - change).days + 1)
    return Days((days - second) * stay.quantity, second * stay.quantity)


def days_over(stay: Stay, day: date, free_days: int) -> int:
    """Days at the end of `day` beyond the free ones; 0 and less: none."""
    return (day - stay.out_day).days + 1 - free_days


def rental(days: Days, rate: Decimal, second_rate: Decimal) -> Decimal:
    """Rental for box-days."""
    return days.first * rate + days.second * second_rate


@dataclass(frozen=True)
class DepositMove:
    """Deposits of one price: + charged when boxes left, − given back when they returned."""

    quantity: int
    price: Decimal

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price


def deposits(stays: Iterable[tuple[Stay, Decimal]], first: date, last: date) -> list[DepositMove]:
    """What is charged and given back in a period, by price: a box is given back what it was charged when it left.

    `stays`: each with the deposit of one box on its day of dispatch.
    """
    charged: dict[Decimal, int] = {}
    refunded: dict[Decimal, int] = {}
    for stay, price in stays:
        if price and first <= stay.out_day <= last:
            charged[price] = charged.get(price, 0) + stay.quantity
        if price and stay.back_day and first <= stay.back_day <= last:
            refunded[price] = refunded.get(price, 0) + stay.quantity
    return [
        *(DepositMove(quantity, price) for price, quantity in sorted(charged.items())),
        *(DepositMove(-quantity, price) for price, quantity in sorted(refunded.items())),
    ]


def age_in_years(since: date, day: date) -> Decimal:
    """Whole years, and of the year that has begun the part that is over."""
    years = day.year - since.year
    while _anniversary(since, years) > day:
        years -= 1
    begun, ends = _anniversary(since, years), _anniversary(since, years + 1)
    return years + Decimal((day - begun).days) / (ends - begun).days


def _anniversary(since: date, years: int) -> date:
    try:
        return since.replace(year=since.year + years)
    except ValueError:  # 29 February
        return date(since.year + years, 3, 1)


def loss_charge(replacement: Decimal, age_years: Decimal, life_years: int, floor_percent: Decimal) -> Decimal:
    """What a lost box costs: its replacement × the larger of the floor and 1 − age ÷ life (a straight line).

    `life_years` 0: its value does not fall with age.
    """
    if not life_years:
        return replacement
    residual = 1 - max(age_years, Decimal(0)) / life_years
    return replacement * max(floor_percent / 100, residual)
