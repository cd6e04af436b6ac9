"""How many requests of one process may wait for the renderer at once: the others keep threads for pages and scans.

A request that waits for a paper holds a thread. If all did, nobody could scan, and no monitor would get an answer. So
some of the threads never wait for papers; who comes when all places are taken is told at once, and asks again: a
browser does so by itself.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from errors import N_, Refused

View = TypeVar("View", bound=Callable[..., Any])

#: Less than the threads of a process (`serve.THREADS`).
PLACES = 8
_AGAIN = 3  # seconds

_places = threading.BoundedSemaphore(PLACES)


class AllBusy(Refused):
    """Nothing was begun. `again`: a page that asks for it may ask again by itself."""

    status = 503
    retry_after = _AGAIN
    again = True

    def __init__(self) -> None:
        super().__init__("papers_busy", N_("Many papers are being made at this moment. Try again in a few seconds."))


def prints(view: View) -> View:
    """This view waits for the renderer."""

    @functools.wraps(view)
    def with_place(*args: Any, **kwargs: Any) -> Any:
        if not _places.acquire(blocking=False):
            raise AllBusy
        try:
            return view(*args, **kwargs)
        finally:
            _places.release()

    return with_place  # type: ignore[return-value]
