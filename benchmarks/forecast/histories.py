"""History files to measure on: tides with a spike every hour, each series of its own size and phase."""

from pathlib import Path

import numpy as np

from forecaster.database import Database
from forecaster.history import History
from forecaster.observations import Observation
from tidegate.shared.values import FloatArray

STEPS = 14 * 1440
"""Two weeks of minutes: what a fit learns from."""


def name(number: int) -> str:
    return f"model-{number:05d}"


def rates(number: int, start_s: float, steps: int = STEPS, step_s: float = 60.0) -> FloatArray:
    """Requests/s: a day's tide, a spike in the first minute of every hour, and the noise of counting."""
    noise = np.random.default_rng(number)
    at_s = start_s + step_s * np.arange(steps)
    size, phase = noise.uniform(5.0, 500.0), noise.uniform(0.0, 1.0)
    tide = size * (1.0 + 0.6 * np.sin(2.0 * np.pi * (at_s / 86_400.0 + phase)))
    tide *= np.where(at_s % 3600.0 < 60.0, 2.0, 1.0)
    return noise.poisson(tide * step_s) / step_s


def write(database: Database, series: int, end_s: float, step_s: float = 60.0) -> None:
    """So many series of STEPS steps that end at `end_s`, a multiple of the step."""
    history, start_s = History(database), end_s - step_s * STEPS
    for number in range(series):
        told = rates(number, start_s, step_s=step_s)
        history.append([Observation(name(number), "router", start_s, step_s, told)])
        if number % 100 == 99:
            history.fold()
    history.fold()


def written(path: Path, series: int, end_s: float) -> Path:
    """A file with so many series of two weeks of minutes."""
    database = Database(path)
    write(database, series, end_s // 60.0 * 60.0)
    database.close()
    return path
