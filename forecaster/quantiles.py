"""Spread around the median: residual paths of the same horizon, seen at past origins. PURE.

Residuals live on the modelled scale, where noise has one size at any rate, and are carried to the present median;
so quantiles widen with the rate. A path keeps its residuals' order in time, and the maximum over a window is taken
path by path: pointwise quantiles of single steps could not say it.
"""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import FloatArray

FEW = 20
"""With fewer origins than this, spread that nobody has measured yet is added."""

PRIOR_SPREAD = 0.35
"""Its standard deviation on the modelled scale: about a factor of two either way at 95 %."""

_PRIOR_LEVELS = (np.arange(FEW) + 0.5) / FEW

NEIGHBOURS = 0.15
"""Residuals of horizons within this share of a horizon say its quantiles together with its own …"""

MAX_NEIGHBOURS = 4
"""… at most this many on either side."""

KNOTS = 16
"""Horizons (log-spaced) whose quantiles are counted; those in between are interpolated."""


@dataclass(frozen=True, slots=True)
class Spread:
    """`residuals` has shape (origins, horizon): the most recent origin first, no NaN."""

    residuals: FloatArray

    def reach(self, horizon: int) -> FloatArray:
        """Residual paths over 1..horizon; past what was measured, the last measured ones are held."""
        steps = np.minimum(np.arange(horizon), self.residuals.shape[1] - 1)
        return self.residuals[:, steps]

    def offsets(self, quantiles: tuple[float, ...], horizon: int) -> FloatArray:
        """Distance of each quantile from the median at each step, shape (quantiles, horizon)."""
        measured = min(horizon, self.residuals.shape[1])
        knots = np.unique(np.round(np.geomspace(1, measured, KNOTS))).astype(int)
        levels = []
        for knot in knots:
            width = min(int(NEIGHBOURS * knot), MAX_NEIGHBOURS)
            pool = self.residuals[:, knot - 1 - width : knot + width]
            levels.append(upper_quantile(pool.ravel(), quantiles, len(self.residuals)))
        steps = np.arange(1, horizon + 1)
        return np.stack([np.interp(steps, knots, column) for column in np.array(levels).T])


def upper_quantile(values: FloatArray, quantiles: tuple[float, ...], independent: int) -> FloatArray:
    """Empirical quantiles at (n + 1)·q / n, so that a new value falls below with probability q.

    Split conformal prediction's correction (Vovk et al. 2005; Lei et al., JASA 113, 2018) for `independent` values.
    """
    levels = np.array(quantiles)
    raised = np.where(levels > 0.5, levels * (independent + 1) / independent, levels)
    return np.quantile(values, np.minimum(raised, 1.0))


def spread_of(residuals: FloatArray) -> Spread:
    """From residuals (origins, horizon) with gaps: unfit origins are dropped, gaps in the others are bridged."""
    known = np.isfinite(residuals)
    enough = known.mean(axis=1) >= 0.5 if residuals.size else np.zeros(len(residuals), dtype=bool)
    kept = [_bridge(row) for row in residuals[enough]]
    horizon = max(1, residuals.shape[1])
    rows = np.array(kept) if kept else np.zeros((0, horizon))
    if len(rows) < FEW:
        rows = np.vstack((rows, np.outer(_normal_quantiles() * PRIOR_SPREAD, np.ones(horizon))))
    return Spread(rows)


def _bridge(row: FloatArray) -> FloatArray:
    known = np.flatnonzero(np.isfinite(row))
    return row if len(known) == len(row) else np.interp(np.arange(len(row)), known, row[known])


def _normal_quantiles() -> FloatArray:
    # Quantiles of the standard normal without its inverse: sorted by Tukey's lambda approximation (lambda = 0.1349).
    p = _PRIOR_LEVELS
    return (p**0.1349 - (1.0 - p) ** 0.1349) / 0.1975
