"""How large an error is to be expected here and now: by the hour, and by how restless demand has been. PURE.

For each of a few horizons the logarithm of past errors' size is regressed on what was known at their origins (a
log-linear scale model as in Harvey, Econometrica 44, 1976, with the volatilities of several ranges of Corsi, J.
Financial Econometrics 7, 2009). Errors divided by their expected size are then alike, and can be counted together.
"""

from dataclasses import dataclass

import numpy as np

from forecaster import between
from forecaster.unrest import Past, Unrest
from tidegate.shared.values import FloatArray, IntArray

KNOTS = 8
"""Horizons (log-spaced) whose scale is regressed; those in between are interpolated."""

RIDGE = 0.1
"""Penalty as a share of the rows (each feature has unit variance): sizes are noisy, and neighbours in time alike."""

DOUBT = 20.0
"""Further penalty, in rows that don't overlap: few independent errors say little of their size."""

SMALLEST = 0.1
"""Errors under this share of the usual one count as so large: the logarithm of next to nothing says nothing."""

MOST = 3.0
"""The scale is at most this many times the usual one, and at least one over it."""


@dataclass(frozen=True, slots=True)
class Volatility:
    """`coefficients` (knots, 1 + features) of the logarithm of an error's size; `means` and `units` of the features.

    `past` is what was known at the end of the fit; None without a season, where the whole history is gone through.
    """

    period: int
    knots: IntArray
    coefficients: FloatArray
    means: FloatArray
    units: FloatArray
    past: Past | None = None

    def at(self, values: FloatArray, origins: IntArray, medians: FloatArray) -> FloatArray:
        """Expected size of the errors of medians (origins, horizon) on the modelled scale, same shape."""
        ahead = np.arange(1, medians.shape[1] + 1)
        return self._sizes(self._features(values, origins, ahead, medians), medians)

    def _sizes(self, seen: tuple[FloatArray, ...], medians: FloatArray) -> FloatArray:
        weights = between.steps(self.knots, self.coefficients, medians.shape[1], logarithmic=True).T
        logs = np.zeros(medians.shape)
        for weight, column, mean, unit in zip(weights[1:], seen, self.means, self.units, strict=True):
            logs += weight * ((column - mean) / unit)
        result: FloatArray = np.exp(weights[0] + np.clip(logs, -np.log(MOST), np.log(MOST)))
        return result

    def _features(
        self, values: FloatArray, origins: IntArray, ahead: IntArray, medians: FloatArray
    ) -> tuple[FloatArray, ...]:
        past = self.past
        if past is not None and len(values) >= past.known and origins.tolist() == [len(values) - 1]:
            return past.features(values, ahead, medians[0])
        return Unrest.of(values, self.period).features(origins, ahead, medians)


def unknown(period: int) -> Volatility:
    """Where nothing was measured: errors are of one size, 1."""
    width = 5 if period else 4
    return Volatility(period, np.array([1]), np.zeros((1, 1 + width)), np.zeros(width), np.ones(width))


def fit(
    values: FloatArray, period: int, known: int, origins: IntArray, medians: FloatArray, residuals: FloatArray
) -> tuple[Volatility, FloatArray]:
    """Regress the size of residuals (origins, horizon; gaps NaN) of these medians; also what is then expected of them.

    `period` 0: there is no season. The first `known` of the values will not change any more.
    """
    horizon = medians.shape[1]
    ahead = np.arange(1, horizon + 1)
    unrest = Unrest.of(values, period)
    seen = unrest.features(origins, ahead, medians)
    means = np.array([column.mean() for column in seen])
    units = np.array([column.std() + 1e-9 for column in seen])
    scaled = [np.broadcast_to((c - m) / u, medians.shape) for c, m, u in zip(seen, means, units, strict=True)]
    knots = np.unique(np.round(np.geomspace(1, horizon, KNOTS))).astype(np.int64)
    rows = []
    for knot in knots:
        near = slice(max(0, int(0.8 * knot) - 1), min(horizon, int(1.25 * knot)))
        x = np.stack([column[:, near] for column in scaled], axis=-1).reshape(-1, len(seen))
        independent = max(1.0, float(origins[-1] - origins[0]) / knot)
        rows.append(_regress(x, residuals[:, near].ravel(), RIDGE + DOUBT / independent))
    found = Volatility(period, knots, np.array(rows), means, units, unrest.past(known) if period else None)
    return found, found._sizes(seen, medians)


def _regress(x: FloatArray, residuals: FloatArray, penalty: float) -> FloatArray:
    known = np.isfinite(residuals)
    size = np.abs(residuals[known])
    usual = float(size.mean()) if known.any() else 0.0
    if usual <= 1e-12:
        return np.concatenate(([np.log(1e-6)], np.zeros(x.shape[1])))
    logs = np.log(np.maximum(size, SMALLEST * usual))
    x = x[known]
    centre = x.mean(axis=0)
    gram = (x - centre).T @ (x - centre) + penalty * len(x) * np.eye(x.shape[1])
    solved = np.linalg.solve(gram, (x - centre).T @ (logs - logs.mean()))
    # The level is such that the mean size is right: the mean of a logarithm would lie below it.
    level = np.log(usual) - float(centre @ solved)
    return np.concatenate(([level], solved))
