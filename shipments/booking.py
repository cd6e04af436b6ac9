"""Saving shipments: the only place that writes Shipment, ShipmentLine and Package."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from peewee import JOIN, Field, IntegrityError, fn

from accounts.models import User
from accounts.scope import both, current_scope
from database import Row, db, locked, taking_turns, tuples
from errors import N_, InvalidInput, Refused
from jobs.queue import order
from master_data.models import AssetType, Party, Place, Product
from master_data.visible import visible_parties, visible_places
from shipments.details import Details, details_to_json
from shipments.models import LetterOfCredit, Package, Shipment, ShipmentLine
from shipments.rules import (
    PARTY_ROLES,
    PLACE_ROLES,
    Known,
    LineEntry,
    OtherShipment,
    PackageEntry,
    ShipmentEntry,
    details_problems,
    may_follow,
    problems,
)  # fmt: skip
from shipments.visible import visible_credits, visible_shipments

#: columns where the entry holds the code of a row
_REFERENCES = (*PARTY_ROLES, *PLACE_ROLES, "letter_of_credit", "invoiced_with")
_AMOUNTS = ("freight", "insurance", "other_charges")
_PLAIN = tuple(f.name for f in fields(ShipmentEntry) if f.name not in (*_REFERENCES, *_AMOUNTS, "lines", "packages"))


def save_shipment(entry: ShipmentEntry, number: str | None, version: int, user: User | None, now: datetime) -> Shipment:
    """Store a new shipment (`number` None) or the new content of an existing one, whole or not at all.

    `version`: that of the shipment which the person saw. Raises InvalidInput with the first problem; Refused: `stale`
    when somebody saved in between, `unknown_shipment`, `shipment_closed`.
    """
    with taking_turns():
        _lock({number or "", entry.invoiced_with})
        shipment = _to_change(number, version) if number is not None else None
        known = known_to(entry, shipment)
        for problem in problems(entry, known, now.date())[:1]:
            raise InvalidInput(problem.field, problem.message.text, **problem.message.values)
        columns = _columns(entry, known) | {"changed_time": now, "changed_by": user}
        if shipment is None:
            shipment = _create_numbered(columns | {"created_time": now}, now.year)
        else:
            columns["version"] = shipment.version + 1
            Shipment.update(columns).where(Shipment.id == shipment.id).execute()
            ShipmentLine.delete().where(ShipmentLine.shipment == shipment).execute()
            Package.delete().where(Package.shipment == shipment).execute()
        _insert(ShipmentLine, [_line(line, known, shipment, i) for i, line in enumerate(entry.lines, 1)])
        _insert(Package, [_package(package, known, shipment, i) for i, package in enumerate(entry.packages, 1)])
        _changed(shipment, now)
        return Shipment.get_by_id(shipment.id)


def save_details(number: str, details: Details, version: int, user: User | None, now: datetime) -> Shipment:
    """Store what single papers ask of a shipment, whole or not at all.

    `version`: that of the shipment which the person saw. Raises InvalidInput with the first problem; Refused: `stale`
    when somebody saved in between, `unknown_shipment`, `shipment_closed`.
    """
    with taking_turns():
        shipment = _to_change(number, version)
        for problem in details_problems(details, shipment.currency)[:1]:
            raise InvalidInput(problem.field, problem.message.text, **problem.message.values)
        shipment.details, shipment.changed_time, shipment.changed_by = details_to_json(details), now, user
        shipment.version += 1
        shipment.save(only=[Shipment.details, Shipment.changed_time, Shipment.changed_by, Shipment.version])
        _changed(shipment, now)
        return shipment


#: Several changes in a row are one: the papers are prepared when they have come to rest.
_REST = timedelta(seconds=2)


def _changed(shipment: Shipment, now: datetime) -> None:
    """Let the papers be prepared in the background, so that they are there when somebody opens them."""
    order("prepare_papers", {"shipment": shipment.id}, now, key=f"prepare:{shipment.id}", delay=_REST,
          about=shipment.number, entity=shipment.consignor)  # fmt: skip


def _to_change(number: str, version: int) -> Shipment:
    """The shipment, locked, of which the person saw `version`. Refused when it may not be changed so."""
    shipment = locked_shipment(number)
    if shipment.version != version:
        raise Refused("stale", STALE, number=number)
    if shipment.state in ("closed", "cancelled"):
        raise Refused("shipment_closed", CLOSED, number=number)
    return shipment


def _lock(numbers: set[str]) -> None:
    """Lock these shipments in one order, so that two that would name each other follow one another."""
    list(locked(Shipment.select(Shipment.id).where(Shipment.number.in_(numbers)).order_by(Shipment.id)))


STALE = N_(
    "Somebody else saved %(number)s while you were at it, so nothing of yours has been saved. "
    "Both versions are shown; choose for each field which one stays."
)

CLOSED = N_("%(number)s is closed or cancelled; open it again to change it.")


def set_state(number: str, state: str, user: User | None, now: datetime) -> Shipment:
    """Set the state of a shipment. Refused: `not_allowed` when the present state does not lead there."""
    with taking_turns():
        shipment = locked_shipment(number)
        if not may_follow(shipment.state, state):
            raise Refused("not_allowed", N_("%(number)s cannot take this state now; reload the page."), number=number)
        shipment.state, shipment.changed_time, shipment.changed_by = state, now, user
        shipment.version += 1
        shipment.save(only=[Shipment.state, Shipment.changed_time, Shipment.changed_by, Shipment.version])
        return shipment


def locked_shipment(number: str) -> Shipment:
    """The shipment with this number, locked until the transaction ends. Refused: `unknown_shipment`."""
    shipment = locked(Shipment.select().where(Shipment.number == number)).first()
    if shipment is None:
        raise Refused("unknown_shipment", N_("There is no shipment %(number)s."), number=number[:40])
    return shipment


def _create_numbered(columns: dict[str, Any], year: int) -> Shipment:
    """Insert with the next number of the year.

    Two at once on PostgreSQL compute the same one: the unique index lets one through, the other looks again. On SQLite
    they take turns before they read.
    """
    for _ in range(20):
        try:
            with db.atomic():
                return Shipment.create(number=_next_number(year), **columns)
        except IntegrityError as error:
            collision = error
    raise collision


def _next_number(year: int) -> str:
    last = (
        Shipment.select(Shipment.number)
        .where(Shipment.number.startswith(f"S-{year}-"))
        .order_by(fn.LENGTH(Shipment.number).desc(), Shipment.number.desc())  # S-2026-10000 comes after S-2026-9999
        .first()
    )
    return f"S-{year}-{int(last.number.rpartition('-')[2]) + 1 if last else 1:04d}"


def _columns(entry: ShipmentEntry, known: Known) -> dict[str, Any]:
    columns: dict[str, Any] = {name: getattr(entry, name) for name in _PLAIN}
    columns |= {name: getattr(entry, name) or Decimal(0) for name in _AMOUNTS}
    columns |= {name: known.party(getattr(entry, name)) for name in PARTY_ROLES}
    columns |= {name: known.place(getattr(entry, name)) for name in PLACE_ROLES}
    columns["letter_of_credit"] = known.credit(entry.letter_of_credit)
    other = known.invoice_shipment
    columns["invoiced_with"] = Shipment.get(Shipment.number == other.number) if other else None
    return columns


def _line(line: LineEntry, known: Known, shipment: Shipment, position: int) -> dict[str, Any]:
    return {
        "shipment": shipment,
        "position": position,
        "product": known.product(line.product),
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "invoice_group": line.invoice_group,
    }


def _package(package: PackageEntry, known: Known, shipment: Shipment, position: int) -> dict[str, Any]:
    return {
        "shipment": shipment,
        "position": position,
        "asset_type": known.asset_type(package.asset_type),
        "package_code": package.package_code,
        "count": package.count,
        "product": known.product(package.product),
        "pieces": package.pieces or Decimal(0),
        "net_mass": package.net_mass,
        "gross_mass": package.gross_mass,
        "length_mm": package.length_mm or 0,
        "width_mm": package.width_mm or 0,
        "height_mm": package.height_mm or 0,
        "marks": package.marks,
    }


def _insert(model: type[Row], rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 500):  # SQLite takes 32,766 values a statement
        model.insert_many(rows[start : start + 500]).execute()


Model = TypeVar("Model", bound=Row)


def known_to(entry: ShipmentEntry, shipment: Shipment | None) -> Known:
    """What `entry` names, without what is archived or not to be seen by who asks, unless `shipment` holds it already.
    At most six queries."""
    parties = {getattr(entry, name) for name in PARTY_ROLES}
    places = {getattr(entry, name) for name in PLACE_ROLES}
    products = {line.product for line in entry.lines} | {package.product for package in entry.packages}
    kept: dict[type[Row], Any] = {}
    if shipment is not None:
        held_lines = ShipmentLine.select(ShipmentLine.product).where(ShipmentLine.shipment == shipment)
        held = Package.select().where(Package.shipment == shipment)
        kept = {
            Party: Party.id.in_([getattr(shipment, f"{name}_id") for name in PARTY_ROLES]),
            Place: Place.id.in_([getattr(shipment, f"{name}_id") for name in PLACE_ROLES]),
            Product: Product.id.in_(held_lines) | Product.id.in_(held.select(Package.product)),
            AssetType: AssetType.id.in_(held.select(Package.asset_type)),
            LetterOfCredit: LetterOfCredit.id == shipment.letter_of_credit_id,
        }
    others = _others(entry.invoiced_with, shipment)
    number = shipment.number if shipment else ""
    return Known(
        parties=_by_code(Party, Party.code, parties, kept, visible_parties),
        places=_by_code(Place, Place.code, places, kept, visible_places),
        products=_by_code(Product, Product.part_no, products, kept),
        asset_types=_by_code(AssetType, AssetType.code, {package.asset_type for package in entry.packages}, kept),
        credits=_by_code(LetterOfCredit, LetterOfCredit.code, {entry.letter_of_credit}, kept, visible_credits),
        number=number,
        invoice_shipment=next((one for one in others if one.number == entry.invoiced_with), None),
        followers=tuple(one for one in others if number and one.invoiced_with == number),
    )


def _others(invoiced_with: str, shipment: Shipment | None) -> list[OtherShipment]:
    """The shipment of this number, and those that are invoiced with `shipment` and not cancelled."""
    if not invoiced_with and shipment is None:
        return []
    consignor, consignee, carrying = Party.alias(), Party.alias(), Shipment.alias()
    wanted = both(Shipment.number == invoiced_with, visible_shipments(current_scope()))
    if shipment is not None:
        wanted |= (Shipment.invoiced_with == shipment) & (Shipment.state != "cancelled")
    rows = (
        Shipment.select(
            Shipment.number, consignor.code, consignee.code, Shipment.currency, Shipment.incoterm, Shipment.state,
            fn.COALESCE(carrying.number, ""),
        )
        .join_from(Shipment, consignor, on=Shipment.consignor)
        .join_from(Shipment, consignee, on=Shipment.consignee)
        .join_from(Shipment, carrying, JOIN.LEFT_OUTER, on=Shipment.invoiced_with == carrying.id)
        .where(wanted)
        .order_by(Shipment.number)
    )  # fmt: skip
    return [OtherShipment(*row) for row in tuples(rows)]


def _by_code(
    model: type[Any], column: Field, codes: set[str], kept: dict[type[Row], Any], visible: Any = None
) -> dict[str, Any]:
    wanted = sorted(codes - {""})
    found: dict[str, Any] = {}
    offered = both(~model.archived, visible(current_scope()) if visible else None)
    usable = offered | kept[model] if kept else offered
    for start in range(0, len(wanted), 5_000):
        some = wanted[start : start + 5_000]
        query = model.select().where(usable, column.in_(some) | fn.UPPER(column).in_([code.upper() for code in some]))
        rows = {getattr(row, column.name): row for row in query}
        found |= {code.upper(): row for code, row in rows.items()} | found | rows
    return found


def entry_of(shipment: Shipment) -> ShipmentEntry:
    """A stored shipment as an entry, ready to be changed and saved again."""
    lines = (
        ShipmentLine.select(ShipmentLine, Product).join(Product).where(ShipmentLine.shipment == shipment)
    ).order_by(ShipmentLine.position)
    values: dict[str, Any] = {name: getattr(shipment, name) for name in (*_PLAIN, *_AMOUNTS)}
    for names, model, key in (
        (PARTY_ROLES, Party, Party.code),
        (PLACE_ROLES, Place, Place.code),
        (("letter_of_credit",), LetterOfCredit, LetterOfCredit.code),
        (("invoiced_with",), Shipment, Shipment.number),
    ):
        ids = {name: getattr(shipment, f"{name}_id") for name in names}
        rows = model.select(model.id, key).where(model.id.in_(set(ids.values()) - {None}))
        found: dict[Any, str] = dict(tuples(rows))
        values |= {name: found.get(id_, "") for name, id_ in ids.items()}
    return ShipmentEntry(
        **values,
        lines=tuple(
            LineEntry(line.product.part_no, line.quantity, line.unit_price, line.invoice_group) for line in lines
        ),
        packages=tuple(_package_entries(shipment)),
    )


def _package_entries(shipment: Shipment) -> list[PackageEntry]:
    rows = (
        Package.select(Package, AssetType, Product)
        .join_from(Package, AssetType, JOIN.LEFT_OUTER)
        .join_from(Package, Product, JOIN.LEFT_OUTER)
        .where(Package.shipment == shipment)
        .order_by(Package.position)
    )
    plain = [f.name for f in fields(PackageEntry) if f.name not in ("asset_type", "product")]
    return [
        PackageEntry(
            asset_type=row.asset_type.code if row.asset_type else "",
            product=row.product.part_no if row.product else "",
            **{name: getattr(row, name) for name in plain},
        )
        for row in rows
    ]


def with_lines(entry: ShipmentEntry, lines: tuple[LineEntry, ...], *, append: bool) -> ShipmentEntry:
    """`entry` with these lines behind its own, or instead of them."""
    return replace(entry, lines=entry.lines + lines if append else lines)
