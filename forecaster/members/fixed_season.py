"""Members whose season repeats itself exactly, and whose deviations from it are carried on. PURE."""

from abc import ABC, abstractmethod

import numpy as np

from forecaster.members import carry
from tidegate.shared.values import FloatArray, IntArray


class FixedSeason(ABC):
    """Predicts the season plus what `memory` carries on of the deviations; a subclass says its season."""

    __slots__ = ()
    memory: carry.Carry

    @abstractmethod
    def season(self, length: int) -> FloatArray:
        """The season from the series' first step on, shape (length,)."""

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        season = self.season(len(values) + horizon)
        path = self.memory.path(values - season[: len(values)], origins, horizon)
        result: FloatArray = season[origins[:, None] + np.arange(1, horizon + 1)] + path
        return result

    def season_at(self, _values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember."""
        return self.season(origin + 1 + horizon)[origin + 1 :]
