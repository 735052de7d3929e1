"""How restless demand has been: what is known at an origin of the size of errors to come. PURE.

A step's deviation is its distance from what the cycles before say, its surprise what of that the step before did not
announce. `Unrest` knows them all, for any origins; `Past` carries them on from the end of a fit, at the cost of the
new steps and of those that are asked for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.carried import Means
from forecaster.smoothing import SETTLED, ewma, ewma_at, fill_gaps, moving_mean, or_zero, window_means
from tidegate.shared.values import FloatArray, IntArray

CYCLES = 3
"""Cycles before a step that say what was to be expected there, and how restless its phase is."""

NEIGHBOURHOOD = 24
"""A phase's restlessness is the mean over 1/24 of the cycle around it."""

LEVEL_HALF_LIFE = 2.0
"""Steps; the present deviation from the cycles before is seen through such a mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Unrest:
    """Deviation and surprise of each step of a series, shape (n,), gaps NaN; `period` 0: it has no season."""

    period: int
    deviation: FloatArray
    surprise: FloatArray

    @staticmethod
    def of(values: FloatArray, period: int) -> "Unrest":
        """Of values (n,), gaps NaN."""
        deviation = _deviation(values, period)
        level = np.concatenate(([0.0], or_zero(ewma(deviation, LEVEL_HALF_LIFE))[:-1]))
        return Unrest(period, deviation, deviation - level)

    def features(self, origins: IntArray, ahead: IntArray, medians: FloatArray) -> tuple[FloatArray, ...]:
        """Arrays that broadcast to (origins, horizon): what was known at each origin of the size of errors to come."""
        quick, slow, wide = self._half_lives()
        latest = [_log_level(self.surprise, half_life, origins) for half_life in (quick, slow)]
        columns = [*latest, _log_level(self.deviation, wide, origins), medians]
        if self.period:
            columns.insert(0, _phase(self.surprise, self.period, origins, ahead))
        return tuple(columns)

    def past(self, known: int) -> "Past":
        """What it was when the first `known` steps had come."""
        quick, slow, wide = self._half_lives()
        deviation, sizes = self.deviation[:known], np.abs(self.surprise[:known])
        return Past(
            period=self.period,
            known=known,
            surprises=Sizes.of(sizes, (quick, slow)),
            deviations=Sizes.of(np.abs(deviation), (wide,)),
            sizes=sizes[max(0, known - CYCLES * self.period - 2 * _side(self.period)) :].astype(np.float32),
            latest=deviation[np.isfinite(deviation)][-int(SETTLED * LEVEL_HALF_LIFE) :].copy(),
        )

    def _half_lives(self) -> tuple[float, float, float]:
        """Of the latest surprises, of the surprises of some hours, and of the deviations."""
        span = self.period or max(len(self.deviation) // 8, 16)
        return max(2.0, span / 96), max(8.0, span / 6), max(4.0, span / 24)


def _deviation(values: FloatArray, period: int) -> FloatArray:
    filled = fill_gaps(values)
    if not period:
        return np.asarray(values - filled.mean())
    padded = np.concatenate((np.full(CYCLES * period, np.nan), filled))
    cycles = [padded[(CYCLES - k) * period : (CYCLES - k) * period + len(filled)] for k in range(1, CYCLES + 1)]
    deviation = values - _expected(np.array(cycles))
    deviation[:period] = np.nan
    return deviation


def _expected(cycles: FloatArray) -> FloatArray:
    """Mean over the cycles (CYCLES, steps) that there were."""
    counts = np.maximum(np.isfinite(cycles).sum(axis=0), 1)
    result: FloatArray = or_zero(cycles).sum(axis=0) / counts
    return result


def _log_level(unrest: FloatArray, half_life: float, origins: IntArray) -> FloatArray:
    size = np.abs(unrest)
    usual = float(np.nanmean(size)) if np.isfinite(size).any() else 0.0
    means = ewma_at(size, half_life, origins)
    return _logs(np.where(np.isnan(means), usual, means), usual)[:, None]


def _logs(means: FloatArray, usual: float) -> FloatArray:
    return np.asarray(np.log(means + 1e-3 * usual + 1e-9))


def _side(period: int) -> int:
    return max(1, period // (2 * NEIGHBOURHOOD))


def _phase(surprise: FloatArray, period: int, origins: IntArray, ahead: IntArray) -> FloatArray:
    """Logarithm of the restlessness around a target's phase in the cycles before, shape (origins, horizon)."""
    side = _side(period)
    size = np.abs(surprise)
    usual = float(np.nanmean(size)) if np.isfinite(size).any() else 0.0
    near = moving_mean(np.where(np.isfinite(size), size, usual), 2 * side + 1)
    padded = np.concatenate((np.full(CYCLES * period, usual), near))
    mean = np.mean([padded[k * period : k * period + len(near)] for k in range(1, CYCLES + 1)], axis=0)
    places = origins[:, None] + ahead - period * -(-(ahead + side) // period)
    return np.asarray(np.log(mean[np.maximum(places, 0)] + 1e-3 * (usual + 1e-9)))


@dataclass(frozen=True, slots=True, eq=False)
class Sizes:
    """Sizes of a series' steps so far: their exponential means, and their sum."""

    means: Means
    total: float

    @staticmethod
    def of(sizes: FloatArray, half_lives: tuple[float, ...]) -> "Sizes":
        """Of all steps so far, shape (n,), gaps NaN."""
        return Sizes(Means.of(sizes, half_lives), float(np.nansum(sizes)))

    def after(self, sizes: FloatArray) -> "Sizes":
        """The same when these steps have come, too."""
        return Sizes(self.means.after(sizes), self.total + float(np.nansum(sizes)))

    @property
    def usual(self) -> float:
        """The mean of all."""
        return self.total / max(self.means.count, 1)

    def logs(self) -> FloatArray:
        """As `_log_level` at the last step, shape (half-lives,)."""
        return _logs(self.means.now() if self.means.count else np.full(len(self.means.sums), self.usual), self.usual)


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What was known of the first `known` steps of a series with a season.

    `sizes` are surprises of the latest steps, as many as a phase's restlessness may ask for; `latest` the last
    deviations known, as many as the level remembers. Single precision for so many sizes is enough.
    """

    period: int
    known: int
    surprises: Sizes
    deviations: Sizes
    sizes: NDArray[np.float32]
    latest: FloatArray

    def features(self, values: FloatArray, ahead: IntArray, median: FloatArray) -> tuple[FloatArray, ...]:
        """`Unrest.features` at the last of the values, which begin with those known: shape (horizon,) or (1,)."""
        deviation = self._deviation(values)
        levels = or_zero(ewma(np.concatenate((self.latest, deviation)), LEVEL_HALF_LIFE))
        before = np.concatenate(([0.0], levels))[len(self.latest) : len(levels)]
        sizes = np.abs(deviation - before)
        surprises, deviations = self.surprises.after(sizes), self.deviations.after(np.abs(deviation))
        quick, slow = surprises.logs()
        phase = self._phase(np.concatenate((self.sizes, sizes)), len(values), ahead, surprises.usual)
        return phase, np.array([quick]), np.array([slow]), deviations.logs(), median

    def _deviation(self, values: FloatArray) -> FloatArray:
        places = np.arange(self.known, len(values))
        before = places - self.period * np.arange(1, CYCLES + 1)[:, None]
        cycles = values[np.maximum(before, 0)]
        if np.isnan(cycles).any():
            cycles = fill_gaps(values)[np.maximum(before, 0)]
        deviation = values[places] - _expected(np.where(before >= 0, cycles, np.nan))
        return np.where(places >= self.period, deviation, np.nan)

    def _phase(self, sizes: FloatArray, end: int, ahead: IntArray, usual: float) -> FloatArray:
        """As `_phase`, from the sizes of the latest surprises up to `end`."""
        period, side = self.period, _side(self.period)
        places = np.maximum(end - 1 + ahead - period * -(-(ahead + side) // period), 0)
        first, cycles = int(places.min()), period * np.arange(CYCLES)[:, None]
        around = np.maximum(np.arange(first - side, int(places.max()) + side + 1) - cycles, 0) - (end - len(sizes))
        seen = sizes[np.maximum(around, 0)]
        near = window_means(np.where(np.isnan(seen), usual, seen), 2 * side + 1)[:, places - first]
        mean = np.where(places >= cycles, near, usual).mean(axis=0)
        return np.asarray(np.log(mean + 1e-3 * (usual + 1e-9)))
