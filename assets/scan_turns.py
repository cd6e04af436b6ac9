"""Scans that come while others are being written are written together: one transaction, one wait for the disk for all.

In each process one thread at a time writes scans of few events. Who comes meanwhile stands in a row; the next one, when
he has his turn, takes all who may go with him: they are read, judged and written with the same queries as one scan
alone. Each is answered when the transaction is through and on the disk, and what it is answered is what it would have
been alone. Large batches gain nothing by that and go by themselves.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from accounts.scope import Scope, current_scope
from assets import scan_batches
from assets.scan_batches import KeyInFlight, Outcome, Reply, Request
from database import turn, unavailable
from errors import Unavailable

#: Events of a request that stands in the row, and of all that are written together.
MOST_ALONE, MOST_TOGETHER = 20, 200
#: So many threads of a process stand in the row; who comes after them waits a moment and is told that it is busy, so
#: that pages can be read however long somebody holds the database (`database.leave_threads_for_readers`).
MOST_WAITING = 8  # of serve.THREADS
_PATIENCE = 1.0  # seconds

_room = threading.BoundedSemaphore(MOST_WAITING)
_mutex = threading.Lock()
_row: list[_Waiting] = []
_keys: set[str] = set()  # of the requests of this process that are at work or stand in the row
_is_led = False  # a thread is on its way to the turn of this process, for the row
_usual = 1  # how many went together the last time
_MOMENT = 0.004  # seconds


@dataclass(eq=False)
class _Waiting:
    """A request in the row. `moves`: it is through, or its thread is the next to write."""

    request: Request
    now: datetime
    scope: Scope
    moves: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | BaseException | None = None


def answer(request: Request, now: datetime) -> Reply:
    """`scan_batches.answer`, together with others where that is possible. Raises KeyUsed, KeyInFlight, Unavailable."""
    for kept in scan_batches.kept_answers([request]).values():
        return scan_batches.told_to(request, kept)
    with _mutex:
        if request.key and request.key.own in _keys:
            raise KeyInFlight
        _keys.update({request.key.own} if request.key else ())
    try:
        if len(request.told) > MOST_ALONE:
            return scan_batches.answer(request, now)
        if not _room.acquire(timeout=_PATIENCE):
            raise Unavailable("busy")
        try:
            return _in_the_row(request, now)
        finally:
            _room.release()
    finally:
        with _mutex:
            _keys.difference_update({request.key.own} if request.key else ())


def _in_the_row(request: Request, now: datetime) -> Reply:
    global _is_led
    context = contextvars.copy_context()  # the language of who asks: his answer may be written by another thread
    mine = _Waiting(replace(request, answered=lambda taken: context.run(request.answered, taken)), now, current_scope())
    with _mutex:
        _row.append(mine)
        first, _is_led = not _is_led, True
    if not first:
        mine.moves.wait()
    if mine.outcome is None:
        _write(mine)
    if isinstance(mine.outcome, BaseException):
        raise mine.outcome
    assert mine.outcome is not None
    return scan_batches.told_to(mine.request, mine.outcome)


def _write(mine: _Waiting) -> None:
    """When it is the turn of this process, write the scans of this thread and of all who came meanwhile and may go with
    them; the next thread waits for its turn from then on."""
    together: list[_Waiting] = []
    try:
        _wait_for_siblings()
        with turn():
            together = _gathered(mine)
            _answer(together)
    except BaseException as error:  # most likely it has not become our turn: all in the row wait for the same
        together = together or _dismissed()
        for one in together:
            one.outcome = error
        if not isinstance(error, Exception):
            raise
    finally:
        for one in together:
            one.moves.set()


def _dismissed() -> list[_Waiting]:
    """All of the row, which nobody leads any more."""
    global _is_led
    with _mutex:
        _is_led = False
        together = _row[:]
        _row.clear()
    return together


def _gathered(mine: _Waiting) -> list[_Waiting]:
    """Those who go together, taken out of the row; the first of the others is told to move up."""
    global _is_led, _usual
    with _mutex:
        together = _together(mine)
        for one in together:
            _row.remove(one)
        _usual = len(together)
        if _row:
            _row[0].moves.set()
        else:
            _is_led = False
    return together


def _wait_for_siblings() -> None:
    """Where several have just been answered together, their next scans come at once: a moment's patience, and they go
    together again. Who scans alone waits for nobody."""
    until = time.monotonic() + _MOMENT
    while len(_row) < _usual and time.monotonic() < until:
        time.sleep(_MOMENT / 8)


def _together(mine: _Waiting) -> list[_Waiting]:
    """Those with the same scope, but no device twice: what its second is answered depends on its first. Those with a
    key go apart: whose key somebody else has needs no transaction."""
    found, events = [mine], len(mine.request.told)
    devices = {mine.request.sender.token} - {None}
    for one in _row:
        token = one.request.sender.token
        fits = one.scope == mine.scope and token not in devices and bool(one.request.key) == bool(mine.request.key)
        if one is mine or not fits or events + len(one.request.told) > MOST_TOGETHER:
            continue
        found.append(one)
        events += len(one.request.told)
        devices |= {token} - {None}
    return found


def _answer(together: Sequence[_Waiting]) -> None:
    try:
        outcomes = scan_batches.answer_together([one.request for one in together], max(one.now for one in together))
        for one, outcome in zip(together, outcomes, strict=True):
            one.outcome = outcome
    except Exception as error:
        if len(together) > 1 and unavailable(error) is None:
            for one in together:  # one of them cannot be written, and keeps none of the others back
                _answer([one])
            return
        for one in together:
            one.outcome = error
    except BaseException as error:
        for one in together:
            one.outcome = error
        raise
