"""`tidegate load`: open-loop load, latency from the intended send time."""

import asyncio
import math
import signal
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from tidegate.cli import output
from tidegate.cli.infer import Inputs, load_npy
from tidegate.client.infer import InferClient, request_of
from tidegate.client.inputs import parse_inputs, random_inputs
from tidegate.client.load import InferSender, OpenLoop
from tidegate.client.results import LoadResult, LoadSummary, summarize
from tidegate.client.schedule import poisson_times, steady
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import FloatArray

_DISTINCT_REQUESTS = 64


def load(
    target: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Router or model server.")],
    model: Annotated[str, typer.Option(help="The model's name.")],
    rate: Annotated[float | None, typer.Option(metavar="RPS", help="Mean requests per second (Poisson).")] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CSV timestamp,value: mean requests per second of each step.")
    ] = None,
    duration_s: Annotated[
        float | None, typer.Option(help="Length of the run; 10 s for a rate, else the trace.")
    ] = None,
    compress: Annotated[float, typer.Option(help="Play the trace this many times faster.")] = 1.0,
    inputs: Inputs = None,
    deadline_s: Annotated[float | None, typer.Option(help="Deadline of each request.")] = None,
    connections: Annotated[int, typer.Option(min=1, help="Connections to spread the load over.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of arrivals and made-up inputs.")] = 0,
    as_json: output.Json = False,
) -> None:
    """Drive a model at a rate, or along a recorded trace, and say what became of every request.

    Exit 1 when any request failed, 130 after Ctrl-C, which ends the run and shows what was answered until then. Inputs
    are made up from the model's metadata unless given.
    """
    if deadline_s is not None and not 0.0 < deadline_s < math.inf:
        raise InvalidRequest(f"--deadline-s is {deadline_s:g}: it must be over 0")
    rng = np.random.default_rng(seed)
    due_s = _schedule(rate, trace, duration_s, compress, rng)
    work = _drive(target, model, inputs, due_s, deadline_s, connections, rng)
    result, interrupted = output.run(work, target, "router or model server", "TARGET")
    summary = summarize(result)
    if as_json:
        output.print_json(summary.as_json())
    else:
        _print(summary)
    if interrupted:
        raise typer.Exit(128 + signal.SIGINT)
    if summary.failed:
        raise typer.Exit(1)


def _schedule(
    rate: float | None, trace: Path | None, duration_s: float | None, compress: float, rng: np.random.Generator
) -> FloatArray:
    if (rate is None) == (trace is None):
        raise InvalidRequest("give either --rate or --trace")
    if trace is None:
        return steady(rate or 0.0, 10.0 if duration_s is None else duration_s, rng)
    if compress <= 0:
        raise InvalidRequest(f"--compress is {compress}; it must be above 0")
    from forecaster import csv_files

    series, _ = csv_files.read(trace)
    times = poisson_times(np.nan_to_num(series.rate_rps), series.step_s / compress, rng)
    return times if duration_s is None else times[times < duration_s]


async def _drive(
    target: str,
    model: str,
    texts: list[str] | None,
    due_s: FloatArray,
    deadline_s: float | None,
    connections: int,
    rng: np.random.Generator,
) -> tuple[LoadResult, bool]:
    """The run's result, and whether Ctrl-C ended it."""
    async with InferClient(target) as client:
        info = await client.metadata(model)
    if texts:
        requests = [request_of(model, parse_inputs(texts, info, load_npy)).SerializeToString()]
    else:
        requests = [request_of(model, random_inputs(info, rng)).SerializeToString() for _ in range(_DISTINCT_REQUESTS)]
    choice: list[int] = rng.integers(0, len(requests), size=len(due_s)).tolist()
    sender = InferSender(target, requests, choice, deadline_s=deadline_s, connections=connections)
    loop = OpenLoop(due_s, sender.send)
    try:
        return await _interruptible(loop, len(due_s), float(due_s[-1]) if len(due_s) else 0.0)
    finally:
        await sender.close()


async def _interruptible(run: OpenLoop, planned: int, length_s: float) -> tuple[LoadResult, bool]:
    loop = asyncio.get_running_loop()
    start = loop.time()
    task = asyncio.create_task(run.run())
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await _wait_with_progress(task, run, planned, length_s)
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    return (run.result(loop.time() - start), True) if task.cancelled() else (task.result(), False)


async def _wait_with_progress(task: asyncio.Task[LoadResult], run: OpenLoop, planned: int, length_s: float) -> None:
    """Wait for the end, with a line on stderr that tells where it stands (on a terminal only)."""
    console = output.progress_console()
    if not console.is_terminal:
        await asyncio.wait({task})
        return
    clock = asyncio.get_running_loop().time
    start = clock()
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while not task.done():
            await asyncio.wait({task}, timeout=0.2)
            live.update(
                f"{clock() - start:5.1f} of {length_s:.1f} s   sent {run.sent} of {planned}   "
                f"outstanding {run.outstanding}   failed {run.failed}",
                refresh=True,
            )


def _print(summary: LoadSummary) -> None:
    table = Table(
        "sent", "ok", "failed", "p50", "p90", "p99", "max", "achieved", title="latency from the intended send time"
    )
    table.add_row(
        str(summary.sent),
        str(summary.ok),
        ", ".join(f"{count} {status}" for status, count in summary.failed.items()) or "0",
        *(f"{value * 1000:.1f} ms" for value in (summary.p50_s, summary.p90_s, summary.p99_s, summary.max_s)),
        f"{summary.rate_rps:.1f} req/s",
    )
    Console().print(table)
