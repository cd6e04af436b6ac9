"""All alerts of now: seven questions to the database, each answered from what is kept up to date.

None of them reads the history: boxes that are late or unseen come from the columns of Asset, the pool from StockLevel,
open cases from their index, customs from what is open, and damage from the trips of a window of days.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from peewee import JOIN, Case, fn

from accounts.scope import current_scope, seen
from alerts import rules
from alerts.rules import Alert, Named, Thresholds
from alerts.thresholds import thresholds
from assets import balances
from assets.event_types import REASONS
from assets.models import Asset, ExceptionCase, PoolMinimum, StockLevel, Trip
from assets.visible import visible_assets, visible_cases, visible_levels, visible_minimums, visible_trips
from customs import declarations
from database import tuples
from errors import Message
from master_data.home import home_place
from master_data.models import AssetType, Party, Place


def current_alerts(now: datetime, kinds: Iterable[str] = rules.KINDS) -> list[Alert]:
    """The alerts of these kinds, the worst first."""
    limits, wanted, found = thresholds(), set(kinds), []
    if "overdue" in wanted:
        found += rules.overdue(_overdue(now), limits)
    if "unseen" in wanted:
        found += rules.unseen(_unseen(now, limits), limits)
    if "damage" in wanted:
        found += rules.damage(_damage(now, limits), limits)
    if "conflict" in wanted:
        found += rules.conflicts(_conflicts(now), limits)
    if "pool" in wanted:
        found += rules.pools(_pools())
    if "customs_deadline" in wanted:
        today = balances.day_at(home_place(), now)
        until = today + timedelta(days=max(limits.customs_steps))
        rows = [
            rules.DeadlineRow(one.declaration.id, one.declaration.number, one.due, one.count, one.value, one.currency)
            for one in declarations.at_risk(until)
        ]
        found += rules.deadlines(rows, today, limits)
    if "customs_mismatch" in wanted:
        found += rules.customs_mismatches(
            rules.MismatchRow(one.declaration.id, one.declaration.number, one.kind, one.count, one.example)
            for one in declarations.mismatches()
        )
    return rules.worst_first(found)


def _overdue(now: datetime) -> list[rules.OverdueRow]:
    sums: dict[tuple[str, str], tuple[Named, int, int, Decimal]] = {}
    for row in balances.overdue(now):
        key = (row.holder.code, row.asset_type.value_currency)
        _, count, days, value = sums.get(key, (None, 0, 0, Decimal(0)))
        sums[key] = (_named(row.holder), count + row.count, max(days, row.days_late), value + row.value)
    return [rules.OverdueRow(*summed, key[1]) for key, summed in sums.items()]


def _unseen(now: datetime, limits: Thresholds) -> list[rules.UnseenRow]:
    query = (
        Asset.select(Asset.holder, Asset.asset_type, fn.COUNT(Asset.id), fn.MIN(Asset.seen_time))
        .where(Asset.life == "active", Asset.seen_time < now - timedelta(days=limits.unseen_days))
        .group_by(Asset.holder, Asset.asset_type)
    )
    rows = [row for row in tuples(seen(visible_assets, query)) if row[0] is not None]
    parties, types = _rows(Party, {row[0] for row in rows}), _rows(AssetType, {row[1] for row in rows})
    sums: dict[tuple[int, str], tuple[int, int, Decimal]] = {}
    for holder, kind, count, since in rows:
        currency = types[kind].value_currency
        before, days, value = sums.get((holder, currency), (0, 0, Decimal(0)))
        oldest = _days_since(since, now)
        sums[holder, currency] = (before + count, max(days, oldest), value + types[kind].value * count)
    return [rules.UnseenRow(_named(parties[holder]), *summed, currency) for (holder, currency), summed in sums.items()]


def _damage(now: datetime, limits: Thresholds) -> list[rules.DamageRow]:
    damaged = fn.SUM(Case(None, [(Trip.damaged, 1)], 0))
    query = (
        Trip.select(Trip.partner, fn.COUNT(Trip.id), damaged)
        .where(Trip.end == "returned", Trip.end_time >= now - timedelta(days=limits.damage_window_days))
        .group_by(Trip.partner)
    )
    rows = tuples(seen(visible_trips, query))
    parties = _rows(Party, {row[0] for row in rows})
    return [rules.DamageRow(_named(parties[id_]), count, int(bad or 0)) for id_, count, bad in rows]


def _conflicts(now: datetime) -> list[rules.ConflictRow]:
    query = (
        ExceptionCase.select(ExceptionCase.code, fn.COUNT(ExceptionCase.id), fn.MIN(ExceptionCase.opened_time))
        .where(ExceptionCase.state == "open")
        .group_by(ExceptionCase.code)
    )
    return [
        rules.ConflictRow(code, _title(code), count, _days_since(since, now))
        for code, count, since in tuples(seen(visible_cases, query))
    ]


def _title(code: str) -> Message:
    """The sentence of a reason; where it names its box, many are meant here."""
    text = REASONS.get(code, f"{code}.")
    return Message(text, {"code": "…"} if "%(" in text else {})


def _pools() -> list[rules.PoolRow]:
    good = (
        (StockLevel.asset_type == PoolMinimum.asset_type)
        & (StockLevel.place == PoolMinimum.place)
        & (StockLevel.life == "active")
        & (StockLevel.where == "here")
        & (StockLevel.condition == "good")
    )
    in_hand: Any = fn.COALESCE(fn.SUM(StockLevel.quantity), 0)
    if (ours := visible_levels(current_scope())) is not None:
        good &= ours
    query = (
        PoolMinimum.select(PoolMinimum.asset_type, PoolMinimum.place, PoolMinimum.minimum, in_hand)
        .join(StockLevel, JOIN.LEFT_OUTER, on=good)
        .group_by(PoolMinimum.id, PoolMinimum.asset_type, PoolMinimum.place, PoolMinimum.minimum)
        .having(in_hand < PoolMinimum.minimum)
    )
    rows = tuples(seen(visible_minimums, query))
    types, places = _rows(AssetType, {row[0] for row in rows}), _rows(Place, {row[1] for row in rows})
    return [rules.PoolRow(_named(types[k]), _named(places[p]), int(have), least) for k, p, least, have in rows]


def _days_since(stored: Any, now: datetime) -> int:
    """Whole days since a stored point in time, as an aggregate gives it."""
    then = Asset.seen_time.python_value(stored)
    return (now - then).days if then else 0


def _named(row: Any) -> Named:
    return Named(row.code, row.name_en, row.name_zh)


def _rows(model: Any, ids: set[int]) -> dict[int, Any]:
    return {row.id: row for row in model.select().where(model.id.in_(ids))} if ids else {}
