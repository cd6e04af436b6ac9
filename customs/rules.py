"""The customs clock, pure: months and days, which line of the profile holds, what a box's two states say together.

How many months there are is never written here: that is data (`customs/data/clocks.csv` and a firm's own rows).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from errors import N_
from master_data import codes

#: What became of a box for customs → title, and how a page marks it.
CLOSINGS: dict[str, tuple[str, str]] = {
    "": (N_("Open"), "warn"),
    "back": (N_("Declared back"), "ok"),
    "paid": (N_("Duty paid, stays abroad"), "ok"),
    "destroyed": (N_("Destroyed under supervision"), "ok"),
}

#: What does not fit together → title. Each is a matter for the broker, and none is ever hidden.
MISMATCHES: dict[str, str] = {
    "back_undeclared": N_("Back by scan, but no declaration of re-import"),
    "declared_unscanned": N_("Declared back, but not scanned back"),
    "after_declaration": N_("Left on the shipment, but is not on its declaration"),
    "not_loaded": N_("On the declaration, but not scanned onto its shipment"),
}


@dataclass(frozen=True)
class Clock:
    """One line of the profile: within how many months boxes are to be back. `destination` '': any."""

    country: str
    regime: str
    destination: str
    months: int
    extensions: int
    extension_months: int
    source: str
    read_day: date
    verified_by: str
    note: str
    own: bool = False


def add_months(day: date, months: int) -> date:
    """The same day so many months later, the last one where the month is shorter: 31 Aug + 6 = 28 or 29 Feb."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def due_day(exit_day: date | None, months: int | None, extended_to: Iterable[date] = ()) -> date | None:
    """Until when the boxes are to be back; None while the day over the border or the months are not known.

    An extension replaces the day by the one that the office wrote into it, not by a reckoning of ours.
    """
    if exit_day is None or months is None:
        return max(extended_to, default=None)
    return max([add_months(exit_day, months), *extended_to])


def clock_for(clocks: Iterable[Clock], country: str, regime: str, destination: str = "") -> Clock | None:
    """The line that holds: a firm's own before ours, one that names the destination before one for any."""
    fits = [
        one
        for one in clocks
        if one.country == country
        and one.regime.casefold() == regime.strip().casefold()
        and (one.destination in ("", destination) or (one.destination == "EU" and destination in codes.EU))
    ]
    return max(fits, key=lambda one: (one.own, bool(one.destination), one.destination == destination), default=None)


def alarm_step(days_left: int, steps: Iterable[int]) -> int | None:
    """The narrowest of the steps (60, 30, 15, 0 days) that has been reached; None when there is time."""
    return min((step for step in steps if days_left <= step), default=None)


def late_extensions(exit_day: date | None, months: int | None, extensions: Iterable[tuple[date, date]]) -> list[bool]:
    """For each extension (applied on, until), in order of `until`: True when it was applied for after expiry."""
    due, late = due_day(exit_day, months), []
    for applied_day, until in extensions:
        late.append(due is not None and applied_day > due)
        due = until if due is None else max(due, until)
    return late


def too_many(clock: Clock | None, extensions: int) -> bool:
    """True when there are more extensions than the profile knows of; without a line of it nothing is said."""
    return clock is not None and extensions > clock.extensions


def open_count(out: int, back: int, paid: int, destroyed: int) -> int:
    """open = out − back − duty paid − destroyed."""
    return out - back - paid - destroyed


def mismatch(closing: str, scanned_back: bool) -> str:
    """A key of MISMATCHES or '': what the declaration says of a box held against what its scans say."""
    if closing == "" and scanned_back:
        return "back_undeclared"
    return "declared_unscanned" if closing == "back" and not scanned_back else ""


def loading_differences(declared: Iterable[str], loaded: Iterable[str]) -> tuple[list[str], list[str]]:
    """(left but not declared, declared but not loaded): a list says KLT-000123, the truck holds KLT-000132."""
    listed, scanned = set(declared), set(loaded)
    return sorted(scanned - listed), sorted(listed - scanned)
