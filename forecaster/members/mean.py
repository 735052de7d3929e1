"""The mean of what was known, the later part of it more: where there is neither season nor memory, nothing beats it.

Cost: a millisecond. Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2; with
exponential weights, since demand seldom has one mean for good.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.carried import Means, margin
from forecaster.smoothing import ewma_at
from tidegate.shared.values import FloatArray, IntArray

HALF_LIFE = 0.125
"""Half-life of the weights, as a share of the history that is fitted."""


@dataclass(frozen=True, slots=True)
class Mean:
    """Says the exponential mean of a long half-life (steps), whatever the horizon; `past` is of `known` steps."""

    half_life: float
    past: Means
    known: int

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        if len(origins) == 1 and origins[0] + 1 >= self.known:
            return np.full((1, horizon), self.past.after(values[self.known : origins[0] + 1]).now()[0])
        means = np.nan_to_num(ewma_at(values, self.half_life, origins), nan=0.0)
        return np.repeat(means[:, None], horizon, axis=1)

    def season_at(self, values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember: it knows no season."""
        result: FloatArray = self.predict(values, np.array([origin]), horizon)[0]
        return result


def fit(values: FloatArray, periods: tuple[int, ...], _horizon: int) -> Mean:
    """There is nothing to learn but how long the history is."""
    half_life, known = max(1.0, HALF_LIFE * len(values)), max(0, len(values) - margin(periods))
    return Mean(half_life, Means.of(values[:known], (half_life,)), known)
