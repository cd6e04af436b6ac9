"""Whether there will be enough boxes of a type at a place: day by day, from what is in hand, what comes back, and what
planned shipments take. Pure.

Boxes of one shipment come back together, so what is drawn is the day of a whole shipment and not of a box: with few
shipments the normal distribution would promise too much. The draws have a fixed seed: same facts, same answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random

RUNS = 1000
#: A day counts as short from this probability on.
RISK = 0.20


@dataclass(frozen=True)
class Returning:
    """Boxes of one shipment that are out together. `by_day[h]`: probability that they are back by day h from today.

    `by_day[0]` is 0: what is back already is in hand.
    """

    label: str
    boxes: int
    by_day: tuple[float, ...]


@dataclass(frozen=True)
class Planned:
    """What one planned shipment takes. `day`: days from today; a day that has passed is today.

    `by_day[h]`: probability that its boxes are back h days after they left; empty: not within the days that are asked.
    """

    label: str
    day: int
    boxes: int
    by_day: tuple[float, ...] = ()


@dataclass(frozen=True)
class Situation:
    """What the forecast of one type at one place starts from."""

    in_hand: int
    minimum: int
    usable: float  # share of the returned boxes that is not damaged
    check_days: int  # days at home before a returned box may leave again
    returning: tuple[Returning, ...]
    planned: tuple[Planned, ...]


@dataclass(frozen=True)
class Day:
    """One day ahead, at its end."""

    day: int
    returns: float  # expected that day, before any check
    need: int
    available: float  # on average
    low: float  # in 1 run of 10 it is below
    high: float  # in 1 run of 10 it is above
    short: float  # probability that it is below the minimum, or below nothing


@dataclass(frozen=True)
class Hit:
    """A planned shipment for which boxes will be missing, with the probability and the mean number missing then."""

    planned: Planned
    probability: float
    missing: float


@dataclass(frozen=True)
class Forecast:
    days: tuple[Day, ...]
    first_short: int | None  # first day on which it is short with more than 20 %
    shipments: tuple[Hit, ...]  # all planned ones in order of priority, also those that are safe

    @property
    def hit(self) -> tuple[Hit, ...]:
        """Those that miss boxes with more than 20 %."""
        return tuple(hit for hit in self.shipments if hit.probability > RISK)


def expected_returns(returning: Sequence[Returning], day: int) -> float:
    """Boxes expected back by a day from today."""
    return sum(group.boxes * group.by_day[min(day, len(group.by_day) - 1)] for group in returning)


def forecast(situation: Situation, horizon: int, runs: int = RUNS, seed: str = "") -> Forecast:
    """Simulate `runs` futures of `horizon` days.

    available(d) = in hand + returns by d − check days, times the usable share − planned need by d. A shipment is hit
    when the boxes that came by its day are fewer than what it and those before it take; what leaves earlier goes first.
    Boxes that leave on a planned shipment come back too; those that it misses do not.
    """
    plan = sorted(
        (replace(planned, day=max(0, planned.day)) for planned in situation.planned if planned.day <= horizon),
        key=lambda planned: (planned.day, planned.label),
    )
    supply, hits = _futures(situation, plan, horizon, runs, Random(f"{seed}/{horizon}"))  # noqa: S311
    needs = [sum(planned.boxes for planned in plan if planned.day == day) for day in range(horizon + 1)]
    taken = list(accumulate(needs))
    floor = max(0, situation.minimum)
    again = [Returning(p.label, p.boxes, (0.0,) * p.day + p.by_day) for p in plan if p.by_day]
    means = [expected_returns((*situation.returning, *again), day) for day in range(horizon + 1)]
    days = []
    for day in range(horizon + 1):
        left = sorted(have - taken[day] for have in supply[day])
        days.append(
            Day(
                day,
                means[day] - (means[day - 1] if day else 0.0),
                needs[day],
                sum(left) / runs,
                left[int(0.1 * (runs - 1))],
                left[int(0.9 * (runs - 1))],
                sum(1 for value in left if value < floor - 1e-9) / runs,
            )
        )
    first = next((day.day for day in days if day.short > RISK), None)
    return Forecast(tuple(days), first, tuple(hits))


def _futures(
    situation: Situation, plan: Sequence[Planned], horizon: int, runs: int, random: Random
) -> tuple[list[list[float]], list[Hit]]:
    """[day][run]: boxes that were in hand or became usable by the end of that day; and what each shipment misses."""
    came = [[0.0] * runs for _ in range(horizon + 1)]

    def bring(by_day: Sequence[float], since: int, boxes: Sequence[float]) -> None:
        """Draw for each run the day on which `boxes[run]` come, `since`: the day from which `by_day` counts."""
        chances = by_day[: horizon + 1 - since]
        for run in range(runs):
            day = bisect_right(chances, random.random())
            ready = since + day + situation.check_days
            if day < len(chances) and ready <= horizon:
                came[ready][run] += boxes[run] * situation.usable

    for group in situation.returning:
        bring(group.by_day, 0, [group.boxes] * runs)
    supply, hits, taken = [], [], 0
    have, waiting = [float(situation.in_hand)] * runs, list(plan)
    for day in range(horizon + 1):
        have = [before + more for before, more in zip(have, came[day], strict=True)]
        supply.append(have)
        while waiting and waiting[0].day == day:
            planned = waiting.pop(0)
            taken += planned.boxes
            missing = [min(float(planned.boxes), max(0.0, taken - boxes)) for boxes in have]
            short = [count for count in missing if count > 1e-9]
            hits.append(Hit(planned, len(short) / runs, sum(short) / len(short) if short else 0.0))
            if planned.by_day and day < horizon:
                bring(planned.by_day, day, [planned.boxes - count for count in missing])
    return supply, hits
