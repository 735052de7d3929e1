"""Rolling-origin backtest: what would have been forecast, against what came. PURE.

An origin is a row of the grid, and that row is known; nothing after it is used. Measures: MASE (Hyndman & Koehler,
Int. J. Forecasting 22, 2006) and weighted quantile loss, 2 · Σ pinball / Σ actual (as in the M5 and GluonTS).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forecaster.calendar import UTC, Calendar
from forecaster.model import FittedModel, fit
from forecaster.record import gain
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.times import TimeForm, utc
from tidegate.shared.values import QUANTILES, DemandSeries, FloatArray, Forecast, Skill

MAX_JUDGED = 20_000_000
"""Steps of all origins together: each takes some 60 bytes until the end."""

MAX_REFITS = 60
"""Over this many origins, a fit serves several of them in a row, filtered forward, as it would live."""


@dataclass(frozen=True, slots=True, eq=False)
class OriginResult:
    """One origin: the forecast, what came, and what the references would have said, all requests/s, shape (steps,)."""

    origin: int
    forecast: Forecast
    actual: FloatArray
    naive: FloatArray
    last: float
    fit_seconds: float
    update_seconds: float

    @property
    def observed(self) -> bool:
        """Whether anything came that it can be judged by."""
        return bool(np.isfinite(self.actual).any())


@dataclass(frozen=True, slots=True)
class Summary:
    """Measures over all origins. Dictionaries are by quantile; `window_coverage` is of the horizon's maximum."""

    origins: int
    mase: float
    weighted_quantile_loss: dict[float, float]
    naive_weighted_quantile_loss: float
    coverage: dict[float, float]
    window_coverage: dict[float, float]
    skill: Skill
    fit_seconds: float
    update_seconds: float


def spaced_origins(series: DemandSeries, horizon_s: float, origins: int, from_fraction: float) -> list[int]:
    """Rows evenly spaced from a fraction of the series to the last row that leaves a whole horizon.

    Raises InvalidRequest naming the value when there is no such row.
    """
    if origins < 1:
        raise InvalidRequest(f"origins is {origins}: at least 1")
    if not 0.0 < from_fraction < 1.0:
        raise InvalidRequest(f"from_fraction is {from_fraction:g}: it must lie within 0 and 1")
    first = int(from_fraction * len(series.rate_rps))
    last = len(series.rate_rps) - 1 - horizon_steps(series, horizon_s)
    if last < first:
        raise InvalidRequest(
            f"horizon_s is {horizon_s:g}: no row after fraction {from_fraction:g} of {len(series.rate_rps)} rows "
            f"leaves a whole horizon"
        )
    rows = min(origins, last - first + 1)
    if rows * horizon_steps(series, horizon_s) > MAX_JUDGED:
        raise InvalidRequest(f"origins is {origins}: over {MAX_JUDGED} steps would be judged, ask for fewer")
    return sorted({round(place) for place in np.linspace(first, last, rows)})


def origin_at(series: DemandSeries, time_s: float) -> int:
    """The row of a time. Raises InvalidRequest when it is none of the grid's."""
    place = (time_s - series.start_s) / series.step_s
    row = round(place)
    if abs(place - row) > 1e-3 or not 0 <= row < len(series.rate_rps):
        raise InvalidRequest(
            f"origin {_named(time_s)} is no row of the grid: it starts at {_named(series.start_s)}, has a step of "
            f"{series.step_s:g} s and {len(series.rate_rps)} rows"
        )
    return row


def _named(time_s: float) -> str:
    return f"{TimeForm(iso=False).write(time_s)} ({utc(time_s)})"


def horizon_steps(series: DemandSeries, horizon_s: float) -> int:
    """Steps of a horizon. Raises InvalidRequest unless it is at least one step."""
    steps = int(np.ceil(horizon_s / series.step_s - 1e-9)) if np.isfinite(horizon_s) else 0
    if steps < 1:
        raise InvalidRequest(f"horizon_s is {horizon_s:g}: it must be at least one step of {series.step_s:g} s")
    return steps


def blocks(origins: Sequence[int]) -> list[list[int]]:
    """The origins in runs that share a fit: one each up to MAX_REFITS of them."""
    size = -(-len(origins) // MAX_REFITS)
    return [list(origins[first : first + size]) for first in range(0, len(origins), size)]


def run_block(
    series: DemandSeries,
    block: Sequence[int],
    horizon_s: float,
    clock: Callable[[], float],
    slow: bool = False,
    calendar: Calendar = UTC,
) -> list[OriginResult]:
    """Fit at the block's first origin, then filter forward to each other one. `clock` gives seconds, for the costs.

    Raises NoData where nothing is known up to the first origin.
    """
    began = clock()
    model = fit(_until(series, block[0]), calendar=calendar, horizon_s=horizon_s, slow=slow)
    fit_seconds = clock() - began
    results, known = [], block[0]
    for origin in block:
        began = clock()
        model = model.update(series.rate_rps[known + 1 : origin + 1])
        forecast = model.forecast(horizon_s, issued_at_s=series.start_s + origin * series.step_s)
        results.append(_result(series, origin, model, forecast, fit_seconds, clock() - began))
        known = origin
    return results


def run(
    series: DemandSeries,
    origins: Sequence[int],
    horizon_s: float,
    clock: Callable[[], float],
    slow: bool = False,
    calendar: Calendar = UTC,
) -> Iterator[list[OriginResult]]:
    """The results of each block as it is done."""
    for block in blocks(origins):
        yield run_block(series, block, horizon_s, clock, slow, calendar)


def summarise(series: DemandSeries, results: Sequence[OriginResult]) -> Summary:
    """Measures over the steps that were observed. Raises InvalidRequest when none was."""
    actual = np.concatenate([result.actual for result in results])
    known = np.isfinite(actual)
    if not known.any():
        raise InvalidRequest(f"none of the {len(results)} origins is followed by an observed value")
    forecasts = np.hstack([r.forecast.values_rps[:, : len(r.actual)] for r in results])[:, known]
    naive = np.concatenate([r.naive for r in results])[known]
    last = np.concatenate([np.full(len(r.actual), r.last) for r in results])[known]
    actual = actual[known]
    middle = QUANTILES.index(0.5)
    loss, naive_loss, last_loss = (float(np.abs(actual - x).mean()) for x in (forecasts[middle], naive, last))
    total = max(float(np.abs(actual).sum()), 1e-12)
    quantile_loss = {q: 2.0 * pinball(actual - x, q) / total for q, x in zip(QUANTILES, forecasts, strict=True)}
    coverage = {q: float(np.mean(actual <= x)) for q, x in zip(QUANTILES, forecasts, strict=True)}
    skill = Skill(len(results), gain(loss, naive_loss), gain(loss, last_loss), coverage[0.95])
    return Summary(
        len(results),
        loss / max(_in_sample_naive_error(series, results[0]), 1e-12),
        quantile_loss,
        2.0 * pinball(actual - naive, 0.5) / total,
        coverage,
        _window_coverage(results),
        skill,
        float(np.mean([result.fit_seconds for result in results])),
        float(np.mean([result.update_seconds for result in results])),
    )


def pinball(errors: FloatArray, level: float) -> float:
    """Sum of the quantile loss of errors (actual minus forecast)."""
    return float(np.maximum(level * errors, (level - 1.0) * errors).sum())


def _result(
    series: DemandSeries, origin: int, model: FittedModel, forecast: Forecast, fit_seconds: float, seconds: float
) -> OriginResult:
    actual = series.rate_rps[origin + 1 : origin + 1 + forecast.steps]
    naive, last = model.references(len(actual))
    return OriginResult(origin, forecast, actual, naive, last, fit_seconds, seconds)


def _until(series: DemandSeries, origin: int) -> DemandSeries:
    return DemandSeries(series.model, series.start_s, series.step_s, series.rate_rps[: origin + 1])


def _in_sample_naive_error(series: DemandSeries, first: OriginResult) -> float:
    """Mean absolute error of seasonal-naive, one season ahead, up to the first origin: MASE's unit."""
    season_s = first.forecast.seasons_s[0] if first.forecast.seasons_s else series.step_s
    lag = round(season_s / series.step_s)
    past = series.rate_rps[: first.origin + 1]
    changes = np.abs(past[lag:] - past[:-lag])
    return float(np.nanmean(changes)) if np.isfinite(changes).any() else float("nan")


def _window_coverage(results: Sequence[OriginResult]) -> dict[float, float]:
    whole = [result for result in results if np.isfinite(result.actual).all() and len(result.actual)]
    if not whole:
        return {}
    highest = np.array([result.actual.max() for result in whole])
    limits = np.array([result.forecast.window_max_rps for result in whole])
    return {q: float(np.mean(highest <= limits[:, i])) for i, q in enumerate(QUANTILES)}
