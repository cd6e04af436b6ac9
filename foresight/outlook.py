"""What the pages of foresight show: the rows of the ledger put into the rules.

`facts()` reads all that a page needs with a fixed number of queries; everything else here asks no database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import fmean, pstdev

from assets.balances import day_at
from errors import N_
from foresight import fleet, metrics, shortage, supply, trips
from foresight.shortage import Forecast, Planned, Returning, Situation
from foresight.survival import Basis, Curve, Spell, aalen_johansen, basis, bootstrap, ended, kaplan_meier
from foresight.trips import TripGroup
from master_data.models import AssetType, Party, Place

#: Days ahead that a shortage page may show; the second one by itself.
HORIZONS = (30, 60, 90)
#: Days at home before a returned box may leave again, where the page is not told otherwise.
CHECK_DAYS = 1
#: Days that a box needs at home, and days until bought boxes arrive, where the fleet page is not told otherwise.
HOME_DAYS = 3
LEAD_DAYS = 60
#: A box out for longer counts as lost where 99 % of its lane never were back by a known day.
LOST_AFTER = 365


@dataclass(frozen=True)
class Facts:
    """What the ledger says about some box types."""

    now: datetime
    begin: datetime  # of the window, of boxes with codes
    types: dict[int, AssetType]
    places: dict[int, Place]
    parties: dict[int, Party]
    groups: list[TripGroup]
    levels: list[supply.Level]
    needs: list[supply.Need]
    minimums: dict[tuple[int, int], int]
    late: list[supply.Late]
    changes: dict[int, list[tuple[date, int]]]
    _today: dict[int | None, date] = field(default_factory=dict)
    _spells: dict[int, Spell] = field(default_factory=dict)  # by id() of the group
    _bases: dict[tuple[int, int | None, int], Basis] = field(default_factory=dict)
    _usable: dict[int, float] = field(default_factory=dict)
    _homes: dict[tuple[int, int], int] = field(default_factory=dict)

    def today(self, place: int | None) -> date:
        """Today by the calendar of a place."""
        if place not in self._today:
            self._today[place] = day_at(self.places.get(place) if place else None, self.now)
        return self._today[place]

    def of(self, kind: int, place: int | None = None, partner: int | None = None) -> list[TripGroup]:
        """The trips of a type, of one place it left from and one partner where they are given."""
        return [
            group
            for group in self.groups
            if group.asset_type == kind
            and (place is None or group.from_place == place)
            and (partner is None or group.partner == partner)
        ]

    def spells(self, groups: Iterable[TripGroup]) -> list[Spell]:
        """What the return times of trips are reckoned from."""
        found = []
        for group in groups:
            spell = self._spells.get(id(group))
            if spell is None:
                spell = self._spells[id(group)] = group.spell(self.today(group.from_place))
            found.append(spell)
        return found

    def basis(self, kind: int, place: int | None, partner: int) -> Basis:
        """What forecasts for a lane rest on: the lane, else the partner, else the type, else the agreed days."""
        key = (kind, place, partner)
        if key not in self._bases:
            levels = (
                ("lane", self.spells(self.of(kind, place, partner))),
                ("partner", self.spells(self.of(kind, None, partner))),
                ("type", self.spells(self.of(kind))),
            )
            self._bases[key] = basis(levels, self.types[kind].agreed_days_out)
        return self._bases[key]

    def home(self, kind: int, place: int) -> int:
        """The place with which `place` shares its boxes: where most of what leaves from it comes home to.

        A gate and the yard for empties behind it are two places, but one stock.
        """
        if not self._homes:
            counts: dict[tuple[int, int], Counter[int]] = {}
            for group in self.groups:
                if group.from_place and group.home:
                    counts.setdefault((group.asset_type, group.from_place), Counter())[group.home] += group.count
            for key, homes in counts.items():
                other, most = homes.most_common(1)[0]
                self._homes[key] = other if 2 * most > homes.total() else key[1]
        walked = [place]
        while (other := self._homes.get((kind, walked[-1]), walked[-1])) not in walked:
            walked.append(other)
        return min(walked[walked.index(other) :])  # two places that send to each other: one of them, always the same

    def usable(self, kind: int) -> float:
        """Share of the returned boxes that is not damaged; 1 while too few have come back."""
        if kind not in self._usable:
            rate = damage(self.of(kind)).value
            self._usable[kind] = 1.0 if rate is None else 1 - rate / 100
        return self._usable[kind]


def facts(now: datetime, code: str = "") -> Facts:
    """Read the ledger for one type, or for all in use."""
    types = {row.id: row for row in trips.types_by_code(code)}
    places, own = trips.by_id(Place), trips.own_parties()
    begin = trips.begin_of(now)
    groups = trips.trip_groups(begin, now, types, places)
    levels, needs = supply.levels(types), supply.needs(types)
    counted = [id_ for id_, kind in types.items() if kind.counted]
    if counted:
        held: dict[tuple[int, int], int] = {}
        for level in levels:
            held[level.asset_type, level.holder] = held.get((level.asset_type, level.holder), 0) + level.boxes
        groups += trips.pool_groups(now.date(), counted, own, held)
    late = supply.late(types, now.date() + timedelta(days=1))
    named = {g.partner for g in groups} | {level.holder for level in levels} | {need.consignee for need in needs}
    parties = trips.by_id(Party, ids=named | {row.holder for row in late})
    changes = supply.fleet_changes(types, (now - trips.WINDOW).date())
    return Facts(now, begin, types, places, parties, groups, levels, needs, supply.minimums(types), late, changes)


# shortage


@dataclass(frozen=True)
class Lever:
    """Boxes that could be had by doing something. `kind`: overdue, unchecked, damaged, in_repair, elsewhere."""

    kind: str
    boxes: int
    party: Party | None = None
    place: Place | None = None
    value: Decimal | None = None  # in the currency of the type
    days_late: int = 0
    needed: int = 0  # of a place: what its own planned shipments take


@dataclass(frozen=True)
class Source:
    """Open trips of one lane: how many are out, how many of them are expected, and what that rests on."""

    partner: Party
    place: Place | None
    boxes: int
    expected: dict[int, float]  # days ahead → boxes
    basis: Basis
    estimated: bool


@dataclass(frozen=True)
class Outlook:
    """The forecast of one type at one place."""

    type: AssetType
    place: Place
    shares: tuple[Place, ...]  # other places with the same boxes
    today: date
    situation: Situation
    forecast: Forecast
    needs: tuple[supply.Need, ...]  # within the horizon, by day
    undated: int  # boxes of planned shipments without a day of departure
    out: int
    sources: tuple[Source, ...]
    levers: tuple[Lever, ...]
    estimated: bool

    def date_of(self, day: int) -> date:
        return self.today + timedelta(days=day)

    @property
    def first_short(self) -> date | None:
        return None if self.forecast.first_short is None else self.date_of(self.forecast.first_short)

    @property
    def in_hand(self) -> int:
        return self.situation.in_hand

    @property
    def need(self) -> int:
        return sum(need.boxes for need in self.needs)


AHEAD = (7, 14, 30)


def pairs(known: Facts) -> list[tuple[int, int]]:
    """(type, place) of which a forecast says something: boxes in hand, a plan, a minimum, or boxes on their way."""
    found = {(level.asset_type, level.place) for level in known.levels if level.where == "here" and level.boxes}
    found |= {(need.asset_type, need.place) for need in known.needs} | set(known.minimums)
    found |= {(group.asset_type, group.home) for group in known.groups if not group.end}
    homes = {(kind, known.home(kind, place)) for kind, place in found if place is not None}
    return sorted(homes, key=lambda pair: (known.types[pair[0]].code, known.places[pair[1]].code))


def outlook(known: Facts, kind: int, place: int, horizon: int, check_days: int = CHECK_DAYS) -> Outlook:
    """Simulate one type at one place, with the places that share its boxes."""
    place = known.home(kind, place)
    here = {id_ for id_ in known.places if known.home(kind, id_) == place}
    today, type_ = known.today(place), known.types[kind]
    mine = [need for need in known.needs if need.asset_type == kind and need.place in here and need.boxes]
    dated = [need for need in mine if need.day is not None]
    ahead = [need for need in dated if need.day is not None and (need.day - today).days <= horizon]
    planned = tuple(
        Planned(
            need.number,
            max(0, (need.day - today).days),
            need.boxes,
            tuple(known.basis(kind, place, need.consignee).back_within(days, 0) for days in range(horizon + 1)),
        )
        for need in ahead
        if need.day is not None
    )
    open_ = [group for group in known.of(kind) if not group.end and group.home in here]
    good = [level for level in known.levels if level.asset_type == kind and level.place in here and level.in_hand]
    situation = Situation(
        sum(level.boxes for level in good),
        sum(known.minimums.get((kind, id_), 0) for id_ in here),
        known.usable(kind),
        check_days,
        tuple(_returning(known, open_, horizon)),
        planned,
    )
    result = shortage.forecast(situation, horizon, seed=f"{type_.code}/{known.places[place].code}/{today}")
    shares = tuple(known.places[id_] for id_ in sorted(here - {place}))
    return Outlook(
        type_, known.places[place], shares, today, situation, result, tuple(ahead),
        sum(need.boxes for need in mine if need.day is None), sum(group.count for group in open_),
        tuple(_sources(known, open_)), tuple(_levers(known, kind, place, here)),
        any(group.estimated for group in open_),
    )  # fmt: skip


def _chances(known: Facts, group: TripGroup, days: Iterable[int]) -> list[float]:
    """P(back within h days) of an open trip for each h; overdue by agreement and no trips to go by: not at all."""
    rests = known.basis(group.asset_type, group.from_place, group.partner)
    age = group.age(known.today(group.from_place))
    if rests.curve is None and group.due is not None:
        rests = Basis("agreed", 0, None, (group.due - group.out).days)
    return [rests.back_within(day, age) for day in days]


def _returning(known: Facts, open_: Iterable[TripGroup], horizon: int) -> list[Returning]:
    """One entry for what moves together: a shipment's boxes of one age at one partner."""
    together: dict[tuple[str, int, date], int] = {}
    example: dict[tuple[str, int, date], TripGroup] = {}
    for group in open_:
        key = (group.cluster, group.partner, group.out)
        together[key] = together.get(key, 0) + group.count
        example[key] = group
    return [
        Returning(key[0], boxes, tuple(_chances(known, example[key], range(horizon + 1))))
        for key, boxes in sorted(together.items())
    ]


def expected(known: Facts, kind: int, place: int | None, days: Sequence[int]) -> dict[int, float]:
    """Boxes of a type expected back by so many days from today, at one place or at all."""
    total = dict.fromkeys(days, 0.0)
    for group in known.of(kind):
        if not group.end and (place is None or group.home == place):
            for day, chance in zip(days, _chances(known, group, days), strict=True):
                total[day] += group.count * chance
    return total


def _sources(known: Facts, open_: Iterable[TripGroup]) -> list[Source]:
    lanes: dict[tuple[int, int | None], list[TripGroup]] = {}
    for group in open_:
        lanes.setdefault((group.partner, group.from_place), []).append(group)
    sources = []
    for (partner, place), groups in lanes.items():
        chances = [(group.count, _chances(known, group, AHEAD)) for group in groups]
        ahead = {day: sum(count * row[i] for count, row in chances) for i, day in enumerate(AHEAD)}
        boxes = sum(group.count for group in groups)
        rests = known.basis(groups[0].asset_type, place, partner)
        estimated = any(group.estimated for group in groups)
        sources.append(
            Source(known.parties[partner], known.places.get(place) if place else None, boxes, ahead, rests, estimated)
        )
    return sorted(sources, key=lambda source: (-source.boxes, source.partner.code))


def _levers(known: Facts, kind: int, place: int, shares: set[int]) -> list[Lever]:
    value = known.types[kind].value
    overdue: dict[int, list[tuple[int, int]]] = {}
    for row in known.late:
        days = (known.today(row.home) - row.due).days
        if row.asset_type == kind and days > 0:
            overdue.setdefault(row.holder, []).append((days, row.boxes))
    found = []
    for holder, rows in overdue.items():
        boxes = sum(count for _, count in rows)
        latest = max(days for days, _ in rows)
        found.append(Lever("overdue", boxes, party=known.parties[holder], value=value * boxes, days_late=latest))
    found.sort(key=lambda lever: (-lever.boxes, lever.party.code if lever.party else ""))
    here: dict[str, int] = {}
    elsewhere: dict[int, int] = {}
    for level in known.levels:
        if level.asset_type != kind or level.life != "active" or level.where != "here" or level.place is None:
            continue
        if level.place in shares and level.condition != "good":
            here[level.condition] = here.get(level.condition, 0) + level.boxes
        elif level.place not in shares and level.in_hand:
            elsewhere[level.place] = elsewhere.get(level.place, 0) + level.boxes
    states = [word for word in ("unchecked", "in_repair", "damaged") if here.get(word, 0) > 0]
    found += [Lever(word, here[word], place=known.places[place]) for word in states]
    for other, boxes in sorted(elsewhere.items(), key=lambda item: -item[1]):
        needed = sum(need.boxes for need in known.needs if need.asset_type == kind and need.place == other)
        if boxes > 0:
            found.append(Lever("elsewhere", boxes, place=known.places[other], needed=needed))
    return found


# overview


@dataclass(frozen=True)
class TypeLine:
    """One type over all its places."""

    type: AssetType
    in_hand: int
    not_ready: int  # at home, but not good
    out: int
    expected: dict[int, float]
    active: int
    fleet: FleetNeed
    outlooks: tuple[Outlook, ...]
    estimated: bool

    @property
    def worst(self) -> Outlook | None:
        """The outlook of the place where it breaks first."""
        short = [item for item in self.outlooks if item.first_short]
        return min(short, key=lambda item: (item.first_short or date.max, item.place.code), default=None)


def overview(known: Facts, horizon: int) -> list[TypeLine]:
    """Every type with boxes, a plan or a minimum, by code."""
    by_type: dict[int, list[int]] = {}
    for kind, place in pairs(known):
        by_type.setdefault(kind, []).append(place)
    lines = []
    for kind, places in by_type.items():
        mine = [level for level in known.levels if level.asset_type == kind]
        home = [level for level in mine if level.life == "active" and level.where in ("here", "moving")]
        groups = known.of(kind)
        lines.append(
            TypeLine(
                known.types[kind],
                sum(level.boxes for level in home if level.in_hand),
                sum(level.boxes for level in home if not level.in_hand),
                sum(level.boxes for level in mine if level.away),
                expected(known, kind, None, AHEAD),
                active(known, kind),
                fleet_need(known, kind),
                tuple(outlook(known, kind, place, horizon) for place in places),
                any(group.estimated for group in groups),
            )
        )
    return lines


def active(known: Facts, kind: int) -> int:
    """Boxes of a type in use now, wherever they are."""
    return sum(level.boxes for level in known.levels if level.asset_type == kind and level.life == "active")


# fleet


@dataclass(frozen=True)
class FleetNeed:
    """How many boxes the flow of the window needs, by four ways to reckon the safety stock; None: not known."""

    n: int  # boxes sent in the window
    days: int  # days of the window with history
    flow: fleet.Flow | None
    complete: bool  # all watched trips ended: the mean time away is no underestimate
    estimated: bool
    factor: float | None
    history_days: int  # days behind the dispersion factor
    sizes: dict[str, float | None]
    total: dict[str, float | None]
    in_repair: int
    lost_a_day: float

    @property
    def best(self) -> float | None:
        """From history where that is known, else as batches."""
        return self.total.get("history") or self.total.get("batched")


def fleet_need(
    known: Facts,
    kind: int,
    service: int = 95,
    home_days: int = HOME_DAYS,
    peak: Decimal = Decimal(1),
    lead_days: int = LEAD_DAYS,
) -> FleetNeed:
    """The fleet size of a type. `home_days`: those needed at home, waiting for nothing; `lead_days`: to buy."""
    groups = known.of(kind)
    spells = known.spells(groups)
    estimated = any(group.estimated for group in groups)
    repair = sum(level.boxes for level in known.levels if level.asset_type == kind and level.condition == "in_repair")
    begin, today = _begin(known, groups), known.today(None)
    days = (today - begin).days
    sent = [group for group in groups if group.out >= begin and group.observed <= group.out]
    n, z = sum(group.count for group in sent), fleet.SERVICE[service]
    if ended(spells) < metrics.MIN_ENDED or days < fleet.MIN_DAYS:
        empty = dict.fromkeys(("independent", "batched", "common", "history"))
        return FleetNeed(n, max(0, days), None, False, estimated, None, 0, empty, empty, repair, 0.0)
    curve = aalen_johansen(spells)
    batches: dict[str, int] = {}
    for group in sent:
        batches[group.cluster] = batches.get(group.cluster, 0) + group.count
    sizes = list(batches.values())
    # The b of the formula is the mean over shipments; a box finds itself in a large one more often: (1 + cv²).
    b, cv = (fmean(sizes), pstdev(sizes) / fmean(sizes)) if sizes else (1.0, 0.0)
    flow = fleet.Flow(n / days, curve.mean_out + home_days, b, cv, _spread(groups))
    daily = _daily_out(groups, begin + timedelta(days=round(curve.mean_out)), today)
    factor = fleet.dispersion(daily)
    found = {
        "independent": fleet.independent(flow, z),
        "batched": fleet.batched(flow, z),
        "common": fleet.common_delay(flow, z),
        "history": fleet.from_history(flow, z, factor),
    }
    lost_a_day = sum(g.count for g in groups if g.end in ("lost", "written_off")) / days
    total = {
        key: None if size is None else fleet.with_additions(size, float(peak), repair, lost_a_day, lead_days)
        for key, size in found.items()
    }
    return FleetNeed(n, days, flow, curve.complete, estimated, factor, len(daily), found, total, repair, lost_a_day)


def _begin(known: Facts, groups: Sequence[TripGroup]) -> date:
    """From when on every trip is known: the window, or the first dispatch that was seen as it happened."""
    counted = any(group.estimated for group in groups)
    window = (known.now - trips.WINDOW if counted else known.begin).date()
    seen = [group.out for group in groups if group.observed <= group.out]
    return max(window, min(seen)) if seen else known.today(None)


def _spread(groups: Sequence[TripGroup]) -> float | None:
    """Standard deviation of the time away between whole shipments, of those that are wholly back; None below 8."""
    days: dict[str, list[tuple[int, int]]] = {}
    waiting = set()
    for group in groups:
        if group.end == "returned" and group.ended:
            days.setdefault(group.cluster, []).append(((group.ended - group.out).days, group.count))
        elif not group.end:
            waiting.add(group.cluster)
    means = [
        sum(day * count for day, count in rows) / sum(count for _, count in rows)
        for cluster, rows in days.items()
        if cluster not in waiting
    ]
    return pstdev(means) if len(means) >= 8 else None


def _daily_out(groups: Sequence[TripGroup], begin: date, today: date) -> list[int]:
    """Boxes out at the end of each day from `begin` to yesterday."""
    days = max(0, (today - begin).days)
    change = [0] * (days + 1)
    for group in groups:
        first, last = (group.out - begin).days, ((group.ended or today) - begin).days
        if last > 0 and first < days:
            change[max(0, first)] += group.count
            change[min(days, last)] -= group.count
    out, now = [], 0
    for step in change[:days]:
        now += step
        out.append(now)
    return out


# return times


@dataclass(frozen=True)
class Lane:
    """Return times of what one place sends to one partner."""

    partner: Party
    place: Place | None
    ended: int
    out: int
    median: int | None
    p90: int | None
    never: float | None  # per cent lost so far, by the curve
    basis: Basis


@dataclass(frozen=True)
class ReturnTimes:
    """What the page of return times shows for a choice of trips."""

    n: int  # trips in the window
    ended: int  # came back while we looked
    out: int
    lost: int
    truncated: int  # were out already when we began to look
    basis_level: str  # '' the choice itself, else which larger one is drawn; 'agreed' none
    basis_ended: int
    curve: Curve | None
    median: int | None
    p90: int | None
    km_median: int | None
    km_p90: int | None
    #: 90 % intervals: of the median, of the 90 % quantile, of the share back on each day of `grid`
    interval: tuple[tuple[float | None, float | None], ...] | None
    grid: tuple[int, ...]
    band: tuple[tuple[float, float], ...]
    shipments: int
    legs: tuple[metrics.Leg, ...]
    metrics: tuple[metrics.Metric, ...]
    lanes: tuple[Lane, ...]
    estimated: bool


def return_times(known: Facts, kind: int, place: int | None, partner: int | None) -> ReturnTimes:
    """The curve of a choice of trips, of the type as a whole where the choice is too small."""
    chosen = known.of(kind, place, partner)
    choices: list[tuple[str, list[Spell]]] = [("", known.spells(chosen))]
    if partner is not None and place is not None:
        choices.append(("partner", known.spells(known.of(kind, None, partner))))
    if partner is not None or place is not None:
        choices.append(("type", known.spells(known.of(kind))))
    rests = basis(choices, known.types[kind].agreed_days_out)
    spells = dict(choices).get(rests.level, [])
    curve = rests.curve
    grid = _grid(curve) if curve else ()
    interval = None
    if curve is not None:
        interval = bootstrap(
            spells, lambda drawn: (drawn.quantile(0.5), drawn.quantile(0.9), *(drawn.returned_by(day) for day in grid))
        )
    km = kaplan_meier(spells) if curve else None
    own = choices[0][1]
    lanes = sorted(
        {(group.partner, group.from_place) for group in known.of(kind)},
        key=lambda lane: (known.parties[lane[0]].code, lane[1] or 0),
    )
    return ReturnTimes(
        sum(spell.count for spell in own),
        ended(own),
        sum(spell.count for spell in own if not spell.end),
        sum(spell.count for spell in own if spell.end == "lost"),
        sum(spell.count for spell in own if spell.entry >= 0),
        rests.level,
        rests.ended,
        curve,
        curve.quantile(0.5) if curve else None,
        curve.quantile(0.9) if curve else None,
        km.quantile(0.5) if km else None,
        km.quantile(0.9) if km else None,
        tuple(interval[:2]) if interval else None,
        grid,
        tuple((low or 0.0, 1.0 if high is None else high) for low, high in interval[2:]) if interval else (),
        len({spell.cluster for spell in spells}),
        legs(chosen),
        figures(known, kind, chosen, curve if rests.level == "" else None, whole=place is None and partner is None),
        tuple(_lane(known, kind, place_id, partner_id) for partner_id, place_id in lanes),
        any(group.estimated for group in chosen),
    )


def _grid(curve: Curve) -> tuple[int, ...]:
    """About 40 days at which the band is drawn."""
    step = max(1, curve.last // 40)
    return (*range(0, curve.last, step), curve.last)


def _lane(known: Facts, kind: int, place: int | None, partner: int) -> Lane:
    spells = known.spells(known.of(kind, place, partner))
    count = ended(spells)
    curve = aalen_johansen(spells) if count >= metrics.MIN_ENDED else None
    return Lane(
        known.parties[partner],
        known.places.get(place) if place else None,
        count,
        sum(spell.count for spell in spells if not spell.end),
        curve.quantile(0.5) if curve else None,
        curve.quantile(0.9) if curve else None,
        100 * curve.lost_by(curve.last) if curve else None,
        known.basis(kind, place, partner),
    )


_LEGS: tuple[tuple[str, Callable[[TripGroup], tuple[date | None, date | None]]], ...] = (
    (N_("Out → arrived at the partner"), lambda group: (group.out, group.arrived)),
    (N_("Arrived → empties ready"), lambda group: (group.arrived, group.ready)),
    (N_("Empties ready → left the partner"), lambda group: (group.ready, group.back)),
    (N_("Left the partner → home"), lambda group: (group.back, group.ended)),
)


def legs(groups: Sequence[TripGroup]) -> tuple[metrics.Leg, ...]:
    """Dwell by leg of the trips that came home: those have passed every step, scanned or not."""
    home = [group for group in groups if group.end == "returned" and not group.estimated]
    passed = sum(group.count for group in home)
    found = []
    for title, ends in _LEGS:
        days = [
            (max(0, (to - from_).days), group.count)
            for group in home
            for from_, to in [ends(group)]
            if from_ is not None and to is not None
        ]
        found.append(metrics.leg(title, days, passed))
    return tuple(found)


def damage(groups: Iterable[TripGroup]) -> metrics.Metric:
    """Damage rate of the trips that came back and were checked, or were known to be damaged; of codes only."""
    home = [group for group in groups if group.end == "returned" and (group.inspected or group.damaged)]
    return metrics.damage_rate(sum(g.count for g in home if g.damaged), sum(g.count for g in home))


def figures(
    known: Facts, kind: int, groups: Sequence[TripGroup], curve: Curve | None, *, whole: bool
) -> tuple[metrics.Metric, ...]:
    """The metrics of a choice of trips; turns and utilisation only of a whole type, whose fleet is known."""
    today = known.today(None)
    n = sum(group.count for group in groups if group.end == "returned")
    limit = (curve.quantile(0.99) if curve else None) or LOST_AFTER
    cohort = [
        group
        for group in groups
        if group.observed <= group.out and (known.today(group.from_place) - group.out).days >= limit
    ]
    gone = sum(group.count for group in cohort if group.end in ("lost", "written_off"))
    unseen = sum(g.count for g in cohort if not g.end and g.age(known.today(g.from_place)) > limit)
    median = curve.quantile(0.5) if curve else None
    within = 2 * median if median else known.types[kind].agreed_days_out or 60
    late = [
        ((known.today(row.home) - row.due).days, row.boxes)
        for row in known.late
        if row.asset_type == kind and (whole or row.holder in {group.partner for group in groups})
    ]
    found = [
        metrics.return_rate(curve, within, n),
        metrics.loss_rate(gone, unseen, sum(group.count for group in cohort), limit),
        damage(groups),
        metrics.overdue_box_days(late),
    ]
    if whole:
        begin = _begin(known, groups)
        days = (today - begin).days
        boxes = _average_active(known, kind, begin, today)
        closed = sum(g.count for g in groups if g.end == "returned" and g.ended and g.ended >= begin)
        away = sum(g.count * max(0, ((g.ended or today) - max(g.out, begin)).days) for g in groups)
        found += [metrics.turns_per_year(closed, days, boxes), metrics.utilisation(away, days, boxes)]
    return tuple(found)


def _average_active(known: Facts, kind: int, begin: date, today: date) -> float:
    """Boxes in use on average since `begin`: those of today less each change, for the part of the days before it."""
    days = max(1, (today - begin).days)
    changes = [(day, change) for day, change in known.changes.get(kind, []) if day > begin]
    return active(known, kind) - sum(change * min(days, (day - begin).days) / days for day, change in changes)
