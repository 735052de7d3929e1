"""Value types that cross services. PURE. Times are epoch seconds, rates requests (or rows) per second."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

QUANTILES: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95, 0.99)
"""The levels that are forecast when nobody asks for others."""

DURATION_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histograms of durations."""


class BackendStatus(StrEnum):
    """Where a replica stands, as a router sees it."""

    STARTING = "starting"
    READY = "ready"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True, eq=False)
class DemandSeries:
    """Offered load of one model on a regular grid: value i is the mean rate over [start + i·step, + step).

    `rate_rps` has shape (n,); NaN is missing (a gap is not zero traffic).
    """

    model: str
    start_s: float
    step_s: float
    rate_rps: FloatArray

    @property
    def end_s(self) -> float:
        """End of the last step, exclusive."""
        return self.start_s + self.step_s * len(self.rate_rps)

    def times_s(self) -> FloatArray:
        """Start of each step, shape (n,)."""
        return self.start_s + self.step_s * np.arange(len(self.rate_rps), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Skill:
    """Rolling-origin skill: 1 - loss / loss of the reference (1 perfect, 0 no better, below 0 worse).

    `origins` is how many forecasts it rests on; with 0 the other figures mean nothing. `coverage_95` is the share that
    stayed under the 95 % quantile, NaN where these were too few to say.
    """

    origins: int = 0
    vs_seasonal_naive: float = 0.0
    vs_last_value: float = 0.0
    coverage_95: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Quantile paths of one series, and the maximum over a window.

    `values_rps` has shape (quantiles, steps); `window_max_rps` (quantiles,); `paths_rps` (paths, steps).
    Quantiles never cross and are never negative. Path k of two series made at one time starts from errors seen at
    the same past time, so that series may be added path by path. `basis` says in words what the forecast rests on
    where that is not the series' own seasons (another model's shape, the recent level alone); empty where it is.
    """

    model: str
    issued_at_s: float
    start_s: float
    step_s: float
    quantiles: tuple[float, ...]
    values_rps: FloatArray
    window_s: float
    window_max_rps: FloatArray
    paths_rps: FloatArray
    skill: Skill = Skill()
    history_s: float = 0.0
    seasons_s: tuple[float, ...] = ()
    basis: str = ""

    @property
    def steps(self) -> int:
        """Number of steps ahead."""
        return int(self.values_rps.shape[1])

    def times_s(self) -> FloatArray:
        """Start of each forecast step, shape (steps,)."""
        return self.start_s + self.step_s * np.arange(self.steps, dtype=np.float64)


class Mode(StrEnum):
    """How far a pool's forecasts may act; in HPA they don't, and nothing of ours does: for comparison."""

    SHADOW = "shadow"
    FLOOR = "floor"
    FULL = "full"
    HPA = "hpa"


@dataclass(frozen=True, slots=True)
class Term:
    """What one way of deciding asks for; `replicas` is None when it has no data (that means hold, never zero)."""

    name: str
    replicas: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One named step from the combined terms to the decision."""

    name: str
    before: int
    after: int
    reason: str


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """The figures that a decision was made from, for whoever asks why."""

    lead_s: float
    lead_source: str
    capacity_rows_per_s: float
    capacity_source: str
    window_s: float
    demand_rows_per_s: float | None
    outstanding_rows: float | None
    quantiles: tuple[float, ...] = ()
    window_max_rows_per_s: tuple[float, ...] = ()
    skill_vs_seasonal_naive: float | None = None
    skill_vs_last_value: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One decision for one pool: `terms` combined by `mode`, then changed by `adjustments` in their order."""

    pool: str
    at_s: float
    mode: Mode
    mode_reason: str
    ready: int
    asked: int
    desired: int
    inputs: PlanInputs
    terms: tuple[Term, ...] = ()
    adjustments: tuple[Adjustment, ...] = field(default=())
