"""Runs in the peers' own interpreter: histories in (npz), quantiles out (npy). Knows nothing of Tidegate.

    python peers_worker.py METHOD IN.npz OUT.npy

IN: `train` (origins, n) on log1p scale with gaps NaN, `seasons` (steps), `steps`, `step_s`, `starts_s`, `levels`.
OUT: (origins, levels, steps) on the same scale.
"""

import logging
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def bridged(values):
    known = np.isfinite(values)
    return np.interp(np.arange(len(values)), np.flatnonzero(known), values[known])


def statsforecast_model(method, seasons, hourly):
    from statsforecast.models import MSTL, AutoARIMA, AutoETS, DynamicOptimizedTheta

    first = seasons[0] if seasons else 1
    if method == "AutoETS":
        return AutoETS(season_length=first if first <= 24 else 1)
    if method == "AutoARIMA":
        return AutoARIMA(season_length=first if hourly else 1, approximation=True)
    if method == "DynamicOptimizedTheta":
        return DynamicOptimizedTheta(season_length=first)
    trend = AutoETS(model="ZZN") if method == "MSTL+ETS" else AutoARIMA()
    return MSTL(season_length=seasons, trend_forecaster=trend) if seasons else trend


def by_statsforecast(method, values, seasons, steps, levels, hourly, **_):
    model = statsforecast_model(method, seasons, hourly)
    wanted = sorted({round(100 * (2 * q - 1)) for q in levels if q > 0.5})
    answer = model.forecast(y=bridged(values), h=steps, level=wanted)
    return np.array([answer["mean"] if q == 0.5 else answer[f"hi-{round(100 * (2 * q - 1))}"] for q in levels])


def by_prophet(_, values, seasons, steps, levels, step_s, start_s, **__):
    import pandas as pd
    from prophet import Prophet

    times = pd.to_datetime(start_s + step_s * np.arange(len(values) + steps), unit="s")
    model = Prophet(uncertainty_samples=500, daily_seasonality=bool(seasons), weekly_seasonality="auto")
    model.fit(pd.DataFrame({"ds": times[: len(values)], "y": values}), seed=1)
    np.random.seed(1)
    samples = model.predictive_samples(pd.DataFrame({"ds": times[len(values) :]}))["yhat"]
    return np.quantile(samples, levels, axis=1)


def main():
    method, source, target = sys.argv[1:]
    task = np.load(source)
    levels, steps, step_s = task["levels"], int(task["steps"]), float(task["step_s"])
    run = by_prophet if method == "Prophet" else by_statsforecast
    seasons = [int(s) for s in task["seasons"]]
    results = []
    for values, start_s in zip(task["train"], task["starts_s"], strict=True):
        results.append(
            run(
                method,
                values,
                seasons=seasons,
                steps=steps,
                levels=levels,
                step_s=step_s,
                start_s=start_s,
                hourly=step_s >= 3600,
            )
        )
    np.save(target, np.array(results))


if __name__ == "__main__":
    main()
