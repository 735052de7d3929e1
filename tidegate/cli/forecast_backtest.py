"""`tidegate forecast backtest`: how good forecasts of a recorded series would have been, beside what others give."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli import output
from tidegate.cli.output import Json
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import DemandSeries

if TYPE_CHECKING:
    from forecaster.backtest import OriginResult

EXAMPLES = output.examples(
    "tidegate forecast backtest requests.csv --horizon-s 3600 --origins 30 --json",
    "tidegate forecast backtest requests.csv --horizon-s 3600 --origins 10 --against auto-ets --against prophet",
)


def backtest(
    file: Annotated[Path, typer.Argument(metavar="TRACE.csv", help="Header timestamp,value; a regular step.")],
    horizon_s: Annotated[float, typer.Option(help="How far ahead each origin forecasts.")],
    origins: Annotated[int, typer.Option(help="Origins, evenly spaced.")] = 30,
    from_fraction: Annotated[float, typer.Option(help="The first origin, as a fraction of the file.")] = 0.7,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIME",
            help="A row to forecast from, its whole step known, instead of evenly spaced ones; any number.",
        ),
    ] = None,
    step_s: Annotated[float | None, typer.Option(help="Resample by mean to this step first.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write origin,timestamp,quantile,value.")
    ] = None,
    slow: Annotated[bool, typer.Option("--slow", help="Fit the slow members too.")] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PEER",
            help="Fit a peer at each origin too: auto-ets, mstl (statsforecast), prophet; may be given several times.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """How good forecasts of a recorded series would have been. Runs here; needs no server."""
    from forecaster import backtest as core
    from forecaster import csv_files
    from forecaster.threads import use_one_thread
    from tidegate.cli import backtest_peers as peers
    from tidegate.cli import backtest_view as view

    use_one_thread()
    chosen = peers.chosen(against or [])
    series, form = csv_files.read(file)
    series = _resampled(series, step_s)
    if origin:
        rows = sorted({core.origin_at(series, output.time_s("--origin", text)) for text in origin})
    else:
        rows = core.spaced_origins(series, horizon_s, origins, from_fraction)
    core.horizon_steps(series, horizon_s)
    results = _run(series, rows, horizon_s, slow)
    if predictions is not None:
        view.write_predictions(predictions, series, results, form)
    if predictions is not None and not any(result.observed for result in results):
        # Origins at the file's very end: there are predictions, and nothing yet to judge them by.
        if as_json:
            output.print_json({"origins": len(results), "horizon_s": horizon_s, "step_s": series.step_s})
        return
    summary = core.summarise(series, results)
    with output.progress_bar("peers") as progress:
        scores = peers.judged(chosen, series, results, progress)
    if as_json:
        output.print_json(view.summary_values(summary, horizon_s, series.step_s, scores))
    else:
        view.print_summary(summary, scores)


def _resampled(series: DemandSeries, step_s: float | None) -> DemandSeries:
    from forecaster.series import FINEST_STEP_S, resample

    if step_s is None:
        return series
    if not FINEST_STEP_S <= step_s < math.inf:
        raise InvalidRequest(f"--step-s is {step_s:g}: it must be {FINEST_STEP_S:g} at least")
    start_s, rates = resample(series.start_s, series.step_s, series.rate_rps, step_s)
    return DemandSeries(series.model, start_s, step_s, rates)


def _run(series: DemandSeries, rows: list[int], horizon_s: float, slow: bool) -> "list[OriginResult]":
    from forecaster import backtest as core

    results: list[OriginResult] = []
    with output.progress_bar("origins") as progress:
        progress(0, len(rows))
        for block in core.run(series, rows, horizon_s, time.perf_counter, slow):
            results += block
            progress(len(results), len(rows))
    return results
