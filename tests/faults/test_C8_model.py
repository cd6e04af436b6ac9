"""C8: random histories of boxes and pools, held against a small model of their own."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from conftest import NOW, on_both_databases
from simulated_devices import LARGE, tried
from test_ledger import HOUR, pool, scan, second_place  # noqa: F401 (a fixture)

from assets.balances import balances
from assets.ledger_check import faults
from assets.models import Asset
from assets.registering import register_assets
from assets.scanning import record_scans
from assets.state import shown
from database import db as proxy


@dataclass
class Told:
    """One event of the model: who did what, where."""

    time: object
    serial: int
    type: str
    place: str
    party: str
    shipment: str


@dataclass
class Box:
    word: str = "available"
    holder: str = "SUZHOU"
    place: str = "SZ-PLANT"
    shipment: str = ""
    out_since: object = None
    home_since: object = None
    damaged: bool = False
    life: str = "active"
    where: str = "here"
    repair: bool = False
    checked: bool = True


OWNER_OF = {"SZ-PLANT": "SUZHOU", "SZ-STORE": "SUZHOU", "HH-VMI": "HAMBURG", "": ""}


def model(events):
    """What a box that has been through all this is, told plainly: every event has happened, none is refused."""
    box = Box()
    for told in sorted(events, key=lambda told: (told.time, told.serial)):
        if box.life == "gone":
            continue
        away, at_home = box.where in ("out", "there", "back"), box.where == "here"
        kind, party = told.type, told.party or OWNER_OF[told.place]
        if kind == "dispatch":
            if (
                box.life == "active"
                and not box.damaged
                and not box.repair
                and box.where == "out"
                and box.shipment == told.shipment
            ):
                continue
            box.checked = box.checked and not box.repair
            box.life, box.where, box.repair, box.home_since = "active", "out", False, None
            box.holder, box.shipment, box.out_since, box.place = (
                "HAMBURG",
                told.shipment,
                told.time,
                told.place or box.place,
            )
        elif kind == "arrive":
            if (
                box.life == "active"
                and not box.damaged
                and not box.repair
                and box.where == "there"
                and party in ("", box.holder)
            ):
                continue
            box.life, box.where, box.repair, box.checked, box.home_since = "active", "there", False, True, None
            box.holder, box.out_since = party or box.holder, box.out_since or told.time
            box.shipment, box.place = box.shipment or told.shipment, told.place or box.place
        elif kind == "return":
            recently = box.home_since is not None and told.time - box.home_since <= 12 * HOUR
            again = box.damaged or (recently and (not box.checked or box.place == told.place))
            if box.life == "active" and at_home and not box.repair and again:
                continue
            come_home(box, told, checked=False)
        elif kind == "inspect":
            if box.life == "active" and at_home and box.checked and not box.damaged and not box.repair:
                continue
            if box.life == "active" and box.where == "there" and not box.damaged and not box.repair:
                continue
            come_home(box, told, checked=True)
        elif kind == "damage":
            if box.life == "lost":
                come_home(box, told, checked=False)
            if not box.repair:
                box.damaged = True
        elif kind == "lost":
            box.life = "lost"
        elif kind == "found":
            if box.life == "lost" or box.where in ("back", "moving") or (away and box.damaged):
                come_home(box, told, checked=False)
        elif kind == "write_off":
            box.life = "gone"
    word = "gone" if box.life == "gone" else "lost" if box.life == "lost" else ""
    word = word or ("in_repair" if box.repair else "damaged" if box.damaged else "")
    home = "available" if box.checked else "returned"
    return word or {"here": home, "out": "in_transit_out", "there": "at_partner"}[box.where], box.holder


def come_home(box, told, checked):
    here = box.where == "here"
    if box.where != "here" or not checked:
        box.home_since = told.time
    box.holder = OWNER_OF[told.place] or (box.holder if here else "") or "SUZHOU"
    box.life, box.where, box.shipment, box.out_since, box.repair = "active", "here", "", None, False
    box.place, box.checked = told.place or box.place, checked
    if checked:
        box.damaged = False


@on_both_databases
def test_C8_random_histories_say_what_a_small_model_says(db, request, world, second_place):  # noqa: F811
    steps = 50_000 if LARGE and "sqlite" in request.node.name else 1_000
    boxes = register_assets(world.klt, [f"KLT{n:06d}" for n in range(1, 81)], world.suzhou, world.plant, None, NOW)
    chance = random.Random(20261123)
    kinds = ["dispatch", "arrive", "return", "inspect", "damage", "lost", "found"]
    told: dict[str, dict[str, Told]] = {box.code: {} for box in boxes}
    pools = Counter()
    now, serial = NOW + HOUR, 0
    while serial < steps:
        batch = []
        for _ in range(50):
            serial += 1
            code = chance.choice(boxes).code
            late = chance.choice([0, 0, 0, 1, 30, 400]) * HOUR
            kind = chance.choice(kinds) if chance.random() > 0.002 else "write_off"
            place = chance.choice(
                ["SZ-PLANT", "SZ-STORE"] if kind in ("return", "inspect", "found") else ["SZ-PLANT", "HH-VMI"]
            )
            party = chance.choice(["", "HAMBURG"]) if kind == "arrive" else ""
            time = max(NOW, now - late) + timedelta(milliseconds=serial)
            ids = {"event_id": str(uuid.UUID(int=chance.getrandbits(128)))}
            one = scan(
                kind,
                code,
                time,
                place=place,
                party=party,
                reason="So it was.",
                happened=True,
                device=f"d{serial}",
                **ids,
            )
            if chance.random() < 0.06 and told[code]:
                void = scan("void", "", time, voids=chance.choice(list(told[code])), reason="Wrong.", **ids)
                batch.append((void, code, None))
            elif chance.random() < 0.1:
                quantity = chance.randint(1, 20)
                which = chance.choice(["commission", "dispatch", "return"])
                batch.append(
                    (pool(which, quantity, time, party="HAMBURG" if which == "return" else "", **ids), "", which)
                )
                here = {"commission": 1, "dispatch": -1, "return": 1}[which]
                pools["SUZHOU"] += here * quantity
                pools["HAMBURG"] += (0 if which == "commission" else -here) * quantity
            else:
                batch.append(
                    (one, code, Told(time, serial, kind, place, party, "S-2026-0001" if kind == "dispatch" else ""))
                )
        answers = record_scans([one for one, _, _ in batch], None, now)
        for (one, code, told_event), answer in zip(batch, answers, strict=True):
            if one.type == "void" and answer.outcome == "recorded":
                del told[code][one.voids]
            elif isinstance(told_event, Told) and answer.outcome == "recorded":
                told[code][one.event_id] = told_event
            assert answer.outcome in ("recorded", "known"), answer
        now += chance.choice([1, 5, 26]) * HOUR
    said = {code: model(events.values()) for code, events in told.items()}
    stored = {box.code: (shown(box), box.holder.code) for box in Asset.select()}
    assert stored == said
    by_holder = Counter((holder, word) for word, holder in said.values() if word != "gone")
    levels = Counter()
    for row in balances(now):
        for word, count in row.counts.items():
            if row.asset_type == world.pallet:
                pools[row.holder.code] -= count
            else:
                levels[row.holder.code, word] += count
    assert levels == by_holder
    assert not any(pools.values())
    assert list(faults()) == []
    tried("C8", f"random steps against a small model, {proxy.obj.__class__.__name__}", steps)
