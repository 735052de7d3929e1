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
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scaler.observation import Observation, PoolForecast, PoolSpec
from tidegate.shared.values import FloatArray

RAREST = 0.1
"""On the paths a miss is no dearer than makes a replica pay that would otherwise have this share of its work late: the
furthest of a few hundred paths are errors of other days, and no guide. What rarer misses cost, headroom learns. (Its
work is no more than there is: of a replica that could do a hundred times as much, all of it would be a hundredth.)"""
REACH = 3
"""The search looks so far beyond a replica that isn't worth it: where replicas start, a later one may be again."""
NOBODY = 40.0
"""A path on which nobody waits too long but for one in exp(40) counts as one on which nobody does."""
KEPT = 64
"""Answers about a forecast that are kept: the next candidate, and another pool's planner with the same forecast, ask
for them again."""


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


def choose(spec: PoolSpec, observation: Observation, forecast: PoolForecast, near: int = 0) -> Choice:
    """The number of replicas (0 … max) to have; the forecast begins now and reaches over the window at least.

    Each replica more is worth less than the one before, nearly, so the search goes up from `near`, an earlier answer,
    or else down until one is worth it.
    """
    rate, step_s, steps = planning_rate(spec, observation), forecast.step_s, forecast.paths_rows_per_s.shape[1]
    window = window_steps(forecast, observation)
    its_work = min(rate, max(float(forecast.paths_rows_per_s.mean()), 1e-9))
    price = min(spec.miss_price, 1.0 / (RAREST * its_work))
    backlog = observation.outstanding_rows or 0.0
    highest = highest_rows_per_s(forecast, window)
    peak = (float(_by_peak(forecast)[1][-1]) + backlog / max(observation.tick_s, step_s)) / rate
    most = min(spec.max_replicas, math.ceil(1.1 * peak) + 1)
    capacity = rate * available(np.arange(most + 1), observation, steps, step_s)
    ends = step_s * np.arange(1, steps + 1)

    def late(replicas: int) -> FloatArray:
        return _late_rows(forecast, capacity[replicas].tobytes(), backlog, spec.slo_wait_s)

    def worth(last: int) -> bool:
        saved = price * (late(last - 1) - late(last))
        in_time = last <= observation.asked or saved[:window].max() >= observation.tick_s
        return bool(in_time and (saved > ends).any())

    best = _highest_worth(worth, lambda replicas: bool((price * late(replicas) > ends).any()), near, most)
    carried = np.searchsorted(highest, best * rate, side="right") / len(highest)
    return Choice(best, float(late(best)[window - 1]), float(late(max(0, best - 1))[window - 1]), float(carried))


def _highest_worth(worth: Callable[[int], bool], saves: Callable[[int], bool], near: int, most: int) -> int:
    """The highest number up to `most` whose last replica is worth it; `saves` is whether a further one could be."""
    best = last = start = min(near, most)
    top = max(near, REACH) + REACH
    while last < min(most, top) and saves(last):
        last += 1
        if worth(last):
            best = last
            top += 2 * REACH if last == top else 0
    if best == start:
        while best > 0 and not worth(best):
            best -= 1
    return best


def window_steps(forecast: PoolForecast, observation: Observation) -> int:
    """Steps of the forecast in the decision window."""
    steps: int = forecast.paths_rows_per_s.shape[1]
    return max(1, min(round(observation.window_s / forecast.step_s), steps))


@lru_cache(maxsize=KEPT)
def highest_rows_per_s(forecast: PoolForecast, steps: int) -> FloatArray:
    """Each path's highest demand in the first steps, rows/s, sorted, shape (paths,)."""
    return np.sort(forecast.paths_rows_per_s[:, :steps].max(axis=1, initial=0.0))


def available(candidates: np.ndarray, observation: Observation, steps: int, step_s: float) -> FloatArray:
    """Mean number of ready replicas in each step, shape (candidates, steps), when that many are asked for now.

    Replicas that start are let go before ready ones, the last to become ready first.
    """
    ends = step_s * np.arange(1, steps + 1)
    new_share = ((ends - observation.lead.seconds) / step_s).clip(0.0, 1.0)
    ready, new = np.minimum(candidates, observation.ready), np.maximum(0, candidates - observation.asked)
    result: FloatArray = ready[:, None] + new[:, None] * new_share
    if observation.starting:
        share = (ends - np.sort(observation.starting_ready_in_s)[:, None]) / step_s
        kept = np.zeros((observation.starting + 1, steps))
        share.clip(0.0, 1.0).cumsum(axis=0, out=kept[1:])
        result += kept[np.minimum(candidates, observation.asked) - ready]
    return result


@lru_cache(maxsize=KEPT)
def _late_rows(forecast: PoolForecast, capacity: bytes, backlog_rows: float, slo_wait_s: float) -> FloatArray:
    return late_rows(forecast, np.frombuffer(capacity), backlog_rows, slo_wait_s)


def late_rows(forecast: PoolForecast, capacity: FloatArray, backlog_rows: float, slo_wait_s: float) -> FloatArray:
    """Mean late rows until the end of each step, shape (steps,); `capacity` rows/s has that shape too.

    A fluid queue, first in, first out: who comes while more waits than is served within the SLO is late. So is what
    then still waits beyond that, as it makes others late: without it one replica more would seem to save nothing in a
    window where all is lost, and giving up would look cheapest. Arrivals inside a step are random:
    P(wait > w) ≈ exp(-2 (1 - ρ)/ρ · C · w), the heavy-traffic limit for Poisson arrivals of equal work (Kingman 1961),
    are late at least; it is what makes small pools need more room than large ones.
    """
    demands, peaks = _by_peak(forecast)
    least, first, queues = float(capacity.min()), 0, 0
    if backlog_rows <= 0.0:
        room = 2.0 * slo_wait_s * least
        first, queues = peaks.searchsorted((least * room / (room + NOBODY), least))
    demands = demands[:, first:]
    rate = capacity[:, None]
    allowed = slo_wait_s * rate
    over = demands - rate  # shape (steps, paths), as all that follows
    share = np.minimum(over, 0.0)
    share *= 2.0 * allowed
    share /= np.maximum(demands, 1e-9)
    np.exp(share, out=share)
    left: FloatArray = np.zeros(len(capacity))
    if queues < len(peaks):
        too_long, still = _queueing(forecast.step_s * over[:, queues - first :], allowed, backlog_rows)
        np.maximum(share[:, queues - first :], too_long, out=share[:, queues - first :])
        left = np.add.reduce(still, axis=1)
    until: FloatArray = (np.einsum("sp,sp->s", share, demands).cumsum() * forecast.step_s + left) / len(peaks)
    return until


@lru_cache(maxsize=KEPT)
def _by_peak(forecast: PoolForecast) -> tuple[FloatArray, FloatArray]:
    """The paths, shape (steps, paths), those that rise highest last, and how high each rises."""
    peaks = forecast.paths_rows_per_s.max(axis=1)
    order = peaks.argsort()
    return np.ascontiguousarray(forecast.paths_rows_per_s[order].T), peaks[order]


def _queueing(net_rows: FloatArray, allowed_rows: FloatArray, backlog_rows: float) -> tuple[FloatArray, FloatArray]:
    """Where a queue may form: the part of each step in which it is too long, and what is too much at the step's end.

    `net_rows` are what comes in each step less what is served, shape (steps, paths).
    """
    after = np.empty_like(net_rows)
    waiting = np.full(net_rows.shape[1], backlog_rows)
    for net, left in zip(net_rows, after, strict=True):
        np.add(waiting, net, out=left)
        waiting = np.maximum(left, 0.0, out=left)
    # Of a queue that moves evenly from one length to the other, the part of the step in which it is too long.
    longest = np.maximum(after, backlog_rows)
    np.maximum(after[1:], after[:-1], out=longest[1:])
    too_long = longest - allowed_rows
    too_long /= np.maximum(np.abs(net_rows), 1e-9)
    return np.minimum(too_long, 1.0), np.maximum(0.0, after - allowed_rows)


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
