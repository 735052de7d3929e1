"""`tidegate status`: what routers, scaler and forecaster say, in one live table."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Annotated, Any

import grpc
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from protos import forecast_pb2, forecast_pb2_grpc, router_pb2, router_pb2_grpc, scaling_pb2, scaling_pb2_grpc
from scaler.wording import figure
from tidegate.cli import output
from tidegate.cli.tables import Rows, stdout_console
from tidegate.shared.grpc_server import channel

_CALL_S = 2.0
_HORIZON_S = 60.0
_QUANTILES = (0.5, 0.95)


def status(
    router: Annotated[list[str] | None, typer.Option(metavar="HOST:PORT", help="Admin address; repeatable.")] = None,
    scaler: Annotated[str, typer.Option(metavar="HOST:PORT", help="The scaler.")] = "127.0.0.1:8004",
    forecaster: Annotated[str, typer.Option(metavar="HOST:PORT", help="The forecaster.")] = "127.0.0.1:8003",
    once: Annotated[bool, typer.Option("--once", help="Print it once and end; so it is without a terminal.")] = False,
    every_s: Annotated[float, typer.Option(min=0.1, help="Time between two looks.")] = 1.0,
    as_json: output.Json = False,
) -> None:
    """Show backends, models, pools and forecasts, live until Ctrl-C; what does not answer is said.

    Exit 1 when (with --once or --json) nothing at all answers.
    """
    addresses = {"routers": router or ["127.0.0.1:8002"], "scaler": scaler, "forecaster": forecaster}
    console = Console()
    if not (once or as_json) and console.is_terminal:
        asyncio.run(_watch(addresses, console, every_s))
        return
    seen = asyncio.run(look(addresses))
    if as_json:
        output.print_json(seen)
    else:
        stdout_console().print(render(seen))
    if not (seen["routers"] or seen["pools"] or seen["forecasts"]):
        raise typer.Exit(1)


async def _watch(addresses: Mapping[str, Any], console: Console, every_s: float) -> None:
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(render(await look(addresses)), refresh=True)
            await asyncio.sleep(every_s)


async def look(addresses: Mapping[str, Any]) -> dict[str, Any]:
    """One look at everything: routers, pools and forecasts, and under `unreachable` who did not answer and why."""
    seen: dict[str, Any] = {"routers": {}, "pools": [], "forecasts": {}, "unreachable": {}}
    for address in addresses["routers"]:
        await _ask(seen, f"router {address}", _router(seen, address))
    await _ask(seen, f"scaler {addresses['scaler']}", _pools(seen, addresses["scaler"]))
    await _ask(seen, f"forecaster {addresses['forecaster']}", _forecasts(seen, addresses["forecaster"]))
    return seen


async def _ask(seen: dict[str, Any], who: str, question: Awaitable[None]) -> None:
    try:
        await question
    except grpc.aio.AioRpcError as error:
        seen["unreachable"][who] = error.details() or error.code().name


async def _router(seen: dict[str, Any], address: str) -> None:
    async with channel(address) as connection:
        state = await router_pb2_grpc.RouterAdminStub(connection).GetState(
            router_pb2.GetStateRequest(), timeout=_CALL_S
        )
    name = router_pb2.BackendState.Status.Name
    seen["routers"][state.router_id or address] = {
        "backends": [
            {
                "address": backend.address,
                "pool": backend.pool,
                "source": backend.source,
                "status": name(backend.status).removeprefix("STATUS_").lower(),
                "ejected": backend.ejected,
                "success_share": backend.success_share,
                "weight": backend.weight,
                "outstanding": backend.outstanding,
                "utilization": backend.utilization,
                "capacity_rows_per_s": dict(backend.capacity_rows_per_s),
                "succeeded": backend.succeeded_total,
                "failed": backend.failed_total,
            }
            for backend in state.backends
        ],
        "models": [
            {
                "model": model.model,
                "ready_backends": model.ready_backends,
                "outstanding": model.outstanding,
                "held": model.held,
                "arrived": model.arrived_total,
                "failed": model.failed_total,
                "refused": model.refused_total,
                "next_ready_in_s": model.next_ready_in_s if model.HasField("next_ready_in_s") else None,
            }
            for model in state.models
        ],
        "discovery": _discovery(state.discovery) if state.HasField("discovery") else None,
    }


def _discovery(told: router_pb2.Discovery) -> dict[str, Any]:
    return {
        "endpoints": told.endpoints,
        "ignored": told.ignored,
        "heard_s_ago": told.heard_s_ago if told.HasField("heard_s_ago") else None,
        "frozen": told.frozen,
    }


async def _pools(seen: dict[str, Any], address: str) -> None:
    async with channel(address) as connection:
        answer = await scaling_pb2_grpc.ScalerStub(connection).GetStatus(
            scaling_pb2.GetStatusRequest(), timeout=_CALL_S
        )
    seen["pools"] = [
        {
            "pool": pool.pool,
            "wished_mode": pool.wished_mode,
            "mode": scaling_pb2.Mode.Name(pool.plan.mode).removeprefix("MODE_").lower(),
            "desired": pool.plan.desired,
            "ready": pool.ready,
            "starting": pool.starting,
            "draining": pool.draining,
            "failed_starts": pool.failed_starts,
            "lead_s": pool.plan.inputs.lead_s,
            "capacity_rows_per_s": pool.plan.inputs.capacity_rows_per_s,
        }
        for pool in answer.pools
    ]


async def _forecasts(seen: dict[str, Any], address: str) -> None:
    async with channel(address) as connection:
        stub = forecast_pb2_grpc.ForecasterStub(connection)
        series = await stub.ListSeries(forecast_pb2.ListSeriesRequest(), timeout=_CALL_S)
        for one in series.series:
            seen["forecasts"][one.model] = await _forecast(stub, one.model) | {"last_rate_rps": one.last_rate_rps}


async def _forecast(stub: forecast_pb2_grpc.ForecasterStub, model: str) -> dict[str, Any]:
    request = forecast_pb2.ForecastRequest(model=model, horizon_s=_HORIZON_S, quantiles=_QUANTILES)
    try:
        answer = await stub.Forecast(request, timeout=_CALL_S)
    except grpc.aio.AioRpcError as error:  # too little history is an answer, not a silence
        return {"missing": error.details()}
    median, high = answer.window_max_rps
    return {
        "horizon_s": _HORIZON_S,
        "max_median_rps": median,
        "max_95_rps": high,
        "skill_vs_seasonal_naive": answer.skill.vs_seasonal_naive if answer.skill.origins else None,
    }


def render(seen: Mapping[str, Any]) -> RenderableType:
    """The look as tables, what is unreachable below."""
    parts: list[RenderableType] = []
    for router_id, state in seen["routers"].items():
        parts += _titled(f"router {router_id}{_cluster_words(state['discovery'])}", _backends(state["backends"]))
        parts += _titled("models", _models(state["models"], seen["forecasts"]))
    if seen["pools"]:
        parts += _titled("pools", _pool_rows(seen["pools"]))
    for who, why in seen["unreachable"].items():
        parts.append(Text.assemble((f"{who} does not answer", "red"), f": {why}"))
    return Group(*parts)


def _titled(title: str, rows: Rows) -> list[RenderableType]:
    return [Text(title, style="italic"), rows]


def _cluster_words(discovery: Mapping[str, Any] | None) -> str:
    """How the cluster that a router follows stands."""
    if discovery is None:
        return ""
    ignored = f", {discovery['ignored']} ignored" if discovery["ignored"] else ""
    if discovery["heard_s_ago"] is None:
        return ", cluster not heard of yet"
    if discovery["frozen"]:
        return f", backends frozen: cluster not heard of for {discovery['heard_s_ago']:.0f} s"
    return f", {discovery['endpoints']} endpoints in the cluster{ignored}"


def _backends(backends: list[dict[str, Any]]) -> Rows:
    def row(one: dict[str, Any]) -> list[str]:
        state = "ejected" if one["ejected"] and one["status"] == "ready" else one["status"]
        counts = (one["outstanding"], f"{one['utilization']:.0%}", one["succeeded"], one["failed"])
        return [one["address"], one["pool"] or "-", one["source"], state, f"{one['weight']:.2f}", *map(str, counts)]

    columns = ("backend", "pool", "from", "status", "weight", "outstanding", "busy", "served", "failed")
    return Rows(columns, map(row, backends))


def _models(models: list[dict[str, Any]], forecasts: Mapping[str, Any]) -> Rows:
    def row(one: dict[str, Any]) -> list[str]:
        ahead = forecasts.get(one["model"], {})
        fan = f"{ahead['max_median_rps']:.1f} to {ahead['max_95_rps']:.1f}/s" if "max_95_rps" in ahead else "-"
        keys = ("ready_backends", "outstanding", "held", "arrived", "failed", "refused")
        return [one["model"], *(str(one[key]) for key in keys), fan]

    counts = ("backends", "outstanding", "held", "arrived", "failed", "refused")
    return Rows(("model", *counts, f"next {_HORIZON_S:g} s up to"), map(row, models))


def _pool_rows(pools: list[dict[str, Any]]) -> Rows:
    def row(one: dict[str, Any]) -> list[str]:
        counts = (one[key] for key in ("desired", "ready", "starting", "draining"))
        measured = (f"{figure(one['lead_s'])} s", f"{figure(one['capacity_rows_per_s'])} rows/s")
        return [one["pool"], f"{one['mode']} ({one['wished_mode']})", *map(str, counts), *measured]

    columns = ("pool", "mode", "desired", "ready", "starting", "draining", "lead", "capacity")
    return Rows(columns, map(row, pools))
