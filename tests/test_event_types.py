"""The transition table, cell by cell: written down here a second time, as states before and after."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from assets.event_types import COLUMNS, EVENT_TYPES, REASONS, STATES
from assets.state import CONDITIONS, Event, State, apply, column, outcome, shown, why_not

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
US, ACME, OTHER = 1, 2, 3
HOME, GATE, DOCK = 10, 11, 20  # two places of ours, one of the partner
AWAY = {"owner_id": US, "holder_id": ACME, "shipment_id": 7, "out_since": NOW - timedelta(days=9), "place_id": HOME}
HERE = {"owner_id": US, "holder_id": US, "place_id": HOME, "home_since": NOW - timedelta(days=3)}

BEFORE = {
    "none": State(),
    "available": State("active", "here", "good", **HERE),
    "in_transit_out": State("active", "out", "good", **AWAY),
    "at_partner": State("active", "there", "good", **AWAY),
    "in_transit_back": State("active", "back", "good", **AWAY),
    "in_transit_own": State("active", "moving", "good", **HERE),
    "returned": State("active", "here", "unchecked", **HERE),
    "damaged_here": State("active", "here", "damaged", **HERE),
    "damaged_away": State("active", "there", "damaged", **AWAY),
    "in_repair": State("active", "here", "in_repair", **HERE),
    "lost": State("lost", "out", "good", **AWAY),
    "gone": State("gone", "here", "good", **HERE),
}
# The table of the reference, written down a second time. What a live scan does in the plainest case (dispatch onto
# another shipment, arrival at the consignee, everything else at our own place HOME): verdict:code:shown state after.
OUT, PAR, BCK, MOV, RET, DMG, REP = (
    "in_transit_out", "at_partner", "in_transit_back", "in_transit_own", "returned", "damaged", "in_repair",
)  # fmt: skip
NEVER = ["✗:unknown_asset"]
GONE = ["✗:gone"]
EXPECTED = {
    "commission": ["→::available", *["✗:exists"] * 10, "✗:gone_new_code"],
    "opening": [*NEVER, f"→::{PAR}", *["✗:exists"] * 9, *GONE],
    "dispatch": [
        *NEVER, f"→::{OUT}", "✗:already_out", "?:not_returned", f"w:implied_return:{OUT}", f"w:transfer_open:{OUT}",
        f"w:not_inspected:{OUT}", "✗:damaged", "✗:damaged", "✗:in_repair", f"w:found:{OUT}", *GONE,
    ],
    "cancel_dispatch": [
        *NEVER, "✗:not_out", "✗:too_late", "✗:arrived", "✗:not_out", "✗:not_out", "✗:not_out", "✗:not_out", "✗:not_out",
        "✗:not_out", "✗:not_out", *GONE,
    ],
    "arrive": [
        *NEVER, f"w:not_dispatched:{PAR}", f"→::{PAR}", "=:", f"w:went_back:{PAR}", f"w:transfer_open:{PAR}",
        f"w:not_dispatched:{PAR}", f"w:not_dispatched:{DMG}", f"→::{DMG}", f"w:repair_open:{PAR}", f"w:found:{PAR}", *GONE,
    ],
    "empties_ready": [
        *NEVER, "✗:not_there", f"w:arrival_implied:{PAR}", f"→::{PAR}", "=:", "✗:not_there", "✗:not_there", "✗:not_there",
        f"→::{DMG}", "✗:not_there", f"w:found:{PAR}", *GONE,
    ],
    "return_shipped": [
        *NEVER, "✗:not_there", f"w:arrival_implied:{BCK}", f"→::{BCK}", "=:", "✗:not_there", "✗:not_there", "✗:not_there",
        f"→::{DMG}", "✗:not_there", f"w:found:{BCK}", *GONE,
    ],
    "return": [
        *NEVER, f"w:never_left:{RET}", f"→::{RET}", f"→::{RET}", f"→::{RET}", f"w:transfer_open:{RET}",
        f"w:double_return:{RET}", "=:", f"→::{DMG}", f"w:repair_open:{RET}", f"w:found:{RET}", *GONE,
    ],
    "inspect": [
        *NEVER, "=:", "✗:not_here", f"→::{PAR}", "✗:not_here", "w:transfer_open:available", "→::available",
        "?:repaired_how", "✗:not_here", "→::available", "w:found:available", *GONE,
    ],
    "damage": [*NEVER, *[f"→::{DMG}"] * 8, f"→::{REP}", f"w:found:{DMG}", *GONE],
    "clean": [
        *NEVER, "→::available", "✗:not_here", "✗:not_here", "✗:not_here", "✗:not_here", f"→::{RET}", f"→::{DMG}",
        "✗:not_here", f"→::{REP}", f"w:found:{RET}", *GONE,
    ],
    "repair": [
        *NEVER, f"w:not_damaged:{REP}", "✗:not_here", "✗:not_here", "✗:not_here", "✗:not_here", f"→::{REP}", f"→::{REP}",
        "✗:not_here", "=:", f"w:found:{REP}", *GONE,
    ],
    "repaired": [
        *NEVER, *["✗:not_in_repair"] * 6, "w:start_missing:available", "✗:not_here", "→::available", "w:found:available",
        *GONE,
    ],
    "transfer_out": [
        *NEVER, f"→::{MOV}", "✗:not_here", "✗:not_here", "✗:not_here", "=:", f"→::{MOV}", f"→::{DMG}", "✗:not_here",
        "✗:in_repair", f"w:found:{MOV}", *GONE,
    ],
    "transfer_in": [
        *NEVER, "w:no_transfer_out:available", f"w:came_back:{RET}", f"w:came_back:{RET}", f"→::{RET}", "→::available",
        f"w:no_transfer_out:{RET}", f"→::{DMG}", f"w:came_back:{DMG}", f"w:repair_open:{RET}", f"w:found:{RET}", *GONE,
    ],
    "owner_change": [
        *NEVER, "→::available", f"→::{OUT}", f"→::{PAR}", f"→::{BCK}", f"→::{MOV}", f"→::{RET}", f"→::{DMG}", f"→::{DMG}",
        f"→::{REP}", "w:lost:lost", *GONE,
    ],
    "stock_take": [
        *NEVER, "=:", f"w:seen_here:{OUT}", f"w:seen_here:{PAR}", f"w:return_implied:{RET}", "w:transfer_open:available",
        f"→::{RET}", f"→::{DMG}", f"w:seen_here:{DMG}", "=:", f"w:found:{RET}", *GONE,
    ],
    "pack": [
        *NEVER, "→::available", "✗:not_here", f"→::{PAR}", "✗:not_here", "✗:not_here", f"→::{RET}", f"→::{DMG}",
        "✗:not_here", "✗:in_repair", f"w:found:{RET}", *GONE,
    ],
    "unpack": [*NEVER, *["=:"] * 9, f"w:found:{RET}", *GONE],
    "lost": [*NEVER, *["→::lost"] * 9, "=:", *GONE],
    "found": [
        *NEVER, "=:", f"w:seen_here:{OUT}", f"w:seen_here:{PAR}", f"→::{RET}", f"w:transfer_open:{RET}", "=:", "=:",
        f"→::{DMG}", "=:", f"→::{RET}", *GONE,
    ],
    "write_off": [*NEVER, *["→::gone"] * 10, "=:"],
    "decommission": [
        *NEVER, "→::gone", *["✗:not_here"] * 4, "→::gone", "→::gone", "✗:not_here", "→::gone", "✗:lost", "=:",
    ],
    "scrap": [
        *NEVER, "→::gone", *["✗:not_here"] * 4, "→::gone", "→::gone", "✗:not_here", "→::gone", "✗:lost", "=:",
    ],
}  # fmt: skip
CELLS = [
    (kind, name, *(cell + "::").split(":")[:3])
    for kind, row in EXPECTED.items()
    for name, cell in zip(COLUMNS, row, strict=True)
]
#: The scan is made where the case is the plainest one: not where the box stands already.
ELSEWHERE = {"place_id": GATE}


SHOWN_AFTER = {"OUT": OUT, "PAR": PAR, "BCK": BCK, "MOV": MOV, "RET": RET, "AVA": "available", "GONE": "gone"}


def event(kind, **fields):
    more = {
        "arrive": {"party_id": ACME},
        "opening": {"party_id": ACME},
        "empties_ready": {"party_id": ACME},
        "dispatch": {"shipment_id": 8, "consignee_id": ACME},
        "cancel_dispatch": {"shipment_id": 8},
        "transfer_in": ELSEWHERE,
        "pack": {"parent": "PALLET1"},
        "owner_change": {"party_id": OTHER},
    }.get(kind, {})
    return Event("e", kind, NOW, NOW, **{"place_id": HOME, "place_party_id": US, "place_own": True, **more, **fields})


@pytest.mark.parametrize(("kind", "name", "verdict", "code", "after"), CELLS)
def test_every_event_from_every_state(kind, name, verdict, code, after):
    state = BEFORE[name]
    assert column(state) == name
    cell = outcome(state, event(kind))
    assert (cell.verdict, cell.code) == (verdict, code)
    assert (why_not(state, event(kind)) is None) == (verdict in "→=w")
    if verdict in "→w":
        step = apply(state, event(kind))
        assert shown(step.after) == after
        assert step.broken == ((code,) if verdict == "w" else ())


@pytest.mark.parametrize(("kind", "name", "verdict", "code", "after"), CELLS)
def test_what_happened_is_never_refused_but_for_an_unknown_box(kind, name, verdict, code, after):
    state, happened = BEFORE[name], event(kind, happened=True)
    live = outcome(state, event(kind))
    if name == "none" and kind != "commission":
        assert why_not(state, happened) == "unknown_asset"
        assert apply(state, happened).after == state
    else:
        assert why_not(state, happened) is None
        if verdict in "✗?":
            step = apply(state, happened)
            assert step.broken == (live.code,)
            assert name != "gone" or step.after.life == "gone"  # a code is never given again
            if EVENT_TYPES[kind].happened in SHOWN_AFTER and name != "gone" and step.after.condition != "damaged":
                assert shown(step.after) == SHOWN_AFTER[EVENT_TYPES[kind].happened]


def test_a_question_is_taken_when_it_is_answered():
    state = BEFORE["at_partner"]
    assert why_not(state, event("dispatch")) == "not_returned"
    assert why_not(state, event("dispatch"), confirmed=("not_returned",)) is None
    assert apply(state, event("dispatch")).broken == ("not_returned",)
    assert why_not(BEFORE["damaged_here"], event("dispatch"), confirmed=("damaged",)) == "damaged"


@pytest.mark.parametrize(
    ("kind", "name", "change", "fields", "verdict", "code"),
    [
        ("dispatch", "in_transit_out", {}, {"shipment_id": 7}, "=", ""),
        ("dispatch", "in_transit_out", {}, {"shipment_id": 8}, "✗", "already_out"),
        ("arrive", "in_transit_out", {}, {"party_id": OTHER}, "w", "other_partner"),
        ("arrive", "in_transit_out", {}, {"party_id": None, "place_party_id": None, "place_id": None}, "→", ""),
        ("arrive", "at_partner", {}, {"party_id": OTHER}, "w", "moved_partner"),
        ("return", "available", {}, {}, "w", "never_left"),
        ("return", "available", {"home_since": None}, {}, "w", "never_left"),
        ("return", "available", {"home_since": NOW - timedelta(hours=11)}, {}, "=", ""),
        ("return", "available", {"home_since": NOW - timedelta(hours=11)}, {"place_id": GATE}, "w", "moved"),
        ("return", "returned", {"home_since": NOW - timedelta(hours=12)}, {}, "=", ""),
        ("return", "returned", {}, {}, "w", "double_return"),
        ("return", "in_transit_out", {"out_since": NOW - timedelta(hours=1)}, {}, "?", "cancel_or_return"),
        ("return", "in_transit_out", {"out_since": NOW - timedelta(hours=3)}, {}, "→", ""),
        ("return", "in_transit_out", {"out_since": NOW - timedelta(hours=1)}, {"place_id": GATE}, "→", ""),
        ("stock_take", "available", {}, {"place_id": GATE}, "w", "moved"),
        ("stock_take", "returned", {}, {"place_id": GATE}, "w", "moved"),
        ("stock_take", "in_repair", {}, {"place_id": GATE}, "w", "repair_open"),
    ],
)
def test_conditions_of_a_cell(kind, name, change, fields, verdict, code):
    cell = outcome(replace(BEFORE[name], **change), event(kind, **fields))
    assert (cell.verdict, cell.code) == (verdict, code)


def test_axes_after_a_trip():
    out = apply(BEFORE["available"], event("dispatch")).after
    assert (out.holder_id, out.shipment_id, out.out_since, out.home_since) == (ACME, 8, NOW, None)
    there = apply(out, event("arrive", place_id=DOCK, place_party_id=ACME, place_own=False)).after
    assert (there.holder_id, there.place_id, there.shipment_id, there.out_since) == (ACME, DOCK, 8, NOW)
    lost = apply(there, event("lost")).after
    assert (lost.holder_id, lost.out_since) == (ACME, NOW)  # the debt does not vanish with the box
    back = apply(there, event("return_shipped", place_id=DOCK, place_party_id=ACME, place_own=False)).after
    assert (back.where, back.holder_id, back.stands_at) == ("back", ACME, None)
    brought = apply(replace(there, seen_time=None), event("return", party_id=OTHER))
    home = brought.after
    assert (home.holder_id, home.place_id, home.shipment_id, home.out_since, home.home_since, home.dirty) == (
        US, HOME, None, None, NOW, True,
    )  # fmt: skip
    assert brought.broken == ("wrong_returner",)


def test_receiving_is_what_it_means_where_it_happens():
    ours, partners = {"place_id": GATE}, {"place_id": DOCK, "place_party_id": ACME, "place_own": False}
    for name, place, shown_after, code in (
        ("in_transit_own", ours, "available", ""),
        ("in_transit_back", ours, "returned", ""),
        ("at_partner", ours, "returned", ""),
        ("available", ours, "available", "no_transfer_out"),
        ("in_transit_out", partners, "at_partner", ""),
        ("available", partners, "at_partner", "not_dispatched"),
    ):
        step = apply(BEFORE[name], event("receive", **place))
        assert (shown(step.after), "".join(step.broken)) == (shown_after, code), name


def test_a_dispatch_can_be_taken_back_for_a_day():
    out = replace(BEFORE["in_transit_out"], out_since=NOW - timedelta(hours=20))
    step = apply(out, event("cancel_dispatch", shipment_id=7))
    assert (shown(step.after), step.after.holder_id, step.after.shipment_id, step.broken) == ("available", US, None, ())
    late = replace(out, out_since=NOW - timedelta(hours=25))
    assert why_not(late, event("cancel_dispatch", shipment_id=7)) == "too_late"


def test_two_companies_cannot_see_one_box_within_minutes():
    seen = replace(BEFORE["available"], seen_time=NOW - timedelta(minutes=2), place_party_id=US)
    far = event("arrive", place_id=DOCK, place_party_id=ACME, place_own=False)
    assert apply(seen, far).broken == ("not_dispatched", "impossible_move")
    earlier = replace(seen, seen_time=NOW - timedelta(minutes=6))
    assert apply(earlier, far).broken == ("not_dispatched",)


def test_a_box_scanned_alone_leaves_its_load():
    packed = apply(BEFORE["available"], event("pack")).after
    assert packed.parent == "PALLET1"
    with_it = apply(packed, event("dispatch", via="scan of the pallet"))
    assert (with_it.after.parent, with_it.broken) == ("PALLET1", ())
    alone = apply(packed, event("dispatch"))
    assert (alone.after.parent, alone.broken) == ("", ("left_parent",))
    assert apply(packed, event("unpack")).after.parent == ""
    assert outcome(packed, event("unpack", parent="PALLET2")).verdict == "="


def test_what_a_type_demands():
    assert why_not(BEFORE["returned"], event("dispatch", must_be_inspected=True)) == "not_inspected"
    assert apply(BEFORE["returned"], event("dispatch", must_be_inspected=True)).broken == ("not_inspected",)
    certified = event("scrap", document="certificate 12")
    assert shown(apply(BEFORE["damaged_away"], certified).after) == "gone"


def test_a_workshop_of_the_partner_repairs_what_is_there():
    there = event("repair", place_id=DOCK, place_party_id=ACME, place_own=False)
    started = apply(BEFORE["damaged_away"], there).after
    assert (started.where, started.condition) == ("there", "in_repair")
    done = apply(started, replace(there, type="repaired")).after
    assert (done.where, done.condition, shown(done)) == ("there", "good", "at_partner")
    assert apply(BEFORE["at_partner"], replace(there, type="clean")).broken == ()


def test_the_register_is_whole():
    assert set(EXPECTED) | {"void", "receive"} == set(EVENT_TYPES)
    for kind in EVENT_TYPES.values():
        assert kind.action in ("ADD", "OBSERVE", "DELETE") or kind.code == "void"
        for cells in kind.transitions.values():
            assert cells[-1].condition == ""
            for cell in cells:
                assert cell.condition in CONDITIONS
                assert not cell.code or cell.code in REASONS
    assert {shown(state) for state in BEFORE.values()} == set(STATES)
