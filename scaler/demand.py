"""From the models' forecasts to the pool's demand ahead, in rows per second on the planner's grid. PURE."""

import math
from collections.abc import Mapping

import numpy as np

from scaler.observation import PoolForecast
from scaler.timing import mean_between
from tidegate.shared.values import FloatArray, Forecast, Skill

MOST_STEPS = 16
"""Steps of the decision window at most: finer than that changes no decision and costs time."""


def grid(window_s: float, tick_s: float) -> float:
    """Step of the planner's grid: about a tick, a whole number of them in the window, at most `MOST_STEPS`."""
    return window_s / min(MOST_STEPS, max(1, math.ceil(window_s / tick_s - 1e-9)))


def pool_forecast(
    forecasts: Mapping[str, Forecast],
    cost_rows: Mapping[str, float],
    demand_rps: Mapping[str, float],
    now_s: float,
    horizon_s: float,
    step_s: float,
    tick_s: float,
) -> PoolForecast | None:
    """The sum of demand · cost over the models, path by path, over [now, now + horizon); None without any forecast.

    Path k of two models starts from errors seen at the same time, so adding them path by path keeps their
    correlation. The tick before now is told apart: it shows how the paths compare with what came. A model without a
    forecast, or with one that ends before now, is held at its demand now.
    """
    usable = {
        model: one
        for model, one in forecasts.items()
        if one.paths_rps.size and one.start_s + one.step_s * one.paths_rps.shape[1] > now_s
    }
    if not usable:
        return None
    steps = max(1, math.ceil(horizon_s / step_s - 1e-9))
    edges: FloatArray = now_s + step_s * np.arange(steps + 1, dtype=np.float64)
    count = min(one.paths_rps.shape[0] for one in usable.values())
    edges = np.concatenate([[now_s - tick_s], edges])
    total = np.zeros((count, steps + 1))
    weights = {}
    for model, one in usable.items():
        rows = np.maximum(0.0, mean_between(one, edges)[:count]) * cost_rows.get(model, 1.0)
        weights[model] = float(rows[:, 1:].mean())
        total += rows
    held = sorted(model for model in demand_rps if model not in usable)
    total += sum(demand_rps[model] * cost_rows.get(model, 1.0) for model in held)
    note = f"no forecast for {', '.join(held)}: held at the demand now" if held else ""
    covered = all(one.start_s <= now_s - tick_s + 1e-6 for one in usable.values())
    return PoolForecast(step_s, total[:, 1:], _pool_skill(usable, weights), note, total[:, 0] if covered else None)


def _pool_skill(forecasts: Mapping[str, Forecast], weights: Mapping[str, float]) -> Skill:
    """Mean skill weighted by forecast work; as few origins as any model with a say has."""
    total = sum(weights.values())
    share = {model: weights[model] / total if total > 0 else 1 / len(weights) for model in weights}
    skills = {model: forecasts[model].skill for model in share if share[model] >= 0.05}
    scale = sum(share[model] for model in skills)

    def mean(name: str) -> float:
        result: float = sum(share[model] * getattr(one, name) for model, one in skills.items()) / scale
        return result

    return Skill(
        min(one.origins for one in skills.values()),
        mean("vs_seasonal_naive"),
        mean("vs_last_value"),
        mean("coverage_95"),
    )
