"""The demo's chart: rate and forecast fan above, replicas asked and ready of each policy below."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tidegate.demo.pace import REPLICA_ROWS_PER_S
from tidegate.demo.records import FAN, PolicyRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = {"hpa": "#c44e52", "predictive": "#1f77b4"}


def draw(runs: Sequence[PolicyRun], file: Path) -> None:
    """Write the chart as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1 + len(runs), 1, sharex=True, height_ratios=[2] + [1] * len(runs))
    _rates(axes[0], runs[-1])
    most = max((sample.asked for run in runs for sample in run.samples), default=1)
    for axis, run in zip(axes[1:], runs, strict=True):
        _replicas(axis, run)
        axis.set_ylim(0, most + 0.5)  # one scale, so that the policies compare
    axes[-1].set_xlabel("seconds of the live part")
    figure.savefig(file, dpi=130)


def _rates(axis: "Axes", run: PolicyRun) -> None:
    rate = run.offered_rps
    axis.step(np.arange(len(rate)), rate, where="post", color="#333333", linewidth=1.0, label="offered")
    shown = [prediction for prediction in run.predictions if prediction.made_s >= 0 and prediction.for_s <= len(rate)]
    if shown:
        times = [prediction.for_s for prediction in shown]
        values = np.array([prediction.rate_rps for prediction in shown])
        lead = np.mean([prediction.for_s - prediction.made_s for prediction in shown])
        label = f"forecast {lead:.0f} s before, median to {FAN[-1]:.0%}"
        axis.fill_between(times, values[:, 0], values[:, -1], step="post", color="#1f77b4", alpha=0.25, label=label)
        axis.step(times, values[:, 0], where="post", color="#1f77b4", linewidth=1.2)
    axis.set_ylabel("requests/s")
    axis.set_title(f"Tidegate demo: {run.scenario.name}", loc="left")
    _legend(axis)


def _replicas(axis: "Axes", run: PolicyRun) -> None:
    color = _COLORS.get(run.policy, "#555555")
    times = [sample.at_s for sample in run.samples]
    axis.step(times, [sample.asked for sample in run.samples], where="post", color=color, alpha=0.45, label="asked")
    axis.step(times, [sample.ready for sample in run.samples], where="post", color=color, linewidth=2, label="ready")
    need = np.ceil(run.scenario.live_rps / REPLICA_ROWS_PER_S)
    axis.fill_between(np.arange(len(need)), need, step="post", color="#000000", alpha=0.08, label="needed")
    axis.set_ylabel(f"{run.policy}\nreplicas")
    _legend(axis)


def _legend(axis: "Axes") -> None:
    """Above the axis, where it hides nothing."""
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), fontsize=8, ncols=3, frameon=False, borderaxespad=0.2)
