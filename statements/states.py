"""How far a statement has come, from what was said to it. Pure.

draft → issued → answered in part → confirmed | disputed → agreed → closed
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta

from errors import N_

#: state → title, and how a page marks it (ok, warn, bad)
STATES: dict[str, tuple[str, str]] = {
    "issued": (N_("issued, not answered"), "warn"),
    "partly": (N_("answered in part"), "warn"),
    "confirmed": (N_("confirmed"), "ok"),
    "disputed": (N_("in dispute"), "bad"),
    "agreed": (N_("agreed"), "ok"),
    "closed": (N_("closed"), "ok"),
}

VERDICTS: dict[str, str] = {
    "confirmed": N_("confirmed"),
    "disputed": N_("disputed"),
    "not_ours": N_("not ours"),
    "missing": N_("missing line"),
}


def state_of(
    accounts: Collection[str], verdicts: Mapping[str, str], open_disputes: int, decided: Collection[str],
    *, closed: bool = False,
) -> str:  # fmt: skip
    """The state of a statement.

    `accounts`: numbers of its accounts, which are the lines of the closing balances; `verdicts`: line → the partner's
    last word; `decided`: lines whose dispute has been agreed. A statement is confirmed when every closing balance is:
    who confirms the balance confirms what led to it.
    """
    if closed:
        return "closed"
    if open_disputes:
        return "disputed"
    if not verdicts:
        return "issued"
    settled = {line for line, verdict in verdicts.items() if verdict == "confirmed"} | set(decided)
    # A dispute about a line is one about the balance of its account.
    settled |= {line.partition(".")[0] for line in decided}
    if not set(accounts) <= settled:
        return "partly"
    return "agreed" if decided else "confirmed"


def accepted_by_silence(state: str, issued_day: date, after_days: int, today: date) -> bool:
    """True when nobody answered, and silence was agreed to be consent after so many days that are over (0: never)."""
    return state == "issued" and after_days > 0 and today > issued_day + timedelta(days=after_days)
