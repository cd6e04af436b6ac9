"""Within how many months boxes are to be back, kept as data: the lines of `data/clocks.csv`, then a firm's own rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

from customs.models import ClockRule
from customs.rules import Clock
from errors import N_

#: The notes of `data/clocks.csv`, so that they are translated as every other sentence.
NOTES = {
    "cn_out": N_(
        "Each extension is applied for before expiry. Whether the clock starts with exit or with release: to be "
        "checked with the broker."
    ),
    "eu_back": N_(
        "Own boxes of the Union that come back. Which proof the office wants: to be checked with the broker."
    ),
    "eu_in": N_("The authorisation may set a shorter time: to be checked with the broker."),
    "today": N_("Whether today's text still says so: to be checked with the broker."),
    "mx": N_("Only under an IMMEX programme. Without one: to be checked with the broker."),
}


def clocks() -> list[Clock]:
    """All lines: those that come with Roundtrip, then our own, which go before them."""
    return [*shipped_clocks(), *(own_clock(row) for row in own_rows())]


def own_rows() -> Sequence[ClockRule]:
    """Our own lines as rows, in the order of country, regime and destination."""
    return list(ClockRule.select().order_by(ClockRule.country, ClockRule.regime, ClockRule.destination))


def own_clock(row: ClockRule) -> Clock:
    """A stored line as a value."""
    return Clock(
        row.country, row.regime, row.destination, row.months, row.extensions, row.extension_months, row.source,
        row.read_day, row.verified_by, row.note, own=True,
    )  # fmt: skip


@cache
def shipped_clocks() -> tuple[Clock, ...]:
    """The lines of `data/clocks.csv`, which nobody has verified yet: the pages say so."""
    with (Path(__file__).parent / "data" / "clocks.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Clock(
                row["country"], row["regime"], row["destination"], int(row["months"]), int(row["extensions"]),
                int(row["extension_months"]), row["source"], date.fromisoformat(row["read_day"]), row["verified_by"],
                NOTES[row["note"]],
            )
            for row in csv.DictReader(file)
        )  # fmt: skip
