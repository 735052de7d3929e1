"""The matrix as tables of 80 columns, and as charts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table

from benchmarks.policies.measure import sketch_of
from benchmarks.policies.summary import Runs
from tidegate.simulate import chart
from tidegate.simulate.frontier import SHARES, Point

CHARTED = ("predictive", "hpa", "kpa", "keda-queue", "phpa", "hourly", "schedule", "clairvoyant")
"""Policies whose replicas are drawn: all that follow the load closely enough to share its scale."""


def table(title: str, part: Mapping[str, Any]) -> Table:
    """One load at one start-up."""
    columns = ("policy", "late", "cost", "p99", "turns/h", "ahead", *(f"at {share:.1%}" for share in SHARES))
    shown = Table(*columns, title=title, box=None, pad_edge=False)
    for name, row in part["policies"].items():
        costs = part["frontiers"].get(name, {"cost_at": {}})["cost_at"].values()
        wait, ahead = row["p99_wait_s"], row["median_ready_ahead_s"]
        shown.add_row(
            name + ("*" if name in part["cheaper_and_safer_than_ours"] else ""),
            f"{row['miss_share']:.2%}",
            f"{row['cost_over_clairvoyant']:.2f}",
            "never" if wait is None else f"{wait:.1f} s",
            f"{row['turns_per_hour']:.1f}",
            ("never" if row["spikes"] else "-") if ahead is None else f"{ahead:+.0f} s",
            *("-" if cost is None else f"{cost:.2f}" for cost in costs),
        )
    return shown


def verdict_lines(verdicts: Mapping[str, Any]) -> Group:
    """Each target: met or missed, and by what."""
    lines = []
    for target, verdict in verdicts.items():
        word = {True: "met", False: "MISSED", None: "not measured"}[verdict["met"]]
        lines.append(f"{word}: {target} (held {verdict['held']})")
        found = [value for key, value in verdict.items() if key not in {"met", "held"}]
        lines.extend(f"  {name}: {_told(value)}" for figures in found for name, value in figures.items())
    return Group(*lines)


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_told(one)}" for key, one in value.items())
    if isinstance(value, list):
        return " and ".join(map(str, value))
    return f"{value:.2f}" if isinstance(value, float) else "never" if value is None else str(value)


def draw_runs(runs: Runs, capacity_rps: float, title: str, path: Path) -> None:
    """The rate, the forecast, and the replicas of the policies at their defaults."""
    records = {name: next(iter(runs[name].values())) for name in CHARTED if name in runs}
    chart.draw_runs([sketch_of(one) for one in records.values()], capacity_rps, title, path)


def draw_frontiers(parts: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """A panel for each part that was swept."""
    panels = {
        title: {name: [Point(*point) for point in one["points"]] for name, one in part["frontiers"].items()}
        for title, part in parts.items()
        if part["frontiers"]
    }
    if panels:
        chart.draw_frontiers(panels, path)
