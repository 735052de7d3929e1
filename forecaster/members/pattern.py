"""The running profile of one season: each phase's recency-weighted mean, followed cycle by cycle. PURE.

Every phase is kept by itself, so that a spike three steps wide stays three steps wide; what is only noise between
neighbouring phases is taken away by shrinking each phase's difference from its neighbourhood (non-negative garrote:
Breiman, Technometrics 37, 1995; Gao, J. Computational and Graphical Statistics 7, 1998).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.smoothing import phase_sums, window_means
from tidegate.shared.values import FloatArray, IntArray

NEIGHBOURHOOD = 24
"""The neighbourhood of a phase is 1/24 of the cycle (an hour of a day) wide."""

SURE = 2.0
"""A phase differs from its neighbourhood for sure from this many standard errors on."""

SEEN = 1e-12
"""A phase whose weight is less has never been seen."""

SingleArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Decayed sums of each phase's values, as they came and as they were pulled in, and of their weights.

    Shape (phases,) before a row of the cycle's table, or (rows, phases) after each.
    """

    came: FloatArray
    pulled: FloatArray
    weights: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Phases:
    """A pattern as it stood before a place, (phases,): each phase's latest sums, and what the cycle was expected to be.

    Single precision: seven digits are enough to go on from, and a week of minutes has ten thousand phases.
    """

    came: SingleArray
    pulled: SingleArray
    weights: SingleArray
    expected: SingleArray

    def sums(self, phases: IntArray) -> Sums:
        """Those of some phases."""
        return Sums(*(column[phases].astype(float) for column in (self.came, self.pulled, self.weights)))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One season's running profile. `noise` is between neighbouring steps; `limit` is how far a value may surprise.

    Each cycle is a row of a table; a step is expected to be what its phase was like one cycle before. What that is
    compared with are the steps around it in time, and so the row before where the cycle begins: the end of its own row
    has not come yet when its beginning is asked for.
    """

    period: int
    half_life_cycles: float
    noise: float = 0.0
    limit: float = 0.0

    @property
    def side(self) -> int:
        """Phases on either side that a phase is compared with."""
        return _width(self.period) // 2 if self.noise > 0.0 else 0

    @property
    def reach(self) -> int:
        """Steps ahead for which the profile, neighbourhood included, is known at any origin."""
        return self.period - _width(self.period) // 2

    def running(self, values: FloatArray, length: int) -> FloatArray:
        """What the cycles before say for each step 0..length-1; 0 in the first cycle, which has none before."""
        return self._whole(values, -(-length // self.period))[0][:length]

    def split(self, values: FloatArray, place: int) -> tuple[FloatArray, Phases | None]:
        """`running` of the values (n,), and the pattern before a place; None where a phase was never seen till then."""
        running, sums = self._whole(values, max(len(values), place + self.period) // self.period + 1)
        row, phase = divmod(place, self.period)
        come = np.arange(self.period) < phase

        def latest(after: FloatArray) -> SingleArray:
            return np.where(come, after[row], after[row - 1] if row else 0.0).astype(np.float32)

        expected = running[place : place + self.period].astype(np.float32)
        phases = Phases(latest(sums.came), latest(sums.pulled), latest(sums.weights), expected)
        return running[: len(values)], phases if phases.weights.min() > SEEN else None

    def onward(self, phases: Phases, place: int, values: FloatArray, length: int) -> FloatArray:
        """What the cycles before say for `length` steps from a place on, of which the first are `values`."""
        steps, period, side = np.arange(length), self.period, self.side
        result = phases.expected[steps % period].astype(float)
        if length <= period:
            return result
        rows = -(-(length - period + side) // period)
        columns = min(length - period + side, period)
        flat = np.full(rows * columns, np.nan)
        flat[: len(values)] = values[: rows * columns]
        sums = self._after(flat.reshape(rows, columns), phases.sums((place + np.arange(columns)) % period))
        before = phases.sums((place - side + np.arange(side)) % period)
        means = np.concatenate((_mean(before.pulled, before.weights), _mean(sums.pulled, sums.weights).ravel()))
        profile = self._shrunk(means, sums.weights.ravel()[: len(means) - 2 * side])
        result[period:] = profile[: length - period]
        return result

    def at(self, running: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """The profile 1..horizon steps after each origin, from what the origin knew."""
        ahead = np.arange(1, horizon + 1)
        back = np.maximum(0, -(-(ahead - self.reach) // self.period)) * self.period
        result: FloatArray = running[np.maximum(origins[:, None] + ahead - back, 0)]
        return result

    @property
    def _keep(self) -> float:
        return float(0.5 ** (1.0 / self.half_life_cycles))

    def _whole(self, values: FloatArray, rows: int) -> tuple[FloatArray, Sums]:
        """What was expected of each of the rows' steps, and all phases' sums after each row."""
        side, nothing = self.side, np.zeros(self.period)
        flat = np.full(rows * self.period, np.nan)
        flat[: len(values)] = values
        sums = self._after(flat.reshape(rows, self.period), Sums(nothing, nothing, nothing))
        means = _mean(sums.pulled, sums.weights)
        seen = np.isfinite(means)
        if not seen.all():
            counts = np.maximum(seen.sum(axis=1, keepdims=True), 1)
            means = np.where(seen, means, np.where(seen, means, 0.0).sum(axis=1, keepdims=True) / counts)
        profile = self._shrunk(np.pad(means.ravel(), side, mode="edge"), sums.weights.ravel())
        return np.concatenate((nothing, profile[: -self.period])), sums

    def _after(self, table: FloatArray, start: Sums) -> Sums:
        """The sums after each row of a table, shape (rows, phases).

        A value that no cycle before announced enters pulled in: one broken day is not tomorrow's season. A new spike
        is learned all the same: at its second coming the first has already moved what is expected.
        """
        came, weights = phase_sums(table, self._keep, start.came, start.weights)
        pulled = came
        if self.limit > 0.0:
            before, fed = (
                np.vstack((first, after[:-1])) for first, after in ((start.came, came), (start.weights, weights))
            )
            expected = _mean(before, fed)
            near = expected + np.clip(table - expected, -self.limit, self.limit)
            near = np.where(np.isfinite(expected), near, table)
            pulled, _ = phase_sums(near, self._keep, start.pulled, start.weights)
        return Sums(came, pulled, weights)

    def _shrunk(self, means: FloatArray, weights: FloatArray) -> FloatArray:
        """The means in time, `side` more on each end, shrunk towards those around them; `weights` without the ends."""
        if not self.side:
            return means
        base = window_means(means, 2 * self.side + 1)
        detail = means[self.side : -self.side] - base
        # Kish's effective number of cycles in an exponential mean: 1 for one cycle, (1 + keep)/(1 - keep) for many.
        cycles = np.maximum(1.0, weights * (1.0 + self._keep) - self._keep)
        doubt = (SURE * self.noise) ** 2 / cycles
        power = detail**2
        result: FloatArray = base + detail * np.maximum(0.0, 1.0 - doubt / np.maximum(power, 1e-300))
        return result


def _mean(sums: FloatArray, weights: FloatArray) -> FloatArray:
    """NaN where nothing was ever seen."""
    seen = weights > SEEN
    return sums / weights if seen.all() else np.where(seen, sums / np.where(seen, weights, 1.0), np.nan)


def _width(period: int) -> int:
    """Phases in a neighbourhood: odd, 1 where the cycle is too short to have neighbours."""
    return max(3, period // NEIGHBOURHOOD) | 1 if period >= NEIGHBOURHOOD else 1
