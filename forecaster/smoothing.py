"""Means that skip gaps, vectorised. PURE."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tidegate.shared.values import FloatArray, IntArray

SETTLED = 40.0
"""Half-lives after which an old value counts for nothing: 2^-40 is a millionth of a millionth."""

NOTHING = 1e-20
"""A weight so small that the value before does not show: the mean is the last value."""

SCATTERED = 8
"""Places up to which each is summed by itself; for more, the whole series is filtered once."""

BLOCK = 16
"""Steps of a series that are summed at once."""

LONG = 48
"""Rows of a table from which on it is summed in blocks, and not row by row."""

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
    first = int(known.argmax())
    whole = bool(known[first:].all())
    means = values[first:] if whole else values[known]
    if keep > NOTHING:
        means = decayed_sum(means, keep)
        means *= 1.0 - keep
        young = min(len(means), int(np.ceil(SETTLED * half_life)))  # older than that, the weights sum to one
        means[:young] /= 1.0 - _decay(half_life, 1 << young.bit_length())[1 : young + 1]
    if whole:
        return np.concatenate((np.full(first, np.nan), means)) if first else means
    held: FloatArray = np.concatenate(([np.nan], means))[np.cumsum(known)]
    return held


def decayed_sum(values: FloatArray, keep: float) -> FloatArray:
    """y[t] = values[t] + keep · y[t - 1] along the first axis.

    A series, and a long table, is summed in blocks: first their ends alone, by which each block begins with the sum
    before it, then all at once, by one product with the triangle of weights. It is what `scipy.signal.lfilter` gives,
    in half its time, without the half second that importing it takes.
    """
    if len(values) <= (BLOCK if values.ndim == 1 else LONG):
        summed = values.copy()
        for row in range(1, len(summed)):
            summed[row] += keep * summed[row - 1]
        return summed
    rows = -(-len(values) // BLOCK)
    padded = np.zeros((rows * BLOCK, *values.shape[1:]))
    padded[: len(values)] = values
    blocks, triangle = padded.reshape(rows, BLOCK, *values.shape[1:]), _triangle(keep)
    last = triangle[:, -1]
    if values.ndim == 1:
        blocks[1:, 0] += keep * decayed_sum(blocks[:-1] @ last, keep**BLOCK)
        summed = blocks @ triangle
    else:
        blocks[1:, 0] += keep * decayed_sum(last @ blocks[:-1], keep**BLOCK)
        summed = triangle.T @ blocks
    result: FloatArray = summed.reshape(padded.shape)[: len(values)]
    return result


@lru_cache(maxsize=64)
def _triangle(keep: float) -> FloatArray:
    """Weights of each step of a block in the sums of all of it."""
    ages = np.arange(BLOCK) - np.arange(BLOCK)[:, None]
    return np.where(ages >= 0, keep ** np.maximum(ages, 0), 0.0)


def ewma_at(values: FloatArray, half_life: float, places: IntArray) -> FloatArray:
    """`ewma` at some places alone, shape (places,); NaN before the first value and at places below 0."""
    if len(places) > SCATTERED:
        return np.where(places >= 0, ewma(values, half_life)[np.maximum(places, 0)], np.nan)
    return np.array([_ewma_last(values[: place + 1], half_life) for place in places])


def _ewma_last(values: FloatArray, half_life: float) -> float:
    most = int(np.ceil(SETTLED * half_life)) + 1
    seen = values[-most:]
    if not np.isfinite(seen).all():
        seen = values[np.isfinite(values)][-most:]
    seen = seen[::-1]
    if not len(seen):
        return float("nan")
    keep = 0.5 ** (1.0 / half_life)
    weighed = float(seen @ _decay(half_life, 1 << (len(seen) - 1).bit_length())[: len(seen)])
    return float(weighed * (1.0 - keep) / (1.0 - keep ** len(seen)))


@lru_cache(maxsize=64)
def _decay(half_life: float, length: int) -> FloatArray:
    """Weights by age; kept, since the powers cost more than the sum that they are for."""
    weights: FloatArray = np.exp2(np.arange(length) / -half_life)
    weights.flags.writeable = False
    return weights


def cycle_means(values: FloatArray, period: int, half_life_cycles: float, rows: int) -> tuple[FloatArray, FloatArray]:
    """Exponentially weighted mean of each phase over the cycles up to and with each: (rows, period), and its weight.

    Row c, phase p holds cycles 0..c at that phase; NaN where the phase was never seen. `rows` may reach past the end.
    """
    flat = np.full(rows * period, np.nan)
    flat[: len(values)] = values
    nothing = np.zeros(period)
    sums, total = phase_sums(flat.reshape(rows, period), float(0.5 ** (1.0 / half_life_cycles)), nothing, nothing)
    seen = total > 1e-12
    return np.where(seen, sums / np.where(seen, total, 1.0), np.nan), total


def phase_sums(table: FloatArray, keep: float, sums: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Decayed sums of a table's known values down its columns, and of their weights, after each row: (rows, columns).

    `sums` and `weights` (columns,) are those before its first row.
    """
    known = np.isfinite(table)
    fed = np.where(known, table, 0.0)
    fed[0] += keep * sums
    if known[:-1].all() and not weights.any():  # no gaps: the weights are known without filtering
        rows = len(table)
        total = np.repeat(((1.0 - keep ** np.arange(1.0, rows + 1.0)) / (1.0 - keep))[:, None], table.shape[1], axis=1)
        total[-1] -= ~known[-1]
    else:
        total = known.astype(float)
        total[0] += keep * weights
        total = decayed_sum(total, keep)
    return decayed_sum(fed, keep), total


def circular_mean(table: FloatArray, width: int) -> FloatArray:
    """Moving mean of each row over `width` neighbouring phases, the row's end joined to its start."""
    side = width // 2
    return window_means(np.pad(table, ((0, 0), (side, side)), mode="wrap"), 2 * side + 1)


def moving_mean(values: FloatArray, width: int) -> FloatArray:
    """Mean over `width` (odd) neighbouring steps, shape (n,); the ends are held."""
    return window_means(np.pad(values, width // 2, mode="edge"), width)


def window_means(padded: FloatArray, width: int) -> FloatArray:
    """Means of all windows along the last axis (scipy.ndimage does this, too, but takes 0.2 s to import)."""
    sums = np.cumsum(padded, axis=-1)
    sums[..., width:] -= sums[..., :-width].copy()
    result: FloatArray = sums[..., width - 1 :] / width
    return result


def robust_scale(values: FloatArray) -> float:
    """Standard deviation as the median absolute value says (exact for a normal distribution); 0 with no value."""
    known = values[:: max(1, len(values) // ENOUGH)]
    known = known[np.isfinite(known)]
    if not len(known):
        return 0.0
    middle = len(known) // 2
    sizes = np.partition(np.abs(known), middle)  # np.median does the same behind ten times as many calls
    median = sizes[middle] if len(known) % 2 else 0.5 * (sizes[:middle].max() + sizes[middle])
    return float(1.4826 * median)


def spaced(known: NDArray[np.bool_], most: int) -> tuple[IntArray, int]:
    """Places that are known: all of them, or `most` to twice as many, each so many known ones after the other."""
    if known.all():
        stride = max(1, len(known) // most)
        return np.arange(0, len(known), stride), stride
    places = np.flatnonzero(known)
    stride = max(1, len(places) // most)
    return places[::stride], stride


def or_zero(values: FloatArray) -> FloatArray:
    """The values with 0 for each gap, themselves where there is none: np.nan_to_num at a sixth of its cost."""
    missing = np.isnan(values)
    return np.where(missing, 0.0, values) if missing.any() else values


def repeated(cycle: FloatArray, length: int) -> FloatArray:
    """The cycle over and over, shape (length,): np.resize, which joins a list of copies, without the list."""
    rows = -(-length // len(cycle))
    return np.broadcast_to(cycle, (rows, len(cycle))).ravel()[:length]


def fill_gaps(values: FloatArray) -> FloatArray:
    """The values with gaps bridged by straight lines (ends held). Needs at least one value."""
    known = np.isfinite(values)
    if known.all():
        return values
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])
