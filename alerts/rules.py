"""Which figures are worth an alert, how bad each is, and in what order they stand. Pure: rows in, alerts out.

An alert is raised for what somebody can do something about today. What is only a hint (a damage rate from three boxes)
is none: see `damage`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any

from customs.rules import MISMATCHES, alarm_step
from errors import N_, Message

#: Kinds of alerts in the order in which equally bad ones stand → title.
KINDS: dict[str, str] = {
    "customs_deadline": N_("Customs deadline"),
    "customs_mismatch": N_("Scans and customs differ"),
    "overdue": N_("Overdue at a partner"),
    "pool": N_("Pool below minimum"),
    "conflict": N_("Conflicts to decide"),
    "damage": N_("Damage rate"),
    "unseen": N_("Not seen for long"),
}

#: How bad → title, and its rank.
SEVERITIES: dict[str, str] = {"bad": N_("urgent"), "warn": N_("to look at")}

#: Fewer inspected returns say nothing about a rate.
LEAST_RETURNS = 20
#: of the 95 % interval
_Z = 1.959963984540054


@dataclass(frozen=True)
class Named:
    """What an alert is about: a partner, a place, a declaration. `name_zh` may be ''."""

    code: str
    name_en: str
    name_zh: str = ""


@dataclass(frozen=True)
class Alert:
    """One thing worth reading. `key` stays the same while the alert is the same, and changes when it gets worse."""

    kind: str
    severity: str
    key: str
    subject: Named
    sentence: Message
    count: int = 0  # boxes, or cases
    days: int | None = None  # late, unseen, open; customs: left, below 0 when over
    value: Decimal | None = None
    currency: str = ""
    endpoint: str = ""  # the page that shows it, for url_for …
    arguments: Mapping[str, Any] = field(default_factory=dict)  # … with these


@dataclass(frozen=True)
class Thresholds:
    """What an administrator may set. Days, per cent."""

    overdue_urgent_days: int = 30
    unseen_days: int = 120
    damage_percent: Decimal = Decimal(2)
    damage_window_days: int = 180
    conflict_urgent_days: int = 7
    customs_steps: tuple[int, ...] = (60, 30, 15, 0)
    customs_urgent_days: int = 15


#: The names of Thresholds, as they are stored.
THRESHOLDS = tuple(one.name for one in fields(Thresholds))


# ---- the rows that rules read: plain values, one dataclass for each question


@dataclass(frozen=True)
class OverdueRow:
    partner: Named
    count: int
    days_late: int  # of the latest box
    value: Decimal
    currency: str


@dataclass(frozen=True)
class UnseenRow:
    holder: Named
    count: int
    days: int  # of the one unseen for longest
    value: Decimal
    currency: str


@dataclass(frozen=True)
class DamageRow:
    partner: Named
    returned: int
    damaged: int


@dataclass(frozen=True)
class ConflictRow:
    code: str  # of ExceptionCase
    title: Message
    count: int
    days: int  # open, the oldest


@dataclass(frozen=True)
class PoolRow:
    asset_type: Named
    place: Named
    in_hand: int
    minimum: int


@dataclass(frozen=True)
class DeadlineRow:
    declaration_id: int
    number: str
    due: date
    count: int
    value: Decimal
    currency: str


@dataclass(frozen=True)
class MismatchRow:
    declaration_id: int
    number: str
    kind: str  # a key of customs.rules.MISMATCHES
    count: int
    example: str


# ---- the rules


def overdue(rows: Iterable[OverdueRow], limits: Thresholds) -> list[Alert]:
    """One for each partner and currency: how many boxes, how late the latest is, what they are worth."""
    return [
        Alert(
            "overdue", "bad" if row.days_late >= limits.overdue_urgent_days else "warn",
            f"overdue:{row.partner.code}:{row.currency}:{row.days_late >= limits.overdue_urgent_days:d}", row.partner,
            Message(N_("Boxes out longer than agreed: %(count)s; days late at most: %(days)s."),
                    {"count": row.count, "days": row.days_late}),
            row.count, row.days_late, row.value, row.currency, "assets.overdue_list", {"holder": row.partner.code},
        )
        for row in rows
    ]  # fmt: skip


def unseen(rows: Iterable[UnseenRow], limits: Thresholds) -> list[Alert]:
    """One for each holder and currency: boxes that nobody has had before his eyes for so many days."""
    return [
        Alert(
            "unseen", "warn", f"unseen:{row.holder.code}:{row.currency}", row.holder,
            Message(N_("Boxes unseen for more than %(limit)s days: %(count)s; days at most: %(days)s."),
                    {"limit": limits.unseen_days, "count": row.count, "days": row.days}),
            row.count, row.days, row.value, row.currency, "assets.asset_list",
            {"holder": row.holder.code, "sort": "since"},
        )
        for row in rows
    ]  # fmt: skip


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a rate by Wilson (1927): (low, high), each from 0 to 1. `n` is above 0."""
    rate, square = hits / n, _Z * _Z
    middle = (rate + square / (2 * n)) / (1 + square / n)
    half = _Z / (1 + square / n) * math.sqrt(rate * (1 - rate) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def damage(rows: Iterable[DamageRow], limits: Thresholds) -> list[Alert]:
    """Partners whose damage rate is above the band for sure: the whole interval lies above it, and n is enough."""
    found = []
    for row in rows:
        if row.returned < LEAST_RETURNS:
            continue
        low, high = wilson(row.damaged, row.returned)
        if low * 100 <= float(limits.damage_percent):
            continue
        values = {
            "percent": f"{100 * row.damaged / row.returned:.1f}", "low": f"{100 * low:.1f}",
            "high": f"{100 * high:.1f}", "n": row.returned, "band": f"{limits.damage_percent:f}",
            "days": limits.damage_window_days,
        }  # fmt: skip
        sentence = N_(
            "Damaged returns: %(percent)s %% (95 %% interval %(low)s–%(high)s %%, n = %(n)s in %(days)s days); the "
            "band ends at %(band)s %%."
        )
        found.append(
            Alert(
                "damage", "warn", f"damage:{row.partner.code}", row.partner, Message(sentence, values), row.damaged,
                endpoint="assets.asset_list", arguments={"state": "damaged"},
            )
        )  # fmt: skip
    return found


def conflicts(rows: Iterable[ConflictRow], limits: Thresholds) -> list[Alert]:
    """One for each kind of case that waits for a decision."""
    return [
        Alert(
            "conflict", "bad" if row.days >= limits.conflict_urgent_days else "warn",
            f"conflict:{row.code}:{row.days >= limits.conflict_urgent_days:d}", Named(row.code, "", ""),
            Message(N_("Cases to decide: %(count)s; days since the oldest: %(days)s. %(what)s"),
                    {"what": row.title, "count": row.count, "days": row.days}),
            row.count, row.days, endpoint="assets.event_list", arguments={"show": "decide"},
        )
        for row in rows
    ]  # fmt: skip


def pools(rows: Iterable[PoolRow]) -> list[Alert]:
    """Good boxes in hand at a place that are fewer than they are to be; urgent when there is none."""
    return [
        Alert(
            "pool", "warn" if row.in_hand > 0 else "bad",
            f"pool:{row.asset_type.code}:{row.place.code}:{row.in_hand <= 0:d}",
            row.place,
            Message(N_("%(type)s: %(count)s good ones in hand, at least %(minimum)s are wanted."),
                    {"type": row.asset_type.code, "count": row.in_hand, "minimum": row.minimum}),
            row.in_hand, endpoint="assets.asset_list",
            arguments={"type": row.asset_type.code, "place": row.place.code},
        )
        for row in rows
        if row.in_hand < row.minimum
    ]  # fmt: skip


def deadlines(rows: Iterable[DeadlineRow], today: date, limits: Thresholds) -> list[Alert]:
    """Declarations whose boxes have to be back soon, at the steps of the settings; another step is another alert."""
    found = []
    for row in rows:
        left = (row.due - today).days
        step = alarm_step(left, limits.customs_steps)
        if step is None:
            continue
        sentence = (
            N_("To be back by %(due)s, days left: %(days)s; boxes still open: %(count)s.")
            if left >= 0
            else N_("Were to be back by %(due)s, days over: %(days)s; boxes still open: %(count)s.")
        )
        values = {"due": row.due.isoformat(), "days": abs(left), "count": row.count}
        found.append(
            Alert(
                "customs_deadline", "bad" if left <= limits.customs_urgent_days else "warn",
                f"customs:{row.declaration_id}:{row.currency}:{step if left >= 0 else 'over'}",
                Named(row.number, row.number), Message(sentence, values), row.count, left, row.value, row.currency,
                "customs.declaration_page", {"id": row.declaration_id},
            )
        )  # fmt: skip
    return found


def customs_mismatches(rows: Iterable[MismatchRow]) -> list[Alert]:
    """Contradictions between scans and declarations; always urgent, each may be an offence."""
    return [
        Alert(
            "customs_mismatch", "bad", f"mismatch:{row.declaration_id}:{row.kind}", Named(row.number, row.number),
            Message(N_("%(what)s: %(count)s, %(example)s among them."),
                    {"what": Message(MISMATCHES[row.kind]), "count": row.count, "example": row.example}),
            row.count, endpoint="customs.declaration_page", arguments={"id": row.declaration_id},
        )
        for row in rows
    ]  # fmt: skip


def worst_first(alerts: Iterable[Alert]) -> list[Alert]:
    """Urgent ones first, then by kind, then by what is at stake: value, number, key."""
    ranks, kinds = list(SEVERITIES), list(KINDS)
    return sorted(
        alerts,
        key=lambda one: (
            ranks.index(one.severity), kinds.index(one.kind),
            one.days if one.kind == "customs_deadline" and one.days is not None else 0,
            -(one.value or Decimal(0)), -one.count, one.key,
        ),
    )  # fmt: skip
