"""Spread around the median: past error paths, each divided by the size that was to be expected of it. PURE.

Errors live on the modelled scale. A path keeps its errors' order in time, so that the maximum over a window is taken
path by path: pointwise quantiles of single steps could not say it. Recent errors weigh more, so that the quantiles
follow a drift by themselves; how often they have covered what they claim is measured in `calibration`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster import between
from forecaster.quantiles import upper_quantile
from forecaster.volatility import Volatility
from tidegate.shared.values import FloatArray, IntArray

FEW = 20
"""With fewer origins than this, spread that nobody has measured yet is added."""

PRIOR_SPREAD = 0.35
"""Its standard deviation on the modelled scale: about a factor of two either way at 95 %."""

_PRIOR_LEVELS = (np.arange(FEW) + 0.5) / FEW

MEMORY = 0.5
"""Half-life of the errors' weights, as a share of the time that the origins span."""

LEVELS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995)
"""Levels whose quantiles are counted at the fit; those in between are interpolated, those beyond are held."""

NEIGHBOURS = 0.15
"""Errors of horizons within this share of a horizon say its quantiles together with its own …"""

MAX_NEIGHBOURS = 4
"""… at most this many on either side."""

BELIEF = 0.3
"""Share of the errors' median that is carried into forecasts: with overlapping errors of days unlike tomorrow, most
of it is chance (over 77 cases, of seven traces and made ones, all of it costs 2 % of the median's loss)."""

KNOTS = 16
"""Horizons (log-spaced) whose quantiles are counted; those in between are interpolated."""


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """`paths` (origins, horizon) of errors over their expected size, the most recent origin first, no NaN.

    They are most of a model's memory, and seven digits are more than an error has. Most of their median is taken out
    (BELIEF).

    `table` has the quantiles of LEVELS at the `knots`, shape (LEVELS, knots); `stride` is the steps between origins.
    """

    paths: NDArray[np.float32]
    weights: FloatArray
    volatility: Volatility
    knots: IntArray
    table: FloatArray
    stride: float

    def size(self, values: FloatArray, median: FloatArray) -> FloatArray:
        """Expected size of the errors of a median (horizon,) that starts after the last value."""
        result: FloatArray = self.volatility.at(values, np.array([len(values) - 1]), median[None])[0]
        return result

    def reach(self, size: FloatArray, count: int | None = None) -> FloatArray:
        """The first `count` error paths (all) over 1..horizon; past what was measured, the last measured are held."""
        paths = self.paths[:count]
        if len(size) > paths.shape[1]:
            paths = paths[:, np.minimum(np.arange(len(size)), paths.shape[1] - 1)]
        result: FloatArray = paths[:, : len(size)] * size
        return result

    def offsets(self, quantiles: tuple[float, ...], size: FloatArray) -> FloatArray:
        """Distance of each quantile from the median at each step, shape (quantiles, horizon)."""
        at_levels = between.levels(LEVELS, self.table, quantiles)
        return size * between.steps(self.knots, at_levels.T, len(size), logarithmic=False).T

    def highest(self, maxima: FloatArray, quantiles: tuple[float, ...], window: int) -> FloatArray:
        """Quantiles of the maximum over the next `window` steps, from each path's: (paths, windows)."""
        overlap = max(1.0, window / self.stride)
        return np.maximum.accumulate(upper_quantile(maxima, quantiles, self.weights, overlap), axis=0)


def spread_of(errors: FloatArray, ages: FloatArray, volatility: Volatility) -> Spread:
    """From errors over their expected size (origins, horizon), the most recent first, with gaps.

    Unfit origins are dropped, gaps in the others are bridged.
    """
    known = np.isfinite(errors)
    enough = known.mean(axis=1) >= 0.5 if errors.size else np.zeros(len(errors), dtype=bool)
    horizon = max(1, errors.shape[1])
    paths = errors[enough].reshape(-1, horizon)
    for row in np.flatnonzero(~np.isfinite(paths).all(axis=1)):
        paths[row] = _bridge(paths[row])
    weights = 0.5 ** (ages[enough] / max(MEMORY * float(ages.max(initial=1.0)), 1.0))
    if len(paths) < FEW:
        paths = np.vstack((paths, np.outer(_normal_quantiles() * PRIOR_SPREAD, np.ones(horizon))))
        weights = np.concatenate((weights, np.ones(FEW)))
    knots = np.unique(np.round(np.geomspace(1, horizon, KNOTS))).astype(np.int64)
    stride = float(ages.max(initial=1.0)) / max(len(ages) - 1, 1)
    table = np.stack([_at_knot(paths, weights, int(knot), stride) for knot in knots], axis=1)
    chance = (1.0 - BELIEF) * table[LEVELS.index(0.5)]
    table -= chance
    paths = paths - np.interp(np.arange(1, horizon + 1), knots, chance)
    return Spread(paths.astype(np.float32), weights, volatility, knots, np.maximum.accumulate(table, axis=0), stride)


def _at_knot(paths: FloatArray, weights: FloatArray, knot: int, stride: float) -> FloatArray:
    """Quantiles of LEVELS: the mean over the neighbouring horizons of each one's own."""
    width = min(int(NEIGHBOURS * knot), MAX_NEIGHBOURS)
    pool = paths[:, max(0, knot - 1 - width) : knot + width]
    result: FloatArray = upper_quantile(pool, LEVELS, weights, max(1.0, knot / stride)).mean(axis=1)
    return result


def _bridge(row: FloatArray) -> FloatArray:
    known = np.flatnonzero(np.isfinite(row))
    return np.interp(np.arange(len(row)), known, row[known])


def _normal_quantiles() -> FloatArray:
    # Quantiles of the standard normal without its inverse: sorted by Tukey's lambda approximation (lambda = 0.1349).
    p = _PRIOR_LEVELS
    return (p**0.1349 - (1.0 - p) ** 0.1349) / 0.1975
