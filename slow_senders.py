"""A worker of gunicorn that waits for slow senders only so long, and with so many of its threads.

A request that crawls in holds a thread, and nothing in gunicorn or Flask ends it. Here a request may be waited for a
while and then as long as its bytes come at a bearable rate, and only some threads wait for more than a moment: the
others stay for those who send at once. A proxy in front that hands on whole requests is still better; this is for
those who have none, and for the day on which it is set up wrongly.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import threading
import time
from typing import Any

from gunicorn.workers.gthread import _DEFER, ThreadWorker
from werkzeug.exceptions import RequestTimeout

#: How long a request is waited for in all, in seconds; and a second more for so many bytes that have come.
PATIENCE = 20.0
BYTES_A_SECOND = 4_000
#: After so many seconds of waiting a sender is a slow one, of whom a process waits for so many at once.
MOMENT = 0.5
PLACES = 8  # less than `serve.THREADS`
#: How long one piece of an answer may take until the other side has taken it.
_TAKING = 120.0
#: How long a thread waits for the first byte of a connection; then the loop does, which holds none.
_FIRST_BYTE = 0.1

#: For each connection that a process holds it takes the next one so many seconds later; from so many on no later still.
_LATER, _MOST_HELD = 0.000_2, 8

_places = threading.BoundedSemaphore(PLACES)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, with a clock for what is being sent."""

    def accept(self, listener: Any) -> None:
        """Take a new connection, unless another process was faster, which it is when it holds fewer: kept connections
        would else all stay with the process that happened to wake first."""
        time.sleep(min(self.nr_conns, _MOST_HELD) * _LATER)
        super().accept(listener)

    def handle(self, conn: Any) -> Any:
        if not conn.initialized and not conn.data_ready and not conn.wait_for_data(_FIRST_BYTE):
            return _DEFER
        conn.sock.setblocking(True)
        conn.init()
        unreader = conn.parser.unreader  # of HTTP/1: serve switches nothing else on
        if not isinstance(unreader.sock, Sending):
            unreader.sock = Sending(unreader.sock)
        try:
            goes_on = super().handle(conn)
        finally:
            unreader.sock.begin()
        if goes_on is False:
            _part_from(conn.sock)
        return goes_on

    def handle_request(self, req: Any, conn: Any) -> Any:
        sending = conn.parser.unreader.sock
        sending.too_slow = RequestTimeout  # from here on there is somebody who answers it
        try:
            return super().handle_request(req, conn)
        finally:
            sending.too_slow = TimeoutError


def _part_from(sock: socket.socket) -> None:
    """Our last word is said: wait a moment until the other side closes, so that it hears it. gunicorn does so in the
    one loop of its process, two seconds for each, and nobody else is heard meanwhile; it finds nothing left to do."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        end, left = time.monotonic() + MOMENT, 65_536
        while left > 0 and (wait := end - time.monotonic()) > 0:
            sock.settimeout(wait)
            data = sock.recv(4_096)
            if not data:
                break
            left -= len(data)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class Sending:
    """The side of a connection on which requests come in: a socket whose `recv` waits as this module says.

    `too_slow`: what it raises for a sender for whom nobody waits any longer.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._has_place = sock, False
        self.begin()

    def begin(self) -> None:
        """What comes next is another request."""
        self._waited, self._received = 0.0, 0
        self.too_slow: type[Exception] = _Gone
        if self._has_place:
            self._has_place = False
            _places.release()

    def recv(self, size: int) -> bytes:
        before = self._sock.gettimeout()
        try:
            data = self._received_within(size, before)
        except TimeoutError:
            raise self.too_slow from None
        finally:
            self._sock.settimeout(_TAKING if before is None else before)
        self._received += len(data)
        return data

    def _received_within(self, size: int, most: float | None) -> bytes:
        while True:
            left = PATIENCE + self._received / BYTES_A_SECOND - self._waited
            if not self._has_place:
                if self._waited >= MOMENT:
                    if not _places.acquire(blocking=False):
                        raise TimeoutError
                    self._has_place = True
                    continue
                left = min(left, MOMENT - self._waited)
            elif left <= 0:
                raise TimeoutError
            begin = time.monotonic()
            self._sock.settimeout(max(0.001, left if most is None else min(left, most)))
            try:
                return self._sock.recv(size)
            except TimeoutError:
                if self._has_place or (most is not None and most <= left):
                    raise
            finally:
                self._waited += time.monotonic() - begin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class _Gone(ConnectionResetError):
    """Nobody is told: a head that does not end has no answer, and a line of the log for each would be a flood."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "the head of the request did not come in time")
