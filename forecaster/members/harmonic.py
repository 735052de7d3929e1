"""Harmonic regression with autoregressive errors, closed form: ridge on sines and cosines, the rest carried on.

Source: dynamic harmonic regression (Hyndman & Athanasopoulos, FPP3, section 10.5), with the ARMA errors replaced by
the direct regression of `carry`. The penalty grows with the square of the harmonic, which says that a season is
smooth until the data say otherwise. Cost: about 60 ms for two weeks of minutes.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.members import carry
from forecaster.members.fixed_season import FixedSeason
from forecaster.smoothing import robust_scale
from tidegate.shared.values import FloatArray

HARMONICS = (30, 14, 6)
"""Pairs for the first, second and third season at most (each at most half of its period)."""

MEMORY_CYCLES = 6.0
"""Half-life of the regression's weights in cycles of the first season."""

SMOOTHNESS = 0.2
"""Penalty on the first harmonic (noise over signal, squared); the k-th has k^2 times as much."""


BROKEN = 4.0
"""A value further from the first fit than this many standard deviations enters the second one pulled in (Huber)."""


@dataclass(frozen=True, slots=True)
class Harmonic(FixedSeason):
    """Coefficients over [1, cos, sin, …] of each season, and the carry of what they leave."""

    periods: tuple[int, ...]
    coefficients: FloatArray
    memory: carry.Carry

    def season(self, length: int) -> FloatArray:
        """See FixedSeason."""
        return _season(self.periods, self.coefficients, length)


def fit(values: FloatArray, periods: tuple[int, ...], horizon: int) -> Harmonic:
    """Weighted ridge regression of the values on all seasons' waves at once."""
    known = np.flatnonzero(np.isfinite(values))
    blocks = [np.ones((len(values), 1))]
    penalties = [np.array([1e-9])]
    for order, period in enumerate(periods):
        waves = _waves(len(values), period, order)
        blocks.append(waves)
        penalties.append(SMOOTHNESS * np.repeat(np.arange(1, waves.shape[1] // 2 + 1) ** 2, 2))
    design = np.hstack(blocks)[known]
    weights = _recency(len(values), periods)[known, None]
    weighed = design * weights
    gram = design.T @ weighed + np.diag(np.concatenate(penalties))
    coefficients = np.linalg.solve(gram, weighed.T @ values[known]).astype(np.float64)
    left = values[known] - design @ coefficients
    limit = BROKEN * robust_scale(left)
    pulled = values[known] - left + np.clip(left, -limit, limit)
    coefficients = np.linalg.solve(gram, weighed.T @ pulled).astype(np.float64)
    deviation = values - _season(periods, coefficients, len(values))
    return Harmonic(periods, coefficients, carry.fit(deviation, periods, horizon))


def _season(periods: tuple[int, ...], coefficients: FloatArray, length: int) -> FloatArray:
    # Each season repeats itself exactly: one cycle is computed and tiled.
    total = np.full(length, coefficients[0])
    start = 1
    for order, period in enumerate(periods):
        waves = _waves(period, period, order)
        cycle = waves @ coefficients[start : start + waves.shape[1]]
        start += waves.shape[1]
        total += np.resize(cycle, length)
    return total


def _recency(length: int, periods: tuple[int, ...]) -> FloatArray:
    half_life = MEMORY_CYCLES * periods[0] if periods else float(length)
    return 0.5 ** (np.arange(length)[::-1] / half_life)


def _waves(length: int, period: int, order: int) -> FloatArray:
    """cos and sin of each harmonic, shape (length, 2 · harmonics)."""
    count = min(period // 2, HARMONICS[min(order, len(HARMONICS) - 1)])
    angles = 2.0 * np.pi * np.outer(np.arange(min(length, period)), np.arange(1, count + 1)) / period
    waves = np.empty((len(angles), 2 * count))
    waves[:, 0::2], waves[:, 1::2] = np.cos(angles), np.sin(angles)
    return np.resize(waves, (length, 2 * count))
