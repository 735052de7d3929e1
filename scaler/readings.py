"""What the routers say about one pool, added up and turned into rates. PURE."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tidegate.shared.values import BackendStatus

ENOUGH_ENDED = 20
"""Requests that a share of errors must rest on."""


@dataclass(frozen=True, slots=True)
class BackendReading:
    """One backend of one router."""

    address: str
    replica_id: str
    pool: str
    status: BackendStatus
    outstanding: int
    capacity_rows_per_s: Mapping[str, float] = field(default_factory=dict)
    utilization: float = 0.0
    """Busy share and seconds of work that waits, added up, as its last answer said."""
    answered_total: int = 0

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
    failed_total: int = 0
    """Failed for want of a replica, or refused; errors that are the client's own are not counted."""


@dataclass(frozen=True, slots=True)
class RouterReading:
    """One router's state at `at_s`."""

    router_id: str
    at_s: float
    backends: tuple[BackendReading, ...]
    models: Mapping[str, ModelReading]


@dataclass(frozen=True, slots=True)
class Load:
    """How the ready replicas fare; None is no reading. The wait is of work that is in a replica already."""

    busy_share: float | None = None
    queue_wait_s: float | None = None
    error_share: float | None = None


@dataclass(frozen=True, slots=True)
class PoolReading:
    """All routers together. A rate is None until two readings of every router, and after a router was away."""

    backends: Mapping[str, BackendReading]
    cost_rows: Mapping[str, float]
    demand_rps: Mapping[str, float] | None
    served_rows_per_s: float | None
    outstanding_rows: float | None
    load: Load = field(default_factory=Load)

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
    return PoolReading(_merged(pool, spoke), cost, demand, served, outstanding, _load(pool, models, pairs))


def _load(pool: str, models: Sequence[str], pairs: Sequence[tuple[RouterReading, RouterReading | None]]) -> Load:
    """Of replicas that answered anything since the last reading, and of idle ones; the others' last word is old."""
    told: dict[str, float] = {}
    ended = failed = 0
    for new, old in pairs:
        if old is None:
            continue
        before = {one.key: one for one in old.backends}
        for one in new.backends:
            known = before.get(one.key)
            if one.pool != pool or one.status is not BackendStatus.READY or known is None:
                continue
            if one.answered_total != known.answered_total:
                told[one.key] = max(told.get(one.key, 0.0), one.utilization)
            elif not one.outstanding:
                told.setdefault(one.key, 0.0)
        for model in models:
            if model in new.models and model in old.models:
                now, then = new.models[model], old.models[model]
                failed += now.failed_total - then.failed_total
                ended += now.failed_total + now.succeeded_total - then.failed_total - then.succeeded_total
    busy = [min(1.0, one) for one in told.values()]
    waits = [max(0.0, one - 1.0) for one in told.values()]
    return Load(
        sum(busy) / len(busy) if busy else None,
        sum(waits) / len(waits) if waits else None,
        failed / ended if ended >= ENOUGH_ENDED else None,
    )


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
