"""How long requests waited, from the record of arrivals and capacity. PURE."""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import FloatArray

PARTS = 8
"""Points looked at in each second."""


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """Waiting times in seconds, each of `weight` requests, shape (n,); those that didn't wait are only counted."""

    requests: float
    wait_s: FloatArray
    weight: FloatArray

    def late(self, slo_wait_s: float) -> float:
        """Requests that waited longer than that."""
        return float(self.weight[self.wait_s > slo_wait_s].sum())

    def quantile(self, level: float) -> float:
        """The wait that this share of the requests doesn't exceed."""
        below = level * self.requests - (self.requests - float(self.weight.sum()))
        if below <= 0 or not len(self.wait_s):
            return 0.0
        order = np.argsort(self.wait_s)
        at = int(np.searchsorted(np.cumsum(self.weight[order]), below - 1e-9))
        return float(self.wait_s[order][min(at, len(order) - 1)])


def waits(arrived: FloatArray, capacity: FloatArray, backlog: FloatArray) -> Waits:
    """Exact first-in-first-out waits of a fluid queue; all shape (seconds,), `backlog` at the start of each second.

    A request that finds work B before it leaves when the capacity from its arrival on adds up to B. What is still
    queued at the end is served by the last second's capacity (none: it waits for ever).
    """
    busy = np.flatnonzero((arrived > 0) & ((backlog > 0) | (np.append(backlog[1:], 1.0) > 0)))
    potential = np.concatenate([[0.0], np.cumsum(capacity)])
    inside = (np.arange(PARTS) + 0.5) / PARTS
    net = (arrived - capacity)[busy, None]
    before = np.maximum(0.0, backlog[busy, None] + net * inside).ravel()
    since = (potential[busy, None] + capacity[busy, None] * inside).ravel()
    weight = np.repeat(arrived[busy] / PARTS, PARTS)
    at = (busy[:, None] + inside).ravel()
    wait = np.where(before > 1e-9, _time_of(since + before, potential) - at, 0.0)
    waited = wait > 1e-9
    return Waits(float(arrived.sum()), wait[waited], weight[waited])


def _time_of(work: FloatArray, potential: FloatArray) -> FloatArray:
    """When the potential service reaches `work`: the first such time, as capacity may be 0 for a while."""
    end = np.searchsorted(potential, work, side="left")
    inside = np.clip(end, 1, len(potential) - 1)
    gained = potential[inside] - potential[inside - 1]
    part = np.divide(work - potential[inside - 1], gained, out=np.full_like(work, np.inf), where=gained > 0)
    reached: FloatArray = inside.astype(np.float64) - 1.0 + part
    return reached
