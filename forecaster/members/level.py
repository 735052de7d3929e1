"""The recent level goes on, and the way it has been heading, whatever the season says.

The member that is right after a shift of level, on a day like none before, and where there is no season at all. Source
and cost: see `momentum`.
"""

import numpy as np

from forecaster.members import carry, momentum
from forecaster.members.fixed_season import Cycles, FixedSeason, fixed_season
from tidegate.shared.values import FloatArray


def fit(values: FloatArray, _periods: tuple[int, ...], horizon: int) -> FixedSeason[carry.Recent]:
    """The mean, which stands for a season, and the momentum of what differs from it."""
    mean = float(np.nanmean(values))
    memory = momentum.fit(values - mean, horizon, np.inf)
    return fixed_season(Cycles(mean, ()), memory, values - mean, ())
