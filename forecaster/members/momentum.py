"""Where the level is, and where it has been heading: the last value, and a part of its distance from its means. PURE.

A memory as `carry`, but of a level that comes back to nothing: a change stays, and goes on as changes of the past did
(an autoregression of differences, ARIMA(p, 1, 0), regressed directly for each of a few horizons). It follows a shift
and a growing match at once, where a memory of deviations from the usual waits for them to end. Written out, the
coefficients are those of a `Carry` that add up to one. Cost: about 2 ms for two weeks of minutes.
"""

import numpy as np

from forecaster.members import ridge
from forecaster.members.carry import HORIZONS, Carry, features
from forecaster.smoothing import spaced
from tidegate.shared.values import FloatArray, IntArray

HALF_LIVES = (1.0, 4.0, 16.0, 48.0)
"""Steps of the means that the last value is compared with."""

MEMORY = 0.2
"""Half-life of the rows' weights, as a share of the history: how changes go on changes."""

MAX_ROWS = 1000
"""Rows of one regression: half of what `carry` takes, for the latest fifth of them decides."""


def fit(deviation: FloatArray, horizon: int, scale: float) -> Carry:
    """Regress future changes on present ones. `deviation` has shape (n,), gaps NaN.

    `scale` says which deviations are a shift of level (see `carry.shift`), which is held as it is; infinite: none.
    """
    horizons = np.unique(np.round(np.geomspace(1, max(1, min(horizon, len(deviation) // 3)), HORIZONS)))
    seen = features(deviation, HALF_LIVES)
    slopes = np.array([_regress(seen, deviation, int(ahead)) for ahead in horizons])
    coefficients = np.column_stack((1.0 + slopes.sum(axis=1), -slopes))
    return Carry(HALF_LIVES, horizons.astype(np.int64), coefficients, scale)


def _regress(seen: FloatArray, deviation: FloatArray, ahead: int) -> FloatArray:
    """What each distance of the last value from a mean adds to it that many steps ahead, shape (half-lives,)."""
    origins: IntArray
    origins, stride = spaced(np.isfinite(deviation[ahead:]), MAX_ROWS)
    if len(origins) < 2 * len(seen):
        return np.zeros(len(seen) - 1)
    now = seen[:, origins]
    weights = np.exp2((origins - origins[-1]) / (MEMORY * len(deviation)))
    return ridge.solve(now[0] - now[1:], deviation[origins + ahead] - now[0], weights, ahead / stride)
