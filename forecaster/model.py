"""The forecaster's core: a series in, a fitted model out, forecasts from it. PURE and deterministic.

    model = fit(series)                 # 0.2 s for two weeks of minutes; slow=True adds ETS and MSTL
    model = model.update(new_rates)     # filters forward: no refit
    model.forecast(horizon_s=600, window_s=120, paths=200)

`refit_after_s(series)` says when a fit has aged. The same core runs in the service, the backtest and the simulator.
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np

from forecaster import calibration, seasons
from forecaster.calibration import Calibration
from forecaster.combine import combine
from forecaster.members import FittedMember, Member, seasonal_naive
from forecaster.quantiles import upper_quantile
from forecaster.registry import FAST, SLOW
from forecaster.series import check_step, regrid_paths
from forecaster.transform import Scale, scale_for
from tidegate.shared.errors import InvalidRequest, NoData
from tidegate.shared.values import QUANTILES, DemandSeries, FloatArray, Forecast, Skill

MAX_POINTS = 30_240
"""Points that are learned from, the latest: three weeks of minutes."""

MAX_HORIZON_STEPS = 100_000
"""Steps ahead that are answered at most, over a day of seconds: each has some hundred sample paths in memory."""

DEFAULT_HORIZON_STEPS = 60
"""Steps ahead that are calibrated unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class MemberState:
    """How one member stands: `weight` is its mean over horizons, `loss` its recent pinball loss in requests/s."""

    name: str
    weight: float
    loss: float
    failure: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a forecast is what it is. `components` (name, requests/s) add up to the mean median over the horizon."""

    model: str
    at_s: float
    level_rps: float
    components: tuple[tuple[str, float], ...]
    members: tuple[MemberState, ...]
    seasons_s: tuple[float, ...]
    skill: Skill


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A fitted series. Immutable: `update` returns the next state. `values` are on the modelled scale, gaps NaN."""

    model: str
    start_s: float
    step_s: float
    values: FloatArray
    periods: tuple[int, ...]
    scale: Scale
    members: dict[str, FittedMember]
    calibration: Calibration
    failures: dict[str, str]
    fitted_at_s: float

    @property
    def end_s(self) -> float:
        """End of the last known step: where a forecast starts."""
        return self.start_s + self.step_s * len(self.values)

    @property
    def seasons_s(self) -> tuple[float, ...]:
        """Season lengths found, the strongest first."""
        return tuple(period * self.step_s for period in self.periods)

    def update(self, rate_rps: FloatArray) -> "FittedModel":
        """The model with the next values of the grid known (NaN: missing), shape (n,). Cheap: nothing is refitted."""
        return replace(self, values=np.concatenate((self.values, self.scale.forward(np.asarray(rate_rps)))))

    def forecast(
        self,
        horizon_s: float,
        *,
        quantiles: tuple[float, ...] = QUANTILES,
        window_s: float = 0.0,
        paths: int = 0,
        step_s: float = 0.0,
        issued_at_s: float | None = None,
    ) -> Forecast:
        """Quantile paths from `end_s` on, at least `horizon_s` long, and quantiles of the maximum over `window_s`.

        `window_s` 0 means the horizon. `paths` sample paths at most are given, the most recent origins' first.
        `step_s` 0 means the model's own; a multiple of it averages. `issued_at_s` is `end_s` unless given.
        Raises InvalidRequest naming the field and the value.
        """
        window_s = window_s or horizon_s
        _check(horizon_s, quantiles, window_s)
        step = step_s or self.step_s
        check_step(step)
        _count_steps(horizon_s, step)
        steps, window = self._steps(horizon_s), self._steps(window_s)
        median = self._median(max(steps, window))
        spread = self.calibration.spread
        sampled = median + spread.reach(len(median))
        values = self.scale.back(median[:steps] + spread.offsets(quantiles, steps))
        rates = self.scale.back(sampled[:, :steps])
        if step != self.step_s:
            rates = regrid_paths(rates, self.step_s, step)
            values = np.quantile(rates, quantiles, axis=0)
        return Forecast(
            model=self.model,
            issued_at_s=self.end_s if issued_at_s is None else issued_at_s,
            start_s=self.end_s,
            step_s=step,
            quantiles=quantiles,
            values_rps=np.maximum.accumulate(values, axis=0),
            window_s=window_s,
            window_max_rps=self._window_max(sampled[:, :window], quantiles),
            paths_rps=rates[: max(paths, 0)],
            skill=self.calibration.skill(steps),
            history_s=len(self.values) * self.step_s,
            seasons_s=self.seasons_s,
        )

    def references(self, steps: int) -> tuple[FloatArray, float]:
        """What seasonal-naive (shape (steps,)) and "as it is now" would say: the references of skill, requests/s."""
        last = self.values[np.isfinite(self.values)][-1:]
        naive = seasonal_naive.fit(self.values, self.periods, steps).season_at(self.values, len(self.values) - 1, steps)
        return self.scale.back(naive), float(self.scale.back(last)[0])

    def explain(self, horizon_s: float) -> Explanation:
        """Components of the mean median over the horizon, and how the members stand. Raises InvalidRequest."""
        _check(horizon_s, QUANTILES, horizon_s)
        steps, last = self._steps(horizon_s), len(self.values) - 1
        weights = self.calibration.weights.at(steps)
        parts = [member.season_at(self.values, last, steps) for member in self.members.values()]
        season = float(self.scale.back(np.einsum("mh,mh->h", weights, np.array(parts))).mean())
        level = float(self.scale.back(np.array([np.nanmean(self.values)]))[0])
        median = float(self.scale.back(self._median(steps)).mean())
        named = "seasons " + " + ".join(f"{s:g} s" for s in self.seasons_s) if self.periods else "no season"
        components = (("level", level), (named, season - level), ("recent errors", median - season))
        return Explanation(
            self.model,
            self.end_s,
            level,
            components,
            self._member_states(weights),
            self.seasons_s,
            self.calibration.skill(steps),
        )

    def _member_states(self, weights: FloatArray) -> tuple[MemberState, ...]:
        means, losses = weights.mean(axis=1), self.calibration.weights.losses
        taking_part = [
            MemberState(n, float(w), float(x), "") for n, w, x in zip(self.members, means, losses, strict=True)
        ]
        return (*taking_part, *(MemberState(n, 0.0, float("nan"), why) for n, why in self.failures.items()))

    def _median(self, steps: int) -> FloatArray:
        origin = np.array([len(self.values) - 1])
        paths = np.array([member.predict(self.values, origin, steps) for member in self.members.values()])
        result: FloatArray = combine(paths, self.calibration.weights.at(steps), self.calibration.tolerance)[0]
        return result

    def _window_max(self, sampled: FloatArray, quantiles: tuple[float, ...]) -> FloatArray:
        highest = upper_quantile(sampled.max(axis=1), quantiles, len(sampled))
        return np.maximum.accumulate(self.scale.back(highest))

    def _steps(self, length_s: float) -> int:
        return _count_steps(length_s, self.step_s)


def fit(series: DemandSeries, *, horizon_s: float | None = None, slow: bool = False) -> FittedModel:
    """Find the seasons, fit the members, weigh them and measure their errors. Deterministic.

    `horizon_s` is the furthest horizon that is calibrated (60 steps unless given; forecasts may reach further, with
    the spread of the furthest). `slow` adds the members that cost seconds. Raises NoData without a single value.
    """
    rates = _trimmed(series)
    start_s = series.end_s - series.step_s * len(rates)
    scale = scale_for(rates)
    values = scale.forward(rates)
    periods = seasons.find(values, series.step_s)
    wanted = DEFAULT_HORIZON_STEPS if horizon_s is None else max(1, int(np.ceil(horizon_s / series.step_s)))
    chosen: tuple[Member, ...] = (*FAST, *SLOW) if slow else FAST
    first_step = round(start_s / series.step_s)
    calibrated, members, failures = calibration.calibrate(chosen, values, periods, wanted, first_step, scale)
    return FittedModel(
        series.model, start_s, series.step_s, values, periods, scale, members, calibrated, failures, series.end_s
    )


def refit_after_s(model: FittedModel) -> float:
    """How long a fit serves before another is worth its cost: a 24th of the first season (an hour of a day)."""
    season = model.periods[0] if model.periods else 24 * 16
    return model.step_s * max(8, season // 24)


def _trimmed(series: DemandSeries) -> FloatArray:
    rates = np.asarray(series.rate_rps, dtype=float)[-MAX_POINTS:]
    known = np.flatnonzero(np.isfinite(rates))
    if len(known) == 0:
        raise NoData(f"model {series.model!r} has no observed demand yet: its history holds {len(rates)} empty steps")
    return rates[known[0] :]


def _count_steps(length_s: float, step_s: float) -> int:
    if length_s > MAX_HORIZON_STEPS * step_s:
        raise InvalidRequest(f"{length_s:g} s ahead is over {MAX_HORIZON_STEPS} steps of {step_s:g} s: ask for less")
    return max(1, int(np.ceil(length_s / step_s - 1e-9)))


def _check(horizon_s: float, quantiles: tuple[float, ...], window_s: float) -> None:
    if not 0.0 < horizon_s < np.inf:
        raise InvalidRequest(f"horizon_s is {horizon_s:g}: it must be over 0")
    if not 0.0 < window_s < np.inf:
        raise InvalidRequest(f"window_s is {window_s:g}: it must be over 0, or 0 for the horizon")
    rising = all(a < b for a, b in itertools.pairwise(quantiles))
    if not quantiles or not rising or not all(0.0 < q < 1.0 for q in quantiles):
        raise InvalidRequest(f"quantiles are {list(quantiles)}: they must rise within (0, 1), like 0.5 0.9 0.99")
