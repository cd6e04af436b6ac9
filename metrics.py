"""Figures for Prometheus: requests, papers, scans. Counted in each process, added up when somebody asks.

The library decides at its first import whether several processes count together, so it is imported at the first count:
`share` comes before that.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)  # seconds
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # what the library reads


@dataclass(frozen=True)
class _Figures:
    requests: Any
    seconds: Any
    papers: Any
    scans: Any


_owner = 0


def share() -> None:
    """Let this process and those that are forked from now on count together."""
    global _owner
    os.environ[_FOLDER], _owner = tempfile.mkdtemp(prefix="roundtrip-metrics-"), os.getpid()


def unshare() -> None:
    """Take away what `share` has made, when the service has ended; a forked process that ends takes nothing away."""
    if _owner == os.getpid():
        shutil.rmtree(os.environ.pop(_FOLDER), ignore_errors=True)


_making = threading.Lock()


def _figures() -> _Figures:
    with _making:  # the first requests of a process may come side by side, and a figure can be made once only
        return _made()


@cache
def _made() -> _Figures:
    from prometheus_client import Counter as Counted
    from prometheus_client import Histogram

    return _Figures(
        Counted("roundtrip_requests", "Requests answered", ["method", "route", "status"]),
        Histogram("roundtrip_request_seconds", "Time until the answer", ["route"], buckets=_BUCKETS),
        Counted("roundtrip_papers", "Papers rendered, or not", ["result"]),
        Counted("roundtrip_scans", "Scans taken, by what became of them", ["outcome"]),
    )


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered. `route`: the pattern of its address, or '', so that nobody can invent new series."""
    figures = _figures()
    figures.requests.labels(method if method in _METHODS else "other", route or "none", status).inc()
    figures.seconds.labels(route or "none").observe(seconds)


def paper(result: str) -> None:
    """A paper was made or not: rendered, failed, or the limit that it broke (time, memory, input, output)."""
    _figures().papers.labels(result).inc()


def scans(outcomes: Iterable[str]) -> None:
    """Scans were answered: recorded, known, refused, …"""
    for outcome, count in Counter(outcomes).items():
        _figures().scans.labels(outcome).inc(count)


def ended(pid: int) -> None:
    """A process that counted has ended."""
    if _FOLDER in os.environ:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)


def text(gauges: dict[str, tuple[str, float]]) -> str:
    """All figures in the text format of Prometheus. `gauges`: name → what it is, and its value of this moment."""
    from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, multiprocess
    from prometheus_client.core import GaugeMetricFamily

    _figures()
    registry = REGISTRY
    if _FOLDER in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)

    now = CollectorRegistry()

    class Now:
        def collect(self) -> Any:
            for name, (help_, value) in gauges.items():
                yield GaugeMetricFamily(name, help_, value=value)

    now.register(Now())  # type: ignore[arg-type]
    return generate_latest(registry).decode() + generate_latest(now).decode()
