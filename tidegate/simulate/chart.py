"""Draws a simulation: rate and forecast above, each policy's replicas below; or the frontiers of a sweep."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image

from tidegate.simulate.frontier import SHARES, Point, frontier
from tidegate.simulate.predictive import Foreseen
from tidegate.simulate.sketch import Sketch

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLUMNS = 2
COLOURS = 128
HIGHEST = 2.2
"""Replicas are drawn up to so many times the busiest load: a panic of 200 would flatten all else."""
SAFEST = 1e-5
"""Misses are drawn on a log scale that ends here."""


def draw_runs(sketches: Sequence[Sketch], capacity_rps: float, title: str, path: Path) -> None:
    """Write a PNG of the rate, the forecast made one start-up before, and the replicas. Raises OSError."""
    rows = -(-len(sketches) // COLUMNS)
    figure = plt.figure(figsize=(12, 2.6 + 1.9 * rows))
    grid = figure.add_gridspec(1 + rows, min(COLUMNS, len(sketches)))
    above = figure.add_subplot(grid[0, :])
    first = sketches[0]
    times = _times(first.start_s + first.step_s * np.arange(len(first.rate_rps)))
    above.plot(times, first.rate_rps, color="black", linewidth=0.8, label="rate")
    _fan(above, next((one.fan for one in sketches if one.fan), ()))
    above.set_ylabel("requests/s")
    above.set_title(title)
    above.legend(loc="upper left", fontsize=8)
    load = np.array(first.rate_rps) / capacity_rps
    for at, one in enumerate(sketches):
        axis = figure.add_subplot(grid[1 + at // COLUMNS, at % COLUMNS], sharex=above)
        axis.plot(times, load, color="black", linewidth=0.6, label="load in replicas")
        axis.step(times, one.paid, where="post", color="tab:orange", linewidth=0.9, label="asked")
        axis.step(times, one.ready, where="post", color="tab:blue", linewidth=0.9, label="ready")
        axis.set_ylim(0, HIGHEST * max(1.0, load.max()))
        axis.set_title(f"{one.policy}: {one.miss_share:.2%} late, {one.replica_hours:.1f} replica-hours", fontsize=10)
        if not at:
            axis.legend(loc="upper left", fontsize=8)
            axis.set_ylabel("replicas")
    figure.autofmt_xdate()
    _save(figure, path)


def draw_frontiers(panels: Mapping[str, Mapping[str, Sequence[Point]]], path: Path) -> None:
    """Write a PNG of cost against misses: a panel for each title, one line for each policy. Raises OSError."""
    figure, axes = plt.subplots(1, len(panels), figsize=(2 + 5 * len(panels), 5), sharey=True, squeeze=False)
    for axis, (title, frontiers) in zip(axes[0], panels.items(), strict=True):
        _frontiers(axis, frontiers)
        axis.set_title(title)
    axes[0][0].set_ylabel("cost over clairvoyant")
    axes[0][0].legend(fontsize=8)
    _save(figure, path)


def _frontiers(axis: Axes, frontiers: Mapping[str, Sequence[Point]]) -> None:
    for at, (name, points) in enumerate(frontiers.items()):
        colour = f"C{at % 10}"
        hull = frontier(points)
        shares = np.maximum(SAFEST, [point.miss_share for point in hull])
        heavy = 2.2 if name == "predictive" else 1.0
        axis.plot(shares, [point.cost for point in hull], color=colour, linewidth=heavy, marker="o", ms=3, label=name)
        others = [point for point in points if point not in hull]
        x = np.maximum(SAFEST, [point.miss_share for point in others])
        axis.scatter(x, [point.cost for point in others], color=colour, s=6, alpha=0.4)
    for share in SHARES:
        axis.axvline(share, color="grey", linewidth=0.5, linestyle=":")
    axis.set_xscale("log")
    axis.set_xlabel("share of requests that waited too long")
    axis.set_ylim(0.95, 3.0)


def _fan(axis: Axes, foreseen: Sequence[Foreseen]) -> None:
    if not foreseen:
        return
    times = _times(np.array([one.at_s for one in foreseen]))
    low, middle, high = np.array([one.rates_rps for one in foreseen]).T
    axis.fill_between(times, low, high, color="tab:green", alpha=0.3, label="forecast, 5 to 95 %")
    axis.plot(times, middle, color="tab:green", linewidth=0.8, label="forecast, one start-up before")


def _times(at_s: np.ndarray) -> np.ndarray:
    times: np.ndarray = at_s.astype("datetime64[s]")
    return times


def _save(figure: Figure, path: Path) -> None:
    """With a palette of COLOURS, which takes a third of the bytes: charts are checked in."""
    drawn = BytesIO()
    figure.tight_layout()
    figure.savefig(drawn, dpi=80)
    plt.close(figure)
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(COLOURS).save(path, format="PNG", optimize=True)
