"""Expected lateness of a number of replicas over the decision window. PURE.

A decision stands for one tick, so n replicas cost n · tick replica-seconds; against that stand the late rows of the
whole window [now, now + lead + tick) that no later decision can avert: what is dropped now can't be back sooner, and
what is asked for now helps from now + lead on. The number with the least sum wins (a newsvendor's choice: one more
replica is worth its tick as long as it saves more than tick / price late rows on average over the sample paths).
"""

from dataclasses import dataclass

import numpy as np

from scaler.observation import Observation, PoolSpec
from tidegate.shared.values import FloatArray


@dataclass(frozen=True, slots=True)
class Choice:
    """The cheapest number, what it is expected to cost, and the share of paths whose peak it carries."""

    replicas: int
    late_rows: float
    one_less_late_rows: float
    carries: float


def planning_rate(spec: PoolSpec, observation: Observation) -> float:
    """Rows/s that one replica is planned with: one standard error below the measured mean, never fully used."""
    capacity = observation.capacity
    return capacity.rows_per_s * (1.0 - min(0.5, capacity.relative_error)) * spec.max_utilization


def choose(spec: PoolSpec, observation: Observation, paths: FloatArray, step_s: float) -> Choice:
    """The number of replicas (0 … max) of least expected cost; `paths` rows/s of the window, shape (paths, steps)."""
    rate = planning_rate(spec, observation)
    backlog = observation.outstanding_rows or 0.0
    highest = (float(paths.max(initial=0.0)) + backlog / max(observation.tick_s, step_s)) / rate
    most = min(spec.max_replicas, max(observation.asked, int(1.25 * highest) + 4))
    candidates = np.arange(most + 1)
    capacity = rate * available(candidates, observation, paths.shape[1], step_s)
    late = late_rows(paths, step_s, capacity, backlog, spec.slo_wait_s)
    best = int(np.argmin(spec.miss_price * late + candidates * observation.tick_s))
    carried = paths.max(axis=1, initial=0.0) <= best * rate
    return Choice(best, float(late[best]), float(late[max(0, best - 1)]), float(carried.mean()))


def available(candidates: np.ndarray, observation: Observation, steps: int, step_s: float) -> FloatArray:
    """Mean number of ready replicas in each step, shape (candidates, steps), when that many are asked for now.

    Replicas that start are let go before ready ones, the last to become ready first.
    """
    ends = step_s * np.arange(1, steps + 1)
    ready_in = np.concatenate([np.zeros(observation.ready), np.sort(observation.starting_ready_in_s)])
    share = np.clip((ends - ready_in[:, None]) / step_s, 0.0, 1.0)
    kept = np.concatenate([np.zeros((1, steps)), np.cumsum(share, axis=0)])
    new_share = np.clip((ends - observation.lead.seconds) / step_s, 0.0, 1.0)
    new: FloatArray = np.maximum(0, candidates - observation.asked)[:, None] * new_share
    return kept[np.minimum(candidates, observation.asked)] + new


def late_rows(
    paths: FloatArray, step_s: float, capacity: FloatArray, backlog_rows: float, slo_wait_s: float
) -> FloatArray:
    """Expected late rows over the paths, shape (candidates,); `capacity` rows/s has shape (candidates, steps).

    A fluid queue that may hold what can be served within the SLO. What flows over is late, and so is what still waits
    too long at the end. Counting the overflow rather than every row behind it keeps the figure falling with each
    replica even when all is lost, so that a hopeless window never looks like a reason to give up. Arrivals inside
    a step are random: P(wait > w) ≈ exp(-2 (1 - ρ)/ρ · C · w), the heavy-traffic limit for Poisson arrivals of equal
    work (Kingman 1961), is late too; it is what makes small pools need more headroom than large ones.
    """
    waiting = np.full((capacity.shape[0], paths.shape[0]), backlog_rows)
    late = np.zeros_like(waiting)
    for step in range(paths.shape[1]):
        rate, demand = capacity[:, step, None], paths[None, :, step]
        room = np.maximum(slo_wait_s * rate, waiting)
        filled = waiting + (demand - rate) * step_s
        late += np.maximum(0.0, filled - room)
        waiting = np.clip(filled, 0.0, room)
        slack = np.maximum(0.0, rate - demand)
        late += demand * step_s * np.exp(-2.0 * slack * slo_wait_s * rate / np.maximum(demand, 1e-9))
    late += np.maximum(0.0, waiting - slo_wait_s * capacity[:, -1:])
    mean: FloatArray = late.mean(axis=1)
    return mean
