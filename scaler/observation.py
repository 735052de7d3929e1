"""What a plan is made from: a pool's wishes and one tick's readings. PURE value types.

Work is counted in rows (a request's cost), rates in rows per second, so that models of one pool add up.
"""

from dataclasses import dataclass, field

from scaler.hpa import HpaSpec
from scaler.readings import Load
from tidegate.shared.values import FloatArray, Mode, Skill

Wishes = tuple[tuple[float, int], ...]
"""(when, replicas) that were wanted, oldest first, falling: an earlier, smaller wish can't be the highest again."""


def latest(wishes: Wishes, now_s: float, window_s: float, wanted: int) -> Wishes:
    """The wishes of the window that ends now, with the one of now; the first is the highest."""
    return (*((at, count) for at, count in wishes if at > now_s - window_s and count > wanted), (now_s, wanted))


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """One pool's wishes. `mode` None is auto: the forecast's measured skill decides."""

    name: str
    models: tuple[str, ...]
    min_replicas: int
    max_replicas: int
    slo_wait_s: float
    target_outstanding_rows: float | None = None
    """Outstanding rows per replica that the reactive term aims at; None: what half of `slo_wait_s` allows."""
    mode: Mode | None = None
    mode_reason: str = "set for the pool"
    miss_price: float = 3.0
    """Price of one late request in replica-seconds."""
    max_utilization: float = 1.0
    """Share of the measured capacity that is planned with."""
    max_added_per_tick: int | None = None
    max_removed_per_tick: int | None = None
    priority: float = 1.0
    """Weight of its late requests where pools share a budget."""
    units_per_replica: int = 1
    """What one replica takes of that budget."""
    hpa: HpaSpec = field(default_factory=HpaSpec)


@dataclass(frozen=True, slots=True)
class Capacity:
    """Work that one replica can do; `relative_error` is the standard error of a measured figure."""

    rows_per_s: float
    source: str
    relative_error: float = 0.0


@dataclass(frozen=True, slots=True)
class Lead:
    """Seconds from asked to ready that 95 % of starts stay within."""

    seconds: float
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class PoolForecast:
    """The pool's demand ahead: sample paths in rows/s, shape (paths, steps); step i is [now + i·step, + step).

    `present_rows_per_s` is what each path says of the last tick, shape (paths,); None where the forecast is younger.
    """

    step_s: float
    paths_rows_per_s: FloatArray
    skill: Skill
    note: str = ""
    present_rows_per_s: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One tick of one pool. None is "no reading", which is never the same as zero.

    `starting_ready_in_s` has one entry per replica that was asked for and isn't ready: the seconds until it should be.
    `forecast` None comes with the reason in `forecast_note`.
    """

    now_s: float
    tick_s: float
    ready: int
    starting_ready_in_s: tuple[float, ...]
    lead: Lead
    capacity: Capacity
    demand_rows_per_s: float | None = None
    served_rows_per_s: float | None = None
    outstanding_rows: float | None = None
    load: Load = field(default_factory=Load)
    forecast: PoolForecast | None = None
    forecast_note: str = "no forecast"

    @property
    def starting(self) -> int:
        """Replicas on their way."""
        return len(self.starting_ready_in_s)

    @property
    def asked(self) -> int:
        """Replicas ready or on their way."""
        return self.ready + self.starting

    @property
    def window_s(self) -> float:
        """The decision window: what is asked for now must hold until the next decision's replicas are ready."""
        return self.lead.seconds + self.tick_s
