"""Means that skip gaps, vectorised. PURE."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import lfilter

from tidegate.shared.values import FloatArray

SETTLED = 40.0
"""Half-lives after which an old value counts for nothing: 2^-40 is a millionth of a millionth."""


def ewma(values: FloatArray, half_life: float) -> FloatArray:
    """Exponentially weighted mean up to and with each step, shape (n,); NaN before the first value.

    A gap holds the mean: it neither ages nor feeds it. The weights are normalised, so that the first values are
    a plain mean and not pulled to zero.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values), np.nan)
    keep = 0.5 ** (1.0 / half_life)
    weighed = lfilter([1.0], [1.0, -keep], values[known])
    total = lfilter([1.0], [1.0, -keep], np.ones(len(weighed)))
    means = np.concatenate(([np.nan], weighed / total))
    result: FloatArray = means[np.cumsum(known)]
    return result


def ewma_at(values: FloatArray, half_life: float, places: NDArray[np.int64]) -> FloatArray:
    """`ewma` at some places alone, shape (places,): what came SETTLED half-lives before the first is not looked at."""
    known = np.flatnonzero(np.isfinite(values[: int(places.max()) + 1]))
    before = int(np.searchsorted(known, places.min(), side="right")) - int(np.ceil(SETTLED * half_life)) - 1
    start = int(known[before]) if before > 0 else 0
    return ewma(values[start : int(places.max()) + 1], half_life)[places - start]


def cycle_means(values: FloatArray, period: int, half_life_cycles: float, rows: int) -> tuple[FloatArray, FloatArray]:
    """Exponentially weighted mean of each phase over the cycles up to and with each: (rows, period), and its weight.

    Row c, phase p holds cycles 0..c at that phase; NaN where the phase was never seen. `rows` may reach past the end.
    """
    flat = np.full(rows * period, np.nan)
    flat[: len(values)] = values
    table = flat.reshape(rows, period)
    known = np.isfinite(table)
    keep = 0.5 ** (1.0 / half_life_cycles)
    weighed = lfilter([1.0], [1.0, -keep], np.where(known, table, 0.0), axis=0)
    total = lfilter([1.0], [1.0, -keep], known.astype(float), axis=0)
    seen = total > 1e-12
    return np.where(seen, weighed / np.where(seen, total, 1.0), np.nan), total


def circular_mean(table: FloatArray, width: int) -> FloatArray:
    """Moving mean of each row over `width` neighbouring phases, the row's end joined to its start."""
    result: FloatArray = uniform_filter1d(table, width, axis=1, mode="wrap")
    return result


def robust_scale(values: FloatArray) -> float:
    """Standard deviation as the median absolute value says (exact for a normal distribution); 0 with no value."""
    known = values[np.isfinite(values)]
    return float(1.4826 * np.median(np.abs(known))) if len(known) else 0.0


def fill_gaps(values: FloatArray) -> FloatArray:
    """The values with gaps bridged by straight lines (ends held). Needs at least one value."""
    known = np.isfinite(values)
    if known.all():
        return values
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])
