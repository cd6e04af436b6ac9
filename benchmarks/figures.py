"""One measured figure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` and `rival` are medians in `unit`; the ratio is ours / the rival's, measured in the same run."""

    name: str
    value: float
    unit: str
    rival: float | None
    what: str

    @property
    def ratio(self) -> float | None:
        return None if self.rival is None else round(self.value / self.rival, 3)
