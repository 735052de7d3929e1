"""`tidegate forecast event add | list | remove`: what somebody knows of demand that its past can't say."""

from typing import Annotated

import typer

from protos import forecast_pb2 as pb
from tidegate.cli import output
from tidegate.cli.forecast_calls import DEFAULT_FORECASTER, TIMEOUT_S, Forecaster, ask, service
from tidegate.cli.output import Json
from tidegate.shared.errors import InvalidRequest

app = typer.Typer(
    help="Plan events: a window in which demand is a multiple of the usual, or so much more.",
    no_args_is_help=True,
    epilog="Example: tidegate forecast event add sale --model digits-onnx "
    "--from 2026-03-02T09:00:00Z --to 2026-03-02T12:00:00Z --factor 2",
)

Name = Annotated[str, typer.Argument(help="The event's name; one of the same name and model is replaced.")]
OfModel = Annotated[str, typer.Option("--model", help="The model that has it; every model unless given.")]


@app.command(
    epilog=output.examples(
        "tidegate forecast event add sale --model digits-onnx --from 2026-03-02T09:00:00Z "
        "--to 2026-03-02T12:00:00Z --factor 2",
        "tidegate forecast event add batch --from 1772442000 --to 1772445600 --added-rps 150",
        "tidegate forecast event add launch --model new --from 1772442000 --to 1772445600 --factor 0 --added-rps 500",
    )
)
def add(
    name: Name,
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="Its first moment.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Its end.")],
    model: OfModel = "",
    factor: Annotated[
        float, typer.Option(help="Times the usual demand; 0 with --added-rps says the demand itself.")
    ] = 1.0,
    added_rps: Annotated[float, typer.Option(help="Requests/s on top of that.")] = 0.0,
    forecaster: Forecaster = DEFAULT_FORECASTER,
) -> None:
    """Plan an event: forecasts have it at once, and the past is learned from without it."""
    if factor == 1.0 and added_rps == 0.0:
        raise InvalidRequest("the event changes nothing: give --factor, --added-rps or both")
    event = pb.Event(
        model=model,
        name=name,
        start_s=output.time_s("--from", start),
        end_s=output.time_s("--to", end),
        factor=factor,
        added_rps=added_rps,
    )
    ask(_add(forecaster, event), forecaster)
    output.progress_console().print(f"event {name} is planned for {model or 'every model'}")


@app.command("list", epilog="Example: tidegate forecast event list --model digits-onnx")
def list_(
    model: Annotated[str, typer.Option(help="Those that bear on this model; all unless given.")] = "",
    forecaster: Forecaster = DEFAULT_FORECASTER,
    as_json: Json = False,
) -> None:
    """The events that are planned, and those that were."""
    from tidegate.cli import forecast_view as view

    found = ask(_list(forecaster, model), forecaster)
    if as_json:
        output.print_json({"events": [view.event_values(one) for one in found]})
    else:
        view.print_events(found)


@app.command(epilog="Example: tidegate forecast event remove sale --model digits-onnx")
def remove(name: Name, model: OfModel = "", forecaster: Forecaster = DEFAULT_FORECASTER) -> None:
    """Forget an event."""
    ask(_remove(forecaster, model, name), forecaster)
    output.progress_console().print(f"event {name} of {model or 'every model'} is removed")


async def _add(address: str, event: pb.Event) -> None:
    async with service(address) as stub:
        await stub.AddEvent(event, timeout=TIMEOUT_S)


async def _list(address: str, model: str) -> list[pb.Event]:
    async with service(address) as stub:
        return list((await stub.ListEvents(pb.ListEventsRequest(model=model), timeout=TIMEOUT_S)).events)


async def _remove(address: str, model: str, name: str) -> None:
    async with service(address) as stub:
        await stub.RemoveEvent(pb.RemoveEventRequest(model=model, name=name), timeout=TIMEOUT_S)
