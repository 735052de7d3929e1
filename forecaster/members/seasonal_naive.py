"""Seasonal-naive: what was there one season ago; the last value where there is no season. Cost: nothing.

Source: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section 5.2.
"""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """Repeats the last cycle of `period` steps; a gap in it is filled from the cycle before."""

    period: int

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        ahead = np.arange(1, horizon + 1)
        places = np.maximum(origins[:, None] + ahead - self.period * -(-ahead // self.period), 0)
        found: FloatArray = values[places]
        return filled_from_last_cycle(values, self.period)[places] if np.isnan(found).any() else found

    def season_at(self, values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember."""
        result: FloatArray = self.predict(values, np.array([origin]), horizon)[0]
        return result


def fit(_values: FloatArray, periods: tuple[int, ...], _horizon: int) -> SeasonalNaive:
    """Takes the first (strongest) period."""
    return SeasonalNaive(periods[0] if periods else 1)


def filled_from_last_cycle(values: FloatArray, period: int) -> FloatArray:
    """The values with each gap filled from the cycle before it, or by the mean up to there; nothing later is used."""
    rows = -(-len(values) // period)
    padded = np.full(rows * period, np.nan)
    padded[: len(values)] = values
    table = padded.reshape(rows, period)
    known = np.isfinite(table)
    last = np.maximum.accumulate(np.where(known, np.arange(rows)[:, None], -1), axis=0)
    filled = np.where(last >= 0, np.take_along_axis(table, np.maximum(last, 0), axis=0), np.nan)
    # A phase never seen before: the mean of all that is known up to there.
    flat = filled.ravel()[: len(values)]
    sums, counts = np.nancumsum(values), np.cumsum(np.isfinite(values))
    return np.where(np.isfinite(flat), flat, sums / np.maximum(counts, 1))
