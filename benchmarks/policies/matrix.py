"""Runs the matrix part by part: prints, records and draws each as soon as it is there.

The seeds of the parts are measured in processes of their own; what they found is gathered, and recorded, by this one.
"""

import argparse
import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from rich.console import Console

from benchmarks.policies import report
from benchmarks.policies.cases import CAPACITY_RPS, CASES, DAY_S
from benchmarks.policies.measure import measure
from benchmarks.policies.page import page
from benchmarks.policies.speed import speed
from benchmarks.policies.summary import Runs, part, verdicts
from benchmarks.recording import FOLDER, record_section, recorded
from forecaster.threads import use_one_thread

STARTUPS_S = (120.0, 300.0, 600.0)
CHARTS = FOLDER / "policies"
WIDTH = 80
VERDICTS, SPEED = "verdicts", "speed"


def main(arguments: Sequence[str]) -> None:
    given = _options(arguments)
    console = Console(width=WIDTH)
    if given.speed:
        console.print(_recorded_speed())
        return
    CHARTS.mkdir(parents=True, exist_ok=True)
    todo = [(name, startup_s) for name in given.only or CASES for startup_s in given.startup_s or STARTUPS_S]
    began = time.monotonic()
    # spawn: a fork carries the parent's threads' locks along.
    pool = ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn"), initializer=use_one_thread)
    try:
        seeds = {
            one: [pool.submit(_runs, *one, seed, given, f"[{at}/{len(todo)}]") for seed in range(given.seeds)]
            for at, one in enumerate(todo, 1)
        }
        for done, (name, startup_s) in enumerate(todo, 1):
            found = _part(name, startup_s, given, [one.result() for one in seeds.pop((name, startup_s))])
            console.print(report.table(f"{name}, start-up {startup_s:g} s", found), "")
            record_section("policies", f"{name} {startup_s:g}", found)
            _conclude(name)
            spent = time.monotonic() - began
            _progress(f"{spent / 60:.0f} min, about {spent / done * (len(todo) - done) / 60:.0f} more")
    finally:
        pool.shutdown(cancel_futures=True)
    console.print(report.verdict_lines(recorded("policies")[VERDICTS]["targets"]))


def _part(name: str, startup_s: float, given: argparse.Namespace, seeds: Sequence[Runs]) -> dict[str, Any]:
    path = CHARTS / f"{name}-{startup_s:g}.png"
    report.draw_runs(seeds[0], CAPACITY_RPS, f"{name}, start-up {startup_s:g} s", path)
    return {"commit": given.commit, "evaluated_s": _evaluated_s(name, given), **part(seeds)}


def _runs(name: str, startup_s: float, seed: int, given: argparse.Namespace, at: str) -> Runs:
    return measure(
        CASES[name],
        startup_s,
        seed,
        _evaluated_s(name, given),
        sweep=given.sweep,
        told=lambda what: _progress(f"{at} {name}, start-up {startup_s:g} s, seed {seed}: {what}"),
    )


def _evaluated_s(name: str, given: argparse.Namespace) -> float:
    return min(CASES[name].evaluated_s, float(given.days) * DAY_S)


def _recorded_speed() -> str:
    found = speed()
    record_section("policies", SPEED, {"commit": _commit(), **found})
    times = ", ".join(f"{name} {cpu_s:g} s" for name, cpu_s in found["cpu_s"].items())
    return f"{found['days']:g} days at 15 s ticks: CPU {times}; the target is {found['target_cpu_s']:g} s"


def _parts() -> dict[str, Any]:
    """What is recorded of the matrix, by load and start-up."""
    return {title: one for title, one in recorded("policies").items() if title not in {VERDICTS, SPEED}}


def _conclude(name: str) -> None:
    """The load's frontiers drawn, and the verdicts over all that is recorded by now."""
    parts = _parts()
    mine = [(float(title.split()[1]), title) for title in parts if title.split()[0] == name]
    report.draw_frontiers({title: parts[title] for _, title in sorted(mine)}, CHARTS / f"{name}-frontiers.png")
    record_section("policies", VERDICTS, {"targets": verdicts(parts)})
    (FOLDER / "policies.md").write_text(page(parts))


def _commit() -> str:
    """The commit that is measured; `+` when the tree holds changes beyond it, results apart."""
    commit = _git("rev-parse", "--short=12", "HEAD") or "unknown"
    return commit + ("+" if _git("status", "--porcelain", "--", ":!benchmarks/results") else "")


def _git(*arguments: str) -> str:
    return subprocess.run(("git", *arguments), capture_output=True, text=True, check=False).stdout.strip()


def _progress(text: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks policies", description=__doc__)
    parser.add_argument("--only", action="append", choices=CASES, metavar="NAME", help=", ".join(CASES))
    parser.add_argument("--startup-s", action="append", type=float, help="default: 120, 300 and 600")
    parser.add_argument("--days", type=float, default=5.0, help="evaluated at each trace's end (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--no-sweep", dest="sweep", action="store_false", help="defaults only, no frontiers")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (default: one for each core)")
    parser.add_argument("--speed", action="store_true", help="only how long our own replay takes")
    parser.add_argument("--quick", action="store_true", help="the same as --days 1 --seeds 1 --no-sweep")
    given = parser.parse_args(arguments)
    given.commit = _commit()
    if given.quick:
        given.days, given.seeds, given.sweep = 1.0, 1, False
    return given
