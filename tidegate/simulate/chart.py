"""Draws a simulation: the rate above, each policy's replicas below."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import numpy as np

from tidegate.simulate.policies import Terms
from tidegate.simulate.replay import Run

mpl.use("Agg")
from matplotlib import pyplot as plt

POINTS = 2000


def draw(runs: Sequence[Run], terms: Terms, title: str, path: Path) -> None:
    """Write a PNG. Raises OSError."""
    figure, (above, *below) = plt.subplots(1 + len(runs), 1, figsize=(12, 3 + 2 * len(runs)), sharex=True)
    width = max(1, len(runs[0].arrived) // POINTS)
    count = len(runs[0].arrived) // width
    times = [datetime.fromtimestamp(runs[0].start_s + i * width, UTC) for i in range(count)]

    def mean(values: np.ndarray) -> np.ndarray:
        shaped: np.ndarray = values[: count * width].reshape(count, width).mean(axis=1)
        return shaped

    rate = mean(runs[0].arrived)
    above.plot(times, rate, color="black", linewidth=0.8)
    above.set_ylabel("requests/s")
    above.set_title(title)
    for axis, run in zip(below, runs, strict=True):
        axis.plot(times, rate / terms.capacity_rps, color="black", linewidth=0.6, label="load in replicas")
        axis.step(times, mean(run.paid), where="post", color="tab:orange", linewidth=0.9, label="asked")
        axis.step(times, mean(run.ready), where="post", color="tab:blue", linewidth=0.9, label="ready")
        late = run.waits.late(terms.slo_wait_s) / run.waits.requests if run.waits.requests else 0.0
        axis.set_ylabel("replicas")
        axis.set_title(f"{run.policy}: {late:.2%} late, {run.replica_seconds / 3600:.1f} replica-hours", fontsize=10)
        axis.legend(loc="upper left", fontsize=8)
    figure.autofmt_xdate()
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
