"""Members of the combination: one small file each, one interface. PURE.

A member is fitted once on a series (modelled scale, gaps NaN) and then filters forward: `predict` answers for any
number of origins at once, each from what was known at its own origin alone, so that live forecasts, calibration and
backtests are the same code.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tidegate.shared.values import FloatArray, IntArray


class FittedMember(Protocol):
    """One fitted way of forecasting."""

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """Medians for 1..horizon steps after each origin, shape (origins, horizon).

        `values` starts where the fitted values started and may reach further. Row k rests on
        values[: origins[k] + 1] alone.
        """

    def season_at(self, values: FloatArray, origin: int, horizon: int, /) -> FloatArray:
        """The part of `predict` that is the season's, shape (horizon,); the rest is level and recent errors."""


@dataclass(frozen=True, slots=True)
class Member:
    """A way of forecasting. `fit(values, periods, horizon)` may raise; the combination then goes on without it."""

    name: str
    fit: Callable[[FloatArray, tuple[int, ...], int], FittedMember]
