"""Replay: one order, late and void events, and random histories against the step by step fold."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from assets.event_types import EVENT_TYPES
from assets.state import Event, State, apply, in_order, replay, shown

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
US, ACME = 1, 2


def event(id_, kind, hours, record_hours=None, **fields):
    time = NOW + timedelta(hours=hours)
    recorded = NOW + timedelta(hours=record_hours if record_hours is not None else hours)
    more = {"dispatch": {"shipment_id": 7, "consignee_id": ACME}}.get(kind, {})
    return Event(id_, kind, time, recorded, **{"place_id": 10, "place_party_id": US, **more, **fields})


BORN = event("0", "commission", 0, party_id=US)


def test_nothing_gives_nothing():
    assert replay([]) == (State(), {})


def test_a_late_dispatch_makes_the_exception_of_the_return_go_away():
    early = [BORN, event("2", "return", 50)]
    assert replay(early)[1]["2"] == ("never_left",)
    state, broken = replay([*early, event("1", "dispatch", 5, record_hours=60)])
    assert (shown(state), broken["2"], broken["1"]) == ("returned", (), ())


def test_a_clock_that_is_ahead_is_not_believed():
    state, broken = replay([BORN, event("1", "dispatch", 30, record_hours=1), event("2", "return", 5)])
    assert broken["1"] == ("clock",)
    assert (shown(state), state.out_since, broken["2"]) == ("returned", None, ())
    ahead = event("1", "dispatch", 0.1, record_hours=0)
    assert not ahead.clock_ahead


def test_being_registered_comes_first_whatever_its_time():
    state, broken = replay([event("0", "commission", 10, party_id=US), event("1", "dispatch", 2)])
    assert (shown(state), broken["1"]) == ("in_transit_out", ())


def test_the_same_time_is_ordered_by_arrival_then_id():
    first = event("b", "dispatch", 2)
    second = Event(
        **{**first.__dict__, "event_id": "a", "type": "return", "record_time": first.record_time + timedelta(seconds=1)}
    )
    assert shown(replay([BORN, second, first])[0]) == "returned"


_KINDS = [code for code in EVENT_TYPES if code not in ("commission", "void")]
_EVENTS = st.lists(
    st.builds(
        lambda kind, hours, late, place, party, shipment, happened: (kind, hours, late, place, party, shipment, happened),
        st.sampled_from(_KINDS), st.integers(1, 400), st.integers(0, 300), st.sampled_from([None, 10, 11, 20]),
        st.sampled_from([None, US, ACME, 3]), st.sampled_from([7, 8]), st.booleans(),
    ),
    max_size=14,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(_EVENTS, st.randoms())
def test_any_history_in_any_order_of_arrival_gives_one_state(drawn, random):
    events = [BORN] + [
        event(f"{n:02}", kind, hours, hours + late, place_id=place, place_party_id=place and US, party_id=party,
              shipment_id=shipment, consignee_id=ACME, happened=happened)
        for n, (kind, hours, late, place, party, shipment, happened) in enumerate(drawn)
    ]  # fmt: skip
    state, broken = replay(events)
    shuffled = list(events)
    random.shuffle(shuffled)
    assert replay(shuffled) == (state, broken)
    stepwise = State()
    for one in in_order(events):
        step = apply(stepwise, one)
        stepwise = step.after
        assert step.broken == broken[one.event_id]
        # what always holds
        assert (stepwise.where in ("out", "there", "back")) == (stepwise.out_since is not None)
        assert stepwise.life != "none"
        assert stepwise.holder_id is not None
        assert stepwise.where != "here" or stepwise.shipment_id is None
    assert stepwise == state


# devices that count their scans


def test_within_one_device_the_count_beats_the_clock():
    out = event("b", "dispatch", 30, sender_id=1, sequence=1)
    # Its clock was set back by a day and more in between.
    home = event("a", "return", 5, place_id=11, sender_id=1, sequence=2)
    state, broken = replay([BORN, home, out])
    assert (shown(state), broken["a"], broken["b"]) == ("returned", (), ())
    assert state.home_since == state.seen_time == out.event_time  # not before it had left


def test_across_devices_it_is_the_time():
    out = event("b", "dispatch", 30, sender_id=1, sequence=1)
    home = event("a", "return", 5, sender_id=2, sequence=9)
    assert shown(replay([BORN, home, out])[0]) == "in_transit_out"


_SCANS = st.lists(
    st.tuples(st.sampled_from([None, 1, 2, 3]), st.integers(1, 40), st.integers(0, 60), st.sampled_from(_KINDS)),
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(_SCANS, st.randoms())
def test_there_is_one_order_whatever_comes_first_and_it_keeps_each_count(drawn, random):
    counts = {}
    events = []
    for number, (sender, hours, late, kind) in enumerate(drawn):
        sequence = counts[sender] = counts.get(sender, 0) + 1
        told = {"sender_id": sender, "sequence": sequence if sender else 0, "happened": True}
        events.append(event(f"{random.random():.9f}-{number:02}", kind, hours, hours + late, **told))
    ordered = in_order(events)
    shuffled = list(events)
    random.shuffle(shuffled)
    assert in_order(shuffled) == ordered
    assert in_order(ordered) == ordered
    for sender in (1, 2, 3):
        of_it = [one.sequence for one in ordered if one.sender_id == sender]
        assert of_it == sorted(of_it)
    times = [one.order_time for one in ordered]
    assert times == sorted(times)  # nothing ends before it began
    assert all(one.order_time >= by.order_time for one in ordered for by in events if by.event_id == one.event_id)
