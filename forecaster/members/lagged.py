"""What comes, regressed on what was known: a direct, closed-form regression for each of a few horizons. PURE.

What was known of a series around 0 (deviations from a season, or values around their mean): the last value and its
exponential means, the same means one season before the origin (how far today is from yesterday), and at the target's
phase the last cycles one by one, their neighbourhood and their long mean. Without a season it is a heterogeneous
autoregression (as `carry`). Source of the direct strategy: Ben Taieb et al., Expert Systems with Applications 39, 2012.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster import between
from forecaster.carried import Means
from forecaster.members import ridge
from forecaster.members.carry import LAST, Recent, features, half_lives_for, shift
from forecaster.members.fixed_season import At
from forecaster.smoothing import SETTLED, decayed_sum, moving_mean, or_zero, robust_scale, spaced, window_means
from tidegate.shared.values import FloatArray, IntArray

KNOTS = 7
"""Horizons that are regressed, log-spaced; those in between are interpolated."""

MAX_ROWS = 2000
CYCLES = 3
"""Cycles before the target that are seen one by one."""

HALF_LIFE_CYCLES = 4.0
NEIGHBOURHOOD = 48
"""The neighbourhood of a phase is 1/48 of the cycle to either side (half an hour of a day)."""

OUTLIER = 10.0
"""Features are clipped at this many standard deviations."""

MEMORY = 1.0
"""Half-life of the rows' weights, as a share of the history."""


@dataclass(frozen=True, slots=True)
class Lagged:
    """Coefficients (knots, features); features are clipped at `limit`."""

    periods: tuple[int, ...]
    half_lives: tuple[float, ...]
    knots: IntArray
    coefficients: FloatArray
    limit: float

    def path(self, deviation: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """Expected deviation 1..horizon steps after each origin, shape (origins, horizon)."""
        known = _Known.of(deviation, self.periods, self.half_lives)
        seasonal = known.seasonal_at(origins[:, None], np.arange(1, horizon + 1))
        return self._path(known.recent_at(origins).T, seasonal, shift(deviation, self._scale, origins), horizon)

    def past(self, deviation: FloatArray) -> "Past":
        """What is known at the end of a deviation, and was one season before it, to be carried on."""
        before = (deviation[: max(0, len(deviation) - period)] for period in self.periods)
        half_lives = (LAST, *self.half_lives[:-1])
        return Past(
            Recent.of(deviation, self.half_lives, self._scale), tuple(Means.of(one, half_lives) for one in before)
        )

    def onward(self, past: "Past", known: int, deviation: At, end: int, horizon: int) -> FloatArray:
        """See fixed_season.Memory."""
        now = past.now.after(deviation(np.arange(known, end)))
        before = [
            means.after(deviation(np.arange(max(0, known - period), max(0, end - period)))).now()
            for period, means in zip(self.periods, past.before, strict=True)
        ]
        latest = np.concatenate((now.means.now(), *before))[None]
        seasonal = [
            column
            for period in self.periods
            for column in _seasonal_onward(deviation, period, end, np.arange(1, horizon + 1))
        ]
        result: FloatArray = self._path(latest, seasonal, now.shifted(), horizon)[0]
        return result

    @property
    def _scale(self) -> float:
        return self.limit / OUTLIER

    def _path(self, latest: FloatArray, seasonal: list[FloatArray], shifted: FloatArray, horizon: int) -> FloatArray:
        weights = between.steps(self.knots, self.coefficients, horizon, logarithmic=True).T
        path: FloatArray = np.clip(latest, -self.limit, self.limit) @ weights[: latest.shape[1]]
        for weight, column in zip(weights[latest.shape[1] :], seasonal, strict=True):
            path = path + weight * np.minimum(np.maximum(column, -self.limit), self.limit)
        sure = shifted[:, None]
        return (1.0 - sure) * path + sure * latest[:, 1:2]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """A deviation's end, and its exponential means one season before, for each period."""

    now: Recent
    before: tuple[Means, ...]


def fit(deviation: FloatArray, periods: tuple[int, ...], horizon: int) -> Lagged:
    """Regress at each knot. `deviation` has shape (n,), around 0, gaps NaN."""
    half_lives = half_lives_for(periods, len(deviation))
    known = _Known.of(deviation, periods, half_lives)
    furthest = max(1, min(horizon, len(deviation) // 3))
    knots = np.unique(np.round(np.geomspace(1, furthest, KNOTS))).astype(np.int64)
    first = min(max(periods, default=0), len(deviation) // 3)
    limit = OUTLIER * robust_scale(deviation[first:])
    there = np.isfinite(deviation)
    rows = [_regress(known, there, int(knot), first, limit) for knot in knots]
    return Lagged(periods, half_lives, knots, np.array(rows), limit)


@dataclass(frozen=True, slots=True)
class _Known:
    """What can be looked up at an origin, or at a target's phase in the cycles before it."""

    deviation: FloatArray
    filled: FloatArray
    periods: tuple[int, ...]
    latest: FloatArray
    near: tuple[FloatArray, ...]
    means: tuple[FloatArray, ...]

    @staticmethod
    def of(deviation: FloatArray, periods: tuple[int, ...], half_lives: tuple[float, ...]) -> "_Known":
        filled = or_zero(deviation)
        near = tuple(moving_mean(filled, 2 * (p // NEIGHBOURHOOD) + 1) for p in periods)
        means = tuple(_cycle_mean(filled, p) for p in periods)
        return _Known(deviation, filled, periods, features(deviation, half_lives), near, means)

    def recent_at(self, origins: IntArray) -> FloatArray:
        """Shape (features, origins): the last value and the exponential means, now and one season before."""
        found = [self.latest[:, origins]]
        for period in self.periods:
            before = self.latest[:-1, np.maximum(origins - period, 0)]
            before[:, origins < period] = 0.0
            found.append(before)
        return np.concatenate(found)

    def seasonal_at(self, origins: IntArray, ahead: IntArray) -> list[FloatArray]:
        """One array of the shape of origins + ahead for each seasonal feature; 0 before the first value."""
        found = []
        for period, near, means in zip(self.periods, self.near, self.means, strict=True):
            side = period // NEIGHBOURHOOD
            places = origins + ahead - period * -(-ahead // period)
            found += [_looked_up(self.filled, places - cycle * period) for cycle in range(CYCLES)]
            found.append(_looked_up(near, origins + ahead - period * -(-(ahead + side) // period)))
            found.append(_looked_up(means, places))
        return found


def _seasonal_onward(deviation: At, period: int, end: int, ahead: IntArray) -> list[FloatArray]:
    """`_Known.seasonal_at` of one period and one origin, the last place before `end`, shape (horizon,) each.

    Only the phases that are asked for are looked at, in as many cycles as count for something.
    """
    side = period // NEIGHBOURHOOD
    places = end - 1 + ahead - period * -(-ahead // period)
    cycles = min(int(places.max()) // period + 1, int(SETTLED * HALF_LIFE_CYCLES))
    before = places - period * np.arange(max(cycles, CYCLES))[:, None]
    there = before >= 0
    column = np.where(there, or_zero(deviation(np.maximum(before, 0))), 0.0)
    weights = 0.5 ** (np.arange(len(column)) / HALF_LIFE_CYCLES)
    means = weights @ column / np.maximum(weights @ there, 1e-300)
    near = end - 1 + ahead - period * -(-(ahead + side) // period)
    first = int(near.min())
    around = or_zero(deviation(np.maximum(np.arange(first - side, int(near.max()) + side + 1), 0)))
    averaged = np.where(near >= 0, window_means(around, 2 * side + 1)[near - first], 0.0)
    return [*column[:CYCLES], averaged, means]


def _looked_up(column: FloatArray, places: IntArray) -> FloatArray:
    found: FloatArray = column[np.maximum(places, 0)]
    if places.size and places.min() < 0:
        found[places < 0] = 0.0
    return found


def _regress(known: _Known, there: NDArray[np.bool_], ahead: int, first: int, limit: float) -> FloatArray:
    deviation = known.deviation
    origins, stride = spaced(there[first + ahead :], MAX_ROWS)
    origins += first
    # A feature a row: numpy copies and sums long rows quickest.
    seasonal = np.array(known.seasonal_at(origins, np.array(ahead))).reshape(-1, len(origins))
    x = np.clip(np.concatenate((known.recent_at(origins), seasonal)), -limit, limit)
    if len(origins) < len(x):
        return np.zeros(len(x))
    y = np.clip(deviation[origins + ahead], -limit, limit)
    weights = np.exp2((origins - origins[-1]) / (MEMORY * len(deviation)))
    return ridge.solve(x, y, weights, ahead / stride)


def _cycle_mean(filled: FloatArray, period: int) -> FloatArray:
    """Exponential mean of each phase over the cycles up to and with each place."""
    rows = -(-len(filled) // period)
    table = np.zeros((rows, period))
    table.ravel()[: len(filled)] = filled
    keep = 0.5 ** (1.0 / HALF_LIFE_CYCLES)
    means = decayed_sum(table, keep) / decayed_sum(np.ones((rows, 1)), keep)
    result: FloatArray = means.ravel()[: len(filled)]
    return result
