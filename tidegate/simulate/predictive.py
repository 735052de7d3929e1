"""The production planner on the production forecaster, in the simulated world. PURE."""

import math
from dataclasses import dataclass, replace

import numpy as np

from forecaster import model as forecaster
from forecaster.series import STEPS_S, resample
from scaler import planner
from scaler.demand import grid, pool_forecast
from scaler.observation import Capacity, Lead, Observation, PoolForecast, PoolSpec
from tidegate.shared.errors import NoData
from tidegate.shared.values import DemandSeries, FloatArray, Forecast, Mode, Plan
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.batching import batched
from tidegate.simulate.policies import Terms, View
from tidegate.simulate.replay import replay

MODEL = "trace"
PATHS = 200
COARSEST_STEP_S = 60.0
REFIT_S = 6 * 3600.0
"""Between refits the fitted model is filtered forward, as in the service."""
REHEARSED_S = 86400.0
REHEARSED_SHARE = 0.5
"""Trust is earned on the last day of the history, or on so much of it where it is shorter."""
FAN = (0.05, 0.5, 0.95)
"""Quantiles of the forecast that are kept for the chart."""
FAN_EVERY_S = 300.0


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Quantiles FAN of the rate at one time, requests/s."""

    at_s: float
    rates_rps: tuple[float, ...]


class Forecasts:
    """The forecaster in the simulated world: what it would answer at each tick.

    Arrivals don't depend on decisions, so the policies of one replay may share it: the first to ask does the work.
    """

    def __init__(self, terms: Terms, history: Arrivals, ahead: FloatArray) -> None:
        window_s = terms.startup_s + terms.tick_s
        self._terms = terms
        self._horizon_s = window_s + terms.startup_s
        self._grid_s = grid(window_s, terms.tick_s)
        self._step_s = model_step_s(window_s, terms.tick_s)
        self._learner = Learner(history, ahead, self._step_s, self._horizon_s)
        self._history = history
        self._answered: tuple[float, PoolForecast | None] = (-math.inf, None)
        self._unrehearsed: list[PredictivePolicy] = []
        self.foreseen: list[Foreseen] = []
        """What was forecast for one start-up after the forecast was made: the last time to do something about it."""

    def join(self, policy: "PredictivePolicy") -> None:
        """Let the policy plan by this forecaster. All join before the first of them decides."""
        self._unrehearsed.append(policy)

    def rehearse(self) -> None:
        """Replay the end of the history, at the forecaster's step: what trust those who joined begin with."""
        if not self._unrehearsed:
            return
        policies, self._unrehearsed = self._unrehearsed, []
        tick_s = max(1, round(self._step_s))
        ticks = int(min(REHEARSED_S, REHEARSED_SHARE * len(self._history.counts)) / tick_s)
        seconds = ticks * tick_s
        if not ticks:
            return
        counts = self._history.counts
        before = counts[-seconds - tick_s : -seconds]
        terms = replace(self._terms, tick_s=tick_s)
        by_name = {str(at): policy for at, policy in enumerate(policies)}
        replay(by_name, terms, counts[-seconds:], before, self._history.end_s - seconds)

    def at(self, view: View) -> PoolForecast | None:
        """The pool's demand from now on; None when nothing was seen yet. Those who share it all take a tick before the
        next begins, so the last answer is kept."""
        if view.now_s != self._answered[0]:
            arrived_rps = float(view.arrived.mean()) if len(view.arrived) else 0.0
            ahead = self._learner.ahead(view.now_s)
            found = {} if ahead is None else {MODEL: ahead}
            answer = pool_forecast(
                found, {}, {MODEL: arrived_rps}, view.now_s, self._horizon_s, self._grid_s, float(len(view.arrived))
            )
            self._answered = (view.now_s, answer)
            if view.now_s >= self._history.end_s:
                self._note(view.now_s, answer)
        return self._answered[1]

    def _note(self, now_s: float, answer: PoolForecast | None) -> None:
        if answer is None:
            return
        for_s = now_s + self._terms.startup_s
        if not self.foreseen or for_s - self.foreseen[-1].at_s >= FAN_EVERY_S:
            step = min(int(self._terms.startup_s / answer.step_s), answer.paths_rows_per_s.shape[1] - 1)
            values = np.quantile(answer.paths_rows_per_s[:, step], FAN)
            self.foreseen.append(Foreseen(for_s, tuple(float(value) for value in values)))


class PredictivePolicy:
    """Plans every tick with what the forecaster says, its trust earned on the history unless a mode is set."""

    def __init__(self, terms: Terms, forecasts: Forecasts, miss_price: float, mode: Mode | None = None) -> None:
        self._terms = terms
        self._forecasts = forecasts
        self._spec = PoolSpec(
            name=MODEL,
            models=(MODEL,),
            min_replicas=terms.min_replicas,
            max_replicas=terms.max_replicas,
            slo_wait_s=terms.slo_wait_s,
            miss_price=miss_price,
            mode=mode,
        )
        self._memory = planner.Memory()
        self.plan: Plan | None = None
        forecasts.join(self)

    def decide(self, view: View) -> int:
        """The planner's decision; `plan` has its reasons."""
        self._forecasts.rehearse()
        observation = Observation(
            now_s=view.now_s,
            tick_s=float(len(view.arrived) or self._terms.tick_s),
            ready=view.ready,
            starting_ready_in_s=view.starting_ready_in_s,
            lead=Lead(self._terms.startup_s, "given"),
            capacity=Capacity(self._terms.capacity_rps, "given"),
            demand_rows_per_s=float(view.arrived.mean()) if len(view.arrived) else 0.0,
            served_rows_per_s=view.served_rps,
            outstanding_rows=view.backlog,
            forecast=self._forecasts.at(view),
            forecast_note="nothing learned yet",
        )
        self.plan, self._memory = planner.plan(self._spec, observation, self._memory)
        return self.plan.desired


class Learner:
    """Keeps the arrivals on the modelled grid; fits, filters forward, forecasts from what is known by then."""

    def __init__(self, history: Arrivals, ahead: FloatArray, step_s: float, horizon_s: float) -> None:
        self._step_s = step_s
        self._horizon_s = horizon_s
        counts = np.concatenate([history.counts[-int(forecaster.MAX_POINTS * step_s) :], ahead])
        end_s = history.end_s + len(ahead)
        self._start_s, self._rates = resample(end_s - len(counts), 1.0, counts, step_s)
        self._known = -1
        self._fitted: forecaster.FittedModel | None = None
        self._forecast: Forecast | None = None

    def ahead(self, now_s: float) -> Forecast | None:
        """The forecast from the last step that is over by now; None when nothing was seen yet."""
        known = int((now_s - self._start_s) / self._step_s + 1e-9)
        if known != self._known:
            self._learn(known)
            self._known = known
            self._forecast = None
        if self._forecast is None and self._fitted is not None:
            late_s = max(0.0, now_s - self._fitted.end_s)
            self._forecast = self._fitted.forecast(self._horizon_s + late_s, paths=PATHS)
        return self._forecast

    def _learn(self, known: int) -> None:
        fitted = self._fitted
        if fitted is not None:
            fitted = fitted.update(self._rates[self._known : known])
        if fitted is None or fitted.end_s - fitted.fitted_at_s >= self._refit_s(fitted):
            fitted = self._fit(known)
        self._fitted = fitted

    def _fit(self, known: int) -> forecaster.FittedModel | None:
        series = DemandSeries(MODEL, self._start_s, self._step_s, self._rates[:known])
        try:
            fitted = forecaster.fit(series, horizon_s=self._horizon_s)
        except NoData:
            return None
        until = known + round(self._refit_s(fitted) / self._step_s)
        return batched(fitted, self._rates[known:until])

    @staticmethod
    def _refit_s(fitted: forecaster.FittedModel) -> float:
        return max(REFIT_S, forecaster.refit_after_s(fitted))


def model_step_s(window_s: float, tick_s: float) -> float:
    """The grid that is modelled: about half a decision window, between a tick and a minute."""
    wanted = min(max(window_s / 2, tick_s), COARSEST_STEP_S)
    return max(step for step in STEPS_S if step <= wanted)
