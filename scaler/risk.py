"""What one replica more is worth over the time ahead. PURE.

A replica is worth having when there is a time s, within the window and another start-up, such that paying for it until
then (s replica-seconds) costs less than the late rows that it saves until then. The n-th replica's worth is

    max over s of  price · (late rows until s with n - 1  -  late rows until s with n)  -  s

on average over the forecast's sample paths. A replica that is there saves from now on; one that is asked for now saves
from now + lead on, so its start-up is paid for in the same sum, and a replica that is kept isn't paid for twice. One
more rule for replicas that aren't there: asking can wait for the next tick unless the rows that only this tick's
asking saves, those in [lead, lead + tick), are worth that tick. (In a level load that is the newsvendor's rule: a
replica must be needed for a share of the time of more than 1 / (price · its rows per second).)
"""

import math
from dataclasses import dataclass

import numpy as np

from scaler.observation import Observation, PoolSpec
from tidegate.shared.values import FloatArray

RAREST = 0.05
"""A replica that is needed for a smaller share of the time is not had for the forecast's sake, however dear a miss: the
furthest of a few hundred paths are errors of other days, and no guide. What such tails do cost, headroom learns."""
AT_ONCE = 8
"""Candidates that are priced together."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The number whose last replica is worth having, and the late rows expected in the window with it and one less."""

    replicas: int
    late_rows: float
    one_less_late_rows: float
    carries: float
    """Share of the paths whose highest demand in the window it carries: the quantile that is implied."""


def planning_rate(spec: PoolSpec, observation: Observation) -> float:
    """Rows/s that one replica is planned with: one standard error below the measured mean, never fully used."""
    capacity = observation.capacity
    return capacity.rows_per_s * (1.0 - min(0.5, capacity.relative_error)) * spec.max_utilization


def choose(spec: PoolSpec, observation: Observation, paths: FloatArray, step_s: float, near: int = 0) -> Choice:
    """The number of replicas (0 … max) to have; `paths` rows/s from now on, shape (paths, steps), over the window.

    Each replica more is worth less than the one before, so the search starts `near` an earlier answer.
    """
    rate = planning_rate(spec, observation)
    price = min(spec.miss_price, 1.0 / (RAREST * rate))
    backlog = observation.outstanding_rows or 0.0
    highest = (float(paths.max(initial=0.0)) + backlog / max(observation.tick_s, step_s)) / rate
    most = min(spec.max_replicas, math.ceil(1.1 * highest) + 1)
    window = min(round(observation.window_s / step_s), paths.shape[1]) - 1
    low = min(max(0, near - AT_ONCE // 2), max(0, most - AT_ONCE))
    came_up = False
    while True:
        candidates = np.arange(low, min(low + AT_ONCE, most) + 1)
        capacity = rate * available(candidates, observation, paths.shape[1], step_s)
        late = late_rows(paths, step_s, capacity, backlog, spec.slo_wait_s)
        saved = price * (late[:-1] - late[1:])
        worth = (saved - step_s * np.arange(1, paths.shape[1] + 1)).max(axis=1) > 0.0
        in_time = (candidates[1:] <= observation.asked) | (saved[:, window] >= observation.tick_s)
        best = int(np.max(candidates[1:][worth & in_time], initial=low))
        if best == candidates[-1] and best < most:
            low, came_up = best, True
        elif best == low and low > 0 and not came_up:
            low = max(0, low - AT_ONCE)
        else:
            break
    carried = paths[:, : window + 1].max(axis=1, initial=0.0) <= best * rate
    one_less = late[max(0, best - 1 - low), window]
    return Choice(best, float(late[best - low, window]), float(one_less), float(carried.mean()))


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
    result: FloatArray = kept[np.minimum(candidates, observation.asked)] + new
    return result


def late_rows(
    paths: FloatArray, step_s: float, capacity: FloatArray, backlog_rows: float, slo_wait_s: float
) -> FloatArray:
    """Mean late rows until the end of each step, shape (candidates, steps); `capacity` rows/s has that shape too.

    A fluid queue that may hold what can be served within the SLO. What flows over is late, and so is what waits too
    long at the end. Counting the overflow rather than every row behind it keeps the figure falling with each replica
    even when all is lost, so that a hopeless window never looks like a reason to give up. Arrivals inside a step are
    random: P(wait > w) ≈ exp(-2 (1 - ρ)/ρ · C · w), the heavy-traffic limit for Poisson arrivals of equal work (Kingman
    1961), is late too; it is what makes small pools need more headroom than large ones.
    """
    waiting = np.full((capacity.shape[0], paths.shape[0]), backlog_rows)
    late = np.zeros(capacity.shape[0])
    until = np.empty_like(capacity)
    demands = np.ascontiguousarray(paths.T)
    works, divisors = demands * step_s, np.maximum(demands, 1e-9)
    for step in range(paths.shape[1]):
        rate, demand = capacity[:, step, None], demands[step]
        allowed = slo_wait_s * rate
        room = np.maximum(allowed, waiting)
        over = demand - rate
        exponent = np.minimum(0.0, over) * (2.0 * allowed)
        exponent /= divisors[step]
        unlucky = np.exp(exponent, out=exponent)
        unlucky *= works[step]
        over *= step_s
        waiting += over
        unlucky += np.maximum(0.0, waiting - room)
        late += np.add.reduce(unlucky, axis=1) / len(paths)
        np.minimum(waiting, room, out=waiting)
        np.maximum(waiting, 0.0, out=waiting)
        until[:, step] = late + np.add.reduce(np.maximum(0.0, waiting - allowed), axis=1) / len(paths)
    return until
