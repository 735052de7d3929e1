"""Online correction of the upper quantiles by how often they have covered what they claim. PURE.

The errors that teach the quantiles are of the past, and quantiles of the past are a little too low for what comes after
it. So past origins are gone through in their order: quantiles are taught by what was known, judged by what came next,
and widened a little after each miss and narrowed back a little after each hit (adaptive conformal inference: Gibbs &
Candès, NeurIPS 2021; on the width, as the quantile tracker of Angelopoulos, Candès & Tibshirani, NeurIPS 2023). Left to
itself that mends coverage for many percent of loss. So the width is never narrowed, widened by MOST at most, and only
where that would have cost nothing: for each level and range of horizons its pinball loss decides.

All of it follows from the history: a restart loses nothing, and every fit goes on with the origins that came meanwhile.
"""

from dataclasses import dataclass

import numpy as np

from forecaster import between
from forecaster.quantiles import upper_quantile
from tidegate.shared.values import QUANTILES, FloatArray

RATE = 0.01
"""Step of the logarithm of the width for one miss."""

MOST = 0.1
"""The logarithm of the width is at most this."""

GAIN = 0.002
"""Share of pinball loss that a width must have saved."""

BUCKETS = 6
"""Ranges of horizons (log-spaced) with widths of their own, each judged at its last horizon."""

BLOCKS = 4
"""Times that the quantiles which are judged are taught anew."""

AT_ONCE = 16
"""Origins that are judged by one width."""

LEAST = 64
"""Origins that teach before the first is judged."""

FORGETS = 0.5
"""Half-life of what teaches, as a share of its span."""


@dataclass(frozen=True, slots=True, eq=False)
class Widths:
    """`logs` (QUANTILES, buckets): logarithms of what a quantile's distance is multiplied by; `edges` the horizons."""

    edges: tuple[int, ...]
    logs: FloatArray

    def at(self, quantiles: tuple[float, ...], horizon: int) -> FloatArray:
        """Factors of 1 and more, shape (quantiles, horizon)."""
        bucket = np.searchsorted(self.edges, np.arange(1, horizon + 1))
        logs = between.levels(QUANTILES, self.logs, quantiles)
        result: FloatArray = np.exp(logs[:, np.minimum(bucket, len(self.edges) - 1)])
        return result

    def widened(self, offsets: FloatArray, quantiles: tuple[float, ...]) -> FloatArray:
        """Offsets (quantiles, horizon) from the median, those above it widened; they still rise with the quantile."""
        factors = self.at(quantiles, offsets.shape[1])
        return np.maximum.accumulate(offsets + np.maximum(offsets, 0.0) * (factors - 1.0), axis=0)

    def moved(self, errors: FloatArray, offsets: FloatArray) -> FloatArray:
        """Error paths (paths, horizon) widened as the quantiles are: an error at a quantile lands on the widened one.

        `offsets` (QUANTILES, horizon) are the quantiles' distances from the median. Between two of them an error moves
        by their share, beyond the last by its factor; an error under the median stays.
        """
        if not self.logs.any():
            return errors
        added = self.widened(offsets, QUANTILES) - offsets
        rises = np.diff(added, axis=0) / np.maximum(np.diff(offsets, axis=0), 1e-12)
        beyond = added[-1:] / np.maximum(offsets[-1:], 1e-12)
        tops = np.vstack((offsets[1:], np.full((1, offsets.shape[1]), np.inf)))
        result = errors.copy()
        for rise, low, top in zip(np.vstack((rises, beyond)), offsets, tops, strict=True):
            if rise.any():
                result += rise * np.minimum(np.maximum(errors - low, 0.0), top - low)
        return result

    def highest(self, maxima: FloatArray, middle: FloatArray, quantiles: tuple[float, ...], window: int) -> FloatArray:
        """Quantiles of maxima over windows, shape (quantiles, windows), widened from their medians as at the last step.

        `middle` are the medians, shape (windows,).
        """
        factors = self.at(quantiles, window)[:, -1:]
        over = np.maximum(maxima - middle, 0.0)
        return np.maximum.accumulate(maxima + over * (factors - 1.0), axis=0)


def unknown() -> Widths:
    """Where too little was judged: nothing is widened."""
    return Widths((1,), np.zeros((len(QUANTILES), 1)))


def learn(errors: FloatArray, sizes: FloatArray, ages: FloatArray) -> Widths:
    """From errors over their expected sizes, and those sizes, (origins, horizon) in order of time, gaps NaN.

    `ages` (origins,) in steps before the latest origin. What teaches a quantile was known when it was given.
    """
    count, horizon = errors.shape
    first = max(LEAST, count // 4)
    if count <= first:
        return unknown()
    edges = np.unique(np.round(np.geomspace(1, horizon, BUCKETS))).astype(int)
    errors, sizes = errors[:, edges - 1], sizes[:, edges - 1]
    known = np.isfinite(errors)
    logs = np.zeros((len(QUANTILES), len(edges)))
    plain, widened = np.zeros_like(logs), np.zeros_like(logs)
    for block in np.array_split(np.arange(first, count), BLOCKS):
        taught = known.all(axis=1) & (ages >= ages[block[0]] + horizon) if len(block) else np.zeros(count, dtype=bool)
        if taught.sum() < LEAST // 2:
            continue
        offsets = _taught(errors[taught], ages[taught] - ages[block[0]], edges)
        for start in range(0, len(block), AT_ONCE):
            rows = block[start : start + AT_ONCE]
            judged, seen, size = errors[rows, None], known[rows, None], sizes[rows, None]
            limits = offsets * np.exp(logs)
            plain += _loss(judged, offsets, size)
            widened += _loss(judged, limits, size)
            missed = np.where(seen, (judged > limits) - (1.0 - _LEVELS), 0.0).sum(axis=0)
            logs = np.clip(logs + RATE * missed, 0.0, MOST)
    logs[0] = 0.0  # the median is the members' business
    return Widths(tuple(edges.tolist()), np.where(widened <= (1.0 - GAIN) * plain, logs, 0.0))


_LEVELS = np.array(QUANTILES)[:, None]


def _taught(errors: FloatArray, ages: FloatArray, edges: FloatArray) -> FloatArray:
    """Quantiles of errors (origins, buckets) at each bucket's last horizon, as `spread` counts them."""
    span = float(ages.max() - ages.min())
    weights = 0.5 ** ((ages - ages.min()) / max(FORGETS * span, 1.0))
    stride = max(span / max(len(ages) - 1, 1), 1.0)
    columns = [
        upper_quantile(errors[:, [bucket]], QUANTILES, weights, max(1.0, edge / stride))[:, 0]
        for bucket, edge in enumerate(edges)
    ]
    return np.stack(columns, axis=1)


def _loss(errors: FloatArray, offsets: FloatArray, sizes: FloatArray) -> FloatArray:
    """Pinball loss of errors (origins, 1, buckets) at offsets (QUANTILES, buckets), summed over origins."""
    left = np.nan_to_num((errors - offsets) * sizes)
    result: FloatArray = np.maximum(_LEVELS * left, (_LEVELS - 1.0) * left).sum(axis=0)
    return result
