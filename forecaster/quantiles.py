"""Empirical quantiles, weighted and corrected for how many values they rest on. PURE."""

import numpy as np

from tidegate.shared.values import FloatArray

LEAST_TAIL = 0.6
"""The correction for few values leaves this share of the tail: the largest value seen is an accident, no quantile."""


def upper_quantile(
    values: FloatArray, quantiles: tuple[float, ...], weights: FloatArray, overlap: float = 1.0
) -> FloatArray:
    """Quantiles of each column of `values`, shape (n, columns), rows weighted by `weights` (n,): (quantiles, columns).

    Above the middle they are taken at (n + 1)·q / n for Kish's effective n (`overlap` neighbours count as one), so
    that a new value falls below with probability q: split conformal prediction (Vovk et al. 2005; Lei et al., JASA
    113, 2018), with weights as in Barber et al., Annals of Statistics 51, 2023.
    """
    order = np.argsort(values, axis=0)
    ranked = np.take_along_axis(values, order, axis=0)
    shares = weights[order]
    # Each value stands at the middle of its own weight; quantiles between two are interpolated.
    places = (np.cumsum(shares, axis=0) - 0.5 * shares) / weights.sum()
    independent = max(1.0, effective(weights) / overlap)
    levels = np.array(quantiles)
    raised = np.where(levels > 0.5, levels * (independent + 1.0) / independent, levels)
    raised = np.minimum(raised, 1.0 - LEAST_TAIL * (1.0 - levels))
    columns = [np.interp(raised, places[:, i], ranked[:, i]) for i in range(values.shape[1])]
    return np.array(columns).T


def plain_quantile(values: FloatArray, level: float) -> float:
    """What np.quantile says of values (n,) without gaps, at a third of its cost."""
    place = level * (len(values) - 1)
    low = int(place)
    ranked = np.partition(values, (low, min(low + 1, len(values) - 1)))
    return float(ranked[low] + (place - low) * (ranked[min(low + 1, len(values) - 1)] - ranked[low]))


def effective(weights: FloatArray) -> float:
    """How many values of one weight these are worth (Kish, Survey Sampling, 1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum())
