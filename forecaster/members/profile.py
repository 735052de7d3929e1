"""Seasonal profile with level: each phase's recency-weighted mean, and the present deviation carried on.

Every phase is kept by itself, so that a spike three steps wide stays three steps wide; what is only noise between
neighbouring phases is taken away by shrinking each phase's difference from its neighbourhood (non-negative garrote:
Breiman, Technometrics 37, 1995; Gao, J. Computational and Graphical Statistics 7, 1998). Cost: about 5 ms for two
weeks of minutes.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.members import carry
from forecaster.smoothing import circular_mean, cycle_means, robust_scale
from tidegate.shared.values import FloatArray, IntArray

HALF_LIVES_CYCLES = (1.5, 4.0, 12.0)
"""Memory of a phase that is tried, in cycles."""

NEIGHBOURHOOD = 24
"""The neighbourhood of a phase is 1/24 of the cycle (an hour of a day) wide."""

SURE = 2.0
"""A phase differs from its neighbourhood for sure from this many standard errors on."""


BROKEN = 4.0
"""A value further from what the cycles before say than this many standard deviations enters the profile pulled in."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One season's running profile. `noise` is between neighbouring steps; `limit` is how far a value may surprise."""

    period: int
    half_life_cycles: float
    noise: float = 0.0
    limit: float = 0.0

    @property
    def reach(self) -> int:
        """Steps ahead for which the profile, neighbourhood included, is known at any origin."""
        return self.period - _width(self.period) // 2

    def running(self, values: FloatArray, length: int) -> FloatArray:
        """What the cycles before say for each step 0..length-1; 0 in the first cycle, which has none before."""
        rows = -(-length // self.period)
        means, weights = cycle_means(self._without_broken(values, rows), self.period, self.half_life_cycles, rows)
        seen = np.isfinite(means)
        counts = np.maximum(seen.sum(axis=1, keepdims=True), 1)
        usual = np.where(seen, means, 0.0).sum(axis=1, keepdims=True) / counts
        profile = self._shrunk(np.where(seen, means, usual), weights)
        before = np.vstack((np.zeros((1, self.period)), profile[:-1]))
        return before.ravel()[:length]

    def at(self, running: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """The profile 1..horizon steps after each origin, from what the origin knew."""
        ahead = np.arange(1, horizon + 1)
        back = np.maximum(0, -(-(ahead - self.reach) // self.period)) * self.period
        result: FloatArray = running[np.maximum(origins[:, None] + ahead - back, 0)]
        return result

    def _without_broken(self, values: FloatArray, rows: int) -> FloatArray:
        """The values with those pulled in that no cycle before announced: one broken day is not tomorrow's season.

        A new spike is learned all the same: at its second coming the first has already moved what is expected.
        """
        if self.limit <= 0.0:
            return values
        means, _ = cycle_means(values, self.period, self.half_life_cycles, rows)
        expected = np.vstack((np.full((1, self.period), np.nan), means[:-1])).ravel()[: len(values)]
        pulled = expected + np.clip(values - expected, -self.limit, self.limit)
        return np.where(np.isfinite(expected), pulled, values)

    def _shrunk(self, profile: FloatArray, weights: FloatArray) -> FloatArray:
        width = _width(self.period)
        if width < 3:
            return profile
        base = circular_mean(profile, width)
        detail = profile - base
        keep = 0.5 ** (1.0 / self.half_life_cycles)
        # Kish's effective number of cycles in an exponential mean: 1 for one cycle, (1 + keep)/(1 - keep) for many.
        cycles = np.maximum(1.0, weights * (1.0 + keep) - keep)
        doubt = (SURE * self.noise) ** 2 / cycles
        power = detail**2
        result: FloatArray = base + detail * np.maximum(0.0, 1.0 - doubt / np.maximum(power, 1e-300))
        return result


@dataclass(frozen=True, slots=True)
class Profile:
    """Patterns of all seasons, each on what the one before it left, and the carry of what they all leave."""

    patterns: tuple[Pattern, ...]
    level: float
    memory: carry.Carry

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
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
    """Choose each season's memory by what it would have left of the past, then regress the rest on itself."""
    level = float(np.nanmean(values))
    rest = values - level
    patterns = []
    for period in periods:
        pattern = _pattern(rest, period)
        patterns.append(pattern)
        rest = rest - pattern.running(rest, len(rest))
    settled = rest.copy()
    settled[: min(max(periods, default=0), len(rest) // 3)] = np.nan  # the first cycle has no profile to deviate from
    return Profile(tuple(patterns), level, carry.fit(settled, periods, horizon))


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
