"""Declarations of boxes that go out for a time and come back: what is recorded, and what is asked of it.

The two states of a box are read side by side: `DeclaredBox.closing` is what customs was told, `back_by_scan()` what the
scans say. A box is back by scan when its trip under the declaration has ended with a return; a trip of another shipment
does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from peewee import JOIN, Case, IntegrityError, ModelSelect, fn

from accounts.models import User
from accounts.scope import current_scope, seen
from assets.balances import day_at
from assets.dispatched import dispatched_on
from assets.models import Asset, Trip
from assets.visible import visible_assets
from customs import rules
from customs.models import CustomsDeclaration, CustomsExtension, DeclaredBox
from customs.visible import visible_declarations, visible_declared
from database import locked, taking_turns, tuples, utc_now
from docs_gen.models import IssuedDocument
from docs_gen.visible import visible_papers
from errors import N_, InvalidInput, Refused
from master_data.home import home_place
from master_data.models import AssetType, Party, Place
from shipments.details import details_from_json
from shipments.models import Shipment

#: Boxes on one declaration; one page of codes.
MOST_BOXES = 5000
_CHUNK = 500
#: A paper that was issued longer ago is not offered to be recorded any more.
OFFER_DAYS = 365
_TAKEN = N_("A declaration with this number and item is recorded already.")


@dataclass(frozen=True)
class Head:
    """What stands on a declaration; all of it checked by the form."""

    number: str
    regime: str
    country: str
    declared_day: date
    item: str = ""
    office: str = ""
    destination: str = ""
    exit_day: date | None = None
    months: int | None = None
    shipment: Shipment | None = None
    document: IssuedDocument | None = None
    transport_document_no: str = ""
    freight_container_no: str = ""
    seal_no: str = ""
    note: str = ""


@dataclass(frozen=True)
class Counts:
    """Boxes of one declaration out by what became of them, and what does not fit together."""

    out: int = 0
    back: int = 0
    paid: int = 0
    destroyed: int = 0
    value: dict[str, Decimal] = field(default_factory=dict)  # of the open ones, by currency

    @property
    def open(self) -> int:
        return rules.open_count(self.out, self.back, self.paid, self.destroyed)


@dataclass(frozen=True)
class Risk:
    """Open boxes of one declaration, all of one currency."""

    declaration: CustomsDeclaration
    due: date
    count: int
    value: Decimal
    currency: str


@dataclass(frozen=True)
class Mismatch:
    """Boxes of one declaration whose scans and declarations contradict each other, in one way (rules.MISMATCHES)."""

    declaration: CustomsDeclaration
    kind: str
    count: int
    example: str  # code of one of them


# ---- writing


def save_out(
    head: Head, assets: Sequence[Asset], user: User | None, now: datetime, declaration: CustomsDeclaration | None = None
) -> CustomsDeclaration:
    """Record a declaration out with its boxes, or correct a recorded one.

    Raises InvalidInput when the number is taken, or when a box is to be taken off whose clock is closed already.
    """
    with _number_once(), taking_turns():
        if declaration is not None:
            declaration = locked(CustomsDeclaration.select().where(CustomsDeclaration.id == declaration.id)).get()
        _number_free(head, "out", declaration)
        if declaration is None:
            declaration = CustomsDeclaration(direction="out", created_time=now)
        _set_head(declaration, head, user, now)
        declaration.due_day = rules.due_day(head.exit_day, head.months, _extended_to(declaration))
        declaration.save()
        _set_boxes(declaration, assets, now)
        _close_if_done(declaration, declaration.closed_day or day_at(home_place(), now))
    return declaration


def save_back(
    head: Head, assets: Sequence[Asset], user: User | None, now: datetime
) -> tuple[CustomsDeclaration, list[DeclaredBox]]:
    """Record a declaration back and close the clock of its boxes, of each the one that is due first.

    A number that is recorded already, of the same day, takes further boxes. Raises InvalidInput for a box without an
    open clock of this customs territory, and for a day before the boxes left.
    """
    with _number_once(), taking_turns():
        open_boxes = _open_boxes(assets, head.country)
        back = CustomsDeclaration.get_or_none(
            CustomsDeclaration.country == head.country, CustomsDeclaration.direction == "back",
            CustomsDeclaration.number == head.number, CustomsDeclaration.item == head.item,
        )  # fmt: skip
        known = CustomsDeclaration.select().where(CustomsDeclaration.id == (back.id if back else 0))
        if back is not None and current_scope().is_limited and not seen(visible_declarations, known).exists():
            raise InvalidInput("number", _TAKEN)
        if back is not None and back.declared_day != head.declared_day:
            raise InvalidInput("number", N_("This declaration is recorded already, of another day."))
        _after_leaving(open_boxes, head.declared_day)
        if back is None:
            back = CustomsDeclaration(direction="back", created_time=now)
            _set_head(back, head, user, now)
            back.save()
        _close(open_boxes, "back", head.declared_day, back=back)
    return back, open_boxes


def close_otherwise(
    assets: Sequence[Asset], country: str, closing: str, day: date, reference: str
) -> list[DeclaredBox]:
    """Close the clock of boxes that do not come back: duty paid, or destroyed under supervision (rules.CLOSINGS)."""
    with taking_turns():
        open_boxes = _open_boxes(assets, country)
        _after_leaving(open_boxes, day)
        _close(open_boxes, closing, day, reference=reference)
    return open_boxes


def reopen(box: DeclaredBox, reason: str, user: User | None, now: datetime) -> None:
    """Take a closing back that was wrong. What stood there is kept in the log of the box."""
    with taking_turns():
        box = locked(DeclaredBox.select().where(DeclaredBox.id == box.id)).get()
        if not box.closing:
            raise Refused("open_already", N_("This box is open already."))
        what = box.back.number if box.back else box.reference
        who = user.username if user else "–"
        line = f"{now:%Y-%m-%d %H:%M} UTC, {who}: {box.closing} {what} {box.closed_day} taken back: {reason}"
        DeclaredBox.update(
            closing="", back=None, closed_day=None, reference="", settled=False, log=f"{box.log}{line}\n"
        ).where(DeclaredBox.id == box.id).execute()
        CustomsDeclaration.update(closed_day=None).where(CustomsDeclaration.id == box.declaration_id).execute()


def extend(
    declaration: CustomsDeclaration, number: str, applied_day: date, until: date, user: User | None, now: datetime
) -> CustomsExtension:
    """Record an extension. One that was applied for after expiry is recorded too, and the pages say so.

    Raises InvalidInput when it ends before what is due now, or when its number is recorded already.
    """
    with taking_turns():
        declaration = locked(CustomsDeclaration.select().where(CustomsDeclaration.id == declaration.id)).get()
        if declaration.due_day and until <= declaration.due_day:
            raise InvalidInput(
                "until", N_("It must end after %(day)s, which is due now."), day=declaration.due_day.isoformat()
            )
        known = CustomsExtension.select().where(
            CustomsExtension.declaration == declaration, CustomsExtension.number == number
        )
        if known.exists():
            raise InvalidInput("number", N_("An extension of this number is recorded already."))
        row = CustomsExtension.create(
            declaration=declaration, number=number, applied_day=applied_day, until=until, recorded_time=now,
            recorded_by=user,
        )  # fmt: skip
        CustomsDeclaration.update(due_day=until, changed_time=now, changed_by=user).where(
            CustomsDeclaration.id == declaration.id
        ).execute()
    return row


def settle() -> int:
    """Mark the boxes that were declared back first and were seen back by a scan since; gives how many."""
    ids = [
        id_
        for (id_,) in tuples(
            _with_assets(DeclaredBox.select(DeclaredBox.id)).where(
                DeclaredBox.closing == "back", ~DeclaredBox.settled, back_by_scan().is_null(False)
            )
        )
    ]
    for start in range(0, len(ids), _CHUNK):
        DeclaredBox.update(settled=True).where(DeclaredBox.id.in_(ids[start : start + _CHUNK])).execute()
    return len(ids)


# ---- asking


def assets_of(codes: Iterable[str], field: str = "codes") -> list[Asset]:
    """The boxes of these codes, each once, types joined; InvalidInput at `field` names those that do not exist."""
    wanted = list(dict.fromkeys(code.upper() for code in codes))
    if not wanted:
        raise InvalidInput(field, N_("Name at least one box."))
    if len(wanted) > MOST_BOXES:
        raise InvalidInput(field, N_("At most %(most)s boxes at a time; these are %(count)s."), most=MOST_BOXES,
                           count=len(wanted))  # fmt: skip
    found: dict[str, Asset] = {}
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        rows = Asset.select(Asset, AssetType).join(AssetType).where(Asset.code.in_(part))
        found |= {row.code: row for row in seen(visible_assets, rows)}
    missing = [code[:30] for code in wanted if code not in found]
    if missing:
        raise InvalidInput(field, N_("There is no box with the code %(codes)s."), codes=", ".join(missing[:5]))
    return [found[code] for code in wanted]


def back_by_scan() -> Any:
    """SQL: when the box of a DeclaredBox came back by scan, NULL while it has not. Asset and the declaration joined."""
    returned = Trip.select(fn.MIN(Trip.end_time)).where(
        Trip.asset == DeclaredBox.asset,
        Trip.end == "returned",
        Trip.end_time >= CustomsDeclaration.counts_from,
        CustomsDeclaration.shipment.is_null() | (Trip.shipment == CustomsDeclaration.shipment),
    )
    at_home = Case(
        None, [((Asset.where == "here") & (Asset.home_since >= CustomsDeclaration.counts_from), Asset.home_since)]
    )
    # Away without a break since before the time that counts: it cannot have come back, and its trips are not read.
    never_back = (Asset.where != "here") & (Asset.out_since <= CustomsDeclaration.counts_from)
    found = Case(None, [(never_back, None)], fn.COALESCE(returned, at_home))
    return found.converter(Asset.home_since.python_value)


def boxes_of(declaration: CustomsDeclaration) -> ModelSelect[Any]:
    """The boxes on a declaration out or back: asset, type, holder, declaration out; `back_time` by scan."""
    out = DeclaredBox.back == declaration if declaration.direction == "back" else DeclaredBox.declaration == declaration
    return _boxes().where(out)


def clocks_of(asset: Asset) -> list[DeclaredBox]:
    """The clocks of one box, the open ones first, the latest first; with `back_time` by scan."""
    query = _boxes().where(DeclaredBox.asset == asset)
    in_order = (DeclaredBox.closing != "", CustomsDeclaration.declared_day.desc(), DeclaredBox.id.desc())
    return list(seen(visible_declared, query).order_by(*in_order))


def counts(declaration: CustomsDeclaration) -> Counts:
    """How many of its boxes are out, back, paid for, destroyed; the value of the open ones."""
    query = (
        DeclaredBox.select(DeclaredBox.closing, AssetType.value, AssetType.value_currency, fn.COUNT(DeclaredBox.id))
        .join(Asset)
        .join(AssetType)
        .where(DeclaredBox.declaration == declaration)
        .group_by(DeclaredBox.closing, AssetType.id, AssetType.value, AssetType.value_currency)
    )
    found: dict[str, int] = {}
    value: dict[str, Decimal] = {}
    for closing, each, currency, count in tuples(query):
        found[closing] = found.get(closing, 0) + count
        if not closing:
            value[currency] = value.get(currency, Decimal(0)) + each * count
    return Counts(
        sum(found.values()), found.get("back", 0), found.get("paid", 0), found.get("destroyed", 0),
        dict(sorted(value.items())),
    )  # fmt: skip


def late_extensions(declaration: CustomsDeclaration) -> list[tuple[CustomsExtension, bool]]:
    """Its extensions in order; True: applied for after expiry."""
    rows = list(
        CustomsExtension.select(CustomsExtension, User)
        .join(User, JOIN.LEFT_OUTER)
        .where(CustomsExtension.declaration == declaration)
        .order_by(CustomsExtension.until, CustomsExtension.id)
    )
    late = rules.late_extensions(
        declaration.exit_day, declaration.months, [(row.applied_day, row.until) for row in rows]
    )
    return list(zip(rows, late, strict=True))


def loading_differences(declaration: CustomsDeclaration) -> tuple[list[str], list[str]]:
    """Codes that left on its shipment without standing on one of its declarations, and codes that stand there only."""
    if declaration.shipment is None:
        return [], []
    covered = _codes_of(CustomsDeclaration.shipment == declaration.shipment_id)
    loaded = [asset.code for asset in dispatched_on(declaration.shipment)]
    left, _ = rules.loading_differences(covered, loaded)
    _, absent = rules.loading_differences(_codes_of(CustomsDeclaration.id == declaration.id), loaded)
    return left, absent


def at_risk(until: date) -> list[Risk]:
    """Open boxes of the declarations that are due on that day or before, by declaration and currency."""
    query = (
        DeclaredBox.select(DeclaredBox.declaration, AssetType.value, AssetType.value_currency, fn.COUNT(DeclaredBox.id))
        .join(CustomsDeclaration, on=(DeclaredBox.declaration == CustomsDeclaration.id))
        .join_from(DeclaredBox, Asset)
        .join_from(Asset, AssetType)
        .where(
            CustomsDeclaration.direction == "out", CustomsDeclaration.closed_day.is_null(),
            CustomsDeclaration.due_day <= until, DeclaredBox.closing == "",
        )
        .group_by(DeclaredBox.declaration, AssetType.id, AssetType.value, AssetType.value_currency)
    )  # fmt: skip
    sums: dict[tuple[int, str], tuple[int, Decimal]] = {}
    for id_, each, currency, count in tuples(seen(visible_declared, query)):
        before, value = sums.get((id_, currency), (0, Decimal(0)))
        sums[id_, currency] = (before + count, value + each * count)
    declarations = _declarations({id_ for id_, _ in sums})
    found = []
    for (id_, currency), (count, value) in sums.items():
        declaration = declarations[id_]
        assert declaration.due_day is not None  # the query asks for it
        found.append(Risk(declaration, declaration.due_day, count, value, currency))
    return sorted(found, key=lambda risk: (risk.due, risk.declaration.number, risk.currency))


def mismatches() -> list[Mismatch]:
    """Every contradiction between scans and declarations, by declaration and kind."""
    found: list[tuple[str, int, int, str]] = []
    boxes = DeclaredBox.select(DeclaredBox.declaration, fn.COUNT(DeclaredBox.id), fn.MIN(Asset.code))
    by_declaration = seen(visible_declared, _with_assets(boxes).group_by(DeclaredBox.declaration))
    back = by_declaration.where(DeclaredBox.closing == "", back_by_scan().is_null(False))
    found += [("back_undeclared", *row) for row in tuples(back)]
    declared = by_declaration.where(DeclaredBox.closing == "back", ~DeclaredBox.settled, back_by_scan().is_null())
    found += [("declared_unscanned", *row) for row in tuples(declared)]
    found += [("after_declaration", *row) for row in tuples(seen(visible_declarations, _left_undeclared()))]
    absent = by_declaration.where(
        DeclaredBox.closing == "",
        CustomsDeclaration.shipment.is_null(False),
        Asset.shipment.is_null() | (Asset.shipment != CustomsDeclaration.shipment),
        back_by_scan().is_null(),
        CustomsDeclaration.id.in_(_loaded_shipments()),
    )
    found += [("not_loaded", *row) for row in tuples(absent)]
    declarations = _declarations({id_ for _, id_, _, _ in found})
    return [Mismatch(declarations[id_], kind, count, code) for kind, id_, count, code in found]


def offers(now: datetime) -> list[IssuedDocument]:
    """Issued papers of temporary export whose shipment has no declaration recorded yet: the newest of each shipment.

    They are the China declaration's part of boxes (2600-…), and returnable packing lists of shipments whose boxes are
    declared so.
    """
    recorded = CustomsDeclaration.select(CustomsDeclaration.shipment).where(CustomsDeclaration.shipment.is_null(False))
    papers = (
        IssuedDocument.select(
            IssuedDocument.id,
            IssuedDocument.number,
            IssuedDocument.type,
            IssuedDocument.issue_date,
            IssuedDocument.shipment,
            Shipment,
            Party,
        )
        .join(Shipment)
        .join(Party, on=(Shipment.consignee == Party.id))
        .where(
            ((IssuedDocument.type == "china_export_declaration") & IssuedDocument.part.startswith("2600-"))
            | (IssuedDocument.type == "returnable_packing_list"),
            IssuedDocument.state == "issued",
            IssuedDocument.voided_time.is_null(),
            IssuedDocument.issued_time >= now - timedelta(days=OFFER_DAYS),
            Shipment.state != "cancelled",
            Shipment.id.not_in(recorded),
        )
        .order_by(IssuedDocument.issued_time.desc(), IssuedDocument.id.desc())
        .limit(200)
    )
    found: dict[int, IssuedDocument] = {}
    for paper in seen(visible_papers, papers):
        assert paper.shipment  # joined
        details = details_from_json(paper.shipment.details)
        if details.box_regime == "2600" and details.box_leg != "home":
            known = found.get(paper.shipment_id)
            if known is None or (known.type != "china_export_declaration" and paper.type == "china_export_declaration"):
                found[paper.shipment_id] = paper
    return list(found.values())


def open_codes(declaration: CustomsDeclaration, *, only_back: bool) -> list[str]:
    """Codes of its open boxes; `only_back`: those that are back by scan."""
    query = _with_assets(DeclaredBox.select(Asset.code)).where(
        DeclaredBox.declaration == declaration, DeclaredBox.closing == ""
    )
    if only_back:
        query = query.where(back_by_scan().is_null(False))
    return [code for (code,) in tuples(query.order_by(Asset.code))]


def instant_of(day: date, place: Place | None) -> datetime:
    """The beginning of a day in the calendar of a place; UTC's without one."""
    return datetime.combine(day, time(), ZoneInfo(place.timezone if place else "UTC"))


# ---- parts


def _number_free(head: Head, direction: str, own: CustomsDeclaration | None) -> None:
    taken = CustomsDeclaration.select().where(
        CustomsDeclaration.country == head.country, CustomsDeclaration.direction == direction,
        CustomsDeclaration.number == head.number, CustomsDeclaration.item == head.item,
    )  # fmt: skip
    if own is not None:
        taken = taken.where(CustomsDeclaration.id != own.id)
    if taken.exists():
        raise InvalidInput("number", _TAKEN)


@contextmanager
def _number_once() -> Iterator[None]:
    """For a transaction that records a number: the unique index tells, when two came at once."""
    try:
        yield
    except IntegrityError as error:
        if "number" not in str(error):
            raise
        raise InvalidInput("number", _TAKEN) from None


def _set_head(declaration: CustomsDeclaration, head: Head, user: User | None, now: datetime) -> None:
    for name in Head.__dataclass_fields__:
        setattr(declaration, name, getattr(head, name))
    declaration.counts_from = instant_of(head.exit_day or head.declared_day, home_place())
    declaration.changed_time, declaration.changed_by = now, user


def _extended_to(declaration: CustomsDeclaration) -> list[date]:
    if declaration.id is None:
        return []
    return [row.until for row in CustomsExtension.select().where(CustomsExtension.declaration == declaration)]


def _set_boxes(declaration: CustomsDeclaration, assets: Sequence[Asset], now: datetime) -> None:
    listed = DeclaredBox.select(DeclaredBox, Asset).join(Asset).where(DeclaredBox.declaration == declaration)
    known = {box.asset_id: box for box in listed}
    wanted = {asset.id for asset in assets}
    gone = [box for asset_id, box in known.items() if asset_id not in wanted]
    closed = [box.asset.code for box in gone if box.closing or box.log][:5]
    if closed:
        raise InvalidInput(
            "codes", N_("These boxes stay on the list, their clock was closed before: %(codes)s."),
            codes=", ".join(closed),
        )  # fmt: skip
    for start in range(0, len(gone), _CHUNK):
        ids = [box.id for box in gone[start : start + _CHUNK]]
        DeclaredBox.delete().where(DeclaredBox.id.in_(ids)).execute()
    rows = [
        {"declaration": declaration.id, "asset": asset.id, "added_time": now}
        for asset in assets
        if asset.id not in known
    ]
    for start in range(0, len(rows), _CHUNK):
        DeclaredBox.insert_many(rows[start : start + _CHUNK]).execute()


def _open_boxes(assets: Sequence[Asset], country: str) -> list[DeclaredBox]:
    """The open box of each asset that is due first, in this territory."""
    found: dict[int, DeclaredBox] = {}
    for start in range(0, len(assets), _CHUNK):
        ids = [asset.id for asset in assets[start : start + _CHUNK]]
        query = (
            DeclaredBox.select(DeclaredBox, CustomsDeclaration, Asset)
            .join(CustomsDeclaration, on=(DeclaredBox.declaration == CustomsDeclaration.id))
            .join_from(DeclaredBox, Asset)
            .where(
                DeclaredBox.asset.in_(ids), DeclaredBox.closing == "", CustomsDeclaration.country == country,
            )
            .order_by(CustomsDeclaration.due_day.is_null(), CustomsDeclaration.due_day, DeclaredBox.id)
        )  # fmt: skip
        for box in locked(query):
            found.setdefault(box.asset_id, box)
    without = [asset.code for asset in assets if asset.id not in found]
    if without:
        raise InvalidInput(
            "codes", N_("No open clock of customs %(country)s for: %(codes)s."), country=country,
            codes=", ".join(without[:5]),
        )  # fmt: skip
    return list(found.values())


def _after_leaving(boxes: Sequence[DeclaredBox], day: date) -> None:
    for box in boxes:
        if day < box.declaration.declared_day:
            raise InvalidInput(
                "declared_day", N_("%(code)s was declared out on %(day)s only."), code=box.asset.code,
                day=box.declaration.declared_day.isoformat(),
            )  # fmt: skip


def _close(
    boxes: Sequence[DeclaredBox],
    closing: str,
    day: date,
    *,
    back: CustomsDeclaration | None = None,
    reference: str = "",
) -> None:
    ids = [box.id for box in boxes]
    for start in range(0, len(ids), _CHUNK):
        DeclaredBox.update(closing=closing, back=back, closed_day=day, reference=reference).where(
            DeclaredBox.id.in_(ids[start : start + _CHUNK])
        ).execute()
    if closing == "back":
        settle()
    for declaration in {box.declaration_id: box.declaration for box in boxes}.values():
        _close_if_done(declaration, day)


def _close_if_done(declaration: CustomsDeclaration, day: date) -> None:
    still = DeclaredBox.select().where(DeclaredBox.declaration == declaration, DeclaredBox.closing == "").exists()
    declaration.closed_day = None if still else day
    CustomsDeclaration.update(closed_day=declaration.closed_day).where(
        CustomsDeclaration.id == declaration.id
    ).execute()


def _with_assets(query: ModelSelect[Any]) -> ModelSelect[Any]:
    return query.join_from(
        DeclaredBox, CustomsDeclaration, on=(DeclaredBox.declaration == CustomsDeclaration.id)
    ).join_from(DeclaredBox, Asset)


def _boxes() -> ModelSelect[Any]:
    out, back = CustomsDeclaration, CustomsDeclaration.alias("back_declaration")
    return (
        _with_assets(DeclaredBox.select(DeclaredBox, out, Asset, AssetType, Party, back))
        .join_from(Asset, AssetType)
        .join_from(Asset, Party, JOIN.LEFT_OUTER, on=(Asset.holder == Party.id))
        .join_from(DeclaredBox, back, JOIN.LEFT_OUTER, on=(DeclaredBox.back == back.id))
        .select_extend(back_by_scan().alias("back_time"))
    )


def _codes_of(condition: Any) -> list[str]:
    query = _with_assets(DeclaredBox.select(Asset.code)).where(CustomsDeclaration.direction == "out", condition)
    return [code for (code,) in tuples(query)]


def _left_undeclared() -> ModelSelect[Any]:
    """Boxes that are away on a shipment with a declaration of boxes, and stand on none of its declarations."""
    other = CustomsDeclaration.alias()
    on_it = (
        DeclaredBox.select(DeclaredBox.id)
        .join(other, on=(DeclaredBox.declaration == other.id))
        .where(DeclaredBox.asset == Asset.id, other.shipment == Asset.shipment)
    )
    first = (
        CustomsDeclaration.select(fn.MIN(CustomsDeclaration.id))
        .where(CustomsDeclaration.direction == "out", CustomsDeclaration.shipment.is_null(False))
        .group_by(CustomsDeclaration.shipment)
    )
    return (
        Asset.select(CustomsDeclaration.id, fn.COUNT(Asset.id), fn.MIN(Asset.code))
        .join(CustomsDeclaration, on=(CustomsDeclaration.shipment == Asset.shipment))
        .where(CustomsDeclaration.id.in_(first), Asset.life == "active", ~fn.EXISTS(on_it))
        .group_by(CustomsDeclaration.id)
    )


def _loaded_shipments() -> ModelSelect[Any]:
    """Declarations out onto whose shipment something was scanned: before that, nothing is missing."""
    loaded = Asset.alias()
    return CustomsDeclaration.select(CustomsDeclaration.id).where(
        CustomsDeclaration.direction == "out",
        CustomsDeclaration.closed_day.is_null(),
        fn.EXISTS(loaded.select(loaded.id).where(loaded.shipment == CustomsDeclaration.shipment)),
    )


def _declarations(ids: set[int]) -> dict[int, CustomsDeclaration]:
    if not ids:
        return {}
    query = CustomsDeclaration.select(CustomsDeclaration, Shipment).join(
        Shipment, JOIN.LEFT_OUTER, on=(CustomsDeclaration.shipment == Shipment.id)
    )
    return {row.id: row for row in query.where(CustomsDeclaration.id.in_(ids))}


def today() -> date:
    """Today in the calendar of our own home place: that of every customs clock."""
    return day_at(home_place(), utc_now())
