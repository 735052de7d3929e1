"""Realised coverage of the quantiles and of the horizon's maximum, over 500 origins in the last 30 % of each trace."""

import time
from pathlib import Path

import numpy as np
from rich.table import Table

from benchmarks.forecast.cases import CASES, HOUR_S, Case
from forecaster import backtest

ORIGINS, FROM = 500, 0.7
LEAST_ROWS = 1000
"""Shorter traces have no 500 origins that differ."""


def judged(case: Case) -> dict[str, object]:
    """Coverage and skill of one case."""
    series = case.series()
    origins = backtest.spaced_origins(series, case.horizon_s, ORIGINS, FROM)
    results = [one for block in backtest.run(series, origins, case.horizon_s, time.perf_counter) for one in block]
    summary = backtest.summarise(series, results)
    return {
        "case": case.name,
        "origins": len(results),
        "coverage": {f"{q:g}": share for q, share in summary.coverage.items()},
        "window_coverage": {f"{q:g}": share for q, share in summary.window_coverage.items()},
        "vs_seasonal_naive": summary.skill.vs_seasonal_naive,
        "vs_last_value": summary.skill.vs_last_value,
    }


def measure(_folder: Path) -> dict[str, object]:
    """Every case of steps under an hour that is long enough."""
    chosen = [case for case in CASES if case.step_s < HOUR_S and len(case.series().rate_rps) >= LEAST_ROWS]
    rows = [judged(case) for case in chosen]
    pooled = {
        kind: {q: float(np.mean([row[kind][q] for row in rows])) for q in rows[0][kind]}
        for kind in ("coverage", "window_coverage")
    }
    return {"rows": rows, "pooled": pooled}


def table(result: dict[str, object]) -> Table:
    """One line a case."""
    levels = ("0.5", "0.9", "0.95")
    shown = Table("", *levels, *(f"max {q}" for q in levels), "naive", "last", title="realised coverage, skill")
    for row in result["rows"]:
        shares = [f"{row[kind][q]:.3f}" for kind in ("coverage", "window_coverage") for q in levels]
        shown.add_row(row["case"], *shares, f"{row['vs_seasonal_naive']:.2f}", f"{row['vs_last_value']:.2f}")
    pooled = result["pooled"]
    shown.add_row("pooled", *(f"{pooled[kind][q]:.3f}" for kind in ("coverage", "window_coverage") for q in levels))
    return shown
