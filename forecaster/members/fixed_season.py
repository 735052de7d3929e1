"""A season that repeats itself exactly, and a memory that carries the deviations from it on. PURE.

The shape that several members share: they differ in the season and in the memory.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecaster.smoothing import repeated
from tidegate.shared.values import FloatArray, IntArray


class Memory(Protocol):
    """How a deviation from the season goes on."""

    def path(self, deviation: FloatArray, origins: IntArray, horizon: int, /) -> FloatArray:
        """Expected deviation 1..horizon steps after each origin, shape (origins, horizon)."""


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


@dataclass(frozen=True, slots=True)
class FixedSeason:
    """The season plus what `memory` carries on of the deviations from it."""

    season: Cycles
    memory: Memory

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        season = self.season.over(len(values) + horizon)
        path = self.memory.path(values - season[: len(values)], origins, horizon)
        result: FloatArray = season[origins[:, None] + np.arange(1, horizon + 1)] + path
        return result

    def season_at(self, _values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember."""
        return self.season.over(origin + 1 + horizon)[origin + 1 :]
