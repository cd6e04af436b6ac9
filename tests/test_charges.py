"""Deposit, rental, loss: worked examples of every formula, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from assets.agreements import agreement_for, free_days, periods
from assets.charges import (
    Days,
    DepositMove,
    Stay,
    age_in_years,
    days_over,
    days_to_pay,
    deposits,
    first_in_first_out,
    last_ones_in,
    loss_charge,
    rental,
)
from assets.models import Agreement
from master_data.models import AssetType

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


def october(day: int) -> date:
    return date(2026, 10, day)


@pytest.mark.parametrize(
    ("out", "back", "free", "paid"),
    [
        (1, 4, 0, 3),  # the ends of the 1st, 2nd and 3rd; not the day of return
        (1, 1, 0, 0),  # out and back on one day: at its end it is home
        (1, None, 0, 31),
        (1, None, 30, 1),  # day 31
        (1, 31, 30, 0),  # back on day 31: 30 days, all free
        (20, None, 30, 0),
        (1, None, 31, 0),
    ],
)
def test_rental_counts_the_day_of_dispatch_and_not_that_of_return(
    out: int, back: int | None, free: int, paid: int
) -> None:
    stay = Stay(october(out), october(back) if back else None)
    assert days_to_pay(stay, *OCTOBER, free) == Days(paid)


def test_rental_of_october_for_boxes_that_left_before_it() -> None:
    # Out on 15 September, 30 days free: day 31 is 15 October. 17 days to the end of the month, for 12 boxes.
    assert days_to_pay(Stay(date(2026, 9, 15), None, 12), *OCTOBER, 30) == Days(17 * 12)
    # Back on 20 October: 15 to 19.
    assert days_to_pay(Stay(date(2026, 9, 15), october(20), 12), *OCTOBER, 30) == Days(5 * 12)
    assert days_to_pay(Stay(date(2026, 1, 1), date(2026, 9, 30)), *OCTOBER, 0) == Days()
    assert days_to_pay(Stay(date(2026, 11, 1), None), *OCTOBER, 0) == Days()


def test_two_steps_of_demurrage() -> None:
    # Days 1–10 free, 11–20 at 0.20, then 0.50: out on the 1st, days 11–20 are 10, days 21–31 are 11.
    days = days_to_pay(Stay(october(1), None), *OCTOBER, 10, 20)
    assert days == Days(10, 11)
    assert rental(days, Decimal("0.20"), Decimal("0.50")) == Decimal("7.50")
    # The step was passed before the month began.
    assert days_to_pay(Stay(date(2026, 9, 1), None), *OCTOBER, 10, 20) == Days(0, 31)
    # A step within the free days begins after them.
    assert days_to_pay(Stay(october(1), None), *OCTOBER, 10, 5) == Days(0, 21)


def test_box_days_are_the_sum_of_the_balances_at_the_ends_of_the_days() -> None:
    moves = [(october(1), 10), (october(5), -4), (october(9), 3), (october(20), -6)]
    balance, total = 0, 0
    for day in range(1, 32):
        balance += sum(quantity for when, quantity in moves if when == october(day))
        total += balance
    days = sum((days_to_pay(stay, *OCTOBER, 0) for stay in first_in_first_out(moves)), Days())
    assert days == Days(total)


def test_of_a_pool_the_oldest_ones_come_back_first() -> None:
    moves = [(october(1), 10), (october(3), 5), (october(8), -12), (october(9), -5)]
    assert first_in_first_out(moves) == [
        Stay(october(1), october(8), 10), Stay(october(3), october(8), 2), Stay(october(3), october(9), 3),
    ]  # fmt: skip  # the two that came back beyond it belong to no stay


def test_the_balance_of_a_pool_consists_of_the_last_ones_in() -> None:
    incoming = [(october(9), 5), (october(3), 4), (october(1), 100)]
    assert last_ones_in(7, iter(incoming)) == [(october(3), 2), (october(9), 5)]
    assert last_ones_in(0, incoming) == []
    assert last_ones_in(-3, incoming) == []


def test_a_deposit_is_given_back_at_the_price_at_which_that_box_was_charged() -> None:
    old, new = Decimal("8.00"), Decimal("9.50")
    stays = [
        (Stay(date(2026, 9, 10), october(12), 20), old),  # charged in September, back in October
        (Stay(october(2), None, 30), new),
        (Stay(october(3), october(25), 5), new),
        (Stay(october(4), None, 7), Decimal(0)),
    ]
    assert deposits(stays, *OCTOBER) == [DepositMove(35, new), DepositMove(-20, old), DepositMove(-5, new)]
    assert sum(move.amount for move in deposits(stays, *OCTOBER)) == Decimal("125.00")  # 332.50 − 160 − 47.50


def test_the_deposit_of_a_pool_is_given_back_first_in_first_out() -> None:
    price = {date(2026, 9, 1): Decimal(8), october(1): Decimal(10)}
    stays = first_in_first_out([(date(2026, 9, 1), 10), (october(1), 10), (october(20), -15)])
    moved = deposits([(stay, price[stay.out_day]) for stay in stays], *OCTOBER)
    # 10 charged at 10; of 15 back the oldest 10 are given 8 each, the other 5 get 10.
    assert moved == [DepositMove(10, Decimal(10)), DepositMove(-10, Decimal(8)), DepositMove(-5, Decimal(10))]


def test_a_lost_box_costs_its_replacement_less_a_straight_line_but_not_below_the_floor() -> None:
    price = Decimal("240.00")
    assert loss_charge(price, Decimal(2), 8, Decimal(20)) == Decimal(180)  # 240 × 6/8
    assert loss_charge(price, Decimal(7), 8, Decimal(20)) == Decimal(48)  # 240 × 20 %, as 1/8 is less
    assert loss_charge(price, Decimal(20), 8, Decimal(0)) == 0
    assert loss_charge(price, Decimal(5), 0, Decimal(0)) == price  # no life agreed: value does not fall


def test_age_is_counted_in_years_of_the_calendar() -> None:
    assert age_in_years(date(2024, 11, 23), date(2026, 11, 23)) == 2
    assert age_in_years(date(2024, 1, 1), date(2024, 7, 1)) == Decimal(182) / 366
    assert age_in_years(date(2024, 2, 29), date(2025, 2, 28)) == Decimal(365) / 366
    assert age_in_years(date(2024, 2, 29), date(2025, 3, 1)) == 1
    assert age_in_years(date(2026, 11, 23), date(2026, 11, 23)) == 0


def test_over_the_free_days_is_what_costs_rental_and_what_is_late_tomorrow() -> None:
    stay = Stay(october(1), None)
    assert days_over(stay, october(30), 30) == 0
    assert days_over(stay, october(31), 30) == 1


def agreement(id: int, valid_from: str, kind: int | None = None, days: int = 0) -> Agreement:
    return Agreement(
        id=id, partner=5, asset_type=kind, valid_from=date.fromisoformat(valid_from), free_days=days, currency="EUR"
    )


def test_the_most_special_and_then_the_latest_agreement_holds_on_the_day_of_dispatch() -> None:
    general, later = agreement(1, "2026-01-01", days=30), agreement(2, "2026-06-01", days=45)
    special = agreement(3, "2026-03-01", kind=7)
    known = [later, special, general]
    assert agreement_for(known, 5, 7, date(2025, 12, 31)) is None
    assert agreement_for(known, 5, 7, date(2026, 2, 1)) is general
    assert agreement_for(known, 5, 7, date(2026, 3, 1)) is special
    assert agreement_for(known, 5, 7, date(2026, 7, 1)) is special  # a later general one does not overrule it
    assert agreement_for(known, 5, 8, date(2026, 7, 1)) is later
    assert [(str(start), one) for start, _end, one in periods(known, 5, 8)] == [
        ("0001-01-01", None), ("2026-01-01", general), ("2026-06-01", later),
    ]  # fmt: skip


def test_free_days_are_those_of_the_agreement_else_of_the_type() -> None:
    klt = AssetType(agreed_days_out=60)
    assert free_days(None, klt) == 60
    assert free_days(agreement(1, "2026-01-01", days=30), klt) == 30
    assert free_days(agreement(1, "2026-01-01"), klt) == 60
