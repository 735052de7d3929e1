"""Additive Holt-Winters with given coefficients (Winters, Management Science 6, 1960). PURE."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Smoothing:
    """Coefficients of level, trend and season, each within 0 and 1."""

    alpha: float
    beta: float
    gamma: float


def one_ahead(series: Sequence[float], period: int, by: Smoothing) -> float:
    """The value after the last. Two whole periods at least start it (Hyndman & Athanasopoulos, section 8.3).

    The level begins as the mean of the first period, the trend as the mean step between the first two, and the
    season as the first period's distance from its mean.
    """
    first, second = np.mean(series[:period]), np.mean(series[period : 2 * period])
    level, trend = float(first), float(second - first) / period
    season = [value - level for value in series[:period]]
    for at in range(period, len(series)):
        value, seasonal = series[at], season[at % period]
        before = level
        level = by.alpha * (value - seasonal) + (1.0 - by.alpha) * (level + trend)
        season[at % period] = by.gamma * (value - before - trend) + (1.0 - by.gamma) * seasonal
        trend = by.beta * (level - before) + (1.0 - by.beta) * trend
    return level + trend + season[len(series) % period]
