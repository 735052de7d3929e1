"""Direct multi-horizon regression on seasonal lags of the values themselves; without a season, an autoregression.

It believes in no fixed season, so that it follows one that changes from week to week. Source: see `lagged`. Cost: about
10 ms for two weeks of minutes.
"""

import numpy as np

from forecaster.members import lagged
from forecaster.members.fixed_season import Cycles, FixedSeason, fixed_season
from tidegate.shared.values import FloatArray


def fit(values: FloatArray, periods: tuple[int, ...], horizon: int) -> FixedSeason[lagged.Past]:
    """The mean, and the regression of what differs from it."""
    mean = float(np.nanmean(values))
    deviation = values - mean
    return fixed_season(Cycles(mean, ()), lagged.fit(deviation, periods, horizon), deviation, periods)
