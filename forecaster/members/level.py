"""Simple exponential smoothing: the recent level goes on, whatever the season says. Cost: a millisecond.

The member that is right after a shift of level, on a day like none before, and where there is no season at all.
Source: Hyndman & Athanasopoulos, FPP3, section 8.1; the half-life is the one with the least error in the past.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.smoothing import ewma, ewma_at, or_zero
from tidegate.shared.values import FloatArray, IntArray

HALF_LIVES = (0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Steps; the first is almost the last value itself."""


@dataclass(frozen=True, slots=True)
class Level:
    """Holds the exponential mean of `half_life` steps."""

    half_life: float

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        level = or_zero(ewma_at(values, self.half_life, origins))
        return np.repeat(level[:, None], horizon, axis=1)

    def season_at(self, values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember: what it holds is the level, and it knows no season."""
        return np.full(horizon, float(np.nanmean(values[: origin + 1])))


def fit(values: FloatArray, _periods: tuple[int, ...], horizon: int) -> Level:
    """Choose the half-life by the absolute error half the horizon ahead."""
    ahead = max(1, min(horizon // 2, len(values) // 4))
    losses = []
    for half_life in HALF_LIVES:
        errors = np.abs(values[ahead:] - ewma(values, half_life)[:-ahead])
        known = np.isfinite(errors)
        losses.append(float(errors[known].mean()) if known.any() else 0.0)
    return Level(HALF_LIVES[int(np.argmin(losses))])
