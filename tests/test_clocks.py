"""When a scan was made, from a clock that may be wrong; which scans have not come."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.clocks import CORRECTED, Received, Sync, reading, went_back

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def read(wrong=timedelta(0), ago=HOUR, age=None, set_by=timedelta(0), before=None):
    """A scan `ago`, by a clock that was ahead by `wrong` and was then set forward by `set_by`."""
    sync = Sync(NOW, NOW + wrong + set_by, before)
    return reading(sync, NOW - ago + wrong, age)


@pytest.mark.parametrize("wrong", [-3 * MINUTE, 3 * MINUTE, -40 * DAY, 3650 * DAY])
def test_a_clock_that_is_wrong_is_corrected_and_it_is_told(wrong):
    found = read(wrong)
    assert (found.time, found.corrected) == (NOW - HOUR, True)
    assert found.doubtful == (abs(wrong) > DAY)


@pytest.mark.parametrize("wrong", [timedelta(0), 90 * timedelta(seconds=1), -2 * MINUTE])
def test_two_minutes_are_left_alone(wrong):
    assert read(wrong) == read(wrong).__class__(NOW - HOUR + wrong)


def test_a_clock_set_between_scan_and_sending_is_seen_by_the_counter():
    assert read(wrong=-5 * HOUR, set_by=5 * HOUR, age=HOUR).time == NOW - HOUR
    assert read(wrong=-5 * HOUR, set_by=5 * HOUR).time == NOW - 6 * HOUR  # without a counter nobody can know
    assert read(wrong=5 * HOUR, set_by=-5 * HOUR, age=HOUR, before=timedelta(0)).time == NOW - HOUR
    assert read(wrong=-5 * HOUR, set_by=5 * HOUR, age=HOUR, before=5 * HOUR).time == NOW - HOUR


def test_a_counter_that_stood_still_while_the_device_slept_is_not_believed():
    assert read(ago=9 * HOUR, age=10 * MINUTE, before=timedelta(0)).time == NOW - 9 * HOUR
    assert read(wrong=5 * HOUR, ago=9 * HOUR, age=10 * MINUTE, before=-5 * HOUR).time == NOW - 9 * HOUR


def test_the_way_of_a_request_is_not_taken_for_a_wrong_clock():
    sent, second = NOW - 8 * timedelta(seconds=1), timedelta(seconds=1)
    assert Sync(NOW, sent).offset == 8 * second
    assert Sync(NOW, sent, measured=second).offset == second  # 7 s on its way
    for wrong in (9.5 * second, -30 * second, HOUR):  # it would have come before it was sent, or waited for minutes
        assert Sync(NOW, sent, measured=wrong).offset == 8 * second
    assert Sync(NOW, measured=second).offset is None


def test_without_the_time_of_sending_the_device_is_believed():
    assert reading(Sync(NOW), NOW - HOUR, HOUR).time == NOW - HOUR


def test_a_corrected_time_keeps_the_zone_of_the_device():
    shanghai = timezone(timedelta(hours=8))
    told = (NOW - 2 * HOUR).astimezone(shanghai)
    for sync, age in ((Sync(NOW, NOW - HOUR), None), (Sync(NOW, NOW), HOUR)):
        found = reading(sync, told, age)
        assert (found.time, found.time.utcoffset(), found.corrected) == (NOW - HOUR, timedelta(hours=8), True)


def test_a_scan_that_seems_earlier_than_the_one_before_it_is_seen():
    assert went_back(NOW, NOW - 3 * MINUTE)
    assert not went_back(NOW, NOW - MINUTE)
    assert not went_back(None, NOW)


def test_scans_that_have_not_come_are_known_until_they_come():
    now = Received().with_([1, 2, 5, 9])
    assert now == Received(9, ((3, 4), (6, 8)))
    assert now.with_([7]) == Received(9, ((3, 4), (6, 6), (8, 8)))
    assert now.with_([3, 4, 6, 7, 8, 2]) == Received(9)
    assert Received().with_([41]).gaps == ((1, 40),)


@given(st.lists(st.lists(st.integers(1, 60), max_size=8), max_size=12))
def test_gaps_are_what_is_missing_in_whatever_order_it_comes(batches):
    found = Received()
    for batch in batches:
        found = found.with_(batch)
    come = {number for batch in batches for number in batch}
    missing = {number for low, high in found.gaps for number in range(low, high + 1)}
    assert found.last == max(come, default=0)
    assert missing == set(range(1, found.last + 1)) - come


@given(st.integers(-(10**10), 10**10), st.integers(0, 10**7), st.booleans())
def test_any_clock_gives_the_true_time_within_two_minutes(wrong_s, ago_s, counted):
    wrong, ago = timedelta(seconds=wrong_s % 10**9), timedelta(seconds=ago_s)
    found = read(wrong, ago, ago if counted else None)
    assert abs(found.time - (NOW - ago)) <= CORRECTED
