"""Straight lines between knots, for many columns at once: a product with weights that are kept. PURE.

The coefficients that members have by horizon, and quantiles by level and horizon, are known at a few knots; an answer
asks for all steps in between, the same ones again and again.
"""

from functools import lru_cache

import numpy as np

from tidegate.shared.values import FloatArray, IntArray

KEPT_STEPS = 2000
"""Weights of longer horizons are made anew each time, rather than kept in memory."""


def steps(knots: IntArray, table: FloatArray, horizon: int, *, logarithmic: bool) -> FloatArray:
    """Rows of a table (knots, columns) at 1..horizon steps ahead, shape (horizon, columns); its ends are held.

    `logarithmic` means lines over the logarithm of the step.
    """
    weigh = _steps if horizon <= KEPT_STEPS else _steps.__wrapped__
    result: FloatArray = weigh(tuple(knots.tolist()), horizon, logarithmic) @ table
    return result


def levels(known: tuple[float, ...], table: FloatArray, wanted: tuple[float, ...]) -> FloatArray:
    """Rows of a table (known levels, columns) at the wanted levels, shape (wanted, columns); its ends are held."""
    result: FloatArray = _levels(known, wanted) @ table
    return result


@lru_cache(maxsize=64)
def _steps(knots: tuple[int, ...], horizon: int, logarithmic: bool) -> FloatArray:
    grid, at = np.array(knots, dtype=float), np.arange(1.0, horizon + 1.0)
    return _lines(np.log(grid), np.log(at)) if logarithmic else _lines(grid, at)


@lru_cache(maxsize=64)
def _levels(known: tuple[float, ...], wanted: tuple[float, ...]) -> FloatArray:
    return _lines(np.array(known), np.array(wanted))


def _lines(grid: FloatArray, at: FloatArray) -> FloatArray:
    """Weights of rising grid values in each `at`, shape (at, grid): what np.interp takes of them."""
    return np.stack([np.interp(at, grid, unit) for unit in np.eye(len(grid))], axis=1)
