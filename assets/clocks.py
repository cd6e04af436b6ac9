"""When a scan was made, from a clock that may be wrong; and which scans of a device have not come yet. Pure.

A device says three times: what its clock showed at the scan, what it showed when it sent the scan, and how much time
had passed in between by a counter that nobody can set. Our clock is the one that is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

#: A clock that is wrong by more than this is corrected, and the scan says so. Less may be the network.
CORRECTED = timedelta(minutes=2)
#: A clock that was wrong by more than this is corrected too, and a person is asked when the scans were made.
DOUBTFUL = timedelta(hours=24)
#: A device waits no longer for the answer to a request (PATIENCE in static/scan/sync.js), and some to spare.
LONGEST_WAY = timedelta(seconds=30)
_JITTER = timedelta(seconds=1)
#: Ranges of missing scans that are remembered of a device.
MAX_GAPS = 50


@dataclass(frozen=True)
class Sync:
    """Our clock and that of the device at one moment, and how far apart they were the time before (ours less its)."""

    now: datetime
    sent_time: datetime | None = None  # None: the device did not say
    offset_before: timedelta | None = None  # None: this is the first time
    measured: timedelta | None = None  # the offset as the device has found it: best of several, less half the way

    @property
    def offset(self) -> timedelta | None:
        """Our clock less the device's.

        What it sent has been on its way, so the time of arrival alone gives too much. What the device has measured is
        taken where it fits: the way took no time below zero, and no longer than a request may wait.
        """
        if self.sent_time is None:
            return None
        rough = self.now - self.sent_time
        if self.measured is not None and -_JITTER <= rough - self.measured <= LONGEST_WAY:
            return self.measured
        return rough


@dataclass(frozen=True)
class Reading:
    """When a scan was made. `corrected`: its device said otherwise; `doubtful`: by more than a day."""

    time: datetime
    corrected: bool = False
    doubtful: bool = False


def reading(sync: Sync, device_time: datetime, age: timedelta | None) -> Reading:
    """When a scan was made that the device says was at `device_time`, `age` ago. Gives it in the zone of the device."""
    if sync.sent_time is None or sync.offset is None:
        return Reading(device_time)
    time = device_time
    if age is not None and _was_set(sync, device_time, age):
        time = (sync.now - age).astimezone(device_time.tzinfo)
    elif abs(sync.offset) > CORRECTED:
        time = device_time + sync.offset
    return Reading(time, time != device_time, abs(time - device_time) > DOUBTFUL)


def _was_set(sync: Sync, device_time: datetime, age: timedelta) -> bool:
    """Whether the clock was set between the scan and the sending of it.

    The counter of some devices stands still while they sleep. Then more time has passed by the clock than by the
    counter, and when the clock is as right as it was the time before, it is the clock that is believed.
    """
    assert sync.sent_time is not None
    assert sync.offset is not None
    difference = (sync.sent_time - age) - device_time
    slept = difference > timedelta(0) and sync.offset_before is not None
    if slept and abs(sync.offset - sync.offset_before) <= CORRECTED:  # type: ignore[operator]
        return False
    return abs(difference) > CORRECTED


def went_back(last: datetime | None, time: datetime) -> bool:
    """Whether a scan seems to have been made before the one that its device made earlier."""
    return last is not None and time < last - CORRECTED


@dataclass(frozen=True)
class Received:
    """Which scans of a device have come: all up to `last`, but for the `gaps` (first, last)."""

    last: int = 0
    gaps: tuple[tuple[int, int], ...] = ()

    def with_(self, sequences: Iterable[int]) -> Received:
        """After these have come, some of them perhaps for the second time."""
        last, gaps = self.last, list(self.gaps)
        for number in sorted(set(sequences)):
            if number > last:
                if number > last + 1:
                    gaps.append((last + 1, number - 1))
                last = number
                continue
            for index, (low, high) in enumerate(gaps):
                if low <= number <= high:
                    gaps[index : index + 1] = [
                        part for part in ((low, number - 1), (number + 1, high)) if part[0] <= part[1]
                    ]
                    break
        return Received(last, tuple(gaps[-MAX_GAPS:]))
