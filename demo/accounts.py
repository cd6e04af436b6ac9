"""What was agreed with the customers of the demo company about its boxes, and the statements of the last month."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

from accounts.models import User
from assets.models import Agreement
from config import Settings
from master_data.home import home_zone
from master_data.models import AssetType, Party
from statements import replies
from statements.accounts import month_of
from statements.issuing import day_here, facts_of, issue_statement, own_companies
from statements.replies import Answer


def agree(now: datetime) -> None:
    """Free days, deposits and rental with two customers; silence is consent with one of them."""
    begin = (now - timedelta(days=365)).date().replace(day=1)
    for partner, kind, days, currency, deposit, rental, loss, silence in (
        ("HANSA", None, 60, "EUR", "8.50", "0.12", "0", 0),
        ("HANSA", "GLT1210", 90, "EUR", "60", "0.90", "240", 0),
        ("ELBE", None, 75, "EUR", "0", "0.10", "0", 0),
        ("TOKAI", None, 30, "JPY", "1200", "15", "0", 28),
    ):
        Agreement.create(
            partner=Party.get(Party.code == partner), asset_type=AssetType.get(AssetType.code == kind) if kind else None,
            valid_from=begin, free_days=days, currency=currency, deposit=Decimal(deposit), rental=Decimal(rental),
            loss_charge=Decimal(loss), life_years=8, loss_floor=Decimal(20), accepted_after_days=silence,
            second_step_days=days + 60, second_rental=Decimal(rental) * 2, changed_time=now,
        )  # fmt: skip


def state(now: datetime, clerk: User | None, settings: Settings) -> None:
    """Issue last month's statements: one is confirmed, one is in dispute, one waits for its answer."""
    today: date = day_here(now, home_zone())
    month, [seller, *_] = month_of(today).before, own_companies()
    for code in ("HANSA", "ELBE", "TOKAI"):
        partner = Party.get(Party.code == code)
        made = issue_statement(seller, partner, month, "", clerk, now, settings)
        accounts = facts_of(made).accounts
        if code == "HANSA":
            replies.take_answers(made, replies.all_is_right(made), "Jürgen Brandt", now, user=clerk)
        elif code == "ELBE":
            said = [Answer(one.no, "confirmed") for one in accounts[:-1]]
            last = accounts[-1]
            said.append(Answer(last.no, "disputed", last.closing - 2, "Two went back with the truck of the 28th."))
            replies.take_answers(made, said, "Silke Petersen", now, user=clerk)
