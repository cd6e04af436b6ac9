"""What a tree of processes holds in memory: PSS, so that what several share counts once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path


def peak(work: Callable[[], object], roots: Callable[[], list[int]]) -> float:
    """MB that the processes `roots` and their children hold at most while `work` runs."""
    most, done = 0, threading.Event()

    def look() -> None:
        nonlocal most
        while True:
            most = max(most, sum(pss(pid) for root in roots() for pid in tree(root)))
            if done.wait(0.05):
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return most / 1024


def tree(pid: int) -> list[int]:
    """A process and all that it has started, as far as they still run."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return []
    return [pid, *(one for child in children for one in tree(child))]


def pss(pid: int) -> int:
    """kB of a process; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
