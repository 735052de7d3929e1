"""A season that repeats itself exactly, and a memory that carries the deviations from it on. PURE.

The shape that several members share: they differ in the season and in the memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from forecaster.carried import margin
from forecaster.smoothing import repeated
from tidegate.shared.values import FloatArray, IntArray

At = Callable[[IntArray], FloatArray]
"""The deviation at places of the past, of any shape."""

P = TypeVar("P")


class Memory(Protocol[P]):
    """How a deviation from the season goes on; `P` is what it keeps of the past."""

    def path(self, deviation: FloatArray, origins: IntArray, horizon: int, /) -> FloatArray:
        """Expected deviation 1..horizon steps after each origin, shape (origins, horizon)."""

    def past(self, deviation: FloatArray, /) -> P:
        """What is known at the end of a deviation."""

    def onward(self, past: P, known: int, deviation: At, end: int, horizon: int, /) -> FloatArray:
        """`path` from the last place before `end`, shape (horizon,); `past` is of the first `known` places."""


@dataclass(frozen=True, slots=True)
class Cycles:
    """`level` plus one cycle of each season, from the series' first step on."""

    level: float
    cycles: tuple[FloatArray, ...]

    def over(self, length: int) -> FloatArray:
        """The season of the first `length` steps."""
        total = np.full(length, self.level)
        for cycle in self.cycles:
            total += repeated(cycle, length)
        return total

    def at(self, places: IntArray) -> FloatArray:
        """The season of some steps, of any shape."""
        total = np.full(places.shape, self.level)
        for cycle in self.cycles:
            total += cycle[places % len(cycle)]
        return total


@dataclass(frozen=True, slots=True, eq=False)
class FixedSeason(Generic[P]):
    """The season plus what `memory` carries on of the deviations from it; `past` is of the first `known` steps."""

    season: Cycles
    memory: Memory[P]
    past: P
    known: int

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        if len(origins) == 1 and origins[0] + 1 >= self.known:
            return self._onward(values, int(origins[0]) + 1, horizon)[None]
        season = self.season.over(len(values) + horizon)
        path = self.memory.path(values - season[: len(values)], origins, horizon)
        result: FloatArray = season[origins[:, None] + np.arange(1, horizon + 1)] + path
        return result

    def season_at(self, _values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember."""
        return self.season.at(origin + np.arange(1, horizon + 1))

    def _onward(self, values: FloatArray, end: int, horizon: int) -> FloatArray:
        def deviation(places: IntArray) -> FloatArray:
            left: FloatArray = values[places] - self.season.at(places)
            return left

        season = self.season.at(np.arange(end, end + horizon))
        return season + self.memory.onward(self.past, self.known, deviation, end, horizon)


def fixed_season(season: Cycles, memory: Memory[P], deviation: FloatArray, periods: tuple[int, ...]) -> FixedSeason[P]:
    """The member of a season and of the memory that was fitted on the deviations (n,) from it."""
    known = max(0, len(deviation) - margin(periods))
    return FixedSeason(season, memory, memory.past(deviation[:known]), known)
