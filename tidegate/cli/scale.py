"""`tidegate scale plan | explain | status`: what the scaler decided, and why."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console

from protos import scaling_pb2 as pb
from protos.scaling_pb2_grpc import ScalerStub
from tidegate.cli import output
from tidegate.cli.output import Json
from tidegate.cli.scale_view import explanation, plans_table, status_table
from tidegate.shared.errors import DeadlinePassed
from tidegate.shared.grpc_server import channel

app = typer.Typer(
    help="What the scaler decided, and why.", no_args_is_help=True, epilog="Example: tidegate scale explain digits"
)

Scaler = Annotated[str, typer.Option("--scaler", metavar="HOST:PORT", help="Address of the scaler.")]
DEFAULT_SCALER = "127.0.0.1:8004"
TIMEOUT_S = 5.0


@app.command(epilog="Example: tidegate scale status --scaler 127.0.0.1:8004")
def status(
    pool: Annotated[str, typer.Argument(help="Only this pool.")] = "",
    scaler: Scaler = DEFAULT_SCALER,
    as_json: Json = False,
) -> None:
    """Every pool as it stands now: replicas, mode, demand, capacity, lead."""
    answer = _ask(scaler, lambda stub: stub.GetStatus(pb.GetStatusRequest(pool=pool), timeout=TIMEOUT_S))
    if as_json:
        _print_json(answer)
    else:
        Console().print(status_table(answer.pools))


@app.command(epilog="Example: tidegate scale plan digits --json")
def plan(
    pool: Annotated[str, typer.Argument(help="Only this pool.")] = "",
    last: Annotated[int, typer.Option(min=1, help="The last so many decisions of each pool, newest first.")] = 1,
    scaler: Scaler = DEFAULT_SCALER,
    as_json: Json = False,
) -> None:
    """The latest decisions, and what each term asked for."""

    async def read(stub: ScalerStub) -> pb.ListPlansResponse:
        pools = (await stub.GetStatus(pb.GetStatusRequest(pool=pool), timeout=TIMEOUT_S)).pools
        requests = [pb.ListPlansRequest(pool=one.pool, limit=last) for one in pools]
        answers = [await stub.ListPlans(request, timeout=TIMEOUT_S) for request in requests]
        return pb.ListPlansResponse(plans=[found for answer in answers for found in answer.plans])

    answer = _ask(scaler, read)
    if as_json:
        _print_json(answer)
    else:
        Console().print(plans_table(answer.plans))


@app.command(epilog="Example: tidegate scale explain digits --at 2026-03-01T12:00:00Z")
def explain(
    pool: Annotated[str, typer.Argument(help="The pool.")],
    at: Annotated[str, typer.Option(metavar="TIME", help="Epoch seconds, or ISO 8601 with a zone; default: now.")] = "",
    scaler: Scaler = DEFAULT_SCALER,
    as_json: Json = False,
) -> None:
    """The decision that held at a time: its inputs, every term, every adjustment, what the HPA would have asked."""
    request = pb.ExplainRequest(pool=pool, at_s=output.time_s("--at", at) if at else 0.0)
    answer = _ask(scaler, lambda stub: stub.Explain(request, timeout=TIMEOUT_S))
    if as_json:
        _print_json(answer)
    else:
        Console().print(explanation(answer))


def _ask(address: str, question: Callable[[ScalerStub], Awaitable[Any]]) -> Any:
    """The scaler's answer; a silent one is told by the option that names it."""

    async def ask() -> Any:
        async with channel(address) as connection:
            return await question(ScalerStub(connection))

    try:
        return output.run(ask(), address, "scaler", "--scaler")
    except DeadlinePassed:  # it has nothing to compute: one that is late is not there
        raise output.silent(address, "scaler", "--scaler") from None


def _print_json(message: Message) -> None:
    output.print_json(
        MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    )
