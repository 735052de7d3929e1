"""The charts: loss beside the best peer and coverage by series, as recorded, and fans of generated series.

Recorded traces are not drawn themselves: the fans are of series that the benchmark's own generator makes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.forecast.spikes import SUITE, series
from forecaster.model import fit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GOAL_LOSS, MOST_LOSS = 0.92, 1.10
GOAL_COVERAGE, LEAST_COVERAGE, MOST_COVERAGE = 0.95, 0.90, 0.985
QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99)
FANS = (
    "three minutes each hour",
    "a minute early or late",
    "weekdays at 09:00",
    "each minute, one second",
    "the clock changes",
)
DRAWN_STEPS = 180

_OURS = "#1f77b4"


def draw_losses(result: Mapping[str, Any], file: Path) -> None:
    """Write loss over the best peer's, by series and quantile level, as PNG."""

    def drawn(axis: "Axes") -> None:
        for place, level in enumerate(result["levels"]):
            ratios = [row["ratio_to_best_peer"][place] for row in result["rows"]]
            axis.plot(ratios, range(len(ratios)), "o", alpha=0.8, label=f"{level:g} quantile")
        axis.axvline(1.0, color="black", linewidth=0.8)
        axis.axvline(
            GOAL_LOSS, color="green", linewidth=0.8, linestyle="--", label=f"{GOAL_LOSS:g}, the goal of the mean"
        )
        axis.axvline(MOST_LOSS, color="red", linewidth=0.8, linestyle="--", label=f"{MOST_LOSS:g}, the most of any")
        axis.set_xlabel("loss over that of the best of six peers on the series (left is better)")

    _by_series([row["case"] for row in result["rows"]], drawn, file)


def draw_coverage(result: Mapping[str, Any], file: Path) -> None:
    """Write the realised coverage of the 95 % quantile, of steps and of the maximum, by series, as PNG."""

    def drawn(axis: "Axes") -> None:
        for kind, marker, label in (("coverage", "o", "each step"), ("window_coverage", "^", "the horizon's maximum")):
            shares = [row[kind]["0.95"] for row in result["rows"]]
            axis.plot(shares, range(len(shares)), marker, alpha=0.8, label=f"{label}, pooled {np.mean(shares):.3f}")
        axis.axvline(GOAL_COVERAGE, color="black", linewidth=0.8)
        axis.axvspan(LEAST_COVERAGE, MOST_COVERAGE, color="green", alpha=0.08, label="within bounds")
        axis.set_xlabel("share of what came under the nominal 95 % quantile")

    _by_series([row["case"] for row in result["rows"]], drawn, file)


def draw_fans(_result: Mapping[str, Any], file: Path) -> None:
    """Fit one generated series of each kind and write its forecast over what then came, as PNG."""
    figure = _figure(10.0, 2.4 * len(FANS))
    chosen = [spike for spike in SUITE if spike.name in FANS]
    for axis, spike in zip(figure.subplots(len(chosen), 1), chosen, strict=True):
        known, truth, calendar = series(spike)
        steps = min(DRAWN_STEPS, len(truth))
        horizon_s = spike.step_s * steps
        forecast = fit(known, calendar=calendar, horizon_s=horizon_s).forecast(horizon_s, quantiles=QUANTILES)
        past = known.rate_rps[-steps:]
        axis.plot(np.arange(-len(past), 0), past, color="grey", linewidth=0.8, label="counted")
        ahead = np.arange(steps)
        median = forecast.values_rps[0]
        for upper in forecast.values_rps[:0:-1]:
            axis.fill_between(ahead, median, upper, color=_OURS, alpha=0.18, linewidth=0)
        axis.plot(ahead, median, color=_OURS, linewidth=1.2, label="median, fan to the 99 % quantile")
        axis.plot(ahead, truth[:steps], color="black", linewidth=0.8, linestyle=":", label="true rate")
        axis.axvline(0, color="black", linewidth=0.6)
        axis.set_title(f"{spike.name} (steps of {spike.step_s:g} s)", loc="left", fontsize=9)
        axis.set_ylabel("requests/s", fontsize=8)
        axis.margins(x=0)
    figure.axes[0].legend(fontsize=7, ncols=3, loc="upper left")
    figure.axes[-1].set_xlabel("steps from now")
    figure.savefig(file, dpi=80)


CHARTS = {"accuracy": draw_losses, "calibration": draw_coverage, "spikes": draw_fans}
"""What draws a section's result into a file."""


def _by_series(names: list[str], drawn: Callable[["Axes"], None], file: Path) -> None:
    figure = _figure(10.0, 1.2 + 0.34 * len(names))
    axis = figure.subplots()
    drawn(axis)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.invert_yaxis()
    axis.grid(axis="y", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    figure.savefig(file, dpi=80)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
