"""How long boxes stay away, from trips of which some are not over. Pure.

A box that is still out is censored: its age counts as far as it goes and is never left out. A box that was out already
when we began to look is left-truncated: it is under observation only from the age that it had then. A box that is lost
or written off has ended in another way than by coming back; as censored it could still come back later.

Ages are whole days. On one day returns come before censorings: a box that is out 8 days today could have come back on
day 8. Without losses the share that came back is 1 − S of Kaplan and Meier; with them it is the cumulative incidence of
Aalen and Johansen, which may stay below 1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

#: Fewer trips that ended give no quantile.
MIN_ENDED = 20
#: Boxes of one shipment come back together; fewer shipments than this give no interval.
MIN_CLUSTERS = 8
#: More shipments than this are drawn in so many blocks.
MOST_CLUSTERS, BLOCKS = 300, 100

_EPSILON = 1e-9  # S is a product of fractions: a half may come out a hair above 0.5


@dataclass(frozen=True)
class Spell:
    """`count` boxes that were away alike. `days`: age at the end, or now while they are out."""

    days: int
    end: str = ""  # '' still out, returned, lost
    entry: int = -1  # age in days at which we began to look, -1: at the dispatch; under observation after it
    count: int = 1
    cluster: str = ""  # what moves together: the shipment


@dataclass(frozen=True)
class Curve:
    """Shares after each day on which a box came back or was lost. `last`: the highest age that was observed."""

    days: tuple[int, ...]
    at_risk: tuple[int, ...]
    out: tuple[float, ...]
    returned: tuple[float, ...]
    lost: tuple[float, ...]
    last: int
    #: At some age all that were watched came back, though others are older: the curve ends too early to be used.
    broken: bool = False

    def out_after(self, day: int) -> float:
        """Share still out at the end of a day; S(day)."""
        return _at(self.days, self.out, day, 1.0)

    def returned_by(self, day: int) -> float:
        """Share that came back by the end of a day; F_ret(day)."""
        return _at(self.days, self.returned, day, 0.0)

    def lost_by(self, day: int) -> float:
        """Share that was lost or written off by the end of a day; F_lost(day)."""
        return _at(self.days, self.lost, day, 0.0)

    def quantile(self, share: float) -> int | None:
        """The first day by which this share of all boxes came back; None: not yet known, or never."""
        return next((day for day, f in zip(self.days, self.returned, strict=True) if f >= share - _EPSILON), None)

    def back_within(self, days: int, age: int) -> float:
        """P(back within the next `days` | still out at `age`); 0 beyond what was observed."""
        left = 1 - self.returned_by(age) - self.lost_by(age)
        return min(1.0, (self.returned_by(age + days) - self.returned_by(age)) / left) if left > _EPSILON else 0.0

    @property
    def mean_out(self) -> float:
        """Mean days away, up to the highest age that was observed: the area under the share still out."""
        area, before, share = 0.0, 0, 1.0
        for day, out in zip(self.days, self.out, strict=True):
            area, before, share = area + share * (day - before), day, out
        return area + share * max(0, self.last - before)

    @property
    def complete(self) -> bool:
        """Whether all boxes have ended within the observed ages, so that `mean_out` is no underestimate."""
        return bool(self.out) and self.out[-1] < _EPSILON


def _at(days: Sequence[int], values: Sequence[float], day: int, before: float) -> float:
    index = bisect_right(days, day)
    return values[index - 1] if index else before


def aalen_johansen(spells: Iterable[Spell]) -> Curve:
    """Cumulative incidence of return and of loss, with S of both together.

    S(t) = Π (1 − d/n), F(t) = Σ S(t−) · d_cause/n, over the days on which something ended; n: under observation just
    before. Spells that ended on the day on which we began to look, or before it, say nothing and are left out.
    """
    return _curve(_Tally.of(spells))


def kaplan_meier(spells: Iterable[Spell]) -> Curve:
    """The curve with losses as censored: S(t) = Π (1 − d/n) over the days with returns. It overstates the returns."""
    return aalen_johansen(replace(spell, end="") if spell.end == "lost" else spell for spell in spells)


@dataclass
class _Tally:
    """Boxes by age: who comes under observation after it, and who ends how on it."""

    entered: dict[int, int]
    returned: dict[int, int]
    lost: dict[int, int]
    gone: dict[int, int]  # no longer under observation after this age, for whatever reason

    @classmethod
    def of(cls, spells: Iterable[Spell]) -> _Tally:
        tally = cls({}, {}, {}, {})
        for spell in spells:
            tally.add(spell)
        return tally

    def add(self, spell: Spell) -> None:
        if spell.entry >= spell.days:
            return
        self.entered[spell.entry] = self.entered.get(spell.entry, 0) + spell.count
        self.gone[spell.days] = self.gone.get(spell.days, 0) + spell.count
        if spell.end:
            ends = self.returned if spell.end == "returned" else self.lost
            ends[spell.days] = ends.get(spell.days, 0) + spell.count

    def merge(self, other: _Tally, times: int) -> None:
        """Add another tally so many times."""
        for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True):
            for age, count in theirs.items():
                mine[age] = mine.get(age, 0) + count * times


def _curve(tally: _Tally) -> Curve:
    rows, at_risk, out, returned, lost, broken = [], 0, 1.0, 0.0, 0.0, False
    for age in sorted({*tally.entered, *tally.gone}):
        came_back, went = tally.returned.get(age, 0), tally.lost.get(age, 0)
        if came_back or went:
            broken = broken or out < _EPSILON
            returned += out * came_back / at_risk
            lost += out * went / at_risk
            out = out * (at_risk - came_back - went) / at_risk
            rows.append((age, at_risk, out, returned, lost))
        at_risk += tally.entered.get(age, 0) - tally.gone.get(age, 0)
        broken = broken or (out < _EPSILON and at_risk > 0)
    days, risks, outs, backs, losses = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Curve(days, risks, outs, backs, losses, max(tally.gone, default=0), broken)


def ended(spells: Iterable[Spell]) -> int:
    """Boxes that came back while we looked: the n of a quantile."""
    return sum(spell.count for spell in spells if spell.end == "returned" and spell.entry < spell.days)


def bootstrap(
    spells: Sequence[Spell], figures: Callable[[Curve], Sequence[float | None]], runs: int = 200, seed: int = 1
) -> list[tuple[float | None, float | None]] | None:
    """90 % intervals of figures of the curve, by drawing whole shipments anew; None with too few shipments.

    Boxes of a shipment come back together, so intervals that count each box as a case of its own are far too narrow.
    A figure that a drawn curve does not reach counts as above all others; a bound of None is not known.
    """
    clusters: dict[str, int] = {}
    for spell in spells:
        clusters.setdefault(spell.cluster, len(clusters))
    if len(clusters) < MIN_CLUSTERS:
        return None
    # Very many shipments are drawn in blocks, so that the work does not grow with them; each block tallied once.
    blocks = [_Tally.of(()) for _ in range(len(clusters) if len(clusters) <= MOST_CLUSTERS else BLOCKS)]
    for spell in spells:
        blocks[clusters[spell.cluster] % len(blocks)].add(spell)
    random = Random(seed)  # noqa: S311 - the same figures at each look, no secret
    drawn: list[Sequence[float | None]] = []
    for _run in range(runs):
        tally = _Tally.of(())
        for index, times in Counter(random.choices(range(len(blocks)), k=len(blocks))).items():
            tally.merge(blocks[index], times)
        drawn.append(figures(_curve(tally)))
    return [_interval([row[i] for row in drawn]) for i in range(len(drawn[0]))]


def _interval(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    ordered = sorted(float("inf") if value is None else value for value in values)
    low, high = ordered[int(0.05 * len(ordered))], ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return (None if low == float("inf") else low), (None if high == float("inf") else high)


# which trips a figure may rest on


@dataclass(frozen=True)
class Basis:
    """The trips that a forecast rests on: the closest ones to it of which enough have ended.

    `level`: lane, partner, type, or agreed, where no trips say enough and only the agreed days are left.
    """

    level: str
    ended: int
    curve: Curve | None
    agreed_days: int = 0

    def back_within(self, days: int, age: int) -> float:
        """P(back within the next `days` | still out at `age`). By agreement: on the last agreed day and not later."""
        if self.curve is not None:
            return self.curve.back_within(days, age)
        return 1.0 if age < self.agreed_days <= age + days or (days and age == self.agreed_days) else 0.0


def basis(levels: Iterable[tuple[str, Sequence[Spell]]], agreed_days: int) -> Basis:
    """The first level with enough ended trips and a curve that can be used; else the agreed days."""
    for level, spells in levels:
        count = ended(spells)
        if count >= MIN_ENDED:
            curve = aalen_johansen(spells)
            if not curve.broken:
                return Basis(level, count, curve)
    return Basis("agreed", 0, None, agreed_days)


# pools that are only counted


def first_in_first_out(
    sent: Sequence[tuple[int, int]], came_back: Sequence[tuple[int, int]], today: int, held: int | None = None
) -> list[tuple[int, Spell]]:
    """Trips that counted boxes may have made: what comes back from a partner is taken for what he has had longest.

    `sent`, `came_back`: (day number, boxes), any order; gives (day sent, spell), one cluster for each day of sending.
    `held`: what the partner has now by our books. More than was sent and did not come back: he had them before, and
    they go back first; nobody knows since when, so they make no trip. Less: the oldest were written off. The result is
    an estimate: which pallet came back is not known.
    """
    left_there = sum(count for _, count in sent) - sum(count for _, count in came_back)
    had, gone = (max(0, held - left_there), max(0, left_there - held)) if held is not None else (0, 0)
    open_, spells = [list(item) for item in sorted(sent)], []
    for day, came in sorted(came_back):
        count = max(0, came - had)
        had = max(0, had - came)
        for item in open_:
            if item[0] > day or not count:
                break
            took = min(count, item[1])
            if took:
                spells.append((item[0], Spell(day - item[0], "returned", count=took, cluster=str(item[0]))))
            item[1] -= took
            count -= took
    for item in open_:
        took = min(gone, item[1])
        item[1] -= took
        gone -= took
    spells += [(day, Spell(max(0, today - day), count=left, cluster=str(day))) for day, left in open_ if left]
    return spells
