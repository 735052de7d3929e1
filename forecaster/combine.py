"""Members into one: weights by recent loss, per horizon. PURE.

Weights are inverse powers of the members' losses (Bates & Granger, Operational Research Quarterly 20, 1969, with a
higher power, as in Stock & Watson, J. Forecasting 23, 2004). A member that fails has no weight, and says why.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.quantiles import plain_quantile
from tidegate.shared.values import FloatArray

POWER = 6.0
"""A member with 12 % more loss than another gets half of its weight."""

LEVELS = (0.5, 0.9)
"""Quantile levels whose pinball loss is the member's loss: the middle, and the side that capacity is bought for."""

BUCKETS = 6
"""Ranges of horizons (log-spaced) with weights of their own."""


@dataclass(frozen=True, slots=True)
class Weights:
    """`by_bucket` has shape (members, buckets) and sums to 1 over members; `edges` are the buckets' last horizons."""

    edges: tuple[int, ...]
    by_bucket: FloatArray
    losses: FloatArray

    def at(self, horizon: int) -> FloatArray:
        """Weights for 1..horizon steps ahead, shape (members, horizon)."""
        bucket = np.searchsorted(self.edges, np.arange(1, horizon + 1))
        return self.by_bucket[:, np.minimum(bucket, len(self.edges) - 1)]


def combine(medians: FloatArray, weights: FloatArray, tolerance: float) -> FloatArray:
    """One path from the members', shape (origins, horizon), on the modelled scale.

    The weighted mean, with members further than `tolerance` from the weighted median pulled in to it: a member that
    repeats a broken day, or explodes, is outvoted and not averaged. `medians` (members, origins, horizon), `weights`
    (members, horizon).
    """
    if np.isfinite(tolerance):
        middle = _weighted_median(medians, weights)
        medians = np.clip(medians, middle - tolerance, middle + tolerance)
    return np.asarray(np.einsum("mh,moh->oh", weights, medians))


def _weighted_median(medians: FloatArray, weights: FloatArray) -> FloatArray:
    """The least of the members' values that half of the weight lies at or under, shape (origins, horizon).

    Every member is compared with every other: for a handful of them that takes a third of the time of sorting.
    """
    if medians.shape[1] == 1:  # one answer: quicker at once than pair by pair
        under = medians[None] <= medians[:, None]
        share = np.einsum("ch,cmh->mh", weights, under[:, :, 0].transpose(1, 0, 2))
        return np.asarray(np.where(share >= 0.5 - 1e-9, medians[:, 0], np.inf).min(axis=0)[None])
    middle = np.full(medians.shape[1:], np.inf)
    for candidate in medians:
        share = np.zeros(candidate.shape)
        for other, weight in zip(medians, weights, strict=True):
            share += weight * (other <= candidate)
        middle = np.minimum(middle, np.where(share >= 0.5 - 1e-9, candidate, np.inf))
    return middle


def weigh(errors_rps: FloatArray, ages: FloatArray, half_life: float) -> Weights:
    """Weights from the members' past errors (actual minus median).

    `errors_rps` has shape (members, origins, horizon), NaN where there was no actual value; `ages` (origins,) in the
    unit of `half_life`. With nothing to judge by, all weigh the same.
    """
    members, _, horizon = errors_rps.shape
    edges = tuple(int(edge) for edge in np.unique(np.round(np.geomspace(1, horizon, BUCKETS))))
    recency = 0.5 ** (ages / half_life)
    losses = np.full((members, len(edges)), np.nan)
    first = 0
    for bucket, last in enumerate(edges):
        for member in range(members):
            losses[member, bucket] = member_loss(errors_rps[member, :, first:last], recency)
        first = last
    known = np.isfinite(losses)
    floor = 1e-9 + 1e-3 * (np.nanmax(losses) if known.any() else 1.0)
    powers = np.where(known, np.maximum(losses, floor), 1.0) ** -POWER
    mean = np.array([row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.nan for row in losses])
    return Weights(edges, powers / powers.sum(axis=0), mean)


def member_loss(errors: FloatArray, recency: FloatArray) -> float:
    """Mean pinball loss over LEVELS of errors (origins, steps) around their own quantiles; NaN with none.

    At the middle the error itself counts, bias included; above it the spread around the member's own quantile.
    """
    known = np.isfinite(errors)
    if not known.any():
        return float("nan")
    weights = np.broadcast_to(recency[:, None], errors.shape)
    weights, flat = (weights.ravel(), errors.ravel()) if known.all() else (weights[known], errors[known])
    losses, total = [], weights.sum()
    for level in LEVELS:
        offset = 0.0 if level == 0.5 else plain_quantile(flat, level)
        left = flat - offset
        losses.append(float(weights @ np.maximum(level * left, (level - 1.0) * left) / total))
    return float(np.mean(losses))
