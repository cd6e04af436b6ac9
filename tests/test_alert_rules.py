"""Which figures are worth an alert, pure, with worked examples."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from alerts import rules
from alerts.rules import Named, Thresholds
from errors import Message

LIMITS = Thresholds()
HANSA = Named("HANSA", "Hansa GmbH", "汉萨")
TODAY = date(2026, 11, 23)


def deadline(due, count=6, value="75.00"):
    return rules.DeadlineRow(7, "2248-1", due, count, Decimal(value), "EUR")


@pytest.mark.parametrize(
    ("due", "severity", "key"),
    [
        ("2027-01-23", None, None),  # 61 days
        ("2027-01-22", "warn", "customs:7:EUR:60"),
        ("2026-12-23", "warn", "customs:7:EUR:30"),
        ("2026-12-08", "bad", "customs:7:EUR:15"),
        ("2026-11-23", "bad", "customs:7:EUR:0"),
        ("2026-11-22", "bad", "customs:7:EUR:over"),
    ],
)
def test_a_customs_deadline_is_told_at_each_step_and_becomes_urgent(due, severity, key):
    found = rules.deadlines([deadline(date.fromisoformat(due))], TODAY, LIMITS)
    assert [(alert.severity, alert.key) for alert in found] == ([(severity, key)] if severity else [])
    if found:
        assert (found[0].value, found[0].currency, found[0].count) == (Decimal("75.00"), "EUR", 6)
        assert str(found[0].sentence)


def test_overdue_is_told_with_days_and_value_and_is_urgent_when_very_late():
    rows = [rules.OverdueRow(HANSA, 9, days, Decimal("112.50"), "EUR") for days in (29, 30)]
    mild, urgent = rules.overdue(rows, LIMITS)
    assert (mild.severity, urgent.severity) == ("warn", "bad")
    assert mild.key != urgent.key
    assert str(mild.sentence) == "Boxes out longer than agreed: 9; days late at most: 29."


def test_wilson_agrees_with_the_book():
    # Newcombe (1998), table I: 81 of 263 → 0.2553–0.3662; 0 of 20 → 0–0.1611
    low, high = rules.wilson(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    low, high = rules.wilson(0, 20)
    assert (low, round(high, 4)) == (0.0, 0.1611)
    low, high = rules.wilson(20, 20)
    assert (round(low, 4), high) == (0.8389, 1.0)


@pytest.mark.parametrize(
    ("damaged", "returned", "told"),
    [(19, 19, False), (1, 20, False), (2, 20, True), (4, 200, False), (10, 200, True), (0, 500, False)],
)
def test_a_damage_rate_is_told_only_when_it_is_above_the_band_for_sure(damaged, returned, told):
    found = rules.damage([rules.DamageRow(HANSA, returned, damaged)], LIMITS)
    assert bool(found) is told
    if told:
        assert f"n = {returned}" in str(found[0].sentence)
        assert "95 % interval" in str(found[0].sentence)


def test_the_pool_is_told_below_its_minimum_and_urgent_when_there_is_none():
    klt, yard = Named("KLT6428", "Small load carrier"), Named("SZ", "Suzhou")
    rows = [rules.PoolRow(klt, yard, have, 40) for have in (40, 39, 0)]
    assert [(alert.count, alert.severity) for alert in rules.pools(rows)] == [(39, "warn"), (0, "bad")]


def test_conflicts_become_urgent_when_they_lie_about():
    rows = [rules.ConflictRow("moved", Message("%(code)s was moved.", {"code": "…"}), 4, days) for days in (6, 7)]
    assert [alert.severity for alert in rules.conflicts(rows, LIMITS)] == ["warn", "bad"]


def test_the_worst_stand_first_and_of_one_kind_the_most_valuable():
    alerts = [
        *rules.unseen([rules.UnseenRow(HANSA, 3, 200, Decimal(900), "EUR")], LIMITS),
        *rules.overdue([
            rules.OverdueRow(Named("A", "A"), 1, 99, Decimal(10), "EUR"), rules.OverdueRow(Named("B", "B"), 1, 31, Decimal(500), "EUR"),
        ], LIMITS),
        *rules.deadlines([deadline(date(2026, 12, 20)), replace(deadline(date(2026, 11, 20)), declaration_id=8)], TODAY, LIMITS),
        *rules.customs_mismatches([rules.MismatchRow(7, "2248-1", "back_undeclared", 2, "KLT-0001")]),
    ]  # fmt: skip
    found = rules.worst_first(reversed(alerts))
    assert [(one.severity, one.kind, one.subject.code) for one in found] == [
        ("bad", "customs_deadline", "2248-1"),
        ("bad", "customs_mismatch", "2248-1"),
        ("bad", "overdue", "B"),  # by value, not by days
        ("bad", "overdue", "A"),
        ("warn", "customs_deadline", "2248-1"),
        ("warn", "unseen", "HANSA"),
    ]
    assert len({one.key for one in found}) == len(found)
