"""The router with real model servers, each in its own process: they register, are killed, stop, come back."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from protos import inference_pb2 as pb
from protos import router_pb2
from tests.support import models as tiny
from tests.support.processes import started
from tests.support.routers import Router, routing
from tests.support.waiting import until

BATCH_S = 0.05


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    tiny.write_model(tmp_path / "models", "twice", tiny.add(), config="max_batch_rows = 4")
    return tmp_path / "models"


def arguments(repository: Path, router: Router, replica_id: str) -> list[str]:
    where = ["--listen", "127.0.0.1:0", "--models", str(repository), "--device", "cpu"]
    return ["model-server", *where, "--router", router.admin_address, "--replica-id", replica_id]


async def ask(router: Router, number: float) -> float:
    row = np.full((1, 3), number, np.float32)
    request = pb.ModelInferRequest(model_name="twice", raw_input_contents=[row.tobytes(), row.tobytes()])
    for name in ("a", "b"):
        request.inputs.add(name=name, datatype="FP32", shape=[1, 3])
    answer = await router.stub.ModelInfer(request, timeout=30)
    return float(np.frombuffer(answer.raw_output_contents[0], np.float32)[0])


async def ask_steadily(router: Router, stop: asyncio.Event) -> int:
    """Requests at a steady rate until told to stop; fails if one of them does. Returns how many there were."""
    calls: list[asyncio.Task[float]] = []
    while not stop.is_set():
        calls.append(asyncio.create_task(ask(router, len(calls))))
        await asyncio.sleep(0.01)
    assert await asyncio.gather(*calls) == [2.0 * number for number in range(len(calls))]
    return len(calls)


async def ready_count(router: Router, count: int) -> None:
    await until(lambda: len(router.core.table.snapshot.ready("twice")) == count, timeout_s=60)


async def test_replicas_register_and_neither_kill_9_nor_sigterm_loses_a_request(repository: Path, tmp_path: Path):
    slow = {"TIDEGATE_MODEL_SERVER_REHEARSE_BATCH_S": str(BATCH_S), "TIDEGATE_MODEL_SERVER_LAME_DUCK_S": "0.5"}
    async with routing(health_interval_s=0.5, health_timeout_s=5.0) as router:
        with ExitStack() as stack:
            one, two, three = (
                stack.enter_context(started(arguments(repository, router, name), tmp_path / f"{name}.log", slow))
                for name in ("one", "two", "three")
            )
            first = asyncio.create_task(ask(router, 21))  # held until the first of them is ready
            await ready_count(router, 3)
            assert await first == 42
            stop = asyncio.Event()
            load = asyncio.create_task(ask_steadily(router, stop))
            await until(lambda: len(router.at_work()) == 3)
            one.send_signal(signal.SIGKILL)
            await ready_count(router, 2)
            two.send_signal(signal.SIGTERM)
            await ready_count(router, 1)
            await until(lambda: two.poll() is not None, timeout_s=20)
            assert two.returncode == 0
            stop.set()
            assert await load > 50
            assert three.poll() is None
            assert router.at_work() == {}
            assert router.of_model("twice").cost_rows == 1
            (left,) = router.core.table.snapshot.ready("twice")
            assert router.of_backend(left).capacity_rows_per_s["twice"] == pytest.approx(4 / BATCH_S, rel=0.5)


async def test_a_replica_that_reports_less_capacity_gets_less(repository: Path, tmp_path: Path):
    async with routing() as router:
        with ExitStack() as stack:
            for name, batch_s in (("slow", 5 * BATCH_S), ("fast", BATCH_S)):
                env = {"TIDEGATE_MODEL_SERVER_REHEARSE_BATCH_S": str(batch_s)}
                env["TIDEGATE_MODEL_SERVER_LAME_DUCK_S"] = "0"
                stack.enter_context(started(arguments(repository, router, name), tmp_path / f"{name}.log", env))
            await ready_count(router, 2)
            await router.driver.settled()
            table, core = router.core.table, router.core
            slow, fast = (
                next(one.address for one in table.snapshot.backends if one.replica_id == name)
                for name in ("slow", "fast")
            )
            stop = asyncio.Event()
            load = asyncio.create_task(ask_steadily(router, stop))  # more than the fast one can do
            await until(lambda: core.weights.of(core.targets[slow]) < 1)
            stop.set()
            await load
            told = {
                one.address: one.weight for one in (await router.admin.GetState(router_pb2.GetStateRequest())).backends
            }
            assert told == {slow: pytest.approx(0.2, rel=0.3), fast: 1}
            await router.driver.settled()
            before = router.of_backend(slow).ended["succeeded"]
            for number in range(8):  # one at a time: the fast one is always free
                await ask(router, number)
            assert router.of_backend(slow).ended["succeeded"] == before
