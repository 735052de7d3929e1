"""One series, the fleet's members: what a fit, an update and an answer cost, CPU time and wall.

An answer is of a state that has just changed, so that nothing is kept of an earlier one: half an hour ahead, the
maximum over ten minutes, 200 sample paths. Two weeks of minutes, one BLAS thread, as in the service.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.table import Table

from benchmarks.forecast.histories import STEPS, rates
from forecaster import model, state
from forecaster.threads import use_one_thread
from tidegate.shared.values import DemandSeries

SERIES = 5
HORIZON_S, WINDOW_S, PATHS = 1800.0, 600.0, 200
START_S = 20_000 * 86_400.0
STEP_S = 60.0
REPEATS = {"fit": 4, "update": 200, "forecast": 40}


def measure(_folder: Path) -> dict[str, object]:
    """p50 and p99 over repeats on several series, seconds."""
    use_one_thread()
    spent: dict[str, list[tuple[float, float]]] = {what: [] for what in REPEATS}
    sizes = []
    for number in range(SERIES):
        series = DemandSeries(f"model-{number}", START_S, STEP_S, rates(number, START_S))
        fitted = model.fit(series)
        sizes.append(len(state.dump(fitted)))
        asked = {
            "fit": lambda series=series: model.fit(series),
            "update": lambda fitted=fitted: fitted.update(np.array([50.0])),
            "forecast": lambda fitted=fitted: fitted.forecast(HORIZON_S, window_s=WINDOW_S, paths=PATHS),
        }
        for what, call in asked.items():
            spent[what] += [_timed(call) for _ in range(REPEATS[what])]
    return {
        "points": STEPS,
        "state_bytes": float(np.mean(sizes)),
        **{what: _figures(np.array(times)) for what, times in spent.items()},
    }


def table(result: dict[str, object]) -> Table:
    """Milliseconds."""
    shown = Table("one series", "CPU p50", "CPU p99", "wall p50", "wall p99", title=f"{result['points']} points")
    for what in REPEATS:
        figures = result[what]
        assert isinstance(figures, dict)
        keys = ("cpu_p50_s", "cpu_p99_s", "wall_p50_s", "wall_p99_s")
        shown.add_row(what, *(f"{1e3 * figures[key]:.3f} ms" for key in keys))
    shown.add_row("kept", f"{float(str(result['state_bytes'])) / 1e6:.2f} MB", "", "", "")
    return shown


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu, time.perf_counter() - wall


def _figures(times: np.ndarray) -> dict[str, float]:
    cpu, wall = (np.quantile(column, (0.5, 0.99)) for column in times.T)
    return {"cpu_p50_s": cpu[0], "cpu_p99_s": cpu[1], "wall_p50_s": wall[0], "wall_p99_s": wall[1]}
