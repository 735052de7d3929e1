"""Draws a simulation: rate and forecast above, each policy's replicas below; or the frontiers of a sweep."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from tidegate.simulate.frontier import SHARES, Point, frontier
from tidegate.simulate.policies import Terms
from tidegate.simulate.predictive import Foreseen
from tidegate.simulate.replay import Run

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

POINTS = 2000
SAFEST = 1e-5
"""Misses are drawn on a log scale that ends here."""


def draw_runs(runs: Sequence[Run], terms: Terms, foreseen: Sequence[Foreseen], title: str, path: Path) -> None:
    """Write a PNG of the rate, the forecast made one start-up before, and the replicas. Raises OSError."""
    figure, (above, *below) = plt.subplots(1 + len(runs), 1, figsize=(12, 3 + 2 * len(runs)), sharex=True)
    width = max(1, len(runs[0].arrived) // POINTS)
    count = len(runs[0].arrived) // width
    times = _times(runs[0].start_s + width * np.arange(count))

    def mean(values: np.ndarray) -> np.ndarray:
        shaped: np.ndarray = values[: count * width].reshape(count, width).mean(axis=1)
        return shaped

    rate = mean(runs[0].arrived)
    above.plot(times, rate, color="black", linewidth=0.8, label="rate")
    _fan(above, [one for one in foreseen if one.at_s <= runs[0].start_s + len(runs[0].arrived)], terms)
    above.set_ylabel("requests/s")
    above.set_title(title)
    above.legend(loc="upper left", fontsize=8)
    for axis, run in zip(below, runs, strict=True):
        axis.plot(times, rate / terms.capacity_rps, color="black", linewidth=0.6, label="load in replicas")
        axis.step(times, mean(run.paid), where="post", color="tab:orange", linewidth=0.9, label="asked")
        axis.step(times, mean(run.ready), where="post", color="tab:blue", linewidth=0.9, label="ready")
        late = run.waits.late(terms.slo_wait_s) / run.waits.requests if run.waits.requests else 0.0
        axis.set_ylabel("replicas")
        axis.set_title(f"{run.policy}: {late:.2%} late, {run.replica_seconds / 3600:.1f} replica-hours", fontsize=10)
        axis.legend(loc="upper left", fontsize=8)
    figure.autofmt_xdate()
    _save(figure, path)


def draw_frontiers(frontiers: Mapping[str, Sequence[Point]], title: str, path: Path) -> None:
    """Write a PNG of cost against misses, one line for each policy. Raises OSError."""
    figure, axis = plt.subplots(figsize=(8, 6))
    draw_frontiers_on(axis, frontiers)
    axis.set_title(title)
    axis.legend(fontsize=8)
    _save(figure, path)


def draw_frontiers_on(axis: Axes, frontiers: Mapping[str, Sequence[Point]]) -> None:
    """The frontiers on an axis of the caller's."""
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
    axis.set_ylabel("cost over clairvoyant")
    axis.set_ylim(0.95, 3.0)


def _fan(axis: Axes, foreseen: Sequence[Foreseen], terms: Terms) -> None:
    if not foreseen:
        return
    times = _times(np.array([one.at_s for one in foreseen]))
    low, middle, high = np.array([one.rates_rps for one in foreseen]).T
    axis.fill_between(times, low, high, color="tab:green", alpha=0.3, label="forecast, 5 to 95 %")
    axis.plot(times, middle, color="tab:green", linewidth=0.8, label=f"forecast {terms.startup_s:g} s ahead")


def _times(at_s: np.ndarray) -> np.ndarray:
    times: np.ndarray = at_s.astype("datetime64[s]")
    return times


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)
