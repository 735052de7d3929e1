"""MSTL: seasons taken apart by repeated LOESS, repeated as they last were, the rest carried on. Slow (statsmodels).

Windows of 51 cycles keep the last cycle from being copied noise and all, and LOESS jumps of a tenth of the period
keep the cost at a fraction of a second (statsmodels' defaults, 7 and 1, do neither).
Source: Bandara, Hyndman, Bergmeir, MSTL, 2021 (arXiv:2107.13462).
"""

import numpy as np

from forecaster.members import carry
from forecaster.members.fixed_season import Cycles, FixedSeason, fixed_season
from forecaster.smoothing import fill_gaps
from tidegate.shared.values import FloatArray

WINDOW = 51
MAX_CYCLES = 14
"""Cycles of the longest season that are taken apart, the latest."""


def fit(values: FloatArray, periods: tuple[int, ...], horizon: int) -> FixedSeason[carry.Recent]:
    """Take the seasons apart. Raises ValueError where there is none."""
    from statsmodels.tsa.seasonal import MSTL

    if not periods:
        raise ValueError("no season to take apart")
    used = min(len(values), MAX_CYCLES * max(periods))
    first = len(values) - used
    filled = fill_gaps(values)[first:]
    ordered = tuple(sorted(periods))
    jump = max(1, min(ordered) // 10)
    options = {"seasonal_jump": jump, "trend_jump": jump, "low_pass_jump": jump}
    parts = (
        MSTL(filled, periods=ordered, windows=(WINDOW,) * len(ordered), iterate=1, stl_kwargs=options).fit().seasonal
    )
    columns = parts.reshape(used, -1).T
    level = float(np.mean(filled - columns.sum(axis=0)))
    cycles = [
        np.roll(column[-period:], (len(values) - period) % period)
        for column, period in zip(columns, ordered, strict=True)
    ]
    season = Cycles(level, tuple(cycles))
    deviation = values - season.over(len(values))
    return fixed_season(season, carry.fit(deviation, periods, horizon), deviation, periods)
