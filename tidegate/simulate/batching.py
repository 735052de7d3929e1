"""Asks a fitted model's members for all origins until the next refit at once. PURE.

In a replay the arrivals are given, so what a member will say at each step is one vectorised call instead of hundreds.
It stays blind: row k of `FittedMember.predict` rests on the values up to origin k alone, as the forecaster's own
calibration and backtests rely on.
"""

from dataclasses import replace

import numpy as np

from forecaster.members import FittedMember
from forecaster.model import FittedModel
from tidegate.shared.values import FloatArray, IntArray


def batched(model: FittedModel, rates_rps: FloatArray) -> FittedModel:
    """The same model, quicker while it is updated with these rates, one after the other."""
    values = model.update(rates_rps).values
    first = len(model.values) - 1
    members: dict[str, FittedMember] = {
        name: BatchedMember(member, values, first) for name, member in model.members.items()
    }
    return replace(model, members=members)


class BatchedMember:
    """A member that keeps, for each horizon that it is asked for, its answers for every origin from `first` on."""

    def __init__(self, member: FittedMember, values: FloatArray, first: int) -> None:
        self._member = member
        self._values = values
        self._first = first
        self._answers: dict[int, FloatArray] = {}

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        if len(origins) != 1 or not self._first <= origins[0] < len(self._values):
            return self._member.predict(values, origins, horizon)
        if horizon not in self._answers:
            every: IntArray = np.arange(self._first, len(self._values), dtype=np.int64)
            self._answers[horizon] = self._member.predict(self._values, every, horizon)
        row = int(origins[0]) - self._first
        return self._answers[horizon][row : row + 1]

    def season_at(self, values: FloatArray, origin: int, horizon: int, /) -> FloatArray:
        """See FittedMember."""
        return self._member.season_at(values, origin, horizon)
