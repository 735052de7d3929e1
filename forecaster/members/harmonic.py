"""Harmonic regression with autoregressive errors, closed form: ridge on sines and cosines, the rest carried on.

Source: dynamic harmonic regression (Hyndman & Athanasopoulos, FPP3, section 10.5), with the ARMA errors replaced by
the direct regression of `carry`. The penalty grows with the square of the harmonic, which says that a season is
smooth until the data say otherwise. On a regular grid that ridge is a filter of the season's phase means; several
seasons are fitted in turns, each to what the others leave (backfitting: Hastie & Tibshirani, Generalized Additive
Models, 1990). Cost: about 8 ms for two weeks of minutes.
"""

from functools import lru_cache

import numpy as np

from forecaster.members import carry
from forecaster.members.fixed_season import Cycles, FixedSeason, fixed_season
from forecaster.smoothing import repeated, robust_scale
from tidegate.shared.values import FloatArray

HARMONICS = (30, 14, 6)
"""Pairs for the first, second and third season at most (each at most half of its period)."""

MEMORY_CYCLES = 6.0
"""Half-life of a season's weights in its own cycles."""

SMOOTHNESS = 0.2
"""Penalty on the first harmonic (noise over signal, squared); the k-th has k^2 times as much."""

BROKEN = 4.0
"""A value further from the fit than this many standard deviations enters the next round pulled in (Huber)."""

ROUNDS = 3


def fit(values: FloatArray, periods: tuple[int, ...], horizon: int) -> FixedSeason[carry.Recent]:
    """The season, and the carry of what it leaves."""
    season = season_of(values, periods)
    deviation = values - season.over(len(values))
    return fixed_season(season, carry.fit(deviation, periods, horizon), deviation, periods)


def season_of(values: FloatArray, periods: tuple[int, ...]) -> Cycles:
    """Smooth seasons of all periods at once; kept for the next member that asks for those of the very same values."""
    return _season_of(_Same(values), periods)


class _Same:
    """An array as a key: equal to itself alone."""

    def __init__(self, values: FloatArray) -> None:
        self.values = values

    def __hash__(self) -> int:
        return id(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.values is self.values


@lru_cache(maxsize=1)
def _season_of(same: _Same, periods: tuple[int, ...]) -> Cycles:
    values = same.values
    length, known = len(values), np.isfinite(values)
    weights = [np.where(known, _recency(length, period), 0.0) for period in periods]
    longest = np.where(known, _recency(length, max(periods, default=length)), 0.0)
    season = Cycles(float(np.average(values[known], weights=longest[known])), tuple(np.zeros(p) for p in periods))
    for _ in range(ROUNDS if periods else 0):
        error = np.where(known, values - season.over(length), 0.0)
        limit = BROKEN * robust_scale(error[known])
        pulled = np.clip(error, -limit, limit)
        cycles = []
        for order, (cycle, weight) in enumerate(zip(season.cycles, weights, strict=True)):
            smooth = _smooth_cycle(pulled + repeated(cycle, length), weight, len(cycle), order)
            pulled = pulled + repeated(cycle - smooth, length)
            cycles.append(smooth)
        level = season.level + float(np.average(pulled[known], weights=longest[known]))
        season = Cycles(level, tuple(cycles))
    return season


def _smooth_cycle(values: FloatArray, weights: FloatArray, period: int, order: int) -> FloatArray:
    """Phase means, low-passed as the ridge would."""
    rows = -(-len(values) // period)
    sums, totals = (
        np.pad(column, (0, rows * period - len(values))).reshape(rows, period).sum(axis=0)
        for column in (values * weights, weights)
    )
    means = np.where(totals > 1e-12, sums / np.maximum(totals, 1e-12), 0.0)
    count = min(period // 2, HARMONICS[min(order, len(HARMONICS) - 1)])
    waves = np.fft.rfft(means)
    k = np.arange(len(waves))
    half = 0.5 * float(weights.sum())
    kept = np.where((k >= 1) & (k <= count), half / (half + SMOOTHNESS * k**2 + 1e-12), 0.0)
    return np.fft.irfft(waves * kept, period)


def _recency(length: int, period: int) -> FloatArray:
    weights: FloatArray = np.exp2(np.arange(1 - length, 1) / (MEMORY_CYCLES * period))
    return weights
