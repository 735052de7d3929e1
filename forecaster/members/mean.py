"""The mean of all that was known: where there is neither season nor memory, nothing beats it. Cost: next to nothing.

Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2.
"""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Mean:
    """Says the mean of the values up to each origin, whatever the horizon."""

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        sums, counts = np.nancumsum(values)[origins], np.cumsum(np.isfinite(values))[origins]
        return np.repeat((sums / np.maximum(counts, 1))[:, None], horizon, axis=1)

    def season_at(self, values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember: it knows no season."""
        result: FloatArray = self.predict(values, np.array([origin]), horizon)[0]
        return result


def fit(_values: FloatArray, _periods: tuple[int, ...], _horizon: int) -> Mean:
    """There is nothing to learn."""
    return Mean()
