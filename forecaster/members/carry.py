"""How far the present deviation from the season reaches into the future: level and short memory in one. PURE.

A deviation (value minus season) is seen through exponential means of several half-lives, and for each of a few
horizons a ridge regression says how much of each is left by then: a direct, heterogeneous autoregression (Corsi,
"A Simple Approximate Long-Memory Model of Realized Volatility", J. Financial Econometrics 7, 2009, with
exponential instead of plain means). Closed form; a few milliseconds for two weeks of minutes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster import between
from forecaster.carried import Means
from forecaster.smoothing import ewma, ewma_at, or_zero, robust_scale, spaced
from tidegate.shared.values import FloatArray, IntArray

HORIZONS = 8
"""Horizons that are regressed, log-spaced; those in between are interpolated."""

MAX_ROWS = 2000
"""Rows of one regression at most: more change the coefficients by less than their noise."""

RIDGE = 0.02
"""Penalty as a share of the features' mean square."""

OUTLIER = 6.0
"""Targets are clipped at this many standard deviations, so that one broken day does not set the coefficients."""

LAST = 0.01
"""A half-life, in steps, so short that the mean is the last value known."""

SHIFT = 4.0
"""A deviation over this many standard deviations that stays is a shift of level, which ordinary days did not teach …"""

SHIFT_HALF_LIFE = 2.0
"""… seen through an exponential mean of so many steps."""


@dataclass(frozen=True, slots=True)
class Carry:
    """Fitted memory of deviations. `coefficients` has shape (horizons, features)."""

    half_lives: tuple[float, ...]
    horizons: IntArray
    coefficients: FloatArray
    scale: float

    def path(self, deviation: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """Expected deviation 1..horizon steps after each origin, shape (origins, horizon)."""
        seen = features(deviation, self.half_lives)[:, origins].T
        return self._path(seen, shift(deviation, self.scale, origins), horizon)

    def past(self, deviation: FloatArray) -> "Recent":
        """What is known at the end of a deviation, to be carried on."""
        return Recent.of(deviation, self.half_lives, self.scale)

    def onward(
        self, past: "Recent", known: int, deviation: Callable[[IntArray], FloatArray], end: int, horizon: int
    ) -> FloatArray:
        """See fixed_season.Memory."""
        return self.ahead(past.after(deviation(np.arange(known, end))), horizon)

    def ahead(self, recent: "Recent", horizon: int) -> FloatArray:
        """Expected deviation 1..horizon steps after what is known, shape (horizon,)."""
        result: FloatArray = self._path(recent.means.now()[None], recent.shifted(), horizon)[0]
        return result

    def _path(self, seen: FloatArray, shifted: FloatArray, horizon: int) -> FloatArray:
        weights = between.steps(self.horizons, self.coefficients, horizon, logarithmic=True).T
        sure = shifted[:, None]
        result: FloatArray = (1.0 - sure) * (seen @ weights) + sure * seen[:, 1:2]
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Recent:
    """A deviation's end: its last value and exponential means, and whether it has shifted by their `scale`."""

    means: Means
    flags: Means
    scale: float

    @staticmethod
    def of(deviation: FloatArray, half_lives: tuple[float, ...], scale: float) -> "Recent":
        """See `features` and `shift`."""
        means = Means.of(deviation, (LAST, *half_lives))
        return Recent(means, Means.of(_flagged(deviation, scale), (SHIFT_HALF_LIFE,)), scale)

    def after(self, deviation: FloatArray) -> "Recent":
        """The same when these deviations have come, too."""
        return Recent(self.means.after(deviation), self.flags.after(_flagged(deviation, self.scale)), self.scale)

    def shifted(self) -> FloatArray:
        """How surely the level has shifted, shape (1,)."""
        result: FloatArray = _sure(self.flags.now(), self.scale)
        return result


def features(deviation: FloatArray, half_lives: tuple[float, ...]) -> FloatArray:
    """The last value and the exponential means at each place, shape (1 + half-lives, n); 0 before any value."""
    return np.stack([or_zero(ewma(deviation, half_life)) for half_life in (LAST, *half_lives)])


def half_lives_for(periods: tuple[int, ...], length: int) -> tuple[float, ...]:
    """From two steps to a cycle (to a quarter of the history where there is no season)."""
    longest = float(periods[0] if periods else max(length // 4, 8))
    return tuple(sorted({2.0, max(longest / 48, 4.0), max(longest / 8, 8.0), max(longest, 16.0)}))


def fit(deviation: FloatArray, periods: tuple[int, ...], horizon: int) -> Carry:
    """Regress future deviations on present ones. `deviation` has shape (n,), gaps NaN."""
    half_lives = half_lives_for(periods, len(deviation))
    furthest = max(1, min(horizon, len(deviation) // 3))
    horizons = np.unique(np.round(np.geomspace(1, furthest, HORIZONS))).astype(np.int64)
    scale = robust_scale(deviation)
    targets = np.clip(deviation, -OUTLIER * scale, OUTLIER * scale)
    seen = np.clip(features(deviation, half_lives), -OUTLIER * scale, OUTLIER * scale)
    known = np.isfinite(targets)
    rows = [_regress(seen, targets, known, int(ahead)) for ahead in horizons]
    return Carry(half_lives, horizons, np.array(rows), scale)


def _regress(seen: FloatArray, targets: FloatArray, known: NDArray[np.bool_], ahead: int) -> FloatArray:
    origins, _ = spaced(known[ahead:], MAX_ROWS)
    width = len(seen)
    if len(origins) < 2 * width:
        return np.zeros(width)
    x, y = seen[:, origins], targets[origins + ahead]
    gram = x @ x.T
    penalty = RIDGE * np.trace(gram) / width + 1e-12
    solved: FloatArray = np.linalg.solve(gram + penalty * np.eye(width), x @ y)
    return solved


def shift(deviation: FloatArray, scale: float, places: IntArray) -> FloatArray:
    """How surely the level has shifted, 0..1: a large deviation of one sign over several steps (0.56 after four)."""
    return _sure(or_zero(ewma_at(_flagged(deviation, scale), SHIFT_HALF_LIFE, places)), scale)


def _flagged(deviation: FloatArray, scale: float) -> FloatArray:
    """The sign of each large deviation, 0 of another; a gap stays one. Where none was ever seen each is large."""
    if scale <= 0.0:
        return deviation
    z = deviation / scale
    return np.where(np.abs(z) > SHIFT, np.sign(z), 0.0 * z)


def _sure(means: FloatArray, scale: float) -> FloatArray:
    return (np.abs(means) > 1e-9).astype(float) if scale <= 0.0 else means**2
