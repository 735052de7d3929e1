"""Seasonal profile with level: each phase's recency-weighted mean (`pattern`), and the present deviation carried on.

Cost: about 5 ms for two weeks of minutes.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.carried import margin
from forecaster.members import carry, momentum
from forecaster.members.pattern import Pattern, Phases
from forecaster.smoothing import robust_scale
from tidegate.shared.values import FloatArray, IntArray

HALF_LIVES_CYCLES = (1.5, 4.0, 12.0)
"""Memory of a phase that is tried, in cycles."""

BROKEN = 4.0
"""A value further from what the cycles before say than this many standard deviations enters the profile pulled in."""


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
