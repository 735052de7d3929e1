"""How large an error is to be expected here and now: by the hour, and by how restless demand has been. PURE.

For each of a few horizons the logarithm of past errors' size is regressed on what was known at their origins (a
log-linear scale model as in Harvey, Econometrica 44, 1976, with the volatilities of several ranges of Corsi, J.
Financial Econometrics 7, 2009). Errors divided by their expected size are then alike, and can be counted together.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.smoothing import ewma, ewma_at, fill_gaps, moving_mean, or_zero
from tidegate.shared.values import FloatArray, IntArray

KNOTS = 8
"""Horizons (log-spaced) whose scale is regressed; those in between are interpolated."""

CYCLES = 3
"""Cycles before a step that say what was to be expected there, and how restless its phase is."""

NEIGHBOURHOOD = 24
"""A phase's restlessness is the mean over 1/24 of the cycle around it."""

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
    """`coefficients` (knots, 1 + features) of the logarithm of an error's size; `means` and `units` of the features."""

    period: int
    knots: IntArray
    coefficients: FloatArray
    means: FloatArray
    units: FloatArray

    def at(self, values: FloatArray, origins: IntArray, medians: FloatArray) -> FloatArray:
        """Expected size of the errors of medians (origins, horizon) on the modelled scale, same shape."""
        horizon = medians.shape[1]
        ahead = np.arange(1, horizon + 1)
        seen = features(values, self.period, origins, ahead, medians)
        grid, at = np.log(self.knots), np.log(ahead)
        weights = np.stack([np.interp(at, grid, column) for column in self.coefficients.T])
        logs = np.zeros(medians.shape)
        for weight, column, mean, unit in zip(weights[1:], seen, self.means, self.units, strict=True):
            logs += weight * ((column - mean) / unit)
        result: FloatArray = np.exp(weights[0] + np.clip(logs, -np.log(MOST), np.log(MOST)))
        return result


def unknown(period: int) -> Volatility:
    """Where nothing was measured: errors are of one size, 1."""
    width = 5 if period else 4
    return Volatility(period, np.array([1]), np.zeros((1, 1 + width)), np.zeros(width), np.ones(width))


def features(
    values: FloatArray, period: int, origins: IntArray, ahead: IntArray, medians: FloatArray
) -> tuple[FloatArray, ...]:
    """Arrays that broadcast to (origins, horizon): what was known at each origin of the size of errors to come."""
    deviation, surprise = _unrest(values, period)
    span = period or max(len(values) // 8, 16)
    latest = [_log_level(surprise, half_life, origins) for half_life in (max(2.0, span / 96), max(8.0, span / 6))]
    away = _log_level(deviation, max(4.0, span / 24), origins)
    columns = [*latest, away, medians]
    if period:
        columns.insert(0, _phase(surprise, period, origins, ahead))
    return tuple(columns)


def fit(values: FloatArray, period: int, origins: IntArray, medians: FloatArray, residuals: FloatArray) -> Volatility:
    """Regress the size of residuals (origins, horizon; gaps NaN) of these medians. `period` 0: there is no season."""
    horizon = medians.shape[1]
    ahead = np.arange(1, horizon + 1)
    seen = features(values, period, origins, ahead, medians)
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
    return Volatility(period, knots, np.array(rows), means, units)


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


def _unrest(values: FloatArray, period: int) -> tuple[FloatArray, FloatArray]:
    """How far each step was from what the cycles before said, and from what the step before made of that; gaps NaN."""
    filled = fill_gaps(values)
    if period:
        padded = np.concatenate((np.full(CYCLES * period, np.nan), filled))
        cycles = [padded[(CYCLES - k) * period : (CYCLES - k) * period + len(filled)] for k in range(1, CYCLES + 1)]
        counts = np.maximum(sum(np.isfinite(cycle).astype(float) for cycle in cycles), 1.0)
        expected = sum(or_zero(cycle) for cycle in cycles) / counts
        deviation = values - expected
        deviation[:period] = np.nan
    else:
        deviation = values - filled.mean()
    level = np.concatenate(([0.0], or_zero(ewma(deviation, 2.0))[:-1]))
    return deviation, deviation - level


def _log_level(unrest: FloatArray, half_life: float, origins: IntArray) -> FloatArray:
    size = np.abs(unrest)
    usual = float(np.nanmean(size)) if np.isfinite(size).any() else 0.0
    means = ewma_at(size, half_life, origins)
    means = np.where(np.isnan(means), usual, means)
    return np.asarray(np.log(means + 1e-3 * usual + 1e-9)[:, None])


def _phase(surprise: FloatArray, period: int, origins: IntArray, ahead: IntArray) -> FloatArray:
    """Logarithm of the restlessness around a target's phase in the cycles before, shape (origins, horizon)."""
    side = max(1, period // (2 * NEIGHBOURHOOD))
    size = np.abs(surprise)
    usual = float(np.nanmean(size)) if np.isfinite(size).any() else 0.0
    near = moving_mean(np.where(np.isfinite(size), size, usual), 2 * side + 1)
    padded = np.concatenate((np.full(CYCLES * period, usual), near))
    mean = np.mean([padded[k * period : k * period + len(near)] for k in range(1, CYCLES + 1)], axis=0)
    places = origins[:, None] + ahead - period * -(-(ahead + side) // period)
    return np.asarray(np.log(mean[np.maximum(places, 0)] + 1e-3 * (usual + 1e-9)))
