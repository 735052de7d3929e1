"""Runs the matrix, prints its table, records each part."""

import argparse
from collections.abc import Sequence
from statistics import fmean, median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.policies.cases import CAPACITY_RPS, CASES, DAY_S, Case, load
from benchmarks.recording import FOLDER, record_section
from tidegate.simulate import chart
from tidegate.simulate.catalogue import POLICIES, choices
from tidegate.simulate.frontier import SHARES, Point, cost_at
from tidegate.simulate.policies import Terms
from tidegate.simulate.study import Study, study

STARTUPS_S = (120.0, 300.0, 600.0)
SEEDS = 3
DAYS = 5.0
QUICK_DAYS = 1.0
CHARTED = ("predictive", "hpa", "kpa", "hourly", "clairvoyant")
CHARTS = FOLDER / "policies"
WIDTH = 120


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks policies", description=__doc__)
    parser.add_argument("--only", action="append", choices=CASES, metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--startup-s", action="append", type=float, help="default: 120, 300 and 600")
    parser.add_argument("--policy", default=",".join(POLICIES), help="as in tidegate simulate")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--quick", action="store_true", help="one seed, one day, no sweeps")
    given = parser.parse_args(arguments)
    days, seeds = (QUICK_DAYS, 1) if given.quick else (DAYS, given.seeds)
    console = Console(width=WIDTH)
    CHARTS.mkdir(parents=True, exist_ok=True)
    for name in given.only or CASES:
        for startup_s in given.startup_s or STARTUPS_S:
            measured = measure(CASES[name], startup_s, given.policy, range(seeds), days * DAY_S, not given.quick)
            console.print(_table(f"{name}, start-up {startup_s:g} s", measured))
            path = record_section("policies", f"{name} {startup_s:g}", measured)
    console.print(f"recorded in {path}, charts in {CHARTS}")


def measure(
    case: Case, startup_s: float, policy: str, seeds: Sequence[int], evaluated_s: float, sweep: bool
) -> dict[str, Any]:
    """One load at one start-up: means over the seeds for each policy, and their frontiers."""
    terms = Terms(CAPACITY_RPS, startup_s, slo_wait_s=0.5, tick_s=15, min_replicas=1, max_replicas=200)
    told, frontiers = [], []
    for seed in seeds:
        arrived, from_s = load(case, seed, evaluated_s)
        done = study(arrived, from_s, terms, choices(policy), sweep=sweep)
        told.append(done.figures)
        frontiers.append(done.frontiers)
        if seed == seeds[0]:
            _draw(done, f"{case.name}-{startup_s:g}")
    rows = {label: _mean([one[label] for one in told]) for label in told[0]}
    defaults = {label: row for label, row in rows.items() if "=" not in label}
    swept = {
        name: [
            Point(same[0].setting, fmean(p.miss_share for p in same), fmean(p.cost for p in same))
            for same in zip(*(one[name] for one in frontiers), strict=True)
        ]
        for name in frontiers[0]
    }
    return {
        "evaluated_s": min(case.evaluated_s, evaluated_s),
        "seeds": len(seeds),
        "policies": defaults,
        "cheaper_and_safer_than_ours": _dominating(defaults),
        "frontiers": {name: _frontier(points) for name, points in swept.items()},
    }


def _mean(runs: list[dict[str, Any]]) -> dict[str, Any]:
    ahead = [
        float("-inf") if spike["ready_ahead_s"] is None else spike["ready_ahead_s"]
        for one in runs
        for spike in one["spikes"]
    ]
    middle = median(ahead) if ahead else None
    waits = [one["p99_wait_s"] for one in runs]
    return {
        "miss_share": fmean(one["miss_share"] for one in runs),
        "cost_over_clairvoyant": fmean(one["cost_over_clairvoyant"] for one in runs),
        "p99_wait_s": None if None in waits else fmean(waits),
        "replica_hours": fmean(one["replica_hours"] for one in runs),
        "turns_per_hour": fmean(one["turns_per_hour"] for one in runs),
        "spikes": fmean(len(one["spikes"]) for one in runs),
        "median_ready_ahead_s": None if middle == float("-inf") else middle,
    }


def _dominating(rows: dict[str, dict[str, Any]]) -> list[str]:
    """Rivals that are both cheaper and safer than our default; the prophet is none."""
    ours = rows.get("predictive")
    if ours is None:
        return []
    return [
        name
        for name, row in rows.items()
        if name != "clairvoyant"
        and row["miss_share"] < ours["miss_share"]
        and row["cost_over_clairvoyant"] < ours["cost_over_clairvoyant"]
    ]


def _frontier(points: Sequence[Point]) -> dict[str, Any]:
    return {
        "points": [[point.setting, round(point.miss_share, 6), round(point.cost, 4)] for point in points],
        "cost_at": {f"{share:g}": cost_at(points, share) for share in SHARES},
    }


def _draw(done: Study, name: str) -> None:
    runs = [run for run in done.runs if run.policy in CHARTED]
    chart.draw_runs(runs, done.terms, done.foreseen, name, CHARTS / f"{name}.png")
    if done.frontiers:
        chart.draw_frontiers(done.frontiers, name, CHARTS / f"{name}-frontiers.png")


def _table(title: str, measured: dict[str, Any]) -> Table:
    table = Table("policy", "late", "over clairvoyant", "p99 wait", "turns/h", "ahead", title=title, box=None)
    for share in SHARES:
        table.add_column(f"cost at {share:.1%}")
    for name, row in measured["policies"].items():
        costs = measured["frontiers"].get(name, {"cost_at": {}})["cost_at"].values()
        wait, ahead = row["p99_wait_s"], row["median_ready_ahead_s"]
        table.add_row(
            name + (" *" if name in measured["cheaper_and_safer_than_ours"] else ""),
            f"{row['miss_share']:.2%}",
            f"{row['cost_over_clairvoyant']:.2f}",
            "for ever" if wait is None else f"{wait:.2f} s",
            f"{row['turns_per_hour']:.1f}",
            ("never" if row["spikes"] else "-") if ahead is None else f"{ahead:+.0f} s",
            *("-" if cost is None else f"{cost:.2f}" for cost in costs),
        )
    return table
