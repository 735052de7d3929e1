"""The model server as a process: start, readiness, registration, an unmodified Triton client, and the way it stops."""

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc, router_pb2, router_pb2_grpc
from tests.support import models as tiny
from tests.support.processes import blocking_channel, free_address, started, wait_until_serving


@dataclass
class Replica:
    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]


@contextmanager
def replica(tmp_path: Path, repository: Path, serving: bool = True, **settings: object) -> Iterator[Replica]:
    address, log = free_address(), tmp_path / "model-server.log"
    settings = {"listen": address, "models": str(repository), "lame_duck_s": 0.0, "threads": 1, **settings}
    config = tmp_path / "tidegate.toml"
    config.write_text("[model_server]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    with started(["model-server", "--config", str(config)], log) as process:
        if serving:
            wait_until_serving(address, process, log)
        yield Replica(address, process, log)


@contextmanager
def stub(address: str) -> Iterator[inference_pb2_grpc.GRPCInferenceServiceStub]:
    with blocking_channel(address) as channel:
        yield inference_pb2_grpc.GRPCInferenceServiceStub(channel)


def add_request(rows: int = 1, value: float = 1.0) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name="add")
    for name in ("a", "b"):
        message.inputs.add(name=name, datatype="FP32", shape=[rows, 3])
        message.raw_input_contents.append(np.full((rows, 3), value, np.float32).tobytes())
    return message


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    tiny.write_model(folder, "add", tiny.add())
    return folder


TRITON_CLIENT = """
import queue, sys
import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("fp32")
assert not client.is_model_ready("nobody")
assert client.get_server_metadata().name == "tidegate"
assert client.get_model_metadata("fp32").inputs[0].datatype == "FP32"
assert client.get_model_config("fp32").config.max_batch_size == 32

def ask(model, datatype, array):
    given = triton.InferInput("x", list(array.shape), datatype)
    given.set_data_from_numpy(array)
    return given, [triton.InferRequestedOutput("y")]

for model, datatype, array in (
    ("fp32", "FP32", np.random.rand(5, 3).astype(np.float32)),
    ("int64", "INT64", np.arange(6).reshape(2, 3)),
    ("bytes", "BYTES", np.array([["tide", "gate", ""]], dtype=object)),
):
    given, wanted = ask(model, datatype, array)
    got = client.infer(model, [given], outputs=wanted, request_id="7", client_timeout=10)
    back = got.as_numpy("y")
    assert got.get_response().id == "7"
    assert np.array_equal(back, np.array([[b"tide", b"gate", b""]], dtype=object) if datatype == "BYTES" else array)

given, wanted = ask("fp32", "FP32", np.zeros((1, 4), np.float32))
try:
    client.infer("fp32", [given])
    raise AssertionError("a wrong shape was taken")
except InferenceServerException as error:
    assert "INVALID_ARGUMENT" in error.status() and "[1, 4]" in error.message(), error

answers = queue.Queue()
client.start_stream(lambda result, error: answers.put((result, error)))
for number in range(10):
    given, wanted = ask("fp32", "FP32", np.full((1, 3), number, np.float32))
    client.async_stream_infer("fp32" if number != 4 else "nobody", [given], request_id=str(number))
for number in range(10):
    result, error = answers.get(timeout=10)
    assert (error is not None) == (number == 4), (number, error)
    if error is None:
        assert result.as_numpy("y")[0, 0] == number
client.stop_stream()

assert {(m.name, m.state) for m in client.get_model_repository_index().models} == {
    ("fp32", "READY"), ("int64", "READY"), ("bytes", "READY")}
client.unload_model("int64")
assert not client.is_model_ready("int64")
client.load_model("int64")
assert client.is_model_ready("int64")
stats = client.get_inference_statistics("fp32").model_stats[0]
assert stats.inference_stats.success.count >= 10 and stats.inference_stats.fail.count == 1, stats
print("all answered")
"""


def test_an_unmodified_triton_client_does_it_all(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for name in ("fp32", "int64", "bytes"):
        tiny.write_model(models, name, tiny.identity(name.upper()))
    with replica(tmp_path, models) as server:
        command = [sys.executable, "-W", "ignore", "-c", TRITON_CLIENT, server.address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "all answered", done.stderr


def test_sigterm_answers_what_was_taken_and_exits_0(tmp_path: Path, repository: Path) -> None:
    """Open connections, requests in flight and more arriving through the lame-duck time: none may fail."""
    with replica(tmp_path, repository, rehearse_batch_s=0.2, lame_duck_s=0.5) as server, stub(server.address) as client:
        with ThreadPoolExecutor(40) as callers:

            def infer() -> float:
                got = client.ModelInfer(add_request(value=2.0), timeout=20)
                return float(np.frombuffer(got.raw_output_contents[0], np.float32)[0])

            calls: list[Future[float]] = [callers.submit(infer) for _ in range(20)]
            time.sleep(0.1)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            calls += [callers.submit(infer) for _ in range(20)]
            wait(calls)
            assert [call.result() for call in calls] == [4.0] * 40
        assert server.process.wait(10) == 0


def test_health_watchers_see_the_stop_before_the_server_refuses(tmp_path: Path, repository: Path) -> None:
    with (
        replica(tmp_path, repository, lame_duck_s=1.0) as server,
        stub(server.address) as client,
        blocking_channel(server.address) as channel,
    ):
        seen = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
        assert next(seen).status == health_pb2.HealthCheckResponse.SERVING
        server.process.send_signal(signal.SIGTERM)
        assert next(seen).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert not client.ServerReady(pb.ServerReadyRequest(), timeout=5).ready
        assert client.ModelInfer(add_request(), timeout=5).outputs  # the lame duck still serves
        assert list(seen) == []  # the watch ends, and does not hold up the stop
        assert server.process.wait(10) == 0


def test_a_drain_is_bounded_and_still_exits_0(tmp_path: Path, repository: Path) -> None:
    with replica(tmp_path, repository, rehearse_batch_s=30.0, drain_s=0.3) as server, stub(server.address) as client:
        call = client.ModelInfer.future(add_request(), timeout=60)
        while not _outstanding(client):
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        assert call.code() is not grpc.StatusCode.OK
        assert server.process.wait(10) == 0


def _outstanding(client: inference_pb2_grpc.GRPCInferenceServiceStub) -> bool:
    call = client.ModelInfer.future(pb.ModelInferRequest(model_name="add"), timeout=5)
    from protos.orca_pb2 import OrcaLoadReport
    from tidegate.shared.load_reports import APPLICATION_KEY

    report = OrcaLoadReport.FromString(dict(call.trailing_metadata())[APPLICATION_KEY])
    return report.named_metrics["outstanding"] > 0


def test_a_second_sigterm_ends_it_at_once(tmp_path: Path, repository: Path) -> None:
    with replica(tmp_path, repository, lame_duck_s=60.0) as server:
        server.process.send_signal(signal.SIGTERM)
        while not server.events("stopping"):
            time.sleep(0.02)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(5) == -signal.SIGTERM


def test_rehearsal_takes_its_time_to_start_and_one_batch_at_a_time(tmp_path: Path, repository: Path) -> None:
    tiny.write_model(repository, "other", tiny.add(), config="max_batch_rows = 4")
    tiny.write_model(repository, "add", tiny.add(), config="max_batch_rows = 4\ninstances = 2")
    began = time.monotonic()
    settings = {"rehearse_batch_s": 0.25, "rehearse_startup_s": 4.0}
    with replica(tmp_path, repository, **settings) as server, stub(server.address) as client:
        assert time.monotonic() - began >= 3.8  # the process is a little younger than the test's clock
        other = add_request()
        other.model_name = "other"
        began = time.monotonic()
        calls = [client.ModelInfer.future(message, timeout=20) for message in (add_request(4), add_request(4), other)]
        assert all(call.result().outputs for call in calls)
        assert time.monotonic() - began >= 0.7  # three batches, one after the other
        loaded = {event["model"]: event["capacity_rows_per_s"] for event in server.events("model loaded")}
        assert loaded["add"] == pytest.approx(16, rel=0.1)  # 4 rows in 0.25 s, however many instances
        (ready,) = server.events("ready")
        assert ready["listen"] == server.address
        assert {"import_s", "load_s", "warm_s"} <= set(ready)


def test_a_model_that_cannot_load_keeps_the_server_from_serving_until_it_is_mended(
    tmp_path: Path, repository: Path
) -> None:
    broken = tiny.write_model(repository, "broken", b"no model at all")
    with replica(tmp_path, repository, serving=False) as server, stub(server.address) as client:
        while not server.events("model failed to load"):
            assert server.process.poll() is None
            time.sleep(0.05)
        (event,) = server.events("model failed to load")
        assert event["model"] == "broken"
        assert str(broken) in event["reason"]
        assert not client.ServerReady(pb.ServerReadyRequest(), timeout=5).ready
        broken.write_bytes(tiny.add())
        client.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="broken"), timeout=10)
        assert client.ServerReady(pb.ServerReadyRequest(), timeout=5).ready
        wait_until_serving(server.address, server.process, server.log, timeout_s=5)


def test_metrics_have_our_names_and_tritons(tmp_path: Path, repository: Path) -> None:
    metrics = free_address()
    with replica(tmp_path, repository, metrics_listen=metrics) as server, stub(server.address) as client:
        for rows in (1, 2, 2):
            client.ModelInfer(add_request(rows), timeout=5)
        with pytest.raises(grpc.RpcError):
            client.ModelInfer(pb.ModelInferRequest(model_name="add"), timeout=5)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        lines = opener.open(f"http://{metrics}/metrics", timeout=5).read().decode().splitlines()
    for line in (
        'nv_inference_request_success{model="add",version="1"} 3.0',
        'nv_inference_request_failure{model="add",version="1"} 1.0',
        'nv_inference_count{model="add",version="1"} 5.0',
        'nv_inference_exec_count{model="add",version="1"} 3.0',
        'tidegate_model_ready{model="add",version="1"} 1.0',
        'tidegate_model_batch_rows_bucket{le="1",model="add",version="1"} 1.0',
        'tidegate_model_batch_rows_count{model="add",version="1"} 3.0',
        'tidegate_model_request_duration_seconds_count{model="add",version="1"} 3.0',
    ):
        assert line in lines, line
    for name in (
        'tidegate_startup_seconds{phase="warm"}',
        "nv_inference_queue_duration_us",
        "tidegate_model_capacity",
        "process_cpu_seconds_total",
    ):
        assert any(line.startswith(name) for line in lines), name


@dataclass
class FakeRouter(router_pb2_grpc.RouterAdminServicer):
    calls: list[tuple[str, str]] = field(default_factory=list)
    warm: list[bool] = field(default_factory=list)

    async def Register(self, request: Any, context: object) -> router_pb2.RegisterResponse:  # noqa: N802 - the wire's
        self.calls.append((f"{request.pool}/{request.replica_id}", request.address))
        self.warm.append(request.warm)
        return router_pb2.RegisterResponse(ttl_s=0.3)

    async def Deregister(self, request: Any, context: object) -> router_pb2.DeregisterResponse:  # noqa: N802 - the wire's
        self.calls.append(("left", request.address))
        return router_pb2.DeregisterResponse()


async def until(condition: Callable[[], bool], served: Replica) -> None:
    async with asyncio.timeout(20):
        while not condition():
            assert served.process.poll() is None
            await asyncio.sleep(0.05)


async def test_it_registers_again_and_again_and_takes_its_leave(tmp_path: Path, repository: Path) -> None:
    router, admin = FakeRouter(), free_address()
    server = grpc.aio.server()
    router_pb2_grpc.add_RouterAdminServicer_to_server(router, server)
    settings = {"routers": [admin], "pool": "gpu", "replica_id": "r-1", "rehearse_startup_s": 6}
    with replica(tmp_path, repository, serving=False, **settings) as served:
        await until(lambda: bool(served.events("router does not answer")), served)  # it is there before the router is
        server.add_insecure_port(admin)
        await server.start()
        await until(lambda: len(router.calls) >= 4 and router.warm[-1], served)
        served.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(served.process.wait, 10) == 0
    assert router.calls[0] == ("gpu/r-1", served.address)
    assert router.calls[-1] == ("left", served.address)
    assert (router.warm[0], router.warm[-1]) == (False, True)
    await server.stop(0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"models": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"device": "tpu"}, "'tpu'"),
        ({"device": "cuda:9"}, "cuda:9"),
        ({"batch_size": 3}, "batch_size"),
        ({"listen": "0.0.0.0:0", "routers": ["127.0.0.1:1"]}, "advertise"),
    ],
)
def test_settings_that_cannot_work_end_it_with_the_reason(
    tmp_path: Path, repository: Path, settings: dict[str, object], words: str
) -> None:
    with replica(tmp_path, repository, serving=False, **settings) as server:
        assert server.process.wait(20) == 2
    assert words in server.log.read_text()
