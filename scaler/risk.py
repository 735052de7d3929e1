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

RAREST = 0.1
"""On the paths a miss is no dearer than makes a replica pay that would otherwise have this share of its work late: the
furthest of a few hundred paths are errors of other days, and no guide. What rarer misses cost, headroom learns."""
AT_ONCE = 6
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
    window = min(round(observation.window_s / step_s), paths.shape[1]) - 1
    price = min(spec.miss_price, 1.0 / (RAREST * rate))
    backlog = observation.outstanding_rows or 0.0
    highest = (float(paths.max(initial=0.0)) + backlog / max(observation.tick_s, step_s)) / rate
    most = min(spec.max_replicas, math.ceil(1.1 * highest) + 1)
    low = min(max(0, near - AT_ONCE // 2), max(0, most - AT_ONCE))
    came_up = False
    while True:
        candidates = np.arange(low, min(low + AT_ONCE, most) + 1)
        capacity = rate * available(candidates, observation, paths.shape[1], step_s)
        late = late_rows(paths, step_s, capacity, backlog, spec.slo_wait_s)
        saved = price * (late[:-1] - late[1:])
        worth = (saved - step_s * np.arange(1, paths.shape[1] + 1)).max(axis=1) > 0.0
        in_time = (candidates[1:] <= observation.asked) | (saved[:, : window + 1].max(axis=1) >= observation.tick_s)
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

    A fluid queue, first in, first out: who comes while more waits than is served within the SLO is late. So is what
    then still waits beyond that, as it makes others late: without it one replica more would seem to save nothing in a
    window where all is lost, and giving up would look cheapest. Arrivals inside a step are random:
    P(wait > w) ≈ exp(-2 (1 - ρ)/ρ · C · w), the heavy-traffic limit for Poisson arrivals of equal work (Kingman 1961),
    are late at least; it is what makes small pools need more room than large ones.
    """
    waiting = np.full((capacity.shape[0], paths.shape[0]), backlog_rows)
    late = np.zeros(capacity.shape[0])
    until = np.empty_like(capacity)
    demands = np.ascontiguousarray(paths.T)
    works, divisors = demands * step_s, np.maximum(demands, 1e-9)
    for step in range(paths.shape[1]):
        rate, demand = capacity[:, step, None], demands[step]
        allowed = slo_wait_s * rate
        over = demand - rate
        share = np.minimum(0.0, over) * (2.0 * allowed)
        share /= divisors[step]
        np.exp(share, out=share)
        over *= step_s
        after = np.maximum(0.0, waiting + over)
        # Of a queue that moves evenly from one length to the other, the part of the step in which it is too long.
        np.abs(over, out=over)
        share = np.maximum(share, (np.maximum(waiting, after) - allowed) / np.maximum(over, 1e-9))
        np.minimum(share, 1.0, out=share)
        late += share @ works[step] / len(paths)
        waiting = after
        until[:, step] = late + np.add.reduce(np.maximum(0.0, waiting - allowed), axis=1) / len(paths)
    return until


def clearing(spec: PoolSpec, rate: float, lead_s: float, demand_rows_per_s: float, excess_rows: float) -> float:
    """Rows/s beyond the demand that are worth asking for to clear rows that wait too long.

    Those who come until the queue is cleared are late, demand · excess / x for x rows/s more, and x / rate replicas are
    paid for a lead. The sum is least at x = sqrt(price · rate · demand · excess / lead).
    Worked: 30 000 rows at a demand of 100/s, 10 rows/s a replica, a lead of 600 s and a price of 2 are worth 316 rows/s
    (32 replicas): 9 500 more are late, where clearing them within a lead (5 replicas) would have let 60 000 be.
    """
    if excess_rows <= 0.0:
        return 0.0
    worth = math.sqrt(spec.miss_price * rate * demand_rows_per_s * excess_rows / lead_s)
    return max(worth, excess_rows / lead_s)
