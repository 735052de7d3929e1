"""Seasonal profile with level: each phase's recency-weighted mean, and the present deviation carried on.

Every phase is kept by itself, so that a spike three steps wide stays three steps wide; what is only noise between
neighbouring phases is taken away by shrinking each phase's difference from its neighbourhood (non-negative garrote:
Breiman, Technometrics 37, 1995; Gao, J. Computational and Graphical Statistics 7, 1998). Cost: about 5 ms for two
weeks of minutes.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.carried import margin
from forecaster.members import carry, momentum
from forecaster.smoothing import phase_sums, robust_scale, window_means
from tidegate.shared.values import FloatArray, IntArray

HALF_LIVES_CYCLES = (1.5, 4.0, 12.0)
"""Memory of a phase that is tried, in cycles."""

NEIGHBOURHOOD = 24
"""The neighbourhood of a phase is 1/24 of the cycle (an hour of a day) wide."""

SURE = 2.0
"""A phase differs from its neighbourhood for sure from this many standard errors on."""


SEEN = 1e-12
"""A phase whose weight is less has never been seen."""

BROKEN = 4.0
"""A value further from what the cycles before say than this many standard deviations enters the profile pulled in."""


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
    """A pattern as it stood before a place: `sums` by phase, and what the place's own cycle was expected to be.

    The sums are those before the row of that place; of phases that had come in it they are set back by one decay, so
    that a row in which they are missing leads to what they were.
    """

    sums: Sums
    expected: FloatArray


@dataclass(frozen=True, slots=True)
class Pattern:
    """One season's running profile. `noise` is between neighbouring steps; `limit` is how far a value may surprise.

    Each cycle is a row of a table; a row's profile is what the rows before it say. `_after` follows rows of any
    neighbouring phases, `side` more on each end, so that the present costs no more than the steps that are asked for.
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
        running, sums = self._whole(values, len(values) // self.period + 1)
        row, phase = divmod(place, self.period)
        come = np.arange(self.period) < phase
        keep = self._keep

        def before(after: FloatArray) -> FloatArray:
            return np.where(come, after[row] / keep, after[row - 1] if row else 0.0)

        phases = Sums(before(sums.came), before(sums.pulled), before(sums.weights))
        expected = running[row * self.period : (row + 1) * self.period]
        return running[: len(values)], Phases(phases, expected) if phases.weights.min() > SEEN else None

    def onward(self, phases: Phases, place: int, values: FloatArray, length: int) -> FloatArray:
        """What the cycles before say for `length` steps from a place on, of which the first are `values`."""
        row, period, side = place // self.period, self.period, self.side
        steps = np.arange(place, place + length)
        rows, columns = steps // period - row, (steps - place) % period
        result = phases.expected[steps % period]
        if not rows[-1]:
            return result
        seen = (place - side + np.arange(min(length, period) + 2 * side)) % period
        places = (row + np.arange(rows[-1]))[:, None] * period + seen - place
        there = (places >= 0) & (places < len(values))
        table = np.full(places.shape, np.nan)
        table[there] = values[places[there]]
        start = Sums(phases.sums.came[seen], phases.sums.pulled[seen], phases.sums.weights[seen])
        profile, _ = self._after(table, start)
        return np.where(rows > 0, profile[rows - 1, columns], result)

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
        side, nothing = self.side, np.zeros(self.period + 2 * self.side)
        flat = np.full(rows * self.period, np.nan)
        flat[: len(values)] = values
        table = flat.reshape(rows, self.period)
        around = np.concatenate((table[:, self.period - side :], table, table[:, :side]), axis=1)
        profile, sums = self._after(around, Sums(nothing, nothing, nothing))
        inner = slice(side, side + self.period)
        before = np.vstack((np.zeros((1, self.period)), profile[:-1]))
        return before.ravel(), Sums(sums.came[:, inner], sums.pulled[:, inner], sums.weights[:, inner])

    def _after(self, table: FloatArray, start: Sums) -> tuple[FloatArray, Sums]:
        """The profile after each row, shape (rows, phases without `side`), and the sums, shape (rows, phases).

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
        means = _mean(pulled, weights)
        inner = slice(self.side, means.shape[1] - self.side)
        seen = np.isfinite(means)
        if not seen.all():
            counts = np.maximum(seen[:, inner].sum(axis=1, keepdims=True), 1)
            usual = np.where(seen, means, 0.0)[:, inner].sum(axis=1, keepdims=True) / counts
            means = np.where(seen, means, usual)
        return self._shrunk(means, weights[:, inner]), Sums(came, pulled, weights)

    def _shrunk(self, profile: FloatArray, weights: FloatArray) -> FloatArray:
        if not self.side:
            return profile
        base = window_means(profile, 2 * self.side + 1)
        detail = profile[:, self.side : -self.side] - base
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


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What is known of the first `known` steps: each pattern, and the end of what they leave."""

    known: int
    phases: tuple[Phases, ...]
    recent: carry.Recent


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Patterns of all seasons, each on what the one before it left, and the carry of what they all leave."""

    patterns: tuple[Pattern, ...]
    level: float
    memory: carry.Carry
    past: Past | None

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        if self.past is not None and len(origins) == 1 and origins[0] + 1 >= self.past.known:
            return self._onward(self.past, values[self.past.known : origins[0] + 1], horizon)[None]
        running, deviation = self._split(values, len(values) + horizon)
        season = self._season(running, origins, horizon)
        return season + self.memory.path(deviation, origins, horizon)

    def season_at(self, values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember."""
        result: FloatArray = self.season_path(values, np.array([origin]), horizon)[0]
        return result

    def season_path(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """The seasonal part of `predict`, shape (origins, horizon)."""
        running, _ = self._split(values, len(values) + horizon)
        return self._season(running, origins, horizon)

    def deviation(self, values: FloatArray) -> FloatArray:
        """What the seasons leave of the values."""
        return self._split(values, len(values))[1]

    def _onward(self, past: Past, new: FloatArray, horizon: int) -> FloatArray:
        """`predict` from the end of what came after the past that is known, shape (horizon,)."""
        rest, last = new - self.level, np.array([len(new) - 1])
        season = np.full(horizon, self.level)
        for pattern, phases in zip(self.patterns, past.phases, strict=True):
            length = len(new) + min(horizon, pattern.reach)
            running = pattern.onward(phases, past.known, rest, length)
            season += pattern.at(running, last, horizon)[0]
            rest = rest - running[: len(new)]
        return season + self.memory.ahead(past.recent.after(rest), horizon)

    def _season(self, running: list[FloatArray], origins: IntArray, horizon: int) -> FloatArray:
        season = np.full((len(origins), horizon), self.level)
        for pattern, profile in zip(self.patterns, running, strict=True):
            season += pattern.at(profile, origins, horizon)
        return season

    def _split(self, values: FloatArray, length: int) -> tuple[list[FloatArray], FloatArray]:
        rest = values - self.level
        running = []
        for pattern in self.patterns:
            profile = pattern.running(rest, length)
            running.append(profile)
            rest = rest - profile[: len(values)]
        return running, rest


def fit(values: FloatArray, periods: tuple[int, ...], horizon: int) -> Profile:
    """Choose each season's memory by what it would have left of the past, then regress the rest on itself.

    The longest season comes first. The pattern of an hour that came before the day's would follow the day's tide, an
    hour late; the day would learn to mend that, and mend it wrongly where the hour's pattern is two hours old: from
    one hour ahead on.
    """
    periods = tuple(sorted(periods, reverse=True))
    level, known = float(np.nanmean(values)), max(0, len(values) - margin(periods))
    rest = values - level
    patterns, phases = [], []
    for period in periods:
        pattern = _pattern(rest, period)
        running, found = pattern.split(rest, known)
        patterns.append(pattern)
        phases.append(found)
        rest = rest - running
    settled = rest.copy()
    settled[: min(max(periods, default=0), len(rest) // 3)] = np.nan  # the first cycle has no profile to deviate from
    memory = momentum.fit(settled, horizon, robust_scale(settled))
    whole = tuple(one for one in phases if one is not None)
    past = Past(known, whole, memory.past(rest[:known])) if len(whole) == len(patterns) else None
    return Profile(tuple(patterns), level, memory, past)


def _pattern(rest: FloatArray, period: int) -> Pattern:
    """The memory that would have left the least of the past; then its noise, and how far a value may surprise it."""
    tried = []
    for half_life in HALF_LIVES_CYCLES:
        left = (rest - Pattern(period, half_life).running(rest, len(rest)))[period:]
        loss = float(np.nanmean(np.abs(left))) if np.isfinite(left).any() else np.inf
        tried.append((loss, half_life, left))
    _, half_life, left = min(tried, key=lambda one: one[0])
    # Noise between neighbours, not the level's wandering: differences of adjacent steps carry it twice.
    noise = robust_scale(np.diff(left)) / np.sqrt(2.0) if len(left) > 1 else 0.0
    return Pattern(period, half_life, noise, BROKEN * robust_scale(left))


def _width(period: int) -> int:
    """Phases in a neighbourhood: odd, 1 where the cycle is too short to have neighbours."""
    return max(3, period // NEIGHBOURHOOD) | 1 if period >= NEIGHBOURHOOD else 1
