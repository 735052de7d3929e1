"""How far the present deviation from the season reaches into the future: level and short memory in one. PURE.

A deviation (value minus season) is seen through exponential means of several half-lives, and for each of a few
horizons a ridge regression says how much of each is left by then: a direct, heterogeneous autoregression (Corsi,
"A Simple Approximate Long-Memory Model of Realized Volatility", J. Financial Econometrics 7, 2009, with
exponential instead of plain means). Closed form; a few milliseconds for two weeks of minutes.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.smoothing import ewma_at, or_zero, robust_scale
from tidegate.shared.values import FloatArray, IntArray

HORIZONS = 8
"""Horizons that are regressed, log-spaced; those in between are interpolated."""

MAX_ROWS = 2000
"""Rows of one regression at most: more change the coefficients by less than their noise."""

RIDGE = 0.02
"""Penalty as a share of the features' mean square."""

OUTLIER = 6.0
"""Targets are clipped at this many standard deviations, so that one broken day does not set the coefficients."""

LAST = 0.01
"""A half-life, in steps, so short that the mean is the last value known."""

SHIFT = 4.0
"""A deviation over this many standard deviations that stays is a shift of level, which ordinary days did not teach."""


@dataclass(frozen=True, slots=True)
class Carry:
    """Fitted memory of deviations. `coefficients` has shape (horizons, features)."""

    half_lives: tuple[float, ...]
    horizons: FloatArray
    coefficients: FloatArray
    scale: float

    def path(self, deviation: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """Expected deviation 1..horizon steps after each origin, shape (origins, horizon)."""
        seen = features(deviation, self.half_lives, origins)
        ahead = np.log(np.arange(1, horizon + 1))
        grid = np.log(self.horizons)
        weights = np.stack([np.interp(ahead, grid, column) for column in self.coefficients.T])
        usual = seen @ weights
        shifted = shift(deviation, self.scale, origins)[:, None]
        result: FloatArray = (1.0 - shifted) * usual + shifted * seen[:, 1:2]
        return result


def features(deviation: FloatArray, half_lives: tuple[float, ...], places: IntArray) -> FloatArray:
    """The last value and the exponential means at each place, shape (places, 1 + half-lives); 0 before any value."""
    columns = [ewma_at(deviation, half_life, places) for half_life in (LAST, *half_lives)]
    return or_zero(np.stack(columns, axis=1))


def half_lives_for(periods: tuple[int, ...], length: int) -> tuple[float, ...]:
    """From two steps to a cycle (to a quarter of the history where there is no season)."""
    longest = float(periods[0] if periods else max(length // 4, 8))
    return tuple(sorted({2.0, max(longest / 48, 4.0), max(longest / 8, 8.0), max(longest, 16.0)}))


def fit(deviation: FloatArray, periods: tuple[int, ...], horizon: int) -> Carry:
    """Regress future deviations on present ones. `deviation` has shape (n,), gaps NaN."""
    half_lives = half_lives_for(periods, len(deviation))
    furthest = max(1, min(horizon, len(deviation) // 3))
    horizons = np.unique(np.round(np.geomspace(1, furthest, HORIZONS))).astype(np.int64)
    scale = robust_scale(deviation)
    targets = np.clip(deviation, -OUTLIER * scale, OUTLIER * scale)
    seen = features(deviation, half_lives, np.arange(len(deviation)))
    clipped = np.clip(seen, -OUTLIER * scale, OUTLIER * scale)
    rows = [_regress(clipped, targets, int(ahead)) for ahead in horizons]
    return Carry(half_lives, horizons.astype(float), np.array(rows), scale)


def _regress(seen: FloatArray, targets: FloatArray, ahead: int) -> FloatArray:
    origins = np.flatnonzero(np.isfinite(targets[ahead:]))
    origins = origins[:: max(1, len(origins) // MAX_ROWS)]
    width = seen.shape[1]
    if len(origins) < 2 * width:
        return np.zeros(width)
    x, y = seen[origins], targets[origins + ahead]
    gram = x.T @ x
    penalty = RIDGE * np.trace(gram) / width + 1e-12
    solved: FloatArray = np.linalg.solve(gram + penalty * np.eye(width), x.T @ y)
    return solved


def shift(deviation: FloatArray, scale: float, places: IntArray) -> FloatArray:
    """How surely the level has shifted, 0..1: a large deviation of one sign over several steps (0.56 after four)."""
    if scale <= 0.0:
        return (np.abs(or_zero(ewma_at(deviation, 2.0, places))) > 1e-9).astype(float)
    z = deviation / scale
    flagged = np.where(np.abs(z) > SHIFT, np.sign(z), 0.0 * z)  # a gap stays one
    return or_zero(ewma_at(flagged, 2.0, places)) ** 2
