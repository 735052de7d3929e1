"""`tidegate forecast …`: look into forecasts, judge them, bring history in, plan events."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import grpc
import typer

from protos import forecast_pb2 as pb
from tidegate.cli import forecast_backtest, forecast_data, forecast_events, output
from tidegate.cli.forecast_calls import DEFAULT_FORECASTER, TIMEOUT_S, Forecaster, Model, ask, history, service
from tidegate.cli.output import Json
from tidegate.shared import wire_forecast
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import DemandSeries, Forecast

app = typer.Typer(
    help="What is forecast and why; how good it has been; history brought in; events planned.",
    no_args_is_help=True,
    epilog="Example: tidegate forecast show digits-onnx --horizon-s 600",
)
app.command("backtest", epilog=forecast_backtest.EXAMPLES)(forecast_backtest.backtest)
app.command("import", epilog=forecast_data.IMPORT_EXAMPLES)(forecast_data.import_)
app.command("export", epilog=forecast_data.EXPORT_EXAMPLES)(forecast_data.export)
app.add_typer(forecast_events.app, name="event")

AGAIN_S = 1.0
"""Pause before a forecaster that is gone is asked again."""

PAST_PER_HORIZON = 1.5
"""How much of the past is drawn, in horizons, unless it is said."""


@app.command("list", epilog="Example: tidegate forecast list --forecaster 127.0.0.1:8003")
def list_(forecaster: Forecaster = DEFAULT_FORECASTER, as_json: Json = False) -> None:
    """Every series: its step, history, last rate, gaps, seasons and skill."""
    from tidegate.cli import forecast_view as view

    found = ask(_list(forecaster), forecaster)
    if as_json:
        output.print_json({"leader": found.leader, "series": [view.series_values(one) for one in found.series]})
    else:
        view.print_series(found)


@app.command(
    epilog=output.examples(
        "tidegate forecast show digits-onnx --horizon-s 600",
        "tidegate forecast show digits-onnx --watch",
        "tidegate forecast show digits-onnx --horizon-s 86400 --png digits.png",
        "tidegate forecast show digits-onnx --json",
    )
)
def show(
    model: Model,
    horizon_s: Annotated[float, typer.Option(help="How far ahead.")] = 3600.0,
    window_s: Annotated[float, typer.Option(help="Window of the maximum; 0 is the horizon.")] = 0.0,
    step_s: Annotated[float, typer.Option(help="Step of the answer; 0 is the series' own.")] = 0.0,
    past_s: Annotated[
        float | None, typer.Option(help="How much of the past is drawn; one and a half horizons unless given.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Draw it anew at every step, until Ctrl-C.")] = False,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it into a PNG file instead.")] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print timestamp,quantile,value on stdout, and nothing else there.")
    ] = False,
    forecaster: Forecaster = DEFAULT_FORECASTER,
    as_json: Json = False,
) -> None:
    """The past, the median and the quantile fan, drawn; the next values in a table."""
    from tidegate.cli import forecast_chart as chart
    from tidegate.cli import forecast_view as view

    if watch + (png is not None) + as_csv + as_json > 1:
        raise InvalidRequest("--watch, --png, --csv and --json exclude each other: give one of them")
    wanted = pb.ForecastRequest(model=model, horizon_s=horizon_s, window_s=window_s, step_s=step_s)
    past_s = PAST_PER_HORIZON * horizon_s if past_s is None else past_s
    if watch:
        with suppress(KeyboardInterrupt):
            ask(_watch(forecaster, wanted, past_s), forecaster)
        return
    if as_json or as_csv:
        forecast = ask(_forecast(forecaster, wanted), forecaster)
        if as_json:
            output.print_json(view.forecast_values(forecast))
        else:
            view.write_forecast(sys.stdout, forecast)
        return
    forecast, past = ask(_drawn(forecaster, wanted, past_s), forecaster)
    if png is not None:
        chart.save(png, forecast, past)
        output.progress_console().print(f"drawn into {png}", soft_wrap=True)
    else:
        view.print_forecast(forecast, past)


@app.command(
    epilog=output.examples(
        "tidegate forecast explain digits-onnx --horizon-s 600",
        "tidegate forecast explain digits-onnx --at 2026-03-02T09:00:00+01:00 --horizon-s 86400",
    )
)
def explain(
    model: Model,
    horizon_s: Annotated[float, typer.Option(help="The forecast over this horizon is explained.")] = 3600.0,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Explain this one step of it, and not the mean of all.")
    ] = None,
    forecaster: Forecaster = DEFAULT_FORECASTER,
    as_json: Json = False,
) -> None:
    """What the forecast is made of, which members made it, what its quantiles add, and how good it has been."""
    from tidegate.cli import forecast_view as view

    at_s = output.time_s("--at", at) if at else 0.0
    answer = ask(_explain(forecaster, pb.ExplainRequest(model=model, horizon_s=horizon_s, at_s=at_s)), forecaster)
    if as_json:
        output.print_json(view.explanation_values(answer))
    else:
        view.print_explanation(answer)


async def _list(address: str) -> pb.ListSeriesResponse:
    async with service(address) as stub:
        found: pb.ListSeriesResponse = await stub.ListSeries(pb.ListSeriesRequest(), timeout=TIMEOUT_S)
        return found


async def _forecast(address: str, wanted: pb.ForecastRequest) -> Forecast:
    async with service(address) as stub:
        return wire_forecast.from_proto(await stub.Forecast(wanted, timeout=TIMEOUT_S))


async def _drawn(address: str, wanted: pb.ForecastRequest, past_s: float) -> tuple[Forecast, DemandSeries]:
    async with service(address) as stub:
        forecast = wire_forecast.from_proto(await stub.Forecast(wanted, timeout=TIMEOUT_S))
        return forecast, await history(stub, wanted.model, past_s, forecast.step_s)


async def _watch(address: str, wanted: pb.ForecastRequest, past_s: float) -> None:
    from tidegate.cli import forecast_view as view

    with suppress(asyncio.CancelledError):
        await view.watch_forecast(_forecasts(address, wanted, past_s))


async def _forecasts(
    address: str, wanted: pb.ForecastRequest, past_s: float
) -> AsyncIterator[tuple[Forecast, DemandSeries]]:
    """One after the other, for ever; a forecaster that answered once is waited for while it is started again."""
    answered = False
    while True:
        try:
            async with service(address) as stub:
                async for answer in stub.WatchForecast(pb.WatchForecastRequest(forecast=wanted)):
                    forecast = wire_forecast.from_proto(answer)
                    past = await history(stub, wanted.model, past_s, forecast.step_s)
                    answered = True
                    yield forecast, past
        except grpc.aio.AioRpcError as error:
            if not answered or error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
        await asyncio.sleep(AGAIN_S)


async def _explain(address: str, wanted: pb.ExplainRequest) -> pb.ExplainResponse:
    async with service(address) as stub:
        found: pb.ExplainResponse = await stub.Explain(wanted, timeout=TIMEOUT_S)
        return found
