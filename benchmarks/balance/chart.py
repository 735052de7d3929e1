"""The chart: p99 over the scenario, and who answered."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.balance.scenario import DEADLINE_S, ROLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS = "#1f77b4"
_PEERS = ("#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b")
_REPLICAS = ("#7f7f7f", "#d62728", "#bcbd22", "#17becf")
_NO_ANSWER = "#000000"


def draw(results: Mapping[str, Any], file: Path) -> None:
    """Write the chart of what was recorded, by load, as PNG: a row per load."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    loads = sorted(results)
    figure = Figure(figsize=(13, 4.2 * len(loads)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(loads), 2, squeeze=False, width_ratios=[3, 2])
    for (left, right), load in zip(axes, loads, strict=True):
        rows = results[load]["rows"]
        _over_time(left, rows, results[load]["phases"])
        left.set_title(
            f"{float(load):.0%} of the capacity: p99 (failed: {DEADLINE_S:.0f} s) by intended send time", loc="left"
        )
        _shares(right, rows)
    axes[-1][0].set_xlabel("seconds")
    axes[-1][1].set_xlabel("share of requests, by who answered")
    handles, names = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=3, fontsize=8, frameon=False)
    handles, names = axes[0][1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower right", ncols=5, fontsize=8, frameon=False)
    figure.savefig(file, dpi=110)


def _over_time(axis: "Axes", rows: Mapping[str, Any], phases: Mapping[str, tuple[float, float]]) -> None:
    for number, (name, (start_s, end_s)) in enumerate(phases.items()):
        axis.axvspan(start_s, end_s, color="#000000", alpha=0.05 * (number % 2), linewidth=0)
        axis.text((start_s + end_s) / 2, 1.0, name, transform=axis.get_xaxis_transform(), ha="center", va="top")
    for number, (policy, row) in enumerate(rows.items()):
        ours = number == 0
        times = [point["at_s"] for point in row["timeline"]]
        p99_ms = [None if point["p99_s"] is None else point["p99_s"] * 1e3 for point in row["timeline"]]
        color = _OURS if ours else _PEERS[(number - 1) % len(_PEERS)]
        axis.step(times, p99_ms, where="post", color=color, linewidth=2.2 if ours else 1.0, label=policy)  # type: ignore[arg-type]
    axis.set_yscale("log")
    axis.set_ylim(top=DEADLINE_S * 1e3 * 2)  # room for the phases' names
    axis.set_ylabel("p99, ms")
    axis.margins(x=0)


def _shares(axis: "Axes", rows: Mapping[str, Any]) -> None:
    policies = list(rows)
    done = [0.0] * len(policies)
    failed = [sum(row["failed"].values()) / row["sent"] for row in rows.values()]
    parts = [
        [row["shares"][role] * (1 - gone) for row, gone in zip(rows.values(), failed, strict=True)] for role in ROLES
    ]
    for name, part, color in zip((*ROLES, "failed"), (*parts, failed), (*_REPLICAS, _NO_ANSWER), strict=True):
        axis.barh(policies, part, left=done, color=color, label=name)
        done = [left + width for left, width in zip(done, part, strict=True)]
    for position, row in enumerate(rows.values()):
        axis.text(1.01, position, f"{sum(row['failed'].values())} failed", va="center", fontsize=8)
    axis.set_xlim(0, 1.25)
    axis.invert_yaxis()
