"""`tidegate scale …`: what the scaler decided, and why; what people decide over its head."""

from pathlib import Path
from typing import Annotated, Any

import typer

from protos import scaling_pb2 as pb
from protos.scaling_pb2_grpc import ScalerStub
from tidegate.cli import output, scale_overrides
from tidegate.cli.output import Json
from tidegate.cli.scale_calls import DEFAULT_SCALER, TIMEOUT_S, Scaler, ask, print_message
from tidegate.cli.scale_view import explanation, plans_table, rivals_table, status_view
from tidegate.cli.simulate_plans import plan_at
from tidegate.cli.tables import stdout_console

app = typer.Typer(
    help="What the scaler decided, and why; decide over its head for a while.",
    no_args_is_help=True,
    epilog="Example: tidegate scale explain digits",
)
app.command(epilog=scale_overrides.PIN_EXAMPLES)(scale_overrides.pin)
app.command(epilog="Example: tidegate scale pause digits --reason 'nodes are moved' --for 30m")(scale_overrides.pause)
app.command(epilog=scale_overrides.MODE_EXAMPLES)(scale_overrides.mode)
app.command(epilog="Example: tidegate scale audit digits --since 2026-03-01T00:00:00Z")(scale_overrides.audit)


@app.command(epilog="Example: tidegate scale status --scaler 127.0.0.1:8004")
def status(
    pool: Annotated[str, typer.Argument(help="Only this pool.")] = "",
    scaler: Scaler = DEFAULT_SCALER,
    as_json: Json = False,
) -> None:
    """Every pool as it stands now: replicas, mode, demand, capacity, lead."""
    answer = ask(scaler, lambda stub: stub.GetStatus(pb.GetStatusRequest(pool=pool), timeout=TIMEOUT_S))
    if as_json:
        print_message(answer)
    else:
        stdout_console().print(status_view(answer.pools))


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

    answer = ask(scaler, read)
    if as_json:
        print_message(answer)
    else:
        stdout_console().print(plans_table(answer.plans))


@app.command(
    epilog=output.examples(
        "tidegate scale explain digits --at 2026-03-01T12:00:00Z",
        "tidegate scale explain predictive --plans plans.jsonl --at 2026-03-01T12:00:00Z",
    )
)
def explain(
    pool: Annotated[str, typer.Argument(help="The pool; with --plans, the policy as it was named.")],
    at: Annotated[str, typer.Option(metavar="TIME", help="Epoch seconds, or ISO 8601 with a zone; default: now.")] = "",
    scaler: Scaler = DEFAULT_SCALER,
    plans: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Explain a simulated decision: what `tidegate simulate --plans` wrote."),
    ] = None,
    as_json: Json = False,
) -> None:
    """The decision that held at a time: its inputs, every term, every adjustment, what the HPA would have asked.

    A simulated one comes with what the other policies of its replay asked for at that moment.
    """
    at_s = output.time_s("--at", at) if at else None
    beside: dict[str, Any] = {}
    if plans is None:
        request = pb.ExplainRequest(pool=pool, at_s=at_s or 0.0)
        answer = ask(scaler, lambda stub: stub.Explain(request, timeout=TIMEOUT_S))
    else:
        answer, beside["rivals"] = plan_at("--plans", plans, pool, at_s)
    if as_json:
        print_message(answer, **beside)
        return
    stdout_console().print(explanation(answer))
    if beside.get("rivals"):
        stdout_console().print(rivals_table(beside["rivals"]))
