"""`tidegate scale plan | explain | status`: what the scaler decided, and why."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.shared.errors import InvalidRequest, NoData, PoolNotFound, ServiceUnreachable

if TYPE_CHECKING:
    from protos import scaling_pb2 as pb
    from protos.scaling_pb2_grpc import ScalerStub

app = typer.Typer(
    help="What the scaler decided, and why.", no_args_is_help=True, epilog="Example: tidegate scale explain digits"
)

Scaler = Annotated[str, typer.Option("--scaler", metavar="HOST:PORT", help="Address of the scaler.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout, nothing else.")]
DEFAULT_SCALER = "127.0.0.1:8004"
TIMEOUT_S = 5.0


@app.command(epilog="Example: tidegate scale status --scaler 127.0.0.1:8004")
def status(
    pool: Annotated[str, typer.Argument(help="Only this pool.")] = "",
    scaler: Scaler = DEFAULT_SCALER,
    as_json: AsJson = False,
) -> None:
    """Every pool as it stands now: replicas, mode, demand, capacity, lead."""
    from protos import scaling_pb2 as pb

    answer = _ask(scaler, lambda stub: stub.GetStatus(pb.GetStatusRequest(pool=pool), timeout=TIMEOUT_S))
    if as_json:
        _print_json(answer)
        return
    from tidegate.cli.scale_view import status_table

    _print(status_table(answer.pools))


@app.command(epilog="Example: tidegate scale plan digits --json")
def plan(
    pool: Annotated[str, typer.Argument(help="Only this pool.")] = "",
    last: Annotated[int, typer.Option(min=1, help="The last so many decisions of each pool, newest first.")] = 1,
    scaler: Scaler = DEFAULT_SCALER,
    as_json: AsJson = False,
) -> None:
    """The latest decisions, and what each term asked for."""
    from protos import scaling_pb2 as pb

    def read(stub: "ScalerStub") -> "pb.ListPlansResponse":
        pools = stub.GetStatus(pb.GetStatusRequest(pool=pool), timeout=TIMEOUT_S).pools
        return pb.ListPlansResponse(
            plans=[
                found
                for one in pools
                for found in stub.ListPlans(pb.ListPlansRequest(pool=one.pool, limit=last), timeout=TIMEOUT_S).plans
            ]
        )

    answer = _ask(scaler, read)
    if as_json:
        _print_json(answer)
        return
    from tidegate.cli.scale_view import plans_table

    _print(plans_table(answer.plans))


@app.command(epilog="Example: tidegate scale explain digits --at 2026-03-01T12:00:00Z")
def explain(
    pool: Annotated[str, typer.Argument(help="The pool.")],
    at: Annotated[str, typer.Option(metavar="TIME", help="Epoch seconds, or ISO 8601 with a zone; default: now.")] = "",
    scaler: Scaler = DEFAULT_SCALER,
    as_json: AsJson = False,
) -> None:
    """The decision that held at a time: its inputs, every term, every adjustment, what the HPA would have asked."""
    from protos import scaling_pb2 as pb

    request = pb.ExplainRequest(pool=pool, at_s=_epoch_s(at) if at else 0.0)
    answer = _ask(scaler, lambda stub: stub.Explain(request, timeout=TIMEOUT_S))
    if as_json:
        _print_json(answer)
        return
    from tidegate.cli.scale_view import explanation

    _print(explanation(answer))


def _epoch_s(text: str) -> float:
    from forecaster.csv_files import parse_time

    try:
        return parse_time(text)[0]
    except ValueError as error:
        raise InvalidRequest(f"--at {error}") from None


def _ask(address: str, question: Callable[["ScalerStub"], Any]) -> Any:
    """The answer of the scaler. Its refusals become our errors."""
    import grpc

    from protos.scaling_pb2_grpc import ScalerStub

    kinds = {grpc.StatusCode.NOT_FOUND: PoolNotFound, grpc.StatusCode.FAILED_PRECONDITION: NoData}
    with grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),)) as channel:
        try:
            return question(ScalerStub(channel))
        except grpc.RpcError as error:
            code = error.code()
            if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                raise ServiceUnreachable(f"no scaler answers at {address}: is it running? (--scaler)") from None
            raise kinds.get(code, ServiceUnreachable)(error.details()) from None


def _print(renderable: object) -> None:
    from rich.console import Console

    Console().print(renderable)


def _print_json(message: Any) -> None:
    from google.protobuf.json_format import MessageToDict

    shown = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    typer.echo(json.dumps(shown))
