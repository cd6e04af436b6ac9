"""The transition table, cell by cell: written down here a second time, as states before and after."""

from datetime import UTC, datetime, timedelta

import pytest

from assets.event_types import COLUMNS, EVENT_TYPES, REASONS, STATES
from assets.state import CONDITIONS, Event, State, apply, column, outcome, shown, why_not

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
US, ACME, OTHER = 1, 2, 3
HOME, GATE, DOCK = 10, 11, 20  # two places of ours, one of the partner
AWAY = {"holder_id": ACME, "shipment_id": 7, "out_since": NOW - timedelta(days=9), "place_id": HOME}
HERE = {"holder_id": US, "place_id": HOME, "home_since": NOW - timedelta(days=3)}

BEFORE = {
    "none": State(),
    "available": State("active", "here", "good", **HERE),
    "in_transit_out": State("active", "out", "good", **AWAY),
    "at_partner": State("active", "there", "good", **AWAY),
    "in_transit_back": State("active", "back", "good", **AWAY),
    "returned": State("active", "here", "unchecked", **HERE),
    "damaged_here": State("active", "here", "damaged", **HERE),
    "damaged_away": State("active", "there", "damaged", **AWAY),
    "in_repair": State("active", "here", "in_repair", **HERE),
    "lost": State("lost", "out", "good", **AWAY),
    "gone": State("gone", "here", "good", **HERE),
}
# state before:  none avail out partner back returned damaged-here damaged-away repair lost gone
# (what a live scan does, shown state after); "." = unchanged
EXPECTED = {
    "commission": "→:available ✗ ✗ ✗ ✗ ✗ ✗ ✗ ✗ ✗ ✗",
    "dispatch": "✗ →:in_transit_out ✗ ? w:in_transit_out w:in_transit_out ✗ ✗ ✗ w:in_transit_out ✗",
    "arrive": "✗ w:at_partner →:at_partner = w:at_partner w:at_partner w:damaged →:damaged w:at_partner w:at_partner ✗",
    "return": "✗ w:returned →:returned →:returned →:returned w:returned = →:damaged w:returned w:returned ✗",
    "inspect": "✗ = ✗ →:at_partner ✗ →:available ? ✗ →:available w:available ✗",
    "damage": "✗ →:damaged →:damaged →:damaged →:damaged →:damaged →:damaged →:damaged →:in_repair w:damaged ✗",
    "repair": "✗ w:in_repair ✗ ✗ ✗ →:in_repair →:in_repair ✗ = w:in_repair ✗",
    "repaired": "✗ ✗ ✗ ✗ ✗ ✗ w:available ✗ →:available w:available ✗",
    "stock_take": "✗ = w:in_transit_out w:at_partner w:returned →:returned →:damaged w:damaged = w:returned ✗",
    "lost": "✗ →:lost →:lost →:lost →:lost →:lost →:lost →:lost →:lost = ✗",
    "found": "✗ = w:in_transit_out w:at_partner →:returned = = →:damaged = →:returned ✗",
    "write_off": "✗ →:gone →:gone →:gone →:gone →:gone →:gone →:gone →:gone →:gone =",
}
CELLS = [
    (kind, name, *cell.partition(":")[::2])
    for kind, row in EXPECTED.items()
    for name, cell in zip(COLUMNS, row.split(), strict=True)
]


def event(kind, **fields):
    party = {"arrive": {"party_id": ACME}, "dispatch": {"shipment_id": 8, "consignee_id": ACME}}.get(kind, {})
    return Event("e", kind, NOW, NOW, **{"home_id": US, "place_id": HOME, "place_party_id": US, **party, **fields})


@pytest.mark.parametrize(("kind", "name", "verdict", "after"), CELLS)
def test_every_event_from_every_state(kind, name, verdict, after):
    state = BEFORE[name]
    assert column(state) == name
    cell = outcome(state, event(kind))
    assert cell.verdict == verdict
    assert (why_not(state, event(kind)) is None) == (verdict in "→=w")
    if verdict in "→w":
        reached, exceptions = apply(state, event(kind))
        assert shown(reached) == after
        assert exceptions == ((cell.code,) if verdict == "w" else ())


@pytest.mark.parametrize(("kind", "name", "verdict", "after"), CELLS)
def test_what_happened_is_never_refused_but_for_an_unknown_box(kind, name, verdict, after):
    state, happened = BEFORE[name], event(kind, happened=True)
    live = outcome(state, event(kind))
    if name == "none" and kind != "commission":
        assert why_not(state, happened) == "unknown_asset"
        assert apply(state, happened)[0] == state
    else:
        assert why_not(state, happened) is None
        if verdict in "✗?":
            reached, exceptions = apply(state, happened)
            assert exceptions == (live.code,)
            assert (reached == state) == (
                name == "gone" or kind == "commission" or (kind, name) == ("repaired", "available")
            )


def test_a_question_is_taken_when_it_is_answered():
    state = BEFORE["at_partner"]
    assert why_not(state, event("dispatch")) == "not_returned"
    assert why_not(state, event("dispatch"), confirmed=("not_returned",)) is None
    assert apply(state, event("dispatch"))[1] == ("not_returned",)
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
    from dataclasses import replace

    cell = outcome(replace(BEFORE[name], **change), event(kind, **fields))
    assert (cell.verdict, cell.code) == (verdict, code)


def test_axes_after_a_trip():
    out, _ = apply(BEFORE["available"], event("dispatch"))
    assert (out.holder_id, out.shipment_id, out.out_since, out.home_since) == (ACME, 8, NOW, None)
    there, _ = apply(out, event("arrive", place_id=DOCK, place_party_id=ACME))
    assert (there.holder_id, there.place_id, there.shipment_id, there.out_since) == (ACME, DOCK, 8, NOW)
    lost, _ = apply(there, event("lost"))
    assert (lost.holder_id, lost.out_since) == (ACME, NOW)  # the debt does not vanish with the box
    home, _ = apply(there, event("return", party_id=OTHER))
    assert (home.holder_id, home.place_id, home.shipment_id, home.out_since, home.home_since) == (
        US,
        HOME,
        None,
        None,
        NOW,
    )
    assert apply(there, event("return", party_id=OTHER))[1] == ("wrong_returner",)


def test_the_register_is_whole():
    assert set(EXPECTED) | {"void"} == set(EVENT_TYPES)
    for kind in EVENT_TYPES.values():
        assert kind.action in ("ADD", "OBSERVE", "DELETE") or kind.code == "void"
        for cells in kind.transitions.values():
            assert cells[-1].condition == ""
            for cell in cells:
                assert cell.condition in CONDITIONS
                assert not cell.code or cell.code in REASONS
    assert {shown(state) for state in BEFORE.values()} == set(STATES)
