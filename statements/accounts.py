"""The box account of a partner in a month: from the account book and the levels of now, not summed from the start.

Balance at the end of a day = the level now − what was booked after it. So a look costs what has happened since the
month began, and not what happened before. + means that the partner has the boxes. A balance is of one type and owner.

An account is told in days of our home place. What happened in a month that had been told to the partner before we
learned of it is booked on the day of recording: it is an adjustment, and names the month to which it belongs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peewee import JOIN, SQL, Case, fn

from accounts.scope import current_scope
from assets.agreements import agreement_for, agreements_of, free_days, periods
from assets.charges import Stay, days_over, last_ones_in
from assets.models import Agreement, Asset, Movement, ScanEvent, StockLevel, Trip
from database import tuples
from errors import N_, InvalidInput
from master_data.models import AssetType, Party, Place
from master_data.visible import own_parties
from shipments.models import Shipment

#: the last age in days of each class but the last one
AGES = (30, 60, 90)
#: so many of the boxes over the free days are named
MOST_OLD_BOXES = 60


@dataclass(frozen=True, order=True)
class Month:
    """A month of the calendar."""

    year: int
    month: int

    @property
    def first(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last(self) -> date:
        return self.next.first - timedelta(days=1)

    @property
    def next(self) -> Month:
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def before(self) -> Month:
        return Month(self.year - (self.month == 1), (self.month - 2) % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def month_of(day: date) -> Month:
    """The month in which a day is."""
    return Month(day.year, day.month)


def month_named(text: str) -> Month:
    """`2026-10` → the month. Raises InvalidInput(`month`)."""
    year, _, month = text.partition("-")
    plain = text.isascii() and len(text) == 7 and year.isdecimal() and month.isdecimal()
    if plain and 2000 <= int(year) <= 2999 and 1 <= int(month) <= 12:
        return Month(int(year), int(month))
    raise InvalidInput("month", N_("“%(typed)s” is not a month; write it like 2026-10."), typed=text[:20])


@dataclass
class Figures:
    """Boxes in a month. `moved`: from (+) and to (−) other places of the same partner; 0 for all places together."""

    opening: int = 0
    incoming: int = 0  # to the partner
    outgoing: int = 0
    moved: int = 0
    adjustment: int = 0

    @property
    def closing(self) -> int:
        return self.opening + self.incoming - self.outgoing + self.moved + self.adjustment


@dataclass(frozen=True)
class Line:
    """Boxes of one type that went one way on one day, by one document at one place. `what`: the type of the event.

    `adjustment`: no boxes went to the partner or came from him in this month: they did in one that had been told, they
    were written off or miscounted, or what had been told of them was undone (`undone`).
    """

    event_day: date
    booked_day: date
    what: str
    document: str
    place: Place | None
    incoming: int
    outgoing: int
    adjustment: int = 0
    undone: bool = False

    @property
    def quantity(self) -> int:
        """With its sign: + to the partner."""
        return self.incoming - self.outgoing + self.adjustment

    @property
    def adjustment_for(self) -> Month | None:
        return month_of(self.event_day) if self.booked_day != self.event_day else None


@dataclass
class Account:
    """The account of one type of one owner. `ages`: boxes out at the end of the month, by AGES."""

    asset_type: AssetType
    owner: Party
    places: dict[int | None, Figures] = field(default_factory=lambda: defaultdict(Figures))
    adjustments: dict[Month, int] = field(default_factory=lambda: defaultdict(int))
    lines: list[Line] = field(default_factory=list)
    ages: list[int] = field(default_factory=lambda: [0] * (len(AGES) + 1))
    free_days: int = 0
    over_free: int = 0
    lost: int = 0
    old_boxes: list[tuple[str, date, int]] = field(default_factory=list)  # code, out since, days; the oldest first

    @property
    def figures(self) -> Figures:
        """All places together."""
        total = Figures()
        for one in self.places.values():
            for name in ("opening", "incoming", "outgoing", "moved", "adjustment"):
                setattr(total, name, getattr(total, name) + getattr(one, name))
        return total

    @property
    def aged(self) -> int:
        return sum(self.ages)


def accounts_of(partner: Party, month: Month, by: Party | None = None) -> list[Account]:
    """The partner's accounts in a month, by type and owner, without lines and ages. Fixed number of queries. `by`: the
    entity whose account it is, without the boxes of our other ones. Of the adjustments only those of earlier months are
    told apart here; `add_lines` knows the others.

    The caller sees to it that nobody books in between (`database.one_view`).
    """
    found: dict[tuple[int, int], Account] = {}
    places: dict[tuple[int, int, int | None], Figures] = defaultdict(Figures)
    adjustments: dict[tuple[int, int, Month], int] = defaultdict(int)
    moved: set[tuple[int, int, int | None]] = set()
    for kind, owner, place, quantity in tuples(
        StockLevel.select(StockLevel.asset_type, StockLevel.owner, StockLevel.place, fn.SUM(StockLevel.quantity))
        .where(StockLevel.holder == partner)
        .group_by(StockLevel.asset_type, StockLevel.owner, StockLevel.place)
    ):
        places[kind, owner, place].opening += quantity
    for sign in (1, -1):
        for kind, owner, place, own, happened, during, later in tuples(_sums(partner, month, sign)):
            figures = places[kind, owner, place]
            figures.opening -= sign * (during + later)
            if during:
                moved.add((kind, owner, place))
            if own:
                figures.moved += sign * during
            elif happened:
                figures.adjustment += sign * during
                adjustments[kind, owner, month_of(happened)] += sign * during
            elif sign > 0:
                figures.incoming += during
            else:
                figures.outgoing += during
    types = _rows(AssetType, {key[0] for key in places})
    owners = _rows(Party, {key[1] for key in places})
    for (kind, owner, place), figures in places.items():
        if figures != Figures() or (kind, owner, place) in moved:
            account = found.setdefault((kind, owner), Account(types[kind], owners[owner]))
            account.places[place] = figures
    for (kind, owner, happened_in), quantity in adjustments.items():
        if quantity and (kind, owner) in found:
            found[kind, owner].adjustments[happened_in] = quantity
    open_ = (one for one in found.values() if _is_seen(one.owner, by))
    return sorted(open_, key=lambda one: (one.asset_type.code, one.owner.code))


def who_has_accounts(month: Month) -> set[tuple[int, int]]:
    """Which outside partner has boxes of which owner to be told of in a month: (partner, owner), by the rule of
    `accounts_of`: some at its end, or some that came or went in it. Four queries, however many partners there are.

    Of nobody's in particular: the caller leaves out what who asks may not see.
    """
    found: set[tuple[int, int]] = set()
    at_end: dict[tuple[int, int, int, int | None], int] = defaultdict(int)
    own = own_parties()
    for holder, owner, kind, place, quantity in tuples(
        StockLevel.select(
            StockLevel.holder, StockLevel.owner, StockLevel.asset_type, StockLevel.place, fn.SUM(StockLevel.quantity)
        )
        .where(StockLevel.holder.not_in(own))
        .group_by(StockLevel.holder, StockLevel.owner, StockLevel.asset_type, StockLevel.place)
    ):
        at_end[holder, owner, kind, place] += quantity
    outside, kinds = Party.select(Party.id).where(~Party.own), all_types()
    for sign in (1, -1):
        mine, _other, place_of = _sides(sign)
        # First by day, as the index of the account book has it: a long book would have to be sorted for anything else.
        by_day = (
            Movement.select(
                mine.alias("holder"), Movement.owner.alias("owner"), Movement.asset_type.alias("kind"),
                place_of.alias("place"), Movement.booked_day.alias("day"), fn.SUM(Movement.quantity).alias("boxes"),
            )
            .where(mine.in_(outside), Movement.asset_type.in_(kinds), Movement.booked_day >= month.first)
            .group_by(mine, Movement.asset_type, Movement.booked_day, Movement.owner, place_of)
            .alias("by_day")
        )  # fmt: skip
        key = (by_day.c.holder, by_day.c.owner, by_day.c.kind, by_day.c.place)
        during = fn.SUM(Case(None, [(by_day.c.day <= month.last, by_day.c.boxes)], 0))
        later = fn.SUM(Case(None, [(by_day.c.day > month.last, by_day.c.boxes)], 0))
        for holder, owner, kind, place, in_month, after in tuples(
            Movement.select(*key, during, later).from_(by_day).group_by(*key)
        ):
            at_end[holder, owner, kind, place] -= sign * after
            if in_month:
                found.add((holder, owner))
    return found | {(holder, owner) for (holder, owner, _kind, _place), quantity in at_end.items() if quantity}


def _is_seen(owner: Party, by: Party | None) -> bool:
    """Whether boxes of this owner are for who asks, and in the account of the entity `by`: those of another one of
    our own are not."""
    return not owner.own or (current_scope().has_entity(owner.id) and by in (None, owner))


def _sums(partner: Party, month: Month, sign: int) -> Any:
    """What was booked to (+1) or from (−1) the partner since the month began: type, owner, place, whether the other
    side was the partner too, the day of an adjustment, boxes in the month, boxes after it."""
    mine, other, place = _sides(sign)
    own = other == mine
    late = Case(None, [(Movement.event_day != Movement.booked_day, Movement.event_day)])
    happened = late.converter(Movement.event_day.python_value)
    during = fn.SUM(Case(None, [(Movement.booked_day <= month.last, Movement.quantity)], 0))
    later = fn.SUM(Case(None, [(Movement.booked_day > month.last, Movement.quantity)], 0))
    return (
        Movement.select(Movement.asset_type, Movement.owner, place, own, happened, during, later)
        .where(mine == partner, Movement.asset_type.in_(all_types()), Movement.booked_day >= month.first)
        .group_by(Movement.asset_type, Movement.owner, place, own, happened)
    )


def all_types() -> list[int]:
    """The ids of all box types: with them a query finds what was booked since a day by the index of the account book
    (holder, type, day), however long the book is."""
    return [id_ for (id_,) in tuples(AssetType.select(AssetType.id))]


def _sides(sign: int) -> tuple[Any, Any, Any]:
    """The partner's side, the other one, and the partner's place."""
    if sign > 0:
        return Movement.to_holder, Movement.from_holder, Movement.to_place
    return Movement.from_holder, Movement.to_holder, Movement.from_place


def add_lines(accounts: Sequence[Account], partner: Party, month: Month) -> None:
    """Put the movements of the month into the accounts, as they were booked. Moves between places of the partner are no
    lines: they change nothing in what he owes. A shipment is named in the account of its seller: boxes of one entity
    that left with goods of another do not tell of these. What was undone, written off or miscounted becomes an
    adjustment in the figures too."""
    ours = {id_ for (id_,) in tuples(own_parties())}
    known = {(one.asset_type.id, one.owner.id): one for one in accounts}
    for sign in (1, -1):
        mine, other, place_of = _sides(sign)
        columns = (
            Movement.booked_day, Movement.event_day, Movement.asset_type, Movement.owner, ScanEvent.type,
            ScanEvent.document, Shipment.number, ScanEvent.place, place_of, other,
        )  # fmt: skip
        lent = Movement.owner.not_in(own_parties()) & (other == Shipment.consignor)  # boxes of an outside owner
        of_account = (ScanEvent.shipment == Shipment.id) & ((Movement.owner == Shipment.consignor) | lent)
        query = (
            Movement.select(*columns, fn.SUM(Movement.quantity))
            .join(ScanEvent, on=Movement.event == ScanEvent.event_id)
            .join(Shipment, JOIN.LEFT_OUTER, on=of_account)
            .where(
                mine == partner, Movement.asset_type.in_(all_types()), other.is_null() | (other != mine),
                Movement.booked_day.between(month.first, month.last),
            )
            .group_by(*columns)
        )  # fmt: skip
        rows = tuples(query)
        places = _rows(Place, {row[7] for row in rows} - {None})
        sums: dict[tuple[Any, ...], int] = defaultdict(int)  # one line, from whichever of his places
        for booked, happened, kind, owner, what, document, shipment, place, theirs, counterpart, quantity in rows:
            if (kind, owner) not in known:
                continue
            undone = _is_undone(what, sign, counterpart, ours)
            by_kind = undone or (counterpart is None and what not in _FIRST)
            if by_kind and booked == happened:
                _to_adjustments(known[kind, owner].places[theirs], sign, quantity)
            sums[kind, owner, happened, booked, what, document or shipment or "", place, undone, by_kind] += quantity
        for (kind, owner, happened, booked, what, document, place, undone, by_kind), quantity in sums.items():
            adjusts = by_kind or booked != happened
            amounts = (0, 0, sign * quantity) if adjusts else (quantity, 0, 0) if sign > 0 else (0, quantity, 0)
            known[kind, owner].lines.append(
                Line(happened, booked, what, document, places.get(place), *amounts, undone=undone)
            )
    for account in accounts:
        account.lines.sort(key=lambda one: (one.booked_day, one.event_day, one.quantity < 0, one.document, one.what))


#: With these boxes come into the books at a partner, from nobody.
_FIRST = ("commission", "opening")
#: The way of boxes that is the event itself, seen from the partner; the other way it is being undone.
_WAY = {"commission": 1, "opening": 1, "dispatch": 1, "return": -1}


def _is_undone(what: str, sign: int, counterpart: int | None, ours: Collection[int]) -> bool:
    """Whether a line takes back what an event had booked. That a box is dispatched which another partner had is none:
    it tells that this one gave it back."""
    return _WAY.get(what, sign) != sign and (counterpart is None or counterpart in ours)


def _to_adjustments(figures: Figures, sign: int, quantity: int) -> None:
    if sign > 0:
        figures.incoming -= quantity
    else:
        figures.outgoing -= quantity
    figures.adjustment += sign * quantity


def add_ages(accounts: Sequence[Account], partner: Party, day: date, zone: str, *, named: bool = False) -> None:
    """Say of each account for how long its boxes have been out at the end of `day`, by their trips; of counted pools,
    by the last ones that went out. `named`: with the codes of the oldest boxes over the free days."""
    agreements = agreements_of([partner.id])
    known = {(one.asset_type.id, one.owner.id): one for one in accounts}
    for one in accounts:
        one.free_days = free_days(agreement_for(agreements, partner.id, one.asset_type.id, day), one.asset_type)
    _ages_of_boxes(known, agreements, partner, day, zone)
    _ages_of_pools([one for one in accounts if one.asset_type.counted], agreements, partner, day)
    if named and any(one.over_free for one in accounts):
        _name_old_boxes(known, agreements, partner, day, zone)


def _out_at(partner: Party, day: date, zone: str) -> Any:
    """Condition on Trip: out at the end of the day, at this partner."""
    night = end_of(day, zone)
    return (
        (Trip.partner == partner) & (Trip.out_time < night) & (Trip.end_time.is_null() | (Trip.end_time >= night))
    )  # fmt: skip


def _ages_of_boxes(
    known: dict[tuple[int, int], Account], agreements: Sequence[Agreement], partner: Party, day: date, zone: str
) -> None:
    oldest = [end_of(day - timedelta(days=age + 1), zone) for age in AGES]  # left before it: older than so many days
    classes = Case(None, [(Trip.out_time >= start, index) for index, start in enumerate(oldest)], len(AGES)).alias(
        "age"
    )
    over = fn.SUM(Case(None, [(_over_free(known, agreements, partner, day, zone), 1)], 0))
    trips = (
        Trip.select(Trip.asset_type, Asset.owner, classes, fn.COUNT(Trip.id), over)
        .join(Asset, on=Trip.asset == Asset.id)
        .where(_out_at(partner, day, zone))
        .group_by(Trip.asset_type, Asset.owner, SQL("age"))
    )
    for kind, owner, age, count, late in tuples(trips):
        if account := known.get((kind, owner)):
            account.ages[age] += count
            account.over_free += late
    lost = (
        Trip.select(Trip.asset_type, Asset.owner, fn.COUNT(Trip.id))
        .join(Asset, on=Trip.asset == Asset.id)
        .where(
            Trip.partner == partner, Trip.end == "lost", Trip.end_time < end_of(day, zone), Asset.life == "lost",
            Asset.holder == partner,
        )
        .group_by(Trip.asset_type, Asset.owner)
    )  # fmt: skip
    for kind, owner, count in tuples(lost):
        if account := known.get((kind, owner)):
            account.lost = count


def _over_free(
    known: dict[tuple[int, int], Account], agreements: Sequence[Agreement], partner: Party, day: date, zone: str
) -> Any:
    """Condition on Trip: out for longer than the free days that hold for it."""
    condition = Trip.id == 0
    for kind in {one.asset_type.id: one.asset_type for one in known.values()}.values():
        for start, end, agreement in periods(agreements, partner.id, kind.id):
            free = free_days(agreement, kind)
            latest = min(end, day - timedelta(days=free))  # left on it or before: day free + 1 is over
            if free and latest >= start:
                left = Trip.out_time < end_of(latest, zone)
                if start > date.min:
                    left &= Trip.out_time >= end_of(start - timedelta(days=1), zone)
                condition |= (Trip.asset_type == kind) & left
    return condition


def _ages_of_pools(accounts: Sequence[Account], agreements: Sequence[Agreement], partner: Party, day: date) -> None:
    balances = {(one.asset_type.id, one.owner.id): one.figures.closing for one in accounts}
    lots = pool_lots(partner, day, balances)
    for account in accounts:
        for out_day, quantity in lots.get((account.asset_type.id, account.owner.id), []):
            days = (day - out_day).days
            account.ages[sum(days > age for age in AGES)] += quantity
            free = free_days(agreement_for(agreements, partner.id, account.asset_type.id, out_day), account.asset_type)
            if free and days_over(Stay(out_day, None), day, free) > 0:
                account.over_free += quantity


def pool_lots(
    partner: Party, day: date, balances: Mapping[tuple[int, int], int], chunk: int = 500
) -> dict[tuple[int, int], list[tuple[date, int]]]:
    """Of each counted pool (type, owner) the moves that its balance at the end of `day` consists of, oldest first.
    `balances` has one for each.

    The moves to the partner are read backwards, until every balance is reached: usually at once. A query for each type.
    """
    incoming: dict[tuple[int, int], list[tuple[date, int]]] = defaultdict(list)
    for kind in sorted({kind for kind, _owner in balances}):
        before: tuple[date, int] | None = None
        while True:
            query = (
                Movement.select(Movement.id, Movement.owner, Movement.booked_day, Movement.event_day, Movement.quantity)
                .where(Movement.to_holder == partner, Movement.asset_type == kind, Movement.asset.is_null())
                .where(Movement.from_holder.is_null() | (Movement.from_holder != partner), Movement.event_day <= day)
                .order_by(Movement.booked_day.desc(), Movement.id.desc())
                .limit(chunk)
            )
            if before:
                earlier = (Movement.booked_day == before[0]) & (Movement.id < before[1])
                query = query.where((Movement.booked_day < before[0]) | earlier)
            rows = tuples(query)
            for _id, owner, _booked, happened, quantity in rows:
                incoming[kind, owner].append((happened, quantity))
            mine = [key for key in balances if key[0] == kind]
            if len(rows) < chunk or all(sum(n for _, n in incoming[key]) >= balances[key] for key in mine):
                break
            before = (rows[-1][2], rows[-1][0])
    return {
        key: last_ones_in(balances.get(key, 0), sorted(moves, key=lambda move: move[0], reverse=True))
        for key, moves in incoming.items()
    }


def _name_old_boxes(
    known: dict[tuple[int, int], Account], agreements: Sequence[Agreement], partner: Party, day: date, zone: str
) -> None:
    trips = (
        Trip.select(Trip.asset_type, Asset.owner, Asset.code, Trip.out_time)
        .join(Asset, on=Trip.asset == Asset.id)
        .where(_out_at(partner, day, zone), _over_free(known, agreements, partner, day, zone))
        .order_by(Trip.out_time, Asset.code)
        .limit(MOST_OLD_BOXES * max(1, len(known)))
    )
    for kind, owner, code, out_time in tuples(trips):
        account = known.get((kind, owner))
        if account and len(account.old_boxes) < MOST_OLD_BOXES:
            out_day = day_of(out_time, zone)
            account.old_boxes.append((code, out_day, (day - out_day).days))


def end_of(day: date, zone: str) -> datetime:
    """The midnight at the end of a day, in a zone."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone))


def day_of(moment: Any, zone: str) -> date:
    """The day of a stored moment, as a query gives it in a tuple, in a zone."""
    at = Trip.out_time.python_value(moment)
    assert at
    return at.astimezone(ZoneInfo(zone)).date()


def _rows(model: Any, ids: set[int]) -> dict[int, Any]:
    return {row.id: row for row in model.select().where(model.id.in_(ids))} if ids else {}
