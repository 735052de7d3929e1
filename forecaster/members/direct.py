"""Direct multi-horizon regression of deviations from a harmonic season. Cost: about 15 ms for two weeks of minutes.

The smooth season is the harmonic regression's; what is not smooth (a spike, today's difference from yesterday) comes
back through the seasonal lags. Source: see `lagged`.
"""

from forecaster.members import harmonic, lagged
from forecaster.members.fixed_season import FixedSeason, fixed_season
from tidegate.shared.values import FloatArray


def fit(values: FloatArray, periods: tuple[int, ...], horizon: int) -> FixedSeason[lagged.Past]:
    """The season, and the regression of what it leaves."""
    season = harmonic.season_of(values, periods)
    deviation = values - season.over(len(values))
    return fixed_season(season, lagged.fit(deviation, periods, horizon), deviation, periods)
