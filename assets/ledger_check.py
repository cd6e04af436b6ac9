"""Whether all that is stored of the boxes follows from their events: for `flask check` and for tests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from peewee import JOIN, fn

import archive
from assets import movements, trips
from assets import state as rules
from assets.labels import grai
from assets.ledger import LevelKey, booked_lines, histories, parts
from assets.models import Asset, Movement, ScanEvent, ScanSession, StockLevel, Trip
from assets.movements import corrections
from assets.pools import PoolEvent, posting
from assets.trips import TripFacts
from config import Store
from database import tuples
from errors import N_, Message
from master_data.models import AssetType, Party, Place
from shipments.models import Shipment


def faults() -> Iterator[Message]:
    """What must hold after any history and does not; nothing when all is well."""
    ids = [id_ for (id_,) in tuples(Asset.select(Asset.id).order_by(Asset.id))]
    for part in parts(ids):
        events, booked, stored = histories(part), booked_lines(part), _stored_trips(part)
        for asset in Asset.select(Asset, AssetType).join(AssetType).where(Asset.id.in_(part)).order_by(Asset.id):
            steps = list(rules.steps(event for event, _ in events.get(asset.id, [])))
            words = {event.event_id: word for event, word in events.get(asset.id, [])}
            yield from _state_faults(asset, steps, words)
            wanted = [line for line in map(movements.line, steps) if line]
            if corrections(wanted, [line for line, _ in booked.get(asset.id, [])]):
                yield Message(N_("Box %(code)s: the account book does not follow from its events."), _of(asset))
            if trips.trips(steps) != stored.get(asset.id, []):
                yield Message(N_("Box %(code)s: its trips do not follow from its events."), _of(asset))
    yield from _level_faults()
    yield from _event_faults()


def photo_faults(folder: Store) -> Iterator[str]:
    """One sentence for each photo of an event, and each signature of a session, that is missing or changed."""
    photos = ScanEvent.select(ScanEvent.photo).where(ScanEvent.photo != "").distinct()
    signatures = ScanSession.select(ScanSession.signature).where(ScanSession.signature != "").distinct()
    for (sha256,) in tuples(photos) + tuples(signatures):
        try:
            archive.read(folder, sha256, suffix=".jpg")
        except archive.ArchiveFault as fault:
            yield str(fault)


def _of(asset: Asset) -> dict[str, Any]:
    return {"code": asset.code}


def _state_faults(asset: Asset, steps: Sequence[rules.Step], words: dict[str, str]) -> Iterator[Message]:
    state = steps[-1].after if steps else rules.State()
    for name in rules.FIELDS:
        if getattr(asset, name) != getattr(state, name):
            values = {"code": asset.code, "name": name, "stored": getattr(asset, name), "right": getattr(state, name)}
            yield Message(N_("Box %(code)s: %(name)s is stored as %(stored)s, its events say %(right)s."), values)
    if asset.event_count != len(steps):
        values = {"code": asset.code, "stored": asset.event_count, "right": len(steps)}
        yield Message(N_("Box %(code)s: %(stored)s events are counted, there are %(right)s."), values)
    for step in steps:
        if words[step.event.event_id] != " ".join(step.broken):
            values = {"code": asset.code, "id": step.event.event_id}
            yield Message(N_("Box %(code)s: the exceptions of scan %(id)s are not those of its history."), values)
    if asset.grai and asset.grai != grai(asset.asset_type, asset.code):
        yield Message(N_("Box %(code)s: its GRAI does not follow from its type."), _of(asset))


def _stored_trips(asset_ids: Sequence[int]) -> dict[int, list[TripFacts]]:
    found: dict[int, list[TripFacts]] = defaultdict(list)
    for row in Trip.select().where(Trip.asset.in_(asset_ids)).order_by(Trip.asset, Trip.out_time):
        found[row.asset_id].append(TripFacts(**{name: getattr(row, name) for name in TripFacts.__dataclass_fields__}))
    return found


def _level_faults() -> Iterator[Message]:
    stored: Counter[LevelKey] = Counter()
    for row in StockLevel.select():
        axes = (row.life, row.where, row.condition)
        key = LevelKey(row.asset_type_id, row.owner_id, row.holder_id, row.place_id, *axes)
        stored[key] += row.quantity
    right = _box_levels() + Counter()
    right.update(pool_levels())
    codes: dict[int, str] = dict(tuples(AssetType.select(AssetType.id, AssetType.code)))
    for key in stored.keys() | right.keys():
        if stored[key] != right[key]:
            values = {"type": codes[key.asset_type_id], "key": key.text, "stored": stored[key], "right": right[key]}
            yield Message(N_("Level %(type)s (%(key)s) is stored as %(stored)s, it is %(right)s."), values)


def _box_levels() -> Counter[LevelKey]:
    axes = (Asset.asset_type, Asset.owner, Asset.holder, Asset.place, Asset.life, Asset.where, Asset.condition)
    query = Asset.select(*axes, fn.COUNT(Asset.id)).where(Asset.life.in_(["active", "lost"])).group_by(*axes)
    found: Counter[LevelKey] = Counter()
    for kind, owner, holder, place, life, where, condition, count in tuples(query):
        stands_at = place if where in ("here", "there") else None
        found[LevelKey(kind, owner, holder, stands_at, life, where, condition)] += count
    return found


def pool_levels() -> Counter[LevelKey]:
    """The levels of counted pools as their events have them."""
    void, goal, whose = ScanEvent.alias(), Place.alias(), Party.alias()
    query = (
        ScanEvent.select(
            ScanEvent.asset_type, ScanEvent.owner, ScanEvent.type, ScanEvent.quantity, ScanEvent.place, Place.party,
            whose.own,
            fn.COALESCE(ScanEvent.party, Shipment.consignee), goal.party, ScanEvent.difference,
        )
        .join_from(ScanEvent, Place, JOIN.LEFT_OUTER, on=(ScanEvent.place == Place.id))
        .join_from(Place, whose, JOIN.LEFT_OUTER, on=(Place.party == whose.id))
        .join_from(ScanEvent, goal, JOIN.LEFT_OUTER, on=(ScanEvent.destination == goal.id))
        .join_from(ScanEvent, Shipment, JOIN.LEFT_OUTER, on=(ScanEvent.shipment == Shipment.id))
        .where(
            ScanEvent.asset_type.is_null(False), ScanEvent.refused == "", ScanEvent.type != "void",
            ~fn.EXISTS(void.select(void.id).where(void.voids == ScanEvent.event_id)),
        )
    )  # fmt: skip
    found: Counter[LevelKey] = Counter()
    for kind, owner, type, quantity, place, party, place_own, *rest in tuples(query):
        moved = posting(PoolEvent(type, quantity, place, party, bool(place_own), *rest))
        if moved is None:
            continue
        for point, sign in ((moved[0], -1), (moved[1], 1)):
            if point:
                key = LevelKey(kind, owner, point.holder_id, point.place_id, "active", point.where, point.condition)
                found[key] += sign * moved[2]
    return found


def _event_faults() -> Iterator[Message]:
    stray = ScanEvent.select().where(
        ScanEvent.asset.is_null(), ScanEvent.asset_type.is_null(), ScanEvent.parent == "", ScanEvent.refused == "",
        ScanEvent.type != "void",
    ).count()  # fmt: skip
    if stray:
        yield Message(N_("%(count)s scans were taken without a box."), {"count": stray})
    kept = ScanEvent.alias()
    nowhere = kept.select(kept.id).where(kept.event_id == ScanEvent.voids)
    lost = ScanEvent.select().where(ScanEvent.voids.is_null(False), ~fn.EXISTS(nowhere)).count()
    if lost:
        yield Message(N_("%(count)s scans undo a scan that does not exist."), {"count": lost})
    # Per type and account: what the book says is what the levels say.
    book: Counter[tuple[int | None, ...]] = Counter()
    for holder, place, sign in (
        (Movement.from_holder, Movement.from_place, -1),
        (Movement.to_holder, Movement.to_place, 1),
    ):
        columns = (Movement.asset_type, Movement.owner, holder, place)
        query = Movement.select(*columns, fn.SUM(Movement.quantity)).where(holder.is_null(False)).group_by(*columns)
        for *key, count in tuples(query):
            book[tuple(key)] += sign * int(count)
    account = (StockLevel.asset_type, StockLevel.owner, StockLevel.holder, StockLevel.place)
    for *key, count in tuples(StockLevel.select(*account, fn.SUM(StockLevel.quantity)).group_by(*account)):
        book[tuple(key)] -= int(count)
    wrong = sum(1 for difference in book.values() if difference)
    if wrong:
        yield Message(N_("%(count)s accounts say something else than the levels."), {"count": wrong})
