"""How far a statement has come, and when silence is consent. No database."""

from __future__ import annotations

from datetime import date

import pytest

from statements.states import accepted_by_silence, state_of


@pytest.mark.parametrize(
    ("verdicts", "open_disputes", "decided", "state"),
    [
        ({}, 0, [], "issued"),
        ({"1": "confirmed"}, 0, [], "partly"),
        ({"1.1": "confirmed", "1.2": "confirmed"}, 0, [], "partly"),  # its lines, but not the balances
        ({"1": "confirmed", "2": "confirmed"}, 0, [], "confirmed"),
        ({"1": "confirmed", "2": "disputed"}, 1, [], "disputed"),
        ({"2.1": "not_ours"}, 1, [], "disputed"),
        ({"+1": "missing", "1": "confirmed", "2": "confirmed"}, 1, [], "disputed"),
        ({"1": "confirmed", "2": "disputed"}, 0, ["2"], "agreed"),
        ({"1": "confirmed", "2.1": "disputed"}, 0, ["2.1"], "agreed"),
        ({"2": "disputed"}, 0, ["2"], "partly"),
        ({"+1": "missing", "1": "confirmed", "2": "confirmed"}, 0, ["+1"], "agreed"),
    ],
)
def test_state_follows_from_the_answers(
    verdicts: dict[str, str], open_disputes: int, decided: list[str], state: str
) -> None:
    assert state_of(["1", "2"], verdicts, open_disputes, decided) == state
    assert state_of(["1", "2"], verdicts, open_disputes, decided, closed=True) == "closed"


def test_silence_is_consent_only_where_it_was_agreed_and_when_the_days_are_over() -> None:
    issued = date(2026, 11, 2)
    assert not accepted_by_silence("issued", issued, 0, date(2036, 1, 1))
    assert not accepted_by_silence("issued", issued, 28, date(2026, 11, 30))
    assert accepted_by_silence("issued", issued, 28, date(2026, 12, 1))
    for answered in ("partly", "disputed", "confirmed", "agreed", "closed"):
        assert not accepted_by_silence(answered, issued, 28, date(2026, 12, 1))
