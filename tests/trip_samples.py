"""Trips, levels and plans for the tests of foresight: rows as a replay would leave them, made in bulk."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

from samples import World

from assets.models import Asset, PoolMinimum, StockLevel, Trip
from database import db
from master_data.models import AssetType, Party, Place
from shipments.models import Package, Shipment

_numbers = itertools.count(1)


def trips(
    world: World,
    now: datetime,
    count: int,
    age: float,
    days: float | None = None,
    *,
    end: str = "returned",
    partner: Party | None = None,
    kind: AssetType | None = None,
    place: Place | None = None,
    shipment: Shipment | None = None,
    seen_age: float = 0,
    damaged: int = 0,
    legs: tuple[float, ...] = (),
) -> None:
    """`count` boxes that left `age` days ago and, when `days` is given, ended after so many days.

    `seen_age`: age at which we began to look. `legs`: ages on arrival, when ready, on leaving the partner.
    """  # fmt: skip
    kind, partner, place = kind or world.klt, partner or world.hamburg, place or world.plant
    out, day = now - timedelta(days=age), timedelta(days=1)
    first = next(_numbers)
    open_ = days is None
    Asset.insert_many([
        {
            "code": f"F-{first:04}-{n:04}", "asset_type": kind, "owner": world.suzhou, "return_place": place,
            "created_time": out, "life": "active", "where": "there" if open_ else "here",
            "holder": partner if open_ else world.suzhou, "out_since": out if open_ else None,
            "due_day": (out + day * kind.agreed_days_out).date() if open_ else None,
        }
        for n in range(count)
    ]).execute()  # fmt: skip
    ids = [row.id for row in Asset.select(Asset.id).where(Asset.code.startswith(f"F-{first:04}-"))]
    at = [*(out + day * leg for leg in legs), None, None, None]
    Trip.insert_many([
        {
            "asset": id_, "asset_type": kind, "partner": partner, "from_place": place, "shipment": shipment,
            "out_event": str(uuid4()), "out_time": out, "observed_from": out + day * seen_age, "arrived_time": at[0],
            "ready_time": at[1], "back_time": at[2], "end_time": None if days is None else out + day * days,
            "end": "" if open_ else end, "damaged": n < damaged,
            "inspected": days is not None and end == "returned",
        }
        for n, id_ in enumerate(ids)
    ]).execute()  # fmt: skip


def level(kind: AssetType, holder: Party, place: Place | None, quantity: int, **state: str) -> None:
    """Boxes in one state; here, good and active by themselves."""
    state = {"life": "active", "where": "here", "condition": "good", **state}
    StockLevel.create(
        key=f"{next(_numbers)}", asset_type=kind, owner=holder, holder=holder, place=place, quantity=quantity, **state
    )


def planned(world: World, now: datetime, number: str, day: date | None, boxes: int, **more: Any) -> Shipment:
    """An open shipment that takes so many boxes."""
    kind = more.pop("kind", world.klt)
    made = Shipment.create(**{
        "number": number, "consignor": world.suzhou, "consignee": world.hamburg, "ship_from": world.plant,
        "departure_date": day, "incoterm": "FCA", "named_place": "Suzhou", "transport_mode": "1", "currency": "EUR",
        "created_time": now, "changed_time": now, **more,
    })  # fmt: skip
    Package.create(
        shipment=made, position=1, asset_type=kind, package_code="4H", count=boxes, net_mass="1", gross_mass="2"
    )
    return made


def half_a_year(world: World, now: datetime, seed: int = 5) -> None:
    """A flow to Hamburg (sea, 40 ± 8 days) and to Nagoya (15 ± 4), with losses and damage, and a plan that breaks."""
    with db.atomic():
        _half_a_year(world, now, Random(seed))


def _half_a_year(world: World, now: datetime, random: Random) -> None:
    for age in range(180, 0, -4):
        for partner, mean, spread, boxes in ((world.hamburg, 40, 8, 30), (world.nagoya, 15, 4, 12)):
            size, days = random.randint(boxes // 2, boxes), max(3, round(random.gauss(mean, spread)))
            made = planned(
                world, now, f"P-{partner.code[:2]}-{age:03}", (now - timedelta(days=age)).date(), size,
                consignee=partner, state="dispatched",
            )  # fmt: skip
            late = random.randint(0, size // 4)
            for count, took in ((size - late, days), (late, days + random.randint(5, 25))):
                if not count:
                    continue
                back = took < age
                legs = (took * 0.35, took * 0.55, took * 0.7) if back and random.random() < 0.7 else ()
                trips(
                    world, now, count, age, took if back else None, partner=partner, shipment=made, legs=legs,
                    damaged=int(back and random.random() < 0.3),
                )  # fmt: skip
            if random.random() < 0.2:
                trips(world, now, 1, age, age * 0.9, end="lost", partner=partner, shipment=made)
    level(world.klt, world.suzhou, world.plant, 70)
    level(world.klt, world.suzhou, world.plant, 6, condition="in_repair")
    level(world.klt, world.suzhou, world.plant, 9, condition="unchecked")
    out = Trip.select().where(Trip.end == "").count()
    level(world.klt, world.hamburg, world.warehouse, out, where="there")
    for day, boxes in ((3, 30), (7, 20), (12, 45), (19, 60), (26, 40), (33, 55), (47, 30)):
        planned(world, now, f"S-2026-{day + 100:04}", (now + timedelta(days=day)).date(), boxes)
    PoolMinimum.create(asset_type=world.klt, place=world.plant, minimum=20)
