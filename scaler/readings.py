"""What the routers say about one pool, added up and turned into rates. PURE."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.shared.values import BackendStatus


@dataclass(frozen=True, slots=True)
class BackendReading:
    """One backend of one router."""

    address: str
    replica_id: str
    pool: str
    status: BackendStatus
    outstanding: int
    capacity_rows_per_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The replica's id, or the address of a backend that never registered."""
        return self.replica_id or self.address


@dataclass(frozen=True, slots=True)
class ModelReading:
    """One model at one router; totals only grow while the router lives."""

    outstanding: int
    held: int
    cost_rows: float
    arrived_total: int
    succeeded_total: int


@dataclass(frozen=True, slots=True)
class RouterReading:
    """One router's state at `at_s`."""

    router_id: str
    at_s: float
    backends: tuple[BackendReading, ...]
    models: Mapping[str, ModelReading]


@dataclass(frozen=True, slots=True)
class PoolReading:
    """All routers together. A rate is None until two readings of every router, and after a router was away."""

    backends: Mapping[str, BackendReading]
    cost_rows: Mapping[str, float]
    demand_rps: Mapping[str, float] | None
    served_rows_per_s: float | None
    outstanding_rows: float | None

    @property
    def demand_rows_per_s(self) -> float | None:
        """Work offered per second."""
        if self.demand_rps is None:
            return None
        return sum(rate * self.cost_rows.get(model, 1.0) for model, rate in self.demand_rps.items())


def pool_reading(
    pool: str,
    models: Sequence[str],
    now: Sequence[RouterReading | None],
    before: Sequence[RouterReading | None],
) -> PoolReading:
    """One pool from every router's reading, None for a router that gave none.

    With one router silent its share of the load is unknown, so the sums are None rather than too small; its backends
    are still known through the others.
    """
    spoke = [reading for reading in now if reading is not None]
    cost = _mean_cost(models, spoke)
    pairs = [(new, _earlier(new, before)) for new in spoke]
    complete = bool(now) and len(spoke) == len(now)
    demand = served = outstanding = None
    if complete:
        outstanding = sum(
            (one.outstanding + one.held) * cost[model]
            for reading in spoke
            for model, one in reading.models.items()
            if model in cost
        )
    if complete and all(old is not None for _, old in pairs):
        demand = dict.fromkeys(models, 0.0)
        served = 0.0
        for new, old in pairs:
            for model in models:
                arrived, succeeded = _rates(model, new, old)
                demand[model] += arrived
                served += succeeded * cost[model]
    return PoolReading(_merged(pool, spoke), cost, demand, served, outstanding)


def _mean_cost(models: Sequence[str], readings: Iterable[RouterReading]) -> dict[str, float]:
    """Mean rows per request over the routers, weighted by what they saw."""
    costs = {}
    for model in models:
        seen = [reading.models[model] for reading in readings if model in reading.models]
        weight = sum(one.arrived_total for one in seen)
        costs[model] = sum(one.cost_rows * one.arrived_total for one in seen) / weight if weight else 1.0
    return costs


def _earlier(new: RouterReading, before: Sequence[RouterReading | None]) -> RouterReading | None:
    """The same router's last reading; none when it was restarted since (totals shrank) or is new."""
    for old in before:
        if old is None or old.router_id != new.router_id or old.at_s >= new.at_s:
            continue
        shrunk = any(
            model not in new.models or new.models[model].arrived_total < one.arrived_total
            for model, one in old.models.items()
        )
        return None if shrunk else old
    return None


def _rates(model: str, new: RouterReading, old: RouterReading | None) -> tuple[float, float]:
    """Requests per second arrived and answered since the old reading."""
    if old is None or model not in new.models:
        return 0.0, 0.0
    after, earlier = new.models[model], old.models.get(model)
    span_s = new.at_s - old.at_s
    arrived = after.arrived_total - (earlier.arrived_total if earlier else 0)
    succeeded = after.succeeded_total - (earlier.succeeded_total if earlier else 0)
    return arrived / span_s, max(0, succeeded) / span_s


_RANK = (BackendStatus.UNHEALTHY, BackendStatus.STARTING, BackendStatus.READY, BackendStatus.DRAINING)
"""Of two routers' views the later counts: ready for one is ready, and a drain anywhere is a drain."""


def _merged(pool: str, readings: Iterable[RouterReading]) -> dict[str, BackendReading]:
    merged: dict[str, BackendReading] = {}
    for reading in readings:
        for backend in reading.backends:
            if backend.pool != pool:
                continue
            other = merged.get(backend.key)
            if other is None:
                merged[backend.key] = backend
                continue
            merged[backend.key] = BackendReading(
                backend.address,
                backend.replica_id,
                pool,
                max(backend.status, other.status, key=_RANK.index),
                backend.outstanding + other.outstanding,
                {**other.capacity_rows_per_s, **backend.capacity_rows_per_s},
            )
    return merged
