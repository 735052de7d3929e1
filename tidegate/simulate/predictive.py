"""The production planner on the production forecaster, in the simulated world. PURE."""

import numpy as np

from forecaster import model as forecaster
from forecaster.series import STEPS_S, resample
from scaler import planner, trust
from scaler.demand import grid, pool_forecast
from scaler.observation import Capacity, Lead, Observation, PoolForecast, PoolSpec
from tidegate.shared.errors import NoData
from tidegate.shared.values import DemandSeries, FloatArray, Forecast, Plan
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.policies import Terms, View

MODEL = "trace"
PATHS = 200
COARSEST_STEP_S = 60.0
REFIT_S = 6 * 3600.0
"""Between refits the fitted model is filtered forward, as in the service."""


class PredictivePolicy:
    """Learns from the history, then from what arrives; refits now and then, filters forward in between."""

    name = "predictive"

    def __init__(self, terms: Terms, history: Arrivals, miss_price: float) -> None:
        self._terms = terms
        self._spec = PoolSpec(
            name=MODEL,
            models=(MODEL,),
            min_replicas=terms.min_replicas,
            max_replicas=terms.max_replicas,
            slo_wait_s=terms.slo_wait_s,
            miss_price=miss_price,
        )
        self._window_s = terms.startup_s + terms.tick_s
        self._horizon_s = self._window_s + terms.startup_s
        self._learner = Learner(history, model_step_s(self._window_s, terms.tick_s), self._horizon_s)
        ahead = self._learner.ahead(history.end_s)
        self._memory = planner.Memory(trust=trust.settled(None if ahead is None else ahead.skill))
        self.plan: Plan | None = None

    def decide(self, view: View) -> int:
        """The planner's decision; `plan` has its reasons."""
        self._learner.learn(view.arrived)
        terms = self._terms
        arrived_rps = float(view.arrived.mean()) if len(view.arrived) else 0.0
        lead = Lead(terms.startup_s, "given")
        observation = Observation(
            now_s=view.now_s,
            tick_s=terms.tick_s,
            ready=view.ready,
            starting_ready_in_s=view.starting_ready_in_s,
            lead=lead,
            capacity=Capacity(terms.capacity_rps, "given"),
            demand_rows_per_s=arrived_rps,
            served_rows_per_s=view.served_rps,
            outstanding_rows=view.backlog,
            forecast=self._pool_forecast(view.now_s, arrived_rps),
            forecast_note="nothing learned yet",
        )
        self.plan, self._memory = planner.plan(self._spec, observation, self._memory)
        return self.plan.desired

    def _pool_forecast(self, now_s: float, arrived_rps: float) -> PoolForecast | None:
        ahead = self._learner.ahead(now_s)
        step_s = grid(self._window_s, self._terms.tick_s)
        found = {} if ahead is None else {MODEL: ahead}
        return pool_forecast(found, {}, {MODEL: arrived_rps}, now_s, self._horizon_s, step_s)


class Learner:
    """Keeps the arrivals seen so far on the modelled grid; fits, filters forward, forecasts."""

    def __init__(self, history: Arrivals, step_s: float, horizon_s: float) -> None:
        self._step_s = step_s
        self._horizon_s = horizon_s
        keep = int(forecaster.MAX_POINTS * step_s)
        counts = history.counts[-keep:]
        start_s = history.end_s - len(counts)
        self._start_s, self._rates = resample(start_s, 1.0, counts, step_s)
        # A step that the history leaves unfinished is finished by what arrives next.
        whole = int((history.end_s - self._start_s) / step_s + 1e-9)
        self._rest = counts[len(counts) - round(history.end_s - self._start_s - whole * step_s) :]
        self._rates = self._rates[:whole]
        self._fitted: forecaster.FittedModel | None = None
        self._ahead: Forecast | None = None
        self._fit()

    def learn(self, arrived: FloatArray) -> None:
        """Take in the next seconds."""
        self._rest = np.concatenate([self._rest, arrived])
        length = round(self._step_s)
        whole = len(self._rest) // length
        if not whole:
            return
        new = self._rest[: whole * length].reshape(whole, length).mean(axis=1)
        self._rest = self._rest[whole * length :]
        self._rates = np.concatenate([self._rates, new])
        self._ahead = None
        fitted = self._fitted
        if fitted is None or self._end_s - fitted.fitted_at_s >= max(REFIT_S, forecaster.refit_after_s(fitted)):
            self._fit()
        else:
            self._fitted = fitted.update(new)

    def ahead(self, now_s: float) -> Forecast | None:
        """The forecast from the last whole step; None when nothing was seen yet."""
        if self._ahead is None and self._fitted is not None:
            late_s = max(0.0, now_s - self._fitted.end_s)
            self._ahead = self._fitted.forecast(self._horizon_s + late_s, paths=PATHS)
        return self._ahead

    @property
    def _end_s(self) -> float:
        return self._start_s + self._step_s * len(self._rates)

    def _fit(self) -> None:
        series = DemandSeries(MODEL, self._start_s, self._step_s, self._rates)
        try:
            self._fitted = forecaster.fit(series, horizon_s=self._horizon_s)
        except NoData:
            self._fitted = None


def model_step_s(window_s: float, tick_s: float) -> float:
    """The grid that is modelled: about half a decision window, between a tick and a minute."""
    wanted = min(max(window_s / 2, tick_s), COARSEST_STEP_S)
    return max(step for step in STEPS_S if step <= wanted)
