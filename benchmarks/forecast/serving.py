"""Answers while fits run: an open loop of Forecast calls on a forecaster that refits all the time, and its restart.

Each call asks what a scaler asks: half an hour ahead, the maximum over ten minutes, 200 sample paths. Latency counts
from when the call was meant to be sent, so that a stall is seen by every call it holds up.
"""

import asyncio
import itertools
import multiprocessing
import signal
import time
from pathlib import Path

import grpc
import numpy as np
import psutil
from rich.table import Table

from benchmarks.forecast.histories import name, rates, written
from protos import forecast_pb2 as pb
from protos.forecast_pb2_grpc import ForecasterStub
from tests.support.processes import blocking_channel, free_address, started, wait_until_serving
from tidegate.shared.grpc_server import channel

SERIES = 20
RATE_RPS = 40.0
LENGTH_S = 25.0
HORIZON_S = 1800.0
WINDOW_S = 600.0
PATHS = 200
NEVER_S = 1e6
BACKOFFS = ("initial", "min", "max")  # a client that tries again at once, so that its own pauses are not measured


def measure(folder: Path) -> dict[str, object]:
    quiet = _round(folder, "quiet", refit_s=NEVER_S)
    busy = _round(folder, "busy", refit_s=0.5)
    return {"series": SERIES, "offered_rps": RATE_RPS, "quiet": quiet, "refitting": busy, "restart": _restart(folder)}


def table(result: dict[str, object]) -> Table:
    shown = Table(
        "Forecast calls", "p50", "p99", "max", "CPU a call", "fits' CPU", title=f"{SERIES} series, {RATE_RPS:g} calls/s"
    )
    for label in ("quiet", "refitting"):
        one = result[label]
        assert isinstance(one, dict)
        times = (f"{1000 * one[key]:.2f} ms" for key in ("p50_s", "p99_s", "max_s", "server_cpu_s_a_call"))
        shown.add_row(label, *times, f"{one['fits_cpu_s']:.1f} s")
    restart = result["restart"]
    assert isinstance(restart, dict)
    shown.add_section()
    shown.add_row("first answer after kill -9", f"{restart['first_answer_s']:.2f} s", "", "", "")
    return shown


def _round(folder: Path, label: str, refit_s: float) -> dict[str, object]:
    address, history = free_address(), folder / f"{label}.sqlite"
    written(history, SERIES, time.time())
    with started(_flags(address, history), folder / f"{label}.log", _env(refit_s)) as process:
        wait_until_serving(address, process, folder / f"{label}.log")
        with blocking_channel(address) as connection:
            stub = ForecasterStub(connection)
            for number in range(SERIES):
                stub.Forecast(_question(number), timeout=120)
            cpu_s, fits_cpu_s = _cpu_s(process.pid), _fits_cpu_s(process.pid)
            with multiprocessing.get_context("spawn").Pool(1) as load:
                latencies = np.array(load.apply(_load, (address,)))
            cpu_s, fits_cpu_s = _cpu_s(process.pid) - cpu_s, _fits_cpu_s(process.pid) - fits_cpu_s
    p50, p99 = np.quantile(latencies, (0.5, 0.99))
    calls = len(latencies)
    return {
        "p50_s": p50,
        "p99_s": p99,
        "max_s": latencies.max(),
        "calls": calls,
        "server_cpu_s_a_call": cpu_s / (RATE_RPS * LENGTH_S),
        "fits_cpu_s": fits_cpu_s,
    }


def _cpu_s(pid: int) -> float:
    """CPU time of the serving process alone, its workers left out."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _fits_cpu_s(pid: int) -> float:
    """CPU time of the processes that fit: that of a round says how much was fitted beside the answers."""
    return sum(_cpu_s(child.pid) for child in psutil.Process(pid).children(recursive=True))


def _restart(folder: Path) -> dict[str, object]:
    """Seconds from the start of the process that comes after a killed one to its first answer."""
    address, history, log = free_address(), folder / "quiet.sqlite", folder / "restart.log"
    with started(_flags(address, history), log, _env(NEVER_S)) as process:
        wait_until_serving(address, process, log)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    options = (("grpc.enable_http_proxy", 0), *((f"grpc.{which}_reconnect_backoff_ms", 20) for which in BACKOFFS))
    began = time.perf_counter()
    with started(_flags(address, history), log, _env(NEVER_S)), grpc.insecure_channel(address, options) as connection:
        ForecasterStub(connection).Forecast(_question(0), timeout=60, wait_for_ready=True)
        return {"first_answer_s": time.perf_counter() - began}


def _load(address: str) -> list[float]:
    return asyncio.run(_open_loop(address))


async def _open_loop(address: str) -> list[float]:
    async with channel(address) as connection:
        stub = ForecasterStub(connection)

        async def call(number: int, meant_s: float) -> float:
            await asyncio.sleep(meant_s - time.perf_counter())
            await stub.Forecast(_question(number % SERIES), timeout=60)
            return time.perf_counter() - meant_s

        async def observe() -> None:
            """The last minute, corrected every second, so that every answer has something new to take in."""
            for second in itertools.count():
                now_s = time.time() // 60.0 * 60.0 - 60.0
                told = (
                    pb.ObserveRequest(
                        model=name(number),
                        source="router",
                        start_s=now_s,
                        step_s=60.0,
                        rate_rps=rates(number, now_s, 1) + second % 60 / 60.0,
                    )
                    for number in range(SERIES)
                )
                await stub.Observe(told)
                await asyncio.sleep(1.0)

        observing = asyncio.create_task(observe())
        begin = time.perf_counter() + 0.5
        calls = [call(number, begin + number / RATE_RPS) for number in range(int(RATE_RPS * LENGTH_S))]
        latencies = await asyncio.gather(*calls)
        observing.cancel()
        return latencies[int(RATE_RPS) :]  # the first second warms the connection


def _question(number: int) -> pb.ForecastRequest:
    return pb.ForecastRequest(model=name(number), horizon_s=HORIZON_S, window_s=WINDOW_S, paths=PATHS)


def _flags(address: str, history: Path) -> list[str]:
    return ["forecaster", "--listen", address, "--history", str(history)]


def _env(refit_s: float) -> dict[str, str]:
    return {"TIDEGATE_FORECASTER_REFIT_S": str(refit_s), "TIDEGATE_FORECASTER_SLOW_CPU_SHARE": "0"}
