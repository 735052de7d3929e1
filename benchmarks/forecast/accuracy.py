"""Weighted quantile loss against the best of six peers on each series, rolling origin (30 in the last 30 %)."""

import time
from pathlib import Path

import numpy as np
from rich.table import Table

from benchmarks.forecast import peers
from benchmarks.forecast.cases import CASES, Case
from forecaster import backtest
from tidegate.shared.values import QUANTILES, FloatArray

ORIGINS, FROM = 30, 0.7


def losses(predicted: FloatArray, actual: FloatArray) -> list[float]:
    """2 · Σ pinball / Σ actual at each of LEVELS; `predicted` (origins, LEVELS, steps), `actual` (origins, steps)."""
    known = np.isfinite(actual)
    total = float(actual[known].sum())
    return [
        2.0 * backtest.pinball((actual - predicted[:, i])[known], level) / total for i, level in enumerate(peers.LEVELS)
    ]


def ours(case: Case) -> tuple[FloatArray, FloatArray, list[int], float]:
    """(quantiles, what came, origins, seconds an origin)."""
    series = case.series()
    origins = backtest.spaced_origins(series, case.horizon_s, ORIGINS, FROM)
    began = time.perf_counter()
    results = [one for block in backtest.run(series, origins, case.horizon_s, time.perf_counter) for one in block]
    seconds = (time.perf_counter() - began) / len(origins)
    rows = [QUANTILES.index(level) for level in peers.LEVELS]
    predicted = np.array([one.forecast.values_rps[rows] for one in results])
    return predicted, np.array([one.actual for one in results]), origins, seconds


def judged(case: Case) -> dict[str, object]:
    """Losses of ours and of every peer at each level, and ours over the best peer's."""
    predicted, actual, origins, seconds = ours(case)
    loss, cost = {"tidegate": losses(predicted, actual)}, {"tidegate": seconds}
    methods = peers.methods(case)
    for method in methods:
        values, cost[method] = peers.forecasts(case, case.series(), origins, method)
        loss[method] = losses(values, actual)
    best = [min(loss[method][i] for method in methods) for i in range(len(peers.LEVELS))]
    ratios = [own / rival for own, rival in zip(loss["tidegate"], best, strict=True)]
    return {"case": case.name, "loss": loss, "seconds_per_origin": cost, "ratio_to_best_peer": ratios}


def measure(_folder: Path) -> dict[str, object]:
    """Every case, and the geometric mean over them."""
    rows = [judged(case) for case in CASES]
    mean = np.exp(np.log([row["ratio_to_best_peer"] for row in rows]).mean(axis=0))
    return {"levels": peers.LEVELS, "origins": ORIGINS, "rows": rows, "geometric_mean": mean.tolist()}


def table(result: dict[str, object]) -> Table:
    """Ours over the best peer, and which that was at the median."""
    shown = Table("", *(f"{level:g}" for level in peers.LEVELS), "best peer at 0.5", title="loss over the best peer's")
    for row in result["rows"]:
        best = min((name for name in row["loss"] if name != "tidegate"), key=lambda name: row["loss"][name][0])
        shown.add_row(row["case"], *(f"{ratio:.3f}" for ratio in row["ratio_to_best_peer"]), best)
    shown.add_row("geometric mean", *(f"{ratio:.3f}" for ratio in result["geometric_mean"]))
    return shown
