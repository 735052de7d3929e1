"""`tidegate demo`: the whole path on one machine, hpa against predictive."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from tidegate.cli import output


def demo(
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV timestamp,value: drive this recorded trace instead.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where models, logs, report and chart go.")] = Path(
        "demo-out"
    ),
    seed: Annotated[int, typer.Option(help="Seed of training, history and arrivals.")] = 0,
    as_json: output.Json = False,
) -> None:
    """Serve a digits classifier on this machine, first scaled by the HPA's rules, then by forecast.

    Everything is real but the pace: replicas take a minimum time to start and for each batch, and a day is a minute
    (with --trace two). Exit 1 when a request failed, or when predictive did not beat hpa on the share within the SLO
    for at most 1.2 times its replica-seconds (a tie on a recorded trace is told, and is no failure).
    """
    from tidegate.demo import scenario
    from tidegate.demo.run import run_demo
    from tidegate.demo.screen import Screen

    if trace is None:
        traffic = scenario.made_up(np.random.default_rng(seed))
    else:
        from forecaster import csv_files

        traffic = scenario.recorded(csv_files.read(trace)[0])
    screen = Screen(output.progress_console())
    outcome = run_demo(traffic, out, screen, recorded=trace is not None, seed=seed)
    screen.say(f"{outcome.sentence}")
    screen.say(
        f"report: {outcome.report_file}   chart: {outcome.chart_file}   logs: {out}/hpa/logs, {out}/predictive/logs"
    )
    if as_json:
        output.print_json(outcome.report)
    if not outcome.good:
        raise typer.Exit(1)
