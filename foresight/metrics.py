"""Figures of a fleet, each with its formula and the number of cases behind it; none where they are too few. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import median

from errors import N_, Message
from foresight.survival import MIN_ENDED, Curve

Z95 = 1.96
Z95_EXACT = 1.959963984540054


@dataclass(frozen=True)
class Metric:
    """One figure. `value` None: too few cases, `missing` says which. `low`, `high`: 95 % interval."""

    key: str
    title: str  # marked with N_, like unit
    formula: Message
    unit: str  # '' none, '%', days, 1/year, box-days
    value: float | None
    n: int
    of: str  # what n counts; marked with N_
    missing: Message | None = None
    low: float | None = None
    high: float | None = None


def wilson(hits: int, n: int, z: float = Z95_EXACT) -> tuple[float, float] | None:
    """Wilson's interval of a share; holds its width for shares near 0 and for small n. None without cases."""
    if n <= 0:
        return None
    share, square = hits / n, z * z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = z / (1 + square / n) * sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def sample_size(population: int, share: float, margin: float, z: float = Z95) -> int:
    """Boxes to count of a population so that a share near `share` is known to ± `margin`.

    n₀ = z²p(1 − p) ÷ e², n = n₀ ÷ (1 + (n₀ − 1) ÷ N).
    """
    first = z * z * share * (1 - share) / margin**2
    return min(population, ceil(first / (1 + (first - 1) / population) - 1e-9))


def chapman(first: int, second: int, both: int) -> float:
    """Size of a pool from two independent counts: (n₁ + 1)(n₂ + 1) ÷ (m + 1) − 1, m found in both."""
    return (first + 1) * (second + 1) / (both + 1) - 1


def _share(key: str, title: str, formula: Message, hits: int, n: int, of: str) -> Metric:
    """A share in per cent with its interval, none below 20 cases."""
    if n < MIN_ENDED:
        return Metric(key, title, formula, "%", None, n, of, too_few(n))
    low, high = wilson(hits, n) or (0.0, 1.0)
    return Metric(key, title, formula, "%", 100 * hits / n, n, of, None, 100 * low, 100 * high)


def too_few(n: int, least: int = MIN_ENDED) -> Message:
    """Why there is no figure."""
    return Message(N_("Only %(n)s cases; %(least)s are needed."), {"n": n, "least": least})


_TRIPS = N_("trips")
_RETURNED = N_("returned trips")
_BOXES = N_("boxes")


def turns_per_year(closed: int, days: int, boxes: float) -> Metric:
    """365 × closed trips ÷ (days of the window × boxes in use on average)."""
    formula = Message(
        N_("365 × %(closed)s trips that ended ÷ (%(days)s days × %(boxes)s boxes in use on average)"),
        {"closed": closed, "days": days, "boxes": f"{boxes:.0f}"},
    )
    enough = closed >= MIN_ENDED and days > 0 and boxes > 0
    value = 365 * closed / (days * boxes) if enough else None
    missing = None if enough else too_few(closed)
    return Metric("turns", N_("Turns per year"), formula, "1/year", value, closed, _TRIPS, missing)


def loss_rate(lost: int, unseen: int, dispatched: int, limit: int) -> Metric:
    """(Lost or written off + out for more than `limit` days) ÷ dispatched, all of one cohort."""
    formula = Message(
        N_(
            "(%(lost)s lost or written off + %(unseen)s out for more than %(limit)s days)"
            " ÷ %(n)s dispatched at least %(limit)s days ago"
        ),
        {"lost": lost, "unseen": unseen, "limit": limit, "n": dispatched},
    )
    return _share("loss", N_("Loss rate per trip"), formula, lost + unseen, dispatched, _TRIPS)


def damage_rate(damaged: int, returned: int) -> Metric:
    """Boxes found damaged while away or at the first inspection ÷ boxes that came back and were inspected."""
    formula = Message(
        N_("%(damaged)s found damaged while away or at the first check ÷ %(n)s that came back and were checked"),
        {"damaged": damaged, "n": returned},
    )
    return _share("damage", N_("Damage rate"), formula, damaged, returned, _RETURNED)


def return_rate(curve: Curve | None, days: int, n: int) -> Metric:
    """Share of all dispatched boxes that came back within `days`: the cumulative incidence at that age."""
    formula = Message(N_("Share back by day %(days)s (Aalen–Johansen, boxes still out count)"), {"days": days})
    known = curve is not None and n >= MIN_ENDED and days <= curve.last
    value = 100 * curve.returned_by(days) if curve is not None and known else None
    missing = None if known else too_few(n) if n < MIN_ENDED else Message(N_("No trip has been watched for so long."))
    return Metric("return_rate", N_("Return rate"), formula, "%", value, n, _RETURNED, missing)


def overdue_box_days(late: Sequence[tuple[int, int]]) -> Metric:
    """Σ days beyond the agreed ones, over (days late, boxes)."""
    formula = Message(N_("Σ max(0, today − last agreed day), over all boxes that are out"))
    boxes = sum(count for days, count in late if days > 0)
    value = float(sum(days * count for days, count in late if days > 0))
    return Metric("overdue", N_("Overdue box-days"), formula, "box-days", value, boxes, _BOXES)


def utilisation(days_away: int, days: int, boxes: float) -> Metric:
    """Days away from home ÷ (boxes in use × days)."""
    formula = Message(
        N_("%(away)s days away ÷ (%(boxes)s boxes in use on average × %(days)s days)"),
        {"away": days_away, "boxes": f"{boxes:.0f}", "days": days},
    )
    enough = boxes > 0 and days > 0
    value = 100 * days_away / (boxes * days) if enough else None
    return Metric(
        "utilisation", N_("Utilisation"), formula, "%", value, round(boxes), _BOXES, None if enough else too_few(0, 1)
    )


def coverage(scanned: int, passed: int) -> float | None:
    """Scans at a step ÷ boxes that must have passed it, in per cent; None when none has."""
    return 100 * scanned / passed if passed else None


@dataclass(frozen=True)
class Leg:
    """Days between two steps of a trip, where both were scanned. Quantiles None: fewer than 20."""

    title: str
    n: int
    covered: float | None  # per cent of the trips that must have passed
    median: float | None
    p90: float | None
    longest: int | None


def leg(title: str, days: Sequence[tuple[int, int]], passed: int) -> Leg:
    """`days`: (days, boxes). Such a leg is over by its second scan: quantiles are those of plain counting."""
    expanded = sorted(day for day, count in days for _ in range(count))
    n = len(expanded)
    enough = n >= MIN_ENDED
    return Leg(
        title,
        n,
        coverage(n, passed),
        median(expanded) if enough else None,
        expanded[ceil(0.9 * n) - 1] if enough else None,
        expanded[-1] if expanded else None,
    )
