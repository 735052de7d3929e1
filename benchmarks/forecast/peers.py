"""The six peers' forecasts of a case: run in an interpreter of their own, kept by content since they take minutes."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.forecast.cases import HOUR_S, Case, season_steps
from tidegate.shared.values import DemandSeries

METHODS = ("AutoETS", "MSTL+ETS", "MSTL+ARIMA", "DynamicOptimizedTheta", "AutoARIMA", "Prophet")
LEVELS = (0.5, 0.9, 0.95)
HALF_HOUR_S = 1800.0
HERE = Path(__file__).parent
VERSION = b"1"
"""To be raised when peers_worker.py asks the peers for something else."""

VENV = Path("build/forecast-peers")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tidegate" / "forecast-peers"
FINE_POINTS, HOURLY_POINTS = 14 * 288, 56 * 24
"""What a peer learns from at most, the latest: two weeks of 5 minutes, eight of hours. More costs minutes an origin."""

ARIMA_POINTS = 1000, 14 * 24
"""The same for AutoARIMA, whose search takes a minute an origin on more."""


def interpreter() -> Path:
    """The peers' Python (TIDEGATE_PEERS, or made from peers.txt in build/ at the first call)."""
    given = os.environ.get("TIDEGATE_PEERS")
    if given:
        return Path(given)
    python = VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", HERE / "peers.txt"], check=True)
    return python


def methods(case: Case) -> tuple[str, ...]:
    """Those that take part: MSTL+ARIMA takes 14 s an origin on fine steps, and is left to the hourly ones."""
    return tuple(m for m in METHODS if m != "MSTL+ARIMA" or case.step_s >= HALF_HOUR_S)


def forecasts(case: Case, series: DemandSeries, origins: list[int], method: str) -> tuple[np.ndarray, float]:
    """Quantiles (origins, LEVELS, steps) in the series' unit, and seconds an origin (as first measured)."""
    most = ARIMA_POINTS if method == "AutoARIMA" else (FINE_POINTS, HOURLY_POINTS)
    length = min(origins[0] + 1, most[case.step_s >= HOUR_S])
    task = {
        "train": np.log1p(np.array([series.rate_rps[origin + 1 - length : origin + 1] for origin in origins])),
        "starts_s": np.array([series.start_s + series.step_s * (origin + 1 - length) for origin in origins]),
        "seasons": np.array(season_steps(case, length), dtype=int),
        "steps": np.array(case.steps),
        "step_s": np.array(case.step_s),
        "levels": np.array(LEVELS),
    }
    kept = CACHE / f"{_digest(method, task)}.npz"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "in.npz"), Path(folder, "out.npy")
            np.savez(source, **task)
            began = time.perf_counter()
            subprocess.run([interpreter(), HERE / "peers_worker.py", method, source, target], check=True)
            seconds = (time.perf_counter() - began) / len(origins)
            np.savez(kept.with_suffix(".part.npz"), values=np.load(target), seconds=seconds)
            kept.with_suffix(".part.npz").rename(kept)
    answer = np.load(kept)
    return np.expm1(np.clip(answer["values"], 0.0, 50.0)), float(answer["seconds"])


def _digest(method: str, task: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(method.encode() + (HERE / "peers.txt").read_bytes())
    digest.update(VERSION)
    for name in sorted(task):
        digest.update(name.encode() + np.ascontiguousarray(task[name]).tobytes())
    return digest.hexdigest()[:32]
