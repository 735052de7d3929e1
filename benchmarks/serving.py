"""What the router costs: the same closed loop of small requests straight to a model server and through the router.

Rounds alternate between the two, so that a drift of the machine's speed meets both; the ratio is taken round by round.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.recording import record
from protos import inference_pb2_grpc as rpc
from tests.support import models
from tests.support.processes import free_address, started, wait_until_serving
from tidegate.client.infer import request_of
from tidegate.client.results import latency_quantiles
from tidegate.shared.grpc_server import channel
from tidegate.shared.machine import describe

ROUNDS = 5
ROUND_S = 4.0
CONCURRENCIES = (1, 16)
COLUMNS = 64  # floats per row: a 256-byte message


async def _closed_loop(address: str, concurrency: int) -> list[float]:
    """Latencies (s) of all requests that `concurrency` callers, each waiting for its answer, made in ROUND_S."""
    row = np.arange(COLUMNS, dtype=np.float32)
    request = request_of("identity", {"x": row[np.newaxis]})
    latencies: list[float] = []

    async def caller(stub: rpc.GRPCInferenceServiceStub, until: float) -> None:
        while (start := time.perf_counter()) < until:
            reply = await stub.ModelInfer(request)
            latencies.append(time.perf_counter() - start)
            assert reply.raw_output_contents[0] == row.tobytes()

    async with channel(address) as connection:
        stub = rpc.GRPCInferenceServiceStub(connection)
        await caller(stub, time.perf_counter() + 0.3)
        latencies.clear()
        until = time.perf_counter() + ROUND_S
        await asyncio.gather(*(caller(stub, until) for _ in range(concurrency)))
    return latencies


def _round(arguments: tuple[str, int]) -> dict[str, float]:
    latencies = asyncio.run(_closed_loop(*arguments))
    p50, _, p99, _ = latency_quantiles(np.array(latencies))
    return {"rps": len(latencies) / ROUND_S, "p50_s": p50, "p99_s": p99}


def _measure(server: str, router: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    # The load runs in a process of its own; a fork of a process that has used gRPC would hang, so it is spawned.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for concurrency in CONCURRENCIES:
            direct, routed = [], []
            for _ in range(ROUNDS):
                direct += pool.map(_round, [(server, concurrency)])
                routed += pool.map(_round, [(router, concurrency)])
            for name, rounds in (("direct", direct), ("router", routed)):
                row: dict[str, object] = {"way": name, "concurrency": concurrency}
                row |= {key: statistics.median(one[key] for one in rounds) for key in ("rps", "p50_s", "p99_s")}
                ratios = [one["rps"] / base["rps"] for one, base in zip(rounds, direct, strict=True)]
                rows.append(row | {"rps_ratio_to_direct": statistics.median(ratios)})
    return rows


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, print its table and record it."""
    argparse.ArgumentParser(prog="python -m benchmarks serving", description=__doc__).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        models.write_model(home / "models", "identity", models.identity(dims=("batch", COLUMNS)))
        server, router, log = free_address(), free_address(), home / "log"
        command = ["model-server", "--listen", server, "--models", str(home / "models"), "--device", "cpu"]
        wait_until_serving(server, stack.enter_context(started(command, log)), log)
        command = ["router", "--listen", router, "--admin", free_address(), "--backend", server]
        wait_until_serving(router, stack.enter_context(started(command, log)), log)
        rows = _measure(server, router)
    title = f"Serving on {describe()}"
    table = Table("way", "concurrency", "req/s", "p50 ms", "p99 ms", "req/s to direct", title=title)
    for row in rows:
        cells = [f"{row['rps']:.0f}", f"{row['p50_s'] * 1e3:.2f}", f"{row['p99_s'] * 1e3:.2f}"]  # type: ignore[operator]
        table.add_row(str(row["way"]), str(row["concurrency"]), *cells, f"{row['rps_ratio_to_direct']:.2f}")
    Console().print(table)
    path = record("serving", {"rows": rows, "rounds": ROUNDS, "round_s": ROUND_S, "message_bytes": COLUMNS * 4})
    Console().print(f"recorded in {path}")


if __name__ == "__main__":
    main()
