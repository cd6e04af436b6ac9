"""One measured figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` and `rival` are medians in `unit`; the ratio is ours / the rival's, measured in the same run.

    `peak_mb`: of rendering, what the processes that render hold in memory at most, what they share counted once.
    """

    name: str
    value: float
    unit: str
    rival: float | None
    what: str
    peak_mb: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.rival is None else round(self.value / self.rival, 3)
