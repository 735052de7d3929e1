"""Real processes for integration and end-to-end tests: started on free loopback ports, ended by their id."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tidegate.shared.child_processes import TIDEGATE


def free_address() -> str:
    """A loopback host:port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def blocking_channel(address: str) -> grpc.Channel:
    """A channel for tests without an event loop, with no proxy from the environment in between."""
    return grpc.insecure_channel(address, options=(("grpc.enable_http_proxy", 0),))


@contextlib.contextmanager
def started(
    arguments: Sequence[str], log: Path, env: dict[str, str] | None = None, stop_s: float = 20.0
) -> Iterator[subprocess.Popen[bytes]]:
    """`tidegate ARGUMENTS` in a process of its own, its output in `log`; ended by SIGTERM, then SIGKILL, by its id."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*TIDEGATE, *arguments], stdout=output, stderr=output, env={**os.environ, **(env or {})}
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(stop_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def wait_until_serving(address: str, process: subprocess.Popen[bytes], log: Path, timeout_s: float = 60.0) -> None:
    """Return when grpc.health says SERVING; fail with the process's log when it ends or takes too long."""
    deadline = time.monotonic() + timeout_s
    with blocking_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise AssertionError(f"process ended with {process.returncode}:\n{log.read_text()}")
            with contextlib.suppress(grpc.RpcError):
                if stub.Check(health_pb2.HealthCheckRequest(), timeout=1).status == 1:
                    return
            time.sleep(0.05)
    raise AssertionError(f"not serving at {address} after {timeout_s} s:\n{log.read_text()}")
