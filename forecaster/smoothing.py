"""Means that skip gaps, vectorised. PURE."""

from functools import lru_cache

import numpy as np
from scipy.linalg.lapack import dtbtrs
from scipy.ndimage import uniform_filter1d

from tidegate.shared.values import FloatArray, IntArray

SETTLED = 40.0
"""Half-lives after which an old value counts for nothing: 2^-40 is a millionth of a millionth."""

SCATTERED = 8
"""Places up to which each is summed by itself; for more, the whole series is filtered once."""

ENOUGH = 4096
"""Values that are enough to say their scale."""


def ewma(values: FloatArray, half_life: float) -> FloatArray:
    """Exponentially weighted mean up to and with each step, shape (n,); NaN before the first value.

    A gap holds the mean: it neither ages nor feeds it. The weights are normalised, so that the first values are
    a plain mean and not pulled to zero.
    """
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values), np.nan)
    keep = 0.5 ** (1.0 / half_life)
    whole = bool(known.all())
    means: FloatArray = (1.0 - keep) * decayed_sum(values if whole else values[known], keep)
    young = min(len(means), int(np.ceil(SETTLED * half_life)))  # older than that, the weights sum to one
    means[:young] /= 1.0 - keep ** np.arange(1.0, young + 1.0)
    return means if whole else np.concatenate(([np.nan], means))[np.cumsum(known)]


def decayed_sum(values: FloatArray, keep: float) -> FloatArray:
    """y[t] = values[t] + keep · y[t - 1] along the first axis: a bidiagonal system, solved forward by LAPACK.

    It is what `scipy.signal.lfilter` gives, as quickly, without the half second that importing scipy.signal takes.
    """
    if not values.size:
        return values.copy()
    bands = np.empty((2, len(values)), order="F")
    bands[0], bands[1] = 1.0, -keep
    solved: FloatArray = dtbtrs(bands, values.reshape(len(values), -1), uplo="L")[0]
    return solved.reshape(values.shape)


def ewma_at(values: FloatArray, half_life: float, places: IntArray) -> FloatArray:
    """`ewma` at some places alone, shape (places,); NaN before the first value and at places below 0."""
    if len(places) > SCATTERED:
        return np.where(places >= 0, ewma(values, half_life)[np.maximum(places, 0)], np.nan)
    return np.array([_ewma_last(values[: place + 1], half_life) for place in places])


def _ewma_last(values: FloatArray, half_life: float) -> float:
    seen = values[::-1]
    seen = seen[np.isfinite(seen)][: int(np.ceil(SETTLED * half_life)) + 1]
    if not len(seen):
        return float("nan")
    keep = 0.5 ** (1.0 / half_life)
    weighed = float(seen @ _decay(half_life, 1 << (len(seen) - 1).bit_length())[: len(seen)])
    return float(weighed * (1.0 - keep) / (1.0 - keep ** len(seen)))


@lru_cache(maxsize=64)
def _decay(half_life: float, length: int) -> FloatArray:
    """Weights by age; kept, since the powers cost more than the sum that they are for."""
    weights: FloatArray = 0.5 ** (np.arange(length) / half_life)
    weights.flags.writeable = False
    return weights


def cycle_means(values: FloatArray, period: int, half_life_cycles: float, rows: int) -> tuple[FloatArray, FloatArray]:
    """Exponentially weighted mean of each phase over the cycles up to and with each: (rows, period), and its weight.

    Row c, phase p holds cycles 0..c at that phase; NaN where the phase was never seen. `rows` may reach past the end.
    """
    flat = np.full(rows * period, np.nan)
    flat[: len(values)] = values
    table = flat.reshape(rows, period)
    known = np.isfinite(table)
    keep = 0.5 ** (1.0 / half_life_cycles)
    weighed = decayed_sum(np.where(known, table, 0.0), keep)
    if known[:-1].all():  # no gaps: the weights are known without filtering
        total = np.repeat(((1.0 - keep ** np.arange(1.0, rows + 1.0)) / (1.0 - keep))[:, None], period, axis=1)
        total[-1] -= ~known[-1]
    else:
        total = decayed_sum(known.astype(float), keep)
    seen = total > 1e-12
    return np.where(seen, weighed / np.where(seen, total, 1.0), np.nan), total


def circular_mean(table: FloatArray, width: int) -> FloatArray:
    """Moving mean of each row over `width` neighbouring phases, the row's end joined to its start."""
    result: FloatArray = uniform_filter1d(table, width, axis=1, mode="wrap")
    return result


def robust_scale(values: FloatArray) -> float:
    """Standard deviation as the median absolute value says (exact for a normal distribution); 0 with no value."""
    known = values[:: max(1, len(values) // ENOUGH)]
    known = known[np.isfinite(known)]
    return float(1.4826 * np.median(np.abs(known))) if len(known) else 0.0


def fill_gaps(values: FloatArray) -> FloatArray:
    """The values with gaps bridged by straight lines (ends held). Needs at least one value."""
    known = np.isfinite(values)
    if known.all():
        return values
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])
