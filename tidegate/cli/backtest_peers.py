"""What people would otherwise install, judged at the same origins as our own: an extra (`tidegate[peers]`).

They are fitted at every origin on log1p of what was known there, the latest POINTS of it, with the first season that
our own forecast found; quantiles come back from their own intervals.
"""

import importlib.util
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecaster.backtest import OriginResult, pinball
from tidegate.cli.output import Progress
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import QUANTILES, DemandSeries, FloatArray

POINTS = 4032
"""Points that a peer learns from at most, the latest: two weeks of five minutes. More takes it minutes an origin."""

Fit = Callable[[FloatArray, int, int, DemandSeries], FloatArray]
"""(known values on the log1p scale, season in steps, steps ahead, the series) to quantiles of shape (levels, steps)."""


@dataclass(frozen=True, slots=True)
class Score:
    """One peer's measures, by quantile as ours are."""

    name: str
    weighted_quantile_loss: dict[float, float]
    coverage: dict[float, float]
    seconds: float


def chosen(names: Sequence[str]) -> dict[str, Fit]:
    """The peers of these names. Raises InvalidRequest for one that there is not, or that is not installed."""
    for name in names:
        if name not in PEERS:
            raise InvalidRequest(f"--against is {name!r}: it is one of {', '.join(PEERS)}")
        package = PEERS[name][0]
        if importlib.util.find_spec(package) is None:
            raise InvalidRequest(f"--against {name} needs {package}: pip install 'tidegate[peers]'")
    return {name: PEERS[name][1] for name in dict.fromkeys(names)}


def judged(
    peers: dict[str, Fit], series: DemandSeries, results: Sequence[OriginResult], progress: Progress
) -> list[Score]:
    """Each peer's measures over the same origins; `progress` counts peers."""
    scores = []
    for place, (name, fit) in enumerate(peers.items()):
        progress(place, len(peers))
        scores.append(_score(name, fit, series, results))
    return scores


def _score(name: str, fit: Fit, series: DemandSeries, results: Sequence[OriginResult]) -> Score:
    began = time.perf_counter()
    predicted, actual = [], []
    for result in results:
        known = series.rate_rps[max(0, result.origin + 1 - POINTS) : result.origin + 1]
        places = np.arange(len(known))
        there = np.isfinite(known)
        filled = np.interp(places, places[there], known[there])
        seasons_s = result.forecast.seasons_s
        season = round(seasons_s[0] / series.step_s) if seasons_s else 1
        fitted = fit(np.log1p(filled), season if 2 * season <= len(filled) else 1, len(result.actual), series)
        predicted.append(np.maximum(np.expm1(np.minimum(fitted, 50.0)), 0.0))
        actual.append(result.actual)
    came, table = np.concatenate(actual), np.hstack(predicted)
    judged_at = np.isfinite(came)
    came, table = came[judged_at], table[:, judged_at]
    total = max(float(came.sum()), 1e-12)
    return Score(
        name,
        {q: 2.0 * pinball(came - row, q) / total for q, row in zip(QUANTILES, table, strict=True)},
        {q: float(np.mean(came <= row)) for q, row in zip(QUANTILES, table, strict=True)},
        (time.perf_counter() - began) / max(len(results), 1),
    )


def _statsforecast(values: FloatArray, steps: int, model: Any) -> FloatArray:
    """Quantiles from central intervals: the upper end of the (2q - 1) interval."""
    levels = [round(200 * q - 100) for q in QUANTILES if q > 0.5]
    answer = model.forecast(y=values, h=steps, level=levels)
    return np.array([answer["mean"], *(answer[f"hi-{level}"] for level in levels)])


def _auto_ets(values: FloatArray, season: int, steps: int, _: DemandSeries) -> FloatArray:
    from statsforecast.models import AutoETS

    # ETS has a state for each phase: over 24 of them it takes minutes, so it is given none.
    return _statsforecast(values, steps, AutoETS(season_length=season if season <= 24 else 1))


def _mstl(values: FloatArray, season: int, steps: int, series: DemandSeries) -> FloatArray:
    from statsforecast.models import MSTL, AutoETS

    if season < 2:
        return _auto_ets(values, season, steps, series)
    return _statsforecast(values, steps, MSTL(season_length=season, trend_forecaster=AutoETS(model="ZZN")))


def _prophet(values: FloatArray, _: int, steps: int, series: DemandSeries) -> FloatArray:
    import logging

    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # it misses plotly aloud
    import pandas
    from prophet import Prophet

    logging.getLogger("cmdstanpy").disabled = True  # a line on stderr for every fit
    times = pandas.to_datetime(series.start_s + series.step_s * np.arange(len(values) + steps), unit="s")
    model: Any = Prophet(uncertainty_samples=500)
    model.fit(pandas.DataFrame({"ds": times[: len(values)], "y": values}))
    drawn = model.predictive_samples(pandas.DataFrame({"ds": times[len(values) :]}))["yhat"]
    quantiles: FloatArray = np.quantile(drawn, QUANTILES, axis=1)
    return quantiles


PEERS: dict[str, tuple[str, Fit]] = {
    "auto-ets": ("statsforecast", _auto_ets),
    "mstl": ("statsforecast", _mstl),
    "prophet": ("prophet", _prophet),
}
