"""What the commands about forecasts share: their options, and the forecaster behind an address."""

from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

import typer

from protos import forecast_pb2 as pb
from protos.forecast_pb2_grpc import ForecasterStub
from tidegate.cli import output
from tidegate.shared import wire_forecast
from tidegate.shared.grpc_server import channel
from tidegate.shared.values import DemandSeries

T = TypeVar("T")

DEFAULT_FORECASTER = "127.0.0.1:8003"
TIMEOUT_S = 60.0

Forecaster = Annotated[str, typer.Option("--forecaster", metavar="HOST:PORT", help="Address of the forecaster.")]
Model = Annotated[str, typer.Argument(help="The model whose demand it is.")]


def ask(work: Coroutine[Any, Any, T], address: str) -> T:
    """Run calls to the forecaster at an address; what they fail with is an error of our tree."""
    return output.run(work, address, "forecaster", "--forecaster")


@asynccontextmanager
async def service(address: str) -> AsyncIterator[ForecasterStub]:
    """The forecaster there."""
    async with channel(address) as connection:
        yield ForecasterStub(connection)


async def history(
    stub: ForecasterStub, model: str, length_s: float, step_s: float = 0.0, until_s: float = 0.0
) -> DemandSeries:
    """The `length_s` of demand before `until_s` (0: now) at a step (0: the series' own)."""
    wanted = pb.GetHistoryRequest(model=model, length_s=length_s, step_s=step_s, until_s=until_s)
    return wire_forecast.history_from_proto(await stub.GetHistory(wanted, timeout=TIMEOUT_S))
