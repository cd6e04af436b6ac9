"""`make faults`: the large versions of tests, each of which adds a line to the table of what was tried."""

from __future__ import annotations

import os
from pathlib import Path

#: Whether the large versions run, with the figures of their promises; else small ones with patience for a busy machine.
LARGE = bool(os.environ.get("FAULTS_LARGE"))


def tried(number: str, what: str, times: int) -> None:
    """Add a line to the table that `make faults` prints: what was tried, how often, and all of it was survived."""
    if LARGE:
        with Path(os.environ["FAULTS_LARGE"]).open("a", encoding="utf-8") as table:
            table.write(f"{number}\t{times}\t{what}\n")
