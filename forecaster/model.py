"""The forecaster's core: a series in, a fitted model out, forecasts from it. PURE and deterministic.

    model = fit(series)                 # 0.2 s for two weeks of minutes; slow=True adds ETS and MSTL
    model = model.update(new_rates)     # filters forward: no refit
    model.forecast(horizon_s=600, window_s=120, paths=200)

`refit_after_s(series)` says when a fit has aged. The same core runs in the service, the backtest and the simulator.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecaster import calibration, rest_days, seasons
from forecaster.calendar import UTC, Calendar, Event, ahead, extended
from forecaster.calibration import Calibration
from forecaster.comb import Comb, learn, without
from forecaster.combine import combine
from forecaster.explanation import Health
from forecaster.idle import Idle
from forecaster.launch import Shape, borrowed
from forecaster.members import FittedMember, Member, seasonal_naive
from forecaster.registry import FAST, SLOW
from forecaster.rest_days import RestDays
from forecaster.series import check_step, regrid_paths
from forecaster.transform import Scale, scale_for
from tidegate.shared.errors import InvalidRequest, NoData
from tidegate.shared.times import utc
from tidegate.shared.values import QUANTILES, DemandSeries, FloatArray, Forecast, IntArray

MAX_POINTS = 30_240
"""Points that are learned from, the latest: three weeks of minutes."""

DAY_S = 86_400.0

MAX_HORIZON_STEPS = 20_160
"""Steps ahead that are answered at most, two weeks of minutes: each has some hundred sample paths in memory, half a
gigabyte for so many."""

MAX_QUANTILES = 100
"""Quantiles that are answered at once."""

DEFAULT_HORIZON_STEPS = 60
"""Steps ahead that are calibrated unless asked otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class FittedModel:
    """A fitted series. Immutable: `update` returns the next state.

    `values` are usual demand (without events) on the modelled scale and the local grid, gaps NaN; the last belongs to
    the step that ended at `end_s`. `basis` says what the forecast rests on where that is not the series' own seasons.
    """

    model: str
    end_s: float
    step_s: float
    values: FloatArray
    calendar: Calendar
    periods: tuple[int, ...]
    comb: Comb
    rest: RestDays
    scale: Scale
    members: dict[str, FittedMember]
    calibration: Calibration
    failures: dict[str, str]
    fitted_at_s: float
    basis: str = ""

    @property
    def seasons_s(self) -> tuple[float, ...]:
        """Season lengths found, the strongest first."""
        return tuple(period * self.step_s for period in self.periods)

    def update(self, rate_rps: FloatArray) -> "FittedModel":
        """The model with the next values of the grid known (NaN: missing), shape (n,). Cheap: nothing is refitted."""
        rates = self.calendar.usual(np.asarray(rate_rps, dtype=float), self.end_s, self.step_s)
        places = len(self.values) + self.places(len(rates))
        if len(rates) and self.comb.teeth:
            rates = without(rates, self.comb.at(places), self._last_rps())
        new = self.scale.forward(rates) - self.rest.at(places)
        values = extended(self.values, self.end_s, new, self.step_s, self.calendar)
        return replace(self, values=values, end_s=self.end_s + self.step_s * len(rates))

    def with_events(self, events: Sequence[Event]) -> "FittedModel":
        """The model with other events ahead (what those of the past did stays as the fit learned it)."""
        return replace(self, calendar=self.calendar.with_other_events(events))

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
        steps, window = self.steps_in(horizon_s), self.steps_in(window_s)
        places = self.places(max(steps, window))
        median = self.median(int(places.max()) + 1)
        size = self.calibration.spread.size(self.values, median)
        offsets = self.calibration.spread.offsets(quantiles, size)
        values = self.rates_at(median + self.calibration.widths.widened(offsets, quantiles), places[:steps])
        count = max(paths, 0) if step == self.step_s else None
        rates = self.rates_at(median + self._sampled(size, count), places[:steps])
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
            window_max_rps=self._highest(median, size, places[:window], quantiles),
            paths_rps=rates[: max(paths, 0)],
            skill=self.calibration.record.skill(steps),
            history_s=len(self.values) * self.step_s,
            seasons_s=self.seasons_s,
            basis=self.basis,
        )

    def _sampled(self, size: FloatArray, count: int | None) -> FloatArray:
        """The first `count` error paths (all), widened as the quantiles are, shape (paths, steps)."""
        spread, widths = self.calibration.spread, self.calibration.widths
        return widths.moved(spread.reach(size, count), spread.offsets(QUANTILES, size))

    def _highest(
        self, median: FloatArray, size: FloatArray, places: IntArray, quantiles: tuple[float, ...]
    ) -> FloatArray:
        """Quantiles of the maximum over these places, shape (quantiles,)."""
        spread, widths, window = self.calibration.spread, self.calibration.widths, len(places)
        reach = int(places.max()) + 1
        maxima = self.rates_at(median[:reach] + spread.reach(size[:reach]), places).max(axis=1)
        levels = tuple(sorted({0.5, *quantiles}))
        highest = spread.highest(maxima[:, None], levels, window)
        wanted = highest[np.searchsorted(levels, quantiles)]
        return widths.highest(wanted, highest[levels.index(0.5)], quantiles, window)[:, 0]

    def references(self, steps: int) -> tuple[FloatArray, float]:
        """What seasonal-naive (shape (steps,)) and "as it is now" would say: the references of skill, requests/s."""
        places = self.places(steps)
        reach = int(places.max(initial=0)) + 1
        naive = seasonal_naive.fit(self.values, self.periods, reach)
        path = naive.season_at(self.values, len(self.values) - 1, reach)[places]
        due = len(self.values) + places
        return self.scale.back(path + self.rest.at(due)) + self.comb.at(due), float(self._last_rps()[0])

    def health(self) -> Health:
        """How good the forecasts of the past were."""
        return self.calibration.record.health(self.step_s)

    def places(self, steps: int) -> IntArray:
        """Where each of the next steps in time lies in a path on the local grid, from 0."""
        return ahead(self.end_s, steps, self.step_s, self.calendar) - 1

    def rates_at(self, values: FloatArray, places: IntArray) -> FloatArray:
        """Rates of modelled values (…, reach) at these places of the path, with what holidays, spikes and events do."""
        due = len(self.values) + places
        spiked = self.scale.back(values[..., places] + self.rest.at(due)) + self.comb.at(due)
        return self.calendar.with_events(spiked, self.end_s, self.step_s)

    def _last_rps(self) -> FloatArray:
        """The last rate known, without spikes and events, shape (1,)."""
        return self.scale.back(self.values[np.isfinite(self.values)][-1:])

    def median(self, steps: int) -> FloatArray:
        """The members' combined path of the local grid, modelled scale, shape (steps,)."""
        origin = np.array([len(self.values) - 1])
        paths = np.array([member.predict(self.values, origin, steps) for member in self.members.values()])
        result: FloatArray = combine(paths, self.calibration.weights.at(steps), self.calibration.tolerance)[0]
        return result

    def steps_in(self, length_s: float) -> int:
        """How many steps such a length takes. Raises InvalidRequest for more than MAX_HORIZON_STEPS."""
        return _count_steps(length_s, self.step_s)


def fit(
    series: DemandSeries,
    *,
    calendar: Calendar = UTC,
    horizon_s: float | None = None,
    slow: bool = False,
    shapes: Sequence[Shape] = (),
) -> FittedModel:
    """Find the seasons, fit the members, weigh them and measure their errors. Deterministic.

    `horizon_s` is the furthest horizon that is calibrated (60 steps unless given; forecasts may reach further, with
    the spread of the furthest). `slow` adds the members that cost seconds. A series too short to have seasons of its
    own borrows one of `shapes` and says so in `basis`. Raises NoData without a single value.
    """
    series, lender = borrowed(series, shapes)
    rates = _trimmed(series)
    start_s = series.end_s - series.step_s * len(rates)
    usual = calendar.usual(rates, start_s, series.step_s)
    if not np.isfinite(usual).any():  # all of it within an event that says what the rate is: better than nothing
        usual = rates
    local, periods, calendar = _on_local_grid(usual, start_s, series.step_s, calendar)
    base, comb = learn(local, (*periods, *seasons.calendar_steps(series.step_s)))
    scale = scale_for(base)
    first_step = round(series.end_s / series.step_s) - len(base)
    east = int(calendar.offset_steps(np.array([series.end_s - series.step_s]), series.step_s)[0])
    days = rest_days.local_days(calendar, series.step_s)
    values, rest = rest_days.learn(scale.forward(base), days, periods, first_step + east, series.step_s)
    wanted = DEFAULT_HORIZON_STEPS if horizon_s is None else max(1, int(np.ceil(horizon_s / series.step_s)))
    chosen: tuple[Member, ...] = (*FAST, *SLOW) if slow else FAST
    calibrated, members, failures = calibration.calibrate(chosen, values, periods, wanted, first_step, scale)
    return FittedModel(
        model=series.model,
        end_s=series.end_s,
        step_s=series.step_s,
        values=values,
        calendar=calendar,
        periods=periods,
        comb=comb,
        rest=rest,
        scale=scale,
        members=members,
        calibration=calibrated,
        failures=failures,
        fitted_at_s=series.end_s,
        basis=_basis(lender, periods, calibrated.idle, series),
    )


def _on_local_grid(
    rates: FloatArray, start_s: float, step_s: float, calendar: Calendar
) -> tuple[FloatArray, tuple[int, ...], Calendar]:
    """The rates on the grid of local time where days repeat there, the seasons found, and the calendar that holds."""
    local = extended(rates[:1], start_s + step_s, rates[1:], step_s, calendar)
    periods = seasons.find(scale_for(local).forward(local), step_s)
    if len(calendar.offsets) > 1 and not any(period * step_s % DAY_S == 0 for period in periods):
        return rates, seasons.find(scale_for(rates).forward(rates), step_s), calendar.without_zone()
    return local, periods, calendar


def _basis(lender: str, periods: tuple[int, ...], idle: Idle, series: DemandSeries) -> str:
    if lender:
        return f"too new for seasons of its own: the shape of {lender} at its own level"
    if not periods:
        return "no season found: the recent level is carried on"
    if not idle.steps:
        return ""
    since = utc(series.end_s - series.step_s * idle.steps)
    return (
        f"seasons have not helped since {since}: errors were {idle.ratio:.0%} of those of the recent level carried on"
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
    if len(quantiles) > MAX_QUANTILES:
        raise InvalidRequest(f"quantiles are {len(quantiles)}, over {MAX_QUANTILES}: ask for fewer")
    if not quantiles or not rising or not all(0.0 < q < 1.0 for q in quantiles):
        raise InvalidRequest(f"quantiles are {list(quantiles)}: they must rise within (0, 1), like 0.5 0.9 0.99")
