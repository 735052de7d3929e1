"""gRPC clients of other makers, unmodified, through a router process.

Behind it stand a model server of ours (models `add`, `echo`) and a fake backend (model `digits`) that hangs, refuses
and keeps what it was sent. Each client makes the same calls: unary, gzip, metadata, an error with its words, a
deadline, a cancellation, a stream, 60 MB both ways, and 1 000 calls at once.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc
from tests.support.fake_backend import FakeBackend
from tests.support.models import add, identity, write_model
from tests.support.processes import free_address, started, wait_until_serving

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "real_clients"
CPP_CLIENT = ROOT / "build" / "clients" / "client"  # made by `make client-needs`, as is the next
NODE_MODULES = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tidegate/node/node_modules"
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0))
LARGE = 60_000_000  # bytes


@dataclass(frozen=True)
class Served:
    address: str
    fake: FakeBackend


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeBackend]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    async def start() -> FakeBackend:
        return await FakeBackend("digits").start()

    backend = run(start())
    yield backend
    run(backend.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def served(fake: FakeBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("clients")
    write_model(folder / "models", "add", add())
    write_model(folder / "models", "echo", identity("UINT8", ("batch", "width")))
    address, admin, server = free_address(), free_address(), free_address()
    router_log, server_log = folder / "router.log", folder / "server.log"
    routing = ["router", "--listen", address, "--admin", admin, "--backend", server, "--backend", fake.address]
    serving = ["model-server", "--listen", server, "--models", str(folder / "models"), "--device", "cpu"]
    with started(serving, server_log) as model_server, started(routing, router_log) as router:
        wait_until_serving(server, model_server, server_log)
        wait_until_serving(address, router, router_log)
        with grpc.insecure_channel(address, options=OPTIONS) as channel:
            stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
            for request in (addition(1), asked("echo")):
                stub.ModelInfer(request, timeout=30, wait_for_ready=True)
        yield Served(address, fake)


@pytest.fixture
def expecting_two_hung_requests_to_be_cancelled(fake: FakeBackend) -> Iterator[None]:
    """A deadline and a cancellation: the backend hears of both. And what was sent as binary arrived as it was."""
    before = fake.cancelled
    yield
    for _ in range(500):
        if fake.cancelled == before + 2:
            break
        threading.Event().wait(0.02)
    assert fake.cancelled == before + 2
    assert {"sent-bin": b"\0\xff", "x-initial": "yes"}.items() <= next(
        metadata for metadata in reversed(fake.metadata) if "sent-bin" in metadata
    ).items()


def addition(value: float) -> pb.ModelInferRequest:
    row = np.full((1, 3), value, np.float32).tobytes()
    request = pb.ModelInferRequest(model_name="add", raw_input_contents=[row, row])
    for name in ("a", "b"):
        request.inputs.add(name=name, datatype="FP32", shape=[1, 3])
    return request


def total(response: pb.ModelInferResponse) -> float:
    return float(np.frombuffer(response.raw_output_contents[0], np.float32)[0])


def asked(what: str) -> pb.ModelInferRequest:
    return pb.ModelInferRequest(model_name="digits", id=what)


def large() -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="echo", raw_input_contents=[b"z" * LARGE])
    request.inputs.add(name="x", datatype="UINT8", shape=[1, LARGE])
    return request


def pairs(metadata: object) -> dict[str, object]:
    return {key: value for key, value in metadata}  # noqa: C416 - grpcio's entries are tuples of their own kind


METADATA = (("x-initial", "yes"), ("sent-bin", b"\0\xff"))


@pytest.mark.usefixtures("expecting_two_hung_requests_to_be_cancelled")
def test_grpcio(served: Served):
    with grpc.insecure_channel(served.address, options=OPTIONS) as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert total(stub.ModelInfer(addition(1.5), timeout=20)) == 3
        assert total(stub.ModelInfer(addition(2.5), timeout=20, compression=grpc.Compression.Gzip)) == 5

        _, call = stub.ModelInfer.with_call(asked("echo"), timeout=20, metadata=METADATA)
        assert pairs(call.initial_metadata())["x-initial-back"] == "yes"
        assert pairs(call.trailing_metadata())["x-trailer"] == "kept"

        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(asked("refuse FAILED_PRECONDITION"), timeout=20)
        assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "as you wish")

        with pytest.raises(grpc.RpcError) as late:
            stub.ModelInfer(asked("hang"), timeout=0.3)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        hung = stub.ModelInfer.future(asked("hang"), timeout=20)
        with pytest.raises(grpc.FutureTimeoutError):
            hung.result(timeout=0.3)
        assert hung.cancel()

        answers = stub.ModelStreamInfer(iter([addition(k) for k in range(20)]), timeout=20)
        assert [total(answer.infer_response) for answer in answers] == [2.0 * k for k in range(20)]
        assert stub.ModelInfer(large(), timeout=60).raw_output_contents[0] == b"z" * LARGE
        calls = [stub.ModelInfer.future(addition(k), timeout=50) for k in range(1000)]
        assert [total(call.result()) for call in calls] == [2.0 * k for k in range(1000)]


@pytest.mark.usefixtures("expecting_two_hung_requests_to_be_cancelled")
async def test_grpcio_aio(served: Served):
    async with grpc.aio.insecure_channel(served.address, options=OPTIONS) as channel:
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        assert total(await stub.ModelInfer(addition(1.5), timeout=20)) == 3
        assert total(await stub.ModelInfer(addition(2.5), timeout=20, compression=grpc.Compression.Gzip)) == 5

        call = stub.ModelInfer(asked("echo"), timeout=20, metadata=METADATA)
        await call
        assert pairs(await call.initial_metadata())["x-initial-back"] == "yes"
        assert pairs(await call.trailing_metadata())["x-trailer"] == "kept"

        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.ModelInfer(asked("refuse FAILED_PRECONDITION"), timeout=20)
        assert (refused.value.code(), refused.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "as you wish")

        with pytest.raises(grpc.aio.AioRpcError) as late:
            await stub.ModelInfer(asked("hang"), timeout=0.3)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        hung = stub.ModelInfer(asked("hang"), timeout=20)
        await asyncio.wait([asyncio.ensure_future(hung.code())], timeout=0.3)
        assert hung.cancel()

        stream = stub.ModelStreamInfer(timeout=20)
        for k in range(20):
            await stream.write(addition(k))
            assert total((await stream.read()).infer_response) == 2.0 * k
        await stream.done_writing()
        assert await stream.read() == grpc.aio.EOF
        assert (await stub.ModelInfer(large(), timeout=60)).raw_output_contents[0] == b"z" * LARGE
        answers = await asyncio.gather(*(stub.ModelInfer(addition(k), timeout=50) for k in range(1000)))
        assert [total(answer) for answer in answers] == [2.0 * k for k in range(1000)]


def run_client(*command: str | Path, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, **(env or {})})
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


@pytest.mark.usefixtures("expecting_two_hung_requests_to_be_cancelled")
def test_tritonclient(served: Served):
    run_client(sys.executable, FOLDER / "triton.py", served.address)


@pytest.mark.usefixtures("expecting_two_hung_requests_to_be_cancelled")
@pytest.mark.skipif(not CPP_CLIENT.exists(), reason="gRPC C++: run `make client-needs`")
def test_grpc_cpp(served: Served):
    run_client(CPP_CLIENT, served.address)


@pytest.mark.usefixtures("expecting_two_hung_requests_to_be_cancelled")
@pytest.mark.skipif(not NODE_MODULES.exists() or not shutil.which("node"), reason="grpc-js: run `make client-needs`")
def test_grpc_js(served: Served):
    script, proto = FOLDER / "client.js", ROOT / "protos" / "inference.proto"
    run_client("node", script, served.address, proto, env={"NODE_PATH": str(NODE_MODULES)})
