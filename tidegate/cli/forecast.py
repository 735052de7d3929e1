"""`tidegate forecast list | show | explain | backtest | import`: look into forecasts, judge them, bring history in."""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from protos import forecast_pb2 as pb
from protos.forecast_pb2_grpc import ForecasterStub
from tidegate.cli import output
from tidegate.cli.output import Json
from tidegate.shared import wire_forecast
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.grpc_server import channel
from tidegate.shared.values import DemandSeries, Forecast

if TYPE_CHECKING:
    from forecaster.backtest import OriginResult

app = typer.Typer(
    help="What is forecast and why; how good it has been; history brought in.",
    no_args_is_help=True,
    epilog="Example: tidegate forecast show digits-onnx --horizon-s 600",
)

T = TypeVar("T")

DEFAULT_FORECASTER = "127.0.0.1:8003"
TIMEOUT_S = 60.0
CHUNK_VALUES = 10_000
"""Values in one message of an import: small enough to show progress, large enough to be quick."""

Forecaster = Annotated[str, typer.Option("--forecaster", metavar="HOST:PORT", help="Address of the forecaster.")]
Model = Annotated[str, typer.Argument(help="The model whose demand it is.")]


@app.command("list", epilog="Example: tidegate forecast list --forecaster 127.0.0.1:8003")
def list_(forecaster: Forecaster = DEFAULT_FORECASTER, as_json: Json = False) -> None:
    """Every series: its step, span, last rate, gaps and seasons."""
    from tidegate.cli import forecast_view as view

    found = _ask(_list(forecaster), forecaster)
    if as_json:
        output.print_json({"series": [view.series_values(one) for one in found]})
    else:
        view.print_series(found)


@app.command(epilog="Example: tidegate forecast show digits-onnx --horizon-s 600 --json")
def show(
    model: Model,
    horizon_s: Annotated[float, typer.Option(help="How far ahead.")] = 3600.0,
    window_s: Annotated[float, typer.Option(help="Window of the maximum; 0 is the horizon.")] = 0.0,
    step_s: Annotated[float, typer.Option(help="Step of the answer; 0 is the series' own.")] = 0.0,
    forecaster: Forecaster = DEFAULT_FORECASTER,
    as_json: Json = False,
) -> None:
    """The past, the median and the quantile fan, drawn; the next values in a table."""
    from tidegate.cli import forecast_view as view

    forecast, history = _ask(_forecast(forecaster, model, horizon_s, window_s, step_s), forecaster)
    if as_json:
        output.print_json(view.forecast_values(forecast))
    else:
        view.draw(forecast, history)
        view.print_forecast(forecast)


@app.command(epilog="Example: tidegate forecast explain digits-onnx --horizon-s 600")
def explain(
    model: Model,
    horizon_s: Annotated[float, typer.Option(help="The forecast over this horizon is explained.")] = 3600.0,
    forecaster: Forecaster = DEFAULT_FORECASTER,
    as_json: Json = False,
) -> None:
    """What the forecast is made of, which members made it, and how good it has been."""
    from tidegate.cli import forecast_view as view

    answer = _ask(_explain(forecaster, model, horizon_s), forecaster)
    if as_json:
        output.print_json(view.explanation_values(answer))
    else:
        view.print_explanation(answer)


@app.command("import", epilog="Example: tidegate forecast import requests.csv --model digits-onnx --unit count")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="Header timestamp,value; a regular step.")],
    model: Annotated[str, typer.Option(help="The model whose demand it is.")],
    unit: Annotated[str, typer.Option(help="rate: requests/s. count: requests in each step.")] = "rate",
    forecaster: Forecaster = DEFAULT_FORECASTER,
    as_json: Json = False,
) -> None:
    """Bring history into a running forecaster. It counts wherever no router was counting."""
    from forecaster import csv_files

    if unit not in ("rate", "count"):
        raise InvalidRequest(f"--unit is {unit!r}: it is rate or count")
    series, _ = csv_files.read(file, model)
    values = _ask(_import(forecaster, series, series.step_s if unit == "count" else 1.0), forecaster)
    if as_json:
        output.print_json({"model": model, "values": values})
    else:
        output.progress_console().print(f"{values} values of {file} are now history of {model}")


@app.command(epilog="Example: tidegate forecast backtest requests.csv --horizon-s 3600 --origins 30 --json")
def backtest(
    file: Annotated[Path, typer.Argument(metavar="TRACE.csv", help="Header timestamp,value; a regular step.")],
    horizon_s: Annotated[float, typer.Option(help="How far ahead each origin forecasts.")],
    origins: Annotated[int, typer.Option(help="Origins, evenly spaced.")] = 30,
    from_fraction: Annotated[float, typer.Option(help="The first origin, as a fraction of the file.")] = 0.7,
    origin: Annotated[
        list[str] | None,
        typer.Option(metavar="TIME", help="An origin, instead of evenly spaced ones; may be given several times."),
    ] = None,
    step_s: Annotated[float | None, typer.Option(help="Resample by mean to this step first.")] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write origin,timestamp,quantile,value.")
    ] = None,
    slow: Annotated[bool, typer.Option("--slow", help="Fit the slow members too: ETS, MSTL.")] = False,
    as_json: Json = False,
) -> None:
    """How good forecasts of a recorded series would have been. Runs here; needs no server."""
    from forecaster import backtest as core
    from forecaster import csv_files
    from tidegate.cli import forecast_view as view

    series, form = csv_files.read(file)
    series = _resampled(series, step_s)
    if origin:
        rows = sorted({core.origin_at(series, output.time_s("--origin", text)) for text in origin})
    else:
        rows = core.spaced_origins(series, horizon_s, origins, from_fraction)
    core.horizon_steps(series, horizon_s)
    results = _run_backtest(series, rows, horizon_s, slow)
    if predictions is not None:
        view.write_predictions(predictions, series, results, form)
    if predictions is not None and not any(result.observed for result in results):
        # Origins at the file's very end: there are predictions, and nothing yet to judge them by.
        if as_json:
            output.print_json({"origins": len(results), "horizon_s": horizon_s, "step_s": series.step_s})
        return
    summary = core.summarise(series, results)
    if as_json:
        output.print_json(view.summary_values(summary, horizon_s, series.step_s))
    else:
        view.print_summary(summary)


def _resampled(series: DemandSeries, step_s: float | None) -> DemandSeries:
    from forecaster.series import resample

    if step_s is None:
        return series
    if step_s <= 0:
        raise InvalidRequest(f"--step-s is {step_s:g}: it must be over 0")
    start_s, rates = resample(series.start_s, series.step_s, series.rate_rps, step_s)
    return DemandSeries(series.model, start_s, step_s, rates)


def _run_backtest(series: DemandSeries, rows: list[int], horizon_s: float, slow: bool) -> "list[OriginResult]":
    import time

    from rich.progress import Progress

    from forecaster import backtest as core

    results: list[OriginResult] = []
    with Progress(console=output.progress_console(), transient=True) as progress:
        bar = progress.add_task("origins", total=len(rows))
        for block in core.run(series, rows, horizon_s, time.perf_counter, slow):
            results += block
            progress.update(bar, completed=len(results))
    return results


def _ask(work: Coroutine[Any, Any, T], address: str) -> T:
    return output.run(work, address, "forecaster", "--forecaster")


@asynccontextmanager
async def _service(address: str) -> AsyncIterator[ForecasterStub]:
    async with channel(address) as connection:
        yield ForecasterStub(connection)


async def _list(address: str) -> list[pb.SeriesInfo]:
    async with _service(address) as service:
        return list((await service.ListSeries(pb.ListSeriesRequest(), timeout=TIMEOUT_S)).series)


async def _forecast(
    address: str, model: str, horizon_s: float, window_s: float, step_s: float
) -> tuple[Forecast, DemandSeries]:
    request = pb.ForecastRequest(model=model, horizon_s=horizon_s, window_s=window_s, step_s=step_s)
    async with _service(address) as service:
        forecast = wire_forecast.from_proto(await service.Forecast(request, timeout=TIMEOUT_S))
        wanted = pb.GetHistoryRequest(model=model, length_s=2.0 * horizon_s, step_s=forecast.step_s)
        return forecast, wire_forecast.history_from_proto(await service.GetHistory(wanted, timeout=TIMEOUT_S))


async def _explain(address: str, model: str, horizon_s: float) -> pb.ExplainResponse:
    async with _service(address) as service:
        result: pb.ExplainResponse = await service.Explain(
            pb.ExplainRequest(model=model, horizon_s=horizon_s), timeout=TIMEOUT_S
        )
        return result


async def _import(address: str, series: DemandSeries, divisor: float) -> int:
    from rich.progress import Progress

    from forecaster.series import IMPORTED

    start_s = series.start_s - series.start_s % series.step_s  # the forecaster's grid: multiples of the step
    rates = series.rate_rps / divisor

    with Progress(console=output.progress_console(), transient=True) as progress:
        bar = progress.add_task("import", total=len(rates))

        async def chunks() -> AsyncIterator[pb.ObserveRequest]:
            for first in range(0, len(rates), CHUNK_VALUES):
                part = rates[first : first + CHUNK_VALUES]
                yield pb.ObserveRequest(
                    model=series.model,
                    source=IMPORTED,
                    start_s=start_s + first * series.step_s,
                    step_s=series.step_s,
                    rate_rps=part,
                )
                progress.update(bar, completed=first + len(part))

        async with _service(address) as service:
            answer: Any = await service.Observe(chunks())
            return int(answer.values)
