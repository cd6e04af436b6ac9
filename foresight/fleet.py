"""How many boxes a flow needs: Little's law, and what to add because returns do not come evenly. Pure.

The mean number in circulation is λ·T̄: boxes sent a day times days of a full cycle, the needed days at home included.
How far the true number strays from it depends on what moves together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, pvariance

#: Share of days on which the boxes are to be enough → z of the normal distribution.
SERVICE = {95: 1.645, 99: 2.326}
#: Fewer days of history give no dispersion factor.
MIN_DAYS = 30


@dataclass(frozen=True)
class Flow:
    """What the fleet size follows from. Days; boxes."""

    per_day: float  # λ: boxes sent a day
    cycle: float  # T̄: days away and needed at home
    batch: float = 1.0  # b: boxes that come back together
    batch_cv: float = 0.0  # standard deviation of b ÷ b
    cycle_sd: float | None = None  # σ_T: of the time of whole shipments, days; None: not known

    @property
    def mean(self) -> float:
        """Boxes in circulation on average, λ·T̄."""
        return self.per_day * self.cycle


def independent(flow: Flow, z: float) -> float:
    """Each box comes back on its own: Poisson, variance λT̄, whatever σ_T is."""
    return flow.mean + z * sqrt(flow.mean)


def batched(flow: Flow, z: float) -> float:
    """Shipments of b boxes come back together: variance λT̄·b·(1 + cv²)."""
    return flow.mean + z * sqrt(flow.mean * flow.batch * (1 + flow.batch_cv**2))


def common_delay(flow: Flow, z: float) -> float | None:
    """The whole lane is late together (vessel, customs, season): variance λT̄ + λ²σ_T²."""
    return None if flow.cycle_sd is None else flow.mean + z * sqrt(flow.mean + (flow.per_day * flow.cycle_sd) ** 2)


def from_history(flow: Flow, z: float, factor: float | None) -> float | None:
    """The strays that were seen: variance factor·λT̄."""
    return None if factor is None else flow.mean + z * sqrt(factor * flow.mean)


def dispersion(daily_out: Sequence[int]) -> float | None:
    """Variance of the daily number out ÷ its mean; 1 when each box moves on its own. None with too few days."""
    if len(daily_out) < MIN_DAYS or not any(daily_out):
        return None
    return pvariance(daily_out) / fmean(daily_out)


def with_additions(size: float, peak: float, in_repair: int, lost_a_day: float, lead_days: int) -> float:
    """Boxes to own: `size` × peak factor + those in repair + what gets lost until bought ones arrive."""
    return size * peak + in_repair + lost_a_day * lead_days
