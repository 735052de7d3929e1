"""Exponential smoothing of what the seasonal profile leaves: level and damped trend. Slow (statsmodels' optimiser).

statsmodels estimates the smoothing constants ("heuristic" initialisation: "estimated" often fails to converge); the
filter that then follows the series is ours, so that it costs no refit. The season is the profile's because
exponential smoothing with 1440 seasonal states is slow and forgets a spike's shape.
Source: Hyndman et al., Forecasting with Exponential Smoothing, 2008, model ETS(A,Ad,N). Cost: about a second.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from forecaster.members import profile
from forecaster.smoothing import fill_gaps
from tidegate.shared.values import FloatArray, IntArray

MAX_POINTS = 2000
"""The constants are estimated on this many of the latest points."""


@dataclass(frozen=True, slots=True)
class ExponentialSmoothing:
    """The profile, and constants of level, trend and damping for what it leaves."""

    season: profile.Profile
    alpha: float
    beta: float
    damping: float

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        level, trend = self._filter(self.season.deviation(values))
        reach = np.cumsum(self.damping ** np.arange(1, horizon + 1))
        path = level[origins, None] + trend[origins, None] * reach
        return self.season.season_path(values, origins, horizon) + path

    def season_at(self, values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember."""
        return self.season.season_at(values, origin, horizon)

    def _filter(self, deviation: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Level and trend after each step, shape (n,) each; a gap passes as if forecast rightly at its edges' line."""
        from scipy.signal import lfilter  # half a second to import, and wanted by this slow member alone

        # Level and trend are linear filters of the input: with D = 1 - z^-1 terms worked out from
        # l_t = l + phi b + alpha e, b_t = phi b + beta e, e = y - l - phi b (FPP3, section 8.4).
        filled = fill_gaps(np.where(np.isfinite(deviation), deviation, np.nan))
        a, b, phi = self.alpha, self.beta, self.damping
        poles = [1.0, -(1.0 + phi) + a + b * phi, phi * (1.0 - a)]
        level = lfilter([a, phi * (b - a)], poles, filled)
        trend = lfilter([b, -b], poles, filled)
        return level, trend


def fit(values: FloatArray, periods: tuple[int, ...], horizon: int) -> ExponentialSmoothing:
    """Estimate the constants on the profile's deviations. Raises ValueError on a history too short for it."""
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    season = profile.fit(values, periods, horizon)
    deviation = fill_gaps(season.deviation(values))[-MAX_POINTS:]
    if len(deviation) < 16 or np.ptp(deviation) < 1e-9:
        raise ValueError(f"{len(deviation)} points without change are nothing to smooth")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimated = ETSModel(
            deviation, error="add", trend="add", damped_trend=True, initialization_method="heuristic"
        ).fit(disp=False, maxiter=50)
    alpha, beta, damping = (float(estimated.params[i]) for i in range(3))
    return ExponentialSmoothing(season, alpha, beta, damping)
