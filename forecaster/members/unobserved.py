"""Unobserved components: a wandering level and trigonometric seasons that wander, too. Slow (statsmodels' optimiser).

statsmodels estimates the variances; the filter that then follows the series is the steady-state one, whose gain is the
last that was estimated, so that a new value costs a product of a small matrix with a vector and no refit. Seasons are
a few sines and cosines: one dummy for each of 288 phases would take ten seconds a likelihood.
Source: Harvey, Forecasting, Structural Time Series Models and the Kalman Filter, 1989, sections 2.3 and 3.3.
Cost: a second or two.
"""

import warnings
from dataclasses import dataclass

import numpy as np

from forecaster.smoothing import fill_gaps
from tidegate.shared.values import FloatArray, IntArray

HARMONICS = (4, 2, 1)
"""Pairs for the first, second and third season at most (each at most half of its period)."""

MAX_POINTS = 2000
"""The variances are estimated on this many of the latest points …"""

MIN_CYCLES = 2
"""… or on so many cycles of the longest season, if these are more."""

MAX_ITERATIONS = 10


@dataclass(frozen=True, slots=True, eq=False)
class UnobservedComponents:
    """A linear filter. States are what is expected of the step ahead: `state` of the first step after `length`.

    `transition` (states, states), `design` and `gain` (states,); `start` is the state of step 0. The level is the
    first state.
    """

    transition: FloatArray
    design: FloatArray
    gain: FloatArray
    start: FloatArray
    state: FloatArray
    length: int

    def predict(self, values: FloatArray, origins: IntArray, horizon: int) -> FloatArray:
        """See FittedMember."""
        result: FloatArray = self._states(values, origins) @ self._ahead(self.design, horizon).T
        return result

    def season_at(self, values: FloatArray, origin: int, horizon: int) -> FloatArray:
        """See FittedMember: the seasons around the mean, without the level's wandering."""
        seasons = self.design.copy()
        seasons[0] = 0.0
        state = self._states(values, np.array([origin]))[0]
        result: FloatArray = float(np.nanmean(values[: origin + 1])) + self._ahead(seasons, horizon) @ state
        return result

    def _ahead(self, design: FloatArray, horizon: int) -> FloatArray:
        """What each state says of 1..horizon steps ahead, shape (horizon, states)."""
        rows = np.empty((horizon, len(design)))
        row = design
        for step in range(horizon):
            rows[step] = row
            row = row @ self.transition
        return rows

    def _states(self, values: FloatArray, origins: IntArray) -> FloatArray:
        """The state after each origin, shape (origins, states); gaps are passed as if forecast rightly."""
        known = bool(origins.min() >= self.length - 1)
        first, state = (self.length, self.state) if known else (0, self.start)
        last = int(origins.max())
        states = np.empty((last + 2 - first, len(state)))
        states[0] = state
        for place, value in enumerate(values[first : last + 1]):
            surprise = value - self.design @ state if np.isfinite(value) else 0.0
            state = self.transition @ state + self.gain * surprise
            states[place + 1] = state
        return states[origins + 1 - first]


def fit(values: FloatArray, periods: tuple[int, ...], _horizon: int) -> UnobservedComponents:
    """Estimate the variances. Raises ValueError on a history too short, or that never changes."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents as Structural

    used = fill_gaps(values)[-max(MAX_POINTS, MIN_CYCLES * max(periods, default=0)) :]
    if len(used) < 16 or np.ptp(used) < 1e-9:
        raise ValueError(f"{len(used)} points without change have no components")
    seasons = [
        {"period": period, "harmonics": min(most, period // 2)}
        for period, most in zip(periods, HARMONICS, strict=False)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Structural(used, level="llevel", freq_seasonal=seasons or None).fit(
            disp=False, maxiter=MAX_ITERATIONS, cov_type="none"
        )
    filtered = found.filter_results
    transition, design = filtered.transition[..., -1], filtered.design[0, :, -1]
    state = np.ascontiguousarray(filtered.predicted_state[:, -1])
    # Seasons run backwards as they run forwards; the level at the start is found again within a few steps.
    back = np.linalg.matrix_power(np.linalg.inv(transition), len(values))
    return UnobservedComponents(
        transition=np.ascontiguousarray(transition),
        design=np.ascontiguousarray(design),
        gain=np.ascontiguousarray(filtered.kalman_gain[:, 0, -1]),
        start=back @ state,
        state=state,
        length=len(values),
    )
