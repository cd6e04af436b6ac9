"""Who sees which box, and what is told of boxes.

A box belongs to the entity that owns it; one of an outside owner to the entities at whose place it was seen last or
comes back to. Where a person is limited to sites, it is the place where the box was seen last, or its return place:
boxes at a partner are seen by the site to which they come back. With a box its whole life is seen. Of a counted pool
the entity sees what is its own, wherever it is. What is neither (a scan of something unknown) goes by its place.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from peewee import SQL, fn

from accounts.models import ApiToken
from accounts.scope import Scope, both, current_scope, seen
from assets.models import (
    Agreement,
    Asset,
    Device,
    ExceptionCase,
    Movement,
    PoolMinimum,
    ScanEvent,
    ScanSession,
    StockLevel,
    Trip,
)
from database import db, one_of, tuples
from master_data import visible
from master_data.models import Party
from master_data.visible import own_parties, places_of, visible_parties
from shipments.visible import shipments_of

#: What so many boxes have is found and sorted faster than the rows of a list are judged one by one in their order, and
#: counted faster; measured at 100,000 boxes with a million scans.
FEW_TO_LIST, FEW_TO_COUNT = 2_000, 10_000
#: So many events at its places a box may have on the average, to be one of few.
_EVENTS = 20
#: Of so many boxes it is found out at once which partners had one.
_FEW_TO_TIE = 1_000

#: Conditions on cases that belong to something that is not known here (a statement): entities → condition.
case_rules: list[Any] = []


def visible_assets(scope: Scope, asset: Any = Asset) -> Any:
    """Condition on Asset; None: all of them."""
    return both(of_entities(scope, asset), of_sites(scope, asset))


def of_entities(scope: Scope, asset: Any = Asset) -> Any:
    """Condition on Asset: a box of one of the person's entities; None: any."""
    if scope.entities is None:
        return None
    places = places_of(scope.entities)
    foreign = asset.owner.not_in(own_parties())
    # One OR of three, each with an index of its own: SQLite uses none for an OR inside of an AND.
    return (
        asset.owner.in_(scope.entities)
        | (asset.place.in_(places) & foreign)
        | (asset.return_place.in_(places) & foreign)
    )


def of_sites(scope: Scope, asset: Any = Asset) -> Any:
    """Condition on Asset: a box that is at one of the person's sites, or comes back there; None: any."""
    return None if scope.sites is None else asset.place.in_(scope.sites) | asset.return_place.in_(scope.sites)


def box_passes(key: Any, rule: Any, scope: Scope) -> Any:
    """Condition: `key` is of a box for which a rule of these holds; None when it holds for all.

    Asked box by box: a list of all boxes that pass would be made before the first row of a page is found.
    """
    asset = Asset.alias()
    condition = rule(scope, asset)
    return None if condition is None else fn.EXISTS(asset.select(asset.id).where(asset.id == key, condition))


class BoxLists:
    """The rules of boxes for one list: where few boxes pass, the condition names them.

    A list is read in its order until its page is full. For who sees one box of a thousand that is a thousand rows for
    each that is shown, and all of them for who sees none; what few boxes have is found by an index instead. Which boxes
    pass is read once and holds for one answer, not longer.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._found: dict[Any, list[int] | None] = {}

    def few(self, rule: Any, most: int) -> list[int] | None:
        """The keys of all boxes for which `rule` holds; None when these are more than `most`, or all."""
        if rule not in self._found:
            condition = rule(self._scope, Asset)
            keys = None if condition is None else Asset.select(Asset.id).where(condition).limit(FEW_TO_COUNT + 1)
            # A box has one column here: rows of the library would cost more than the question.
            self._found[rule] = None if keys is None else [key for (key,) in db.execute_sql(*keys.sql()).fetchall()]
        found = self._found[rule]
        return found if found is not None and len(found) <= most else None

    def to_list(self, key: Any, rule: Any, scope: Scope) -> Any:
        """`box_passes` for the rows of a page."""
        few = self.few(rule, FEW_TO_LIST)
        return box_passes(key, rule, scope) if few is None else one_of(key, few)

    def to_count(self, key: Any, rule: Any, scope: Scope) -> Any:
        """`box_passes` to count as far as a list does, which pays off for more boxes than to sort their rows does."""
        few = self.few(rule, FEW_TO_COUNT)
        return box_passes(key, rule, scope) if few is None else one_of(key, few)

    def assets(self, scope: Scope) -> Any:
        """`visible_assets` for the rows of a page."""
        return self.to_list(Asset.id, visible_assets, scope)

    def movements(self, most: int, scope: Scope) -> Any:
        """`visible_movements` that names the boxes that ever had to do with the entities or sites, where they are few.

        A box came to its owner by being registered or sold to it, and to a place by a scan there. The names only
        narrow: what is not to be seen stays so.
        """
        exact = visible_movements(scope)
        few = None if exact is None else self._ever(most)
        if few is None:
            return exact
        boxes, pieces = few
        named = one_of(Movement.asset, boxes)
        return both(named | one_of(Movement.id, pieces) if pieces else named, exact)

    def _ever(self, most: int) -> tuple[list[int], list[int]] | None:
        """The keys of these boxes, and of the lines of counted pools; None when they are more than `most`."""
        scope, event = self._scope, ScanEvent
        for rule, named, owned in (
            (of_sites, scope.sites, None), (of_entities, scope.entities, scope.entities),
        ):  # fmt: skip
            now = None if named is None else self.few(rule, most)
            if now is None or named is None:
                continue
            # Keys, and no DISTINCT: PostgreSQL would read all events in the order of their boxes.
            at = list(named) if owned is None else [key for (key,) in tuples(places_of(owned))]
            there = event.place.in_(at)
            got = event.party.in_(named) & event.type.in_(["commission", "owner_change"])
            queries = [there & event.asset.is_null(False), *([got & event.asset.is_null(False)] if owned else [])]
            boxes = set(now)
            rows = [
                row for query in queries for row in tuples(event.select(event.asset).where(query).limit(_EVENTS * most))
            ]
            boxes |= {key for (key,) in rows}
            pools = (there if owned is None else event.owner.in_(named)) & event.asset.is_null()
            lines = Movement.select(Movement.id).join(event, on=(Movement.event == event.event_id)).where(pools)
            pieces = [key for (key,) in tuples(lines.limit(most + 1))]
            if max(len(boxes), len(pieces)) <= most and len(rows) < _EVENTS * most:
                return sorted(boxes), pieces
        return None


def visible_events(scope: Scope, passes: Any = box_passes) -> Any:
    """Condition on ScanEvent; None: all of them."""
    event = ScanEvent
    entity = site = None
    if scope.entities is not None:
        without = event.asset.is_null() & event.owner.is_null()
        entity = (
            passes(event.asset, of_entities, scope)
            | event.owner.in_(scope.entities)
            | (without & event.place.in_(places_of(scope.entities)))
            | (without & event.shipment.in_(shipments_of(scope.entities)))
        )
    if scope.sites is not None:
        site = event.place.in_(scope.sites) | passes(event.asset, of_sites, scope)
    return both(entity, site)


def visible_trips(scope: Scope, passes: Any = box_passes) -> Any:
    """Condition on Trip; None: all of them."""
    boxes = passes(Trip.asset, of_entities, scope)
    site = None
    if scope.sites is not None:
        site = Trip.from_place.in_(scope.sites) | passes(Trip.asset, of_sites, scope)
    return both(boxes, site)


def visible_movements(scope: Scope) -> Any:
    """Condition on Movement: of the person's owners, from or to his sites; None: all of them."""
    one, entity, site = Movement, None, None
    if scope.entities is not None:
        ours = one.from_holder.in_(scope.entities) | one.to_holder.in_(scope.entities)
        entity = one.owner.in_(scope.entities) | (one.owner.not_in(own_parties()) & ours)
    if scope.sites is not None:
        at = one.from_place.in_(scope.sites) | one.to_place.in_(scope.sites)
        site = at | box_passes(one.asset, of_sites, scope)
    return both(entity, site)


def visible_levels(scope: Scope) -> Any:
    """Condition on StockLevel; None: all of them. A level at a partner has no site: see `balances.level_sums`."""
    entity = None
    if scope.entities is not None:
        foreign = StockLevel.owner.not_in(own_parties()) & StockLevel.holder.in_(scope.entities)
        entity = StockLevel.owner.in_(scope.entities) | foreign
    return both(entity, None if scope.sites is None else StockLevel.place.in_(scope.sites))


def visible_cases(scope: Scope) -> Any:
    """Condition on ExceptionCase; None: all of them."""
    case, entity, site = ExceptionCase, None, None
    if scope.entities is not None:
        told = ScanEvent.alias()
        places, loaded = places_of(scope.entities), shipments_of(scope.entities)
        around = told.place.in_(places) | told.shipment.in_(loaded)
        events = told.select(told.event_id).where(
            told.owner.in_(scope.entities) | (told.owner.is_null() & around), told.asset.is_null()
        )
        entity = box_passes(case.asset, of_entities, scope)
        entity |= case.asset.is_null() & (case.event.in_(events) | (case.event.is_null() & case.place.in_(places)))
        for rule in case_rules:
            entity |= rule(scope.entities)
    if scope.sites is not None:
        site = case.place.in_(scope.sites) | box_passes(case.asset, of_sites, scope)
        site |= case.source == "statement"  # an account has no site
    return both(entity, site)


def visible_devices(scope: Scope, user_id: int) -> Any:
    """Condition on Device: it scans at a place of the person's, or is his own; None: all of them."""
    if not scope.is_limited:
        return None
    token = ApiToken.alias()
    mine = Device.token.in_(token.select(token.id).where(token.user == user_id))
    return mine | _at_own_place(scope, Device.place)


def visible_sessions(scope: Scope, user_id: int) -> Any:
    """Condition on ScanSession: at a place of the person's, or his own; None: all of them."""
    if not scope.is_limited:
        return None
    return (ScanSession.user == user_id) | _at_own_place(scope, ScanSession.place)


def box_is_seen(asset: Asset) -> bool:
    """Whether this box is for who asks."""
    if not current_scope().is_limited:
        return True
    return bool(seen(visible_assets, Asset.select().where(Asset.id == asset.id)).exists())


def event_is_seen(event_id: str) -> bool:
    """False for an event that is there and is not for who asks."""
    if not current_scope().is_limited:
        return True
    event = ScanEvent.select().where(ScanEvent.event_id == event_id)
    return bool(seen(visible_events, event).exists() or not event.exists())


def picture_is_seen(sha256: str, user_id: int) -> bool:
    """Whether a kept picture came with something that who asks may see: to know its hash is not enough."""
    if not current_scope().is_limited:
        return True
    events = seen(visible_events, ScanEvent.select().where(ScanEvent.photo == sha256, ScanEvent.photo != ""))
    signed = ScanSession.select().where(ScanSession.signature == sha256)
    return bool(events.exists() or signed.where(visible_sessions(current_scope(), user_id)).exists())


def picture_is_free(sha256: str, user_id: int) -> bool:
    """Whether who asks may send this picture along: nothing has it yet, or something that he sees."""
    used = ScanEvent.select().where(ScanEvent.photo == sha256, ScanEvent.photo != "").exists()
    used = used or ScanSession.select().where(ScanSession.signature == sha256).exists()
    return not used or picture_is_seen(sha256, user_id)


def visible_minimums(scope: Scope) -> Any:
    """Condition on PoolMinimum: of the person's places; None: all of them."""
    return _at_own_place(scope, PoolMinimum.place)


def visible_agreements(scope: Scope) -> Any:
    """Condition on Agreement: it is the firm's with a partner, seen by whoever sees the partner; None: all of them."""
    partner = Party.alias()
    condition = visible_parties(scope, partner)
    return None if condition is None else Agreement.partner.in_(partner.select(partner.id).where(condition))


def _at_own_place(scope: Scope, place: Any) -> Any:
    return both(
        None if scope.entities is None else place.in_(places_of(scope.entities)),
        None if scope.sites is None else place.in_(scope.sites),
    )


def _ties(party: Any, entities: Collection[int] | None) -> list[Any]:
    """A partner that has or had boxes; an owner of boxes that are at our places."""
    level, box, trip = StockLevel.alias(), Asset.alias(), Trip.alias()
    held = level.select(level.id).where(level.holder == party.id, level.quantity != 0)
    owned = box.select(box.id).where(box.owner == party.id)
    # Few firms own boxes, and PostgreSQL would look for those of each partner in all of them.
    own_level = StockLevel.alias()
    owner = fn.EXISTS(own_level.select(own_level.id).where(own_level.owner == party.id))
    went = trip.select(trip.id).where(trip.partner == party.id)
    had = fn.EXISTS(went)
    if entities is not None:
        held = held.where(level.owner.in_(entities))
        places, own = places_of(entities), Asset.alias()
        owned = owned.where(box.place.in_(places) | box.return_place.in_(places))
        theirs = own.select(own.id).where(own.owner.in_(entities))
        few, any_trip = (
            theirs.limit(_FEW_TO_TIE),
            trip.select(trip.partner).where(trip.asset.in_(theirs.limit(_FEW_TO_TIE))),
        )
        # Of few boxes all partners are found at once: all trips of a partner were looked through for one of theirs.
        many = few.select_from(fn.COUNT(SQL("*"))) >= _FEW_TO_TIE
        had = party.id.in_(any_trip) | (many & fn.EXISTS(went.where(trip.asset.in_(theirs))))
    return [fn.EXISTS(held), owner & fn.EXISTS(owned), had]


visible.ties.append(_ties)
