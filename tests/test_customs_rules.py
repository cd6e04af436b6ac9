"""The customs clock, pure: months, extensions, the profile's lines, the two states of a box."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from customs import rules
from customs.clocks import shipped_clocks
from customs.rules import Clock


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2026-08-31", 6, "2027-02-28"),
        ("2027-08-31", 6, "2028-02-29"),
        ("2026-11-23", 6, "2027-05-23"),
        ("2026-12-31", 2, "2027-02-28"),
        ("2026-10-31", 1, "2026-11-30"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2026-12-15", 36, "2029-12-15"),
        ("2026-01-01", 24, "2028-01-01"),
    ],
)
def test_months_end_on_the_last_day_where_a_month_is_shorter(start, months, end):
    assert rules.add_months(date.fromisoformat(start), months) == date.fromisoformat(end)


def test_the_clock_stands_until_the_day_over_the_border_and_the_months_are_known():
    assert rules.due_day(None, 6) is None
    assert rules.due_day(date(2026, 8, 31), None) is None
    assert rules.due_day(date(2026, 8, 31), 6) == date(2027, 2, 28)


def test_an_extension_moves_the_day_to_the_one_that_was_granted():
    out = date(2026, 8, 31)
    assert rules.due_day(out, 6, [date(2027, 8, 28)]) == date(2027, 8, 28)
    assert rules.due_day(out, 6, [date(2027, 8, 28), date(2028, 2, 28)]) == date(2028, 2, 28)
    assert rules.due_day(out, 6, [date(2027, 1, 1)]) == date(2027, 2, 28)


def test_an_extension_applied_for_after_expiry_is_said_to_be_late():
    out = date(2026, 8, 31)
    first, second = (date(2027, 2, 28), date(2027, 8, 28)), (date(2027, 8, 29), date(2028, 2, 28))
    assert rules.late_extensions(out, 6, [first]) == [False]  # on the last day
    assert rules.late_extensions(out, 6, [first, second]) == [False, True]  # one day after the first extension ended
    assert rules.late_extensions(None, None, [first]) == [False]


def test_open_is_out_less_back_less_paid_less_destroyed():
    assert rules.open_count(24, 18, 2, 1) == 3


@pytest.mark.parametrize(
    ("days", "step"), [(61, None), (60, 60), (31, 60), (30, 30), (16, 30), (15, 15), (1, 15), (0, 0), (-9, 0)]
)
def test_alarms_come_at_sixty_thirty_fifteen_and_no_days(days, step):
    assert rules.alarm_step(days, (60, 30, 15, 0)) == step


def test_scan_and_declaration_are_two_states_and_both_contradictions_are_named():
    assert rules.mismatch("", False) == ""
    assert rules.mismatch("", True) == "back_undeclared"
    assert rules.mismatch("back", False) == "declared_unscanned"
    assert rules.mismatch("back", True) == ""
    assert rules.mismatch("paid", False) == rules.mismatch("destroyed", False) == ""


def test_a_swapped_box_is_found_on_both_sides():
    left, absent = rules.loading_differences(["KLT000123", "KLT000124"], ["KLT000132", "KLT000124"])
    assert (left, absent) == (["KLT000132"], ["KLT000123"])


LINE = Clock("CN", "2600", "", 6, 3, 6, "Order 233", date(2026, 11, 23), "", "")


def test_the_own_line_goes_before_ours_and_the_destination_before_any():
    to_de = replace(LINE, destination="DE", months=5)
    to_eu = replace(LINE, destination="EU", months=4)
    own = replace(LINE, months=3, own=True)
    assert rules.clock_for([LINE, to_de, to_eu], "CN", "2600", "DE") == to_de
    assert rules.clock_for([LINE, to_de, to_eu], "CN", "2600", "FR") == to_eu
    assert rules.clock_for([LINE, to_de], "CN", "2600", "JP") == LINE
    assert rules.clock_for([LINE, to_de, own], "CN", "2600", "DE") == own
    assert rules.clock_for([LINE], "CN", "0110") is None
    assert rules.clock_for([LINE], "EU", "2600") is None
    assert rules.clock_for([replace(LINE, regime="Returned Goods")], "CN", "returned goods ") is not None


def test_more_extensions_than_the_profile_knows_are_remarked_on():
    assert not rules.too_many(LINE, 3)
    assert rules.too_many(LINE, 4)
    assert not rules.too_many(None, 9)


def test_no_shipped_line_claims_to_be_verified_and_each_names_its_source():
    assert {line.country for line in shipped_clocks()} >= {"CN", "EU"}
    for line in shipped_clocks():
        assert line.source
        assert not line.verified_by
        assert "broker" in line.note
