"""Exponential means at the end of a series, carried on with what comes: the cost is of the new values alone. PURE.

What a fitted member knows of the past is kept as it stood a little before the end of the fit (`margin`): the hour that
autumn repeats is filed over the one before it, and so the latest hour may still change.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from forecaster.smoothing import ewma_at, or_zero
from tidegate.shared.values import FloatArray

AT_ONCE = 512
"""New values that are weighed by one table of weights."""


def margin(periods: tuple[int, ...]) -> int:
    """Steps at the end of a fit that may still change: an hour where days repeat, and only there is local time kept."""
    return max(periods, default=0) // 24


@dataclass(frozen=True, slots=True, eq=False)
class Means:
    """Exponential means of one series at its end, `sums` of weighted values by half-life, after `count` known ones."""

    half_lives: tuple[float, ...]
    sums: FloatArray
    count: int

    @staticmethod
    def of(values: FloatArray, half_lives: tuple[float, ...]) -> "Means":
        """Those that `smoothing.ewma` ends with, shape (n,), gaps NaN."""
        last = np.array([len(values) - 1])
        means = np.array([or_zero(ewma_at(values, half_life, last))[0] for half_life in half_lives])
        count = int(np.isfinite(values).sum())
        return Means(half_lives, means * _total(half_lives, count), count)

    def after(self, new: FloatArray) -> "Means":
        """The means when these values have come, too; a gap neither ages nor feeds them."""
        known = new[np.isfinite(new)]
        sums = self.sums
        for first in range(0, len(known), AT_ONCE):
            some = known[first : first + AT_ONCE]
            weights = _weights(self.half_lives)
            sums = sums * weights[:, len(some)] + weights[:, len(some) - 1 :: -1] @ some
        return Means(self.half_lives, sums, self.count + len(known))

    def now(self) -> FloatArray:
        """The means, shape (half-lives,); 0 before any value."""
        return self.sums / _total(self.half_lives, self.count) if self.count else np.zeros(len(self.sums))


def _total(half_lives: tuple[float, ...], count: int) -> FloatArray:
    """What the weights of so many values add up to."""
    keep = 0.5 ** (1.0 / np.array(half_lives))
    result: FloatArray = (1.0 - keep**count) / (1.0 - keep)
    return result


@lru_cache(maxsize=256)
def _weights(half_lives: tuple[float, ...]) -> FloatArray:
    """Weights by age, shape (half-lives, AT_ONCE + 1)."""
    weights: FloatArray = np.exp2(-np.arange(AT_ONCE + 1) / np.array(half_lives)[:, None])
    weights.flags.writeable = False
    return weights
