"""A router and real model servers in processes of their own, and open-loop load whose every answer is checked."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

from protos import inference_pb2 as pb
from protos import router_pb2, router_pb2_grpc
from tests.support.models import identity, write_model
from tests.support.processes import blocking_channel, free_address, started, wait_until_serving
from tidegate.client.infer import outputs_of, request_of
from tidegate.client.load import InferSender, OpenLoop
from tidegate.client.results import LoadResult
from tidegate.shared.values import FloatArray

MODEL = "echo"
BATCH_S = 0.02
ROWS = 64


@dataclass(frozen=True)
class RunningStack:
    """Addresses and processes; `replicas` are the model servers' processes."""

    router: str
    admin: str
    replicas: list[subprocess.Popen[bytes]]


def write_echo(repository: Path, max_batch_rows: int = 4) -> None:
    """A model that answers what it is sent: a wrong answer can't go unnoticed."""
    config = f"max_batch_rows = {max_batch_rows}\nmax_queue_rows = 100000\n"
    write_model(repository, MODEL, identity("FP32", ("batch", 1)), config=config)


@contextlib.contextmanager
def running(folder: Path, replicas: int) -> Iterator[RunningStack]:
    """A router and so many registered replicas of the echo model; each batch takes 20 ms, so that work is in flight."""
    write_echo(folder / "models")
    router, admin = free_address(), free_address()
    paced = {"TIDEGATE_MODEL_SERVER_REHEARSE_BATCH_S": str(BATCH_S)}
    with contextlib.ExitStack() as all_of_them:
        log = folder / "router.log"
        process = all_of_them.enter_context(started(["router", "--listen", router, "--admin", admin], log))
        wait_until_serving(router, process, log)
        servers = [
            all_of_them.enter_context(
                started(
                    ["model-server", "--listen", "127.0.0.1:0", "--models", str(folder / "models"), "--router", admin],
                    folder / f"replica-{i}.log",
                    env=paced,
                )
            )
            for i in range(replicas)
        ]
        wait_for_replicas(admin, lambda ready: ready == replicas)
        yield RunningStack(router, admin, servers)


def ready_replicas(admin: str) -> int:
    """Replicas that the router sends to now."""
    with blocking_channel(admin) as channel:
        state = router_pb2_grpc.RouterAdminStub(channel).GetState(router_pb2.GetStateRequest(), timeout=5)
    ready = router_pb2.BackendState.STATUS_READY
    return sum(one.status == ready and MODEL in one.models for one in state.backends)


def wait_for_replicas(admin: str, enough: Callable[[int], bool], timeout_s: float = 60.0) -> None:
    """Return when the number of ready replicas is as wished."""
    deadline = time.monotonic() + timeout_s
    seen = -1
    while time.monotonic() < deadline:
        with contextlib.suppress(grpc.RpcError):
            seen = ready_replicas(admin)
            if enough(seen):
                return
        time.sleep(0.1)
    raise AssertionError(f"{seen} replicas ready after {timeout_s} s")


async def drive(router: str, due_s: FloatArray) -> LoadResult:
    """Send request k at `due_s[k]`, and check that each answer is the number that was sent."""
    requests = [request_of(MODEL, {"x": np.array([[i]], dtype=np.float32)}).SerializeToString() for i in range(ROWS)]
    choice = [k % ROWS for k in range(len(due_s))]

    def check(k: int, response: bytes) -> bool:
        (echo,) = outputs_of(pb.ModelInferResponse.FromString(response)).values()
        return echo.tolist() == [[float(choice[k])]]

    sender = InferSender(router, requests, choice, deadline_s=30.0, check=check)
    try:
        return await OpenLoop(due_s, sender.send).run()
    finally:
        await sender.close()
