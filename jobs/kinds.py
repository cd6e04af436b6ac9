"""The register of background work: what each kind does, within which limits, and who may have what comes of it.

The parts on the right of the import line register their kinds (`register`) when they are imported; who orders a job
names its kind by its code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from jobs.models import Job

if TYPE_CHECKING:
    from jobs.running import Run


@dataclass(frozen=True)
class Kind:
    """One kind of work. `work` may be run twice, or be cut off anywhere, without harm."""

    code: str
    title: str  # marked with N_
    work: Callable[[Run], None]
    right: str = ""  # who asked must still hold it when it runs, and whoever fetches the result; '': none
    seconds: float = 600  # for one run
    tries: int = 3
    priority: int = 0  # what people wait for is higher
    every: timedelta | None = None  # it is due by itself, once in each such span of time
    may_fetch: Callable[[Job], bool] = lambda _: True  # whether who asks may still see all that the result tells


#: code → kind
KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Add a kind; a code stands for one kind for ever."""
    assert kind.code not in KINDS, kind.code
    KINDS[kind.code] = kind
    return kind
