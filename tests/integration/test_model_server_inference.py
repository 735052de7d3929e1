"""The inference service on a real channel, in this process: what clients get, and what they are refused."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np
import pytest

from model_server.inference import Inference
from model_server.models import Models
from model_server.repository import Repository
from model_server.servable import Loader
from model_server.servicer import InferenceServicer
from protos import inference_pb2 as pb
from protos import inference_pb2_grpc
from protos.orca_pb2 import OrcaLoadReport
from tests.support import models as tiny
from tests.support.waiting import until
from tidegate.shared.grpc_errors import PUSHBACK_KEY, Decoding
from tidegate.shared.grpc_server import channel, listen, new_server
from tidegate.shared.load_reports import APPLICATION_KEY

Stub = inference_pb2_grpc.GRPCInferenceServiceStub
Code = grpc.StatusCode


@dataclass
class Served:
    stub: Stub
    models: Models
    repository: Path
    connection: grpc.aio.Channel


@asynccontextmanager
async def serving(repository: Path) -> AsyncIterator[Served]:
    models = Models(Repository(repository), Loader("cpu", 0, 1))
    server, _ = new_server(())
    servicer = InferenceServicer(models, Inference(models))
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, Decoding(server))
    address = listen(server, "127.0.0.1:0")
    await server.start()
    await models.load_all()
    try:
        async with channel(address) as connection:
            yield Served(Stub(connection), models, repository, connection)
    finally:
        await server.stop(0)
        await models.close()


def request(model: str, raw: bool = True, **tensors: tuple[str, np.ndarray]) -> pb.ModelInferRequest:
    """`name=(datatype, array)` per input; typed only for FP32 and INT64."""
    message = pb.ModelInferRequest(model_name=model, id="r1")
    for name, (datatype, array) in tensors.items():
        tensor = message.inputs.add(name=name, datatype=datatype, shape=array.shape)
        if raw:
            message.raw_input_contents.append(array.tobytes())
        elif datatype == "FP32":
            tensor.contents.fp32_contents.extend(array.ravel().tolist())
        else:
            tensor.contents.int64_contents.extend(array.ravel().tolist())
    return message


def floats(*rows: list[float]) -> tuple[str, np.ndarray]:
    return "FP32", np.array(rows, np.float32)


async def refused(call: grpc.aio.UnaryUnaryCall) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


NUMERIC = ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    tiny.write_model(tmp_path, "add", tiny.add())
    return tmp_path


async def test_every_numeric_datatype_comes_back_as_it_went_raw(tmp_path: Path) -> None:
    from tidegate.shared.tensors import DATATYPES

    for datatype in NUMERIC:
        tiny.write_model(tmp_path, datatype.lower(), tiny.identity(datatype))
    async with serving(tmp_path) as served:
        for datatype in NUMERIC:
            sent = np.array([[0, 1, 1], [1, 0, 1]], DATATYPES[datatype])
            got = await served.stub.ModelInfer(request(datatype.lower(), x=(datatype, sent)))
            assert got.outputs[0].datatype == datatype
            assert list(got.outputs[0].shape) == [2, 3]
            assert got.raw_output_contents[0] == sent.tobytes(), datatype
            assert got.id == "r1"
            assert got.model_version == "1"


async def test_typed_requests_get_typed_answers(repository: Path) -> None:
    async with serving(repository) as served:
        got = await served.stub.ModelInfer(request("add", raw=False, a=floats([1, 2, 3]), b=floats([10, 20, 30])))
    assert list(got.outputs[0].contents.fp32_contents) == [11, 22, 33]
    assert not got.raw_output_contents


async def test_bytes_travel_typed_and_raw_and_must_be_text_for_onnx(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "text", tiny.identity("BYTES", ("batch", 2)))
    words = [b"tide", "ébb".encode()]
    async with serving(tmp_path) as served:
        message = pb.ModelInferRequest(model_name="text")
        tensor = message.inputs.add(name="x", datatype="BYTES", shape=[1, 2])
        tensor.contents.bytes_contents.extend(words)
        assert list((await served.stub.ModelInfer(message)).outputs[0].contents.bytes_contents) == words

        tensor.ClearField("contents")
        message.raw_input_contents.append(b"".join(struct.pack("<I", len(word)) + word for word in words))
        assert (await served.stub.ModelInfer(message)).raw_output_contents[0] == message.raw_input_contents[0]

        message.raw_input_contents[0] = struct.pack("<I", 1) + b"\xff" + struct.pack("<I", 0)
        error = await refused(served.stub.ModelInfer(message))
    assert error.code() is Code.INVALID_ARGUMENT
    assert "UTF-8" in (error.details() or "")


async def test_only_the_outputs_asked_for_come_in_the_order_asked_for(tmp_path: Path) -> None:
    tiny.write_export(tmp_path, "tiny")
    async with serving(tmp_path) as served:
        message = request("tiny", x=floats([1, 2, 3, 4]))
        assert [out.name for out in (await served.stub.ModelInfer(message)).outputs] == ["score", "same"]
        message.outputs.add(name="score")
        got = await served.stub.ModelInfer(message)
        assert [out.name for out in got.outputs] == ["score"]
        assert np.frombuffer(got.raw_output_contents[0], np.float32).tolist() == [10]
        message.outputs.add(name="nothing")
        error = await refused(served.stub.ModelInfer(message))
    assert error.code() is Code.INVALID_ARGUMENT
    assert "nothing" in (error.details() or "")


def _broken(**change: object) -> pb.ModelInferRequest:
    message = request("add", a=floats([1, 2, 3]), b=floats([1, 2, 3]))
    for key, value in change.items():
        if key == "raw":
            message.raw_input_contents[0] = value  # type: ignore[call-overload]
        elif key == "extra_raw":
            message.raw_input_contents.append(value)  # type: ignore[arg-type]
        elif key == "shape":
            message.inputs[0].shape[:] = value  # type: ignore[assignment]
        elif key == "parameter":
            message.inputs[0].parameters[str(value)].string_param = "x"
        elif key == "typed":
            message.inputs[0].contents.fp32_contents.append(1.0)
        else:
            setattr(message.inputs[0], key, value)
    return message


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (_broken(name="c"), Code.INVALID_ARGUMENT, ["'c'", "a, b"]),
        (_broken(name="b"), Code.INVALID_ARGUMENT, ["'b'", "twice"]),
        (_broken(datatype="FP64"), Code.INVALID_ARGUMENT, ["'a'", "FP64", "FP32"]),
        (_broken(datatype="FLOAT"), Code.INVALID_ARGUMENT, ["'a'", "FLOAT", "FP32"]),
        (_broken(shape=[1, 4]), Code.INVALID_ARGUMENT, ["'a'", "[1, 4]", "[-1, 3]"]),
        (_broken(shape=[3]), Code.INVALID_ARGUMENT, ["'a'", "[3]", "[-1, 3]"]),
        (_broken(shape=[-1, 3]), Code.INVALID_ARGUMENT, ["'a'", "[-1, 3]"]),
        (_broken(shape=[0, 3], raw=b""), Code.INVALID_ARGUMENT, ["'b' has 1 rows", "'a' has 0"]),
        (_broken(shape=[2, 3], raw=bytes(24)), Code.INVALID_ARGUMENT, ["'b' has 1 rows", "'a' has 2"]),
        (_broken(raw=bytes(11)), Code.INVALID_ARGUMENT, ["'a'", "11 bytes", "12"]),
        (_broken(extra_raw=b""), Code.INVALID_ARGUMENT, ["3 raw_input_contents", "2 inputs"]),
        (_broken(typed=True), Code.INVALID_ARGUMENT, ["'a'", "typed", "raw"]),
        (_broken(parameter="shared_memory_region"), Code.UNIMPLEMENTED, ["'a'", "shared_memory_region"]),
        (request("add", a=floats([1, 2, 3])), Code.INVALID_ARGUMENT, ["'b'", "missing"]),
        (
            request("add", a=("FP32", np.zeros((33, 3), np.float32)), b=("FP32", np.zeros((33, 3), np.float32))),
            Code.INVALID_ARGUMENT,
            ["33 rows", "32"],
        ),
        (request("other", a=floats([1, 2, 3])), Code.NOT_FOUND, ["'other'"]),
    ],
)
async def test_what_does_not_fit_is_refused_and_named(
    repository: Path, message: pb.ModelInferRequest, code: grpc.StatusCode, words: list[str]
) -> None:
    async with serving(repository) as served:
        error = await refused(served.stub.ModelInfer(message))
        assert error.code() is code
        for word in words:
            assert word in (error.details() or "")
        good = request("add", a=floats([1, 2, 3]), b=floats([1, 2, 3]))
        assert (await served.stub.ModelInfer(good)).outputs  # the refusal harmed nobody


async def test_bytes_that_are_no_message_are_refused(repository: Path) -> None:
    async with serving(repository) as served:
        call = served.connection.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        error = await refused(call(b"\x0a\x03add\xff\xff"))
        assert error.code() is Code.INVALID_ARGUMENT
        assert "the request's 7 bytes are not its message" in (error.details() or "")


async def test_requests_share_batches_and_each_gets_its_own_rows(tmp_path: Path) -> None:
    config = "max_batch_rows = 8\nmax_queue_delay_s = 0.05"
    tiny.write_model(tmp_path, "add", tiny.add(), config=config)
    async with serving(tmp_path) as served:

        async def one(number: int) -> None:
            rows = 1 + number % 3
            a = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3) + 1000 * number
            got = await served.stub.ModelInfer(request("add", a=("FP32", a), b=("FP32", a * 0 + 0.5)))
            assert np.array_equal(np.frombuffer(got.raw_output_contents[0], np.float32).reshape(rows, 3), a + 0.5)

        await asyncio.gather(*(one(number) for number in range(60)))
        (stats,) = (await served.stub.ModelStatistics(pb.ModelStatisticsRequest(name="add"))).model_stats
    assert stats.inference_count == sum(1 + number % 3 for number in range(60))
    assert stats.inference_stats.success.count == 60
    assert stats.execution_count < 60
    assert all(batch.batch_size <= 8 for batch in stats.batch_stats)


async def test_a_request_that_the_model_chokes_on_fails_alone(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "lookup", tiny.lookup(4), config="max_queue_delay_s = 0.05")
    async with serving(tmp_path) as served:
        calls = [served.stub.ModelInfer(request("lookup", x=("INT64", np.array([[index]])))) for index in (1, 99, 3)]
        first, error, third = await asyncio.gather(*calls, return_exceptions=True)
    assert np.frombuffer(first.raw_output_contents[0], np.float32) == [10]
    assert np.frombuffer(third.raw_output_contents[0], np.float32) == [30]
    assert isinstance(error, grpc.aio.AioRpcError)
    assert error.code() is Code.INTERNAL


async def test_models_without_a_batch_dimension_run_each_request_alone(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "scalar", tiny.identity("FP32", ()))
    tiny.write_model(tmp_path, "fixed", tiny.identity("FP32", (2, 2)))
    async with serving(tmp_path) as served:
        scalars = [served.stub.ModelInfer(request("scalar", x=("FP32", np.array(n, np.float32)))) for n in range(9)]
        got = [struct.unpack("<f", each.raw_output_contents[0])[0] for each in await asyncio.gather(*scalars)]
        assert got == list(range(9))
        fixed = await served.stub.ModelInfer(request("fixed", x=floats([1, 2], [3, 4])))
        assert list(fixed.outputs[0].shape) == [2, 2]
        config = (await served.stub.ModelConfig(pb.ModelConfigRequest(name="fixed"))).config
    assert config.max_batch_size == 0
    assert list(config.input[0].dims) == [2, 2]


async def test_torchscript_is_served_with_names_from_its_config(tmp_path: Path) -> None:
    tiny.write_script(tmp_path, "script")
    tiny.write_script(tmp_path, "nameless", config="")
    async with serving(tmp_path) as served:
        got = await served.stub.ModelInfer(request("script", x=floats([1, 2, 3, 4], [0, 0, 0, 1])))
        index = (await served.stub.RepositoryIndex(pb.RepositoryIndexRequest())).models
        ready = (await served.stub.ServerReady(pb.ServerReadyRequest())).ready
        error = await refused(served.stub.ModelInfer(request("nameless", x=floats([1, 2, 3, 4]))))
    assert np.frombuffer(got.raw_output_contents[0], np.float32).tolist() == [10, 1]
    assert {model.name: model.state for model in index} == {"script": "READY", "nameless": "UNAVAILABLE"}
    assert "[[inputs]]" in next(model.reason for model in index if model.name == "nameless")
    assert not ready
    assert error.code() is Code.UNAVAILABLE


async def test_an_export_serves_no_more_rows_than_it_was_exported_for(tmp_path: Path) -> None:
    tiny.write_export(tmp_path, "tiny", max_rows=6)
    async with serving(tmp_path) as served:
        metadata = await served.stub.ModelMetadata(pb.ModelMetadataRequest(name="tiny"))
        config = (await served.stub.ModelConfig(pb.ModelConfigRequest(name="tiny"))).config
    assert [(each.name, each.datatype, list(each.shape)) for each in metadata.inputs] == [("x", "FP32", [-1, 4])]
    assert [(each.name, list(each.shape)) for each in metadata.outputs] == [("score", [-1, 1]), ("same", [-1, 4])]
    assert metadata.platform == "pytorch_export"
    assert config.max_batch_size == 6


async def test_bf16_travels_raw_and_turns_a_typed_answer_raw(tmp_path: Path) -> None:
    tiny.write_bf16_export(tmp_path, "half")
    half, one = 0x3F00, 0x3F80  # the upper 16 bits of the float32s 0.5 and 1.0
    async with serving(tmp_path) as served:
        sent = np.array([[half, one]], np.uint16)
        got = await served.stub.ModelInfer(request("half", x=("BF16", sent)))
        assert got.outputs[0].datatype == "BF16"
        assert np.frombuffer(got.raw_output_contents[0], np.uint16).tolist() == [one, 0x4000]  # doubled
        typed = request("half", raw=False, n=("INT64", np.array([[2]])))
        typed.model_name = "cast"
        tiny.write_model(
            tmp_path, "cast", tiny.onnx_node("Cast", {"n": ("INT64", ["b", 1])}, {"h": ("FP16", ["b", 1])}, to=10)
        )
        await served.models.load("cast")
        answer = await served.stub.ModelInfer(typed)
    assert np.frombuffer(answer.raw_output_contents[0], np.float16).tolist() == [2.0]


async def test_messages_of_many_megabytes_pass_and_larger_than_64_mib_are_refused(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "wide", tiny.identity("UINT8", ("batch", "n")))
    async with serving(tmp_path) as served:
        large = np.zeros((1, 20 << 20), np.uint8)
        got = await served.stub.ModelInfer(request("wide", x=("UINT8", large)))
        assert len(got.raw_output_contents[0]) == 20 << 20
        error = await refused(served.stub.ModelInfer(request("wide", x=("UINT8", np.zeros((1, 65 << 20), np.uint8)))))
    assert error.code() is Code.RESOURCE_EXHAUSTED


async def test_a_full_queue_refuses_with_pushback(tmp_path: Path) -> None:
    config = "max_batch_rows = 4\nmax_queue_rows = 4\nmax_queue_delay_s = 5"
    tiny.write_model(tmp_path, "add", tiny.add(), config=config)
    async with serving(tmp_path) as served:
        three, two = ("FP32", np.zeros((3, 3), np.float32)), ("FP32", np.zeros((2, 3), np.float32))
        waiting = served.stub.ModelInfer(request("add", a=three, b=three))
        await until(lambda: served.models.find("add").batcher.queued_rows > 0)
        error = await refused(served.stub.ModelInfer(request("add", a=two, b=two)))
        waiting.cancel()
    assert error.code() is Code.RESOURCE_EXHAUSTED
    assert "max_queue_rows = 4" in (error.details() or "")
    assert int(dict(error.trailing_metadata() or ())[PUSHBACK_KEY]) > 0


async def test_cancelled_and_expired_requests_never_run(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "add", tiny.add(), config="max_queue_delay_s = 0.3")
    message = request("add", a=floats([1, 2, 3]), b=floats([1, 2, 3]))
    async with serving(tmp_path) as served:
        cancelled = served.stub.ModelInfer(message)
        batcher = served.models.find("add").batcher
        await until(lambda: batcher.queued_rows > 0)
        cancelled.cancel()
        error = await refused(served.stub.ModelInfer(message, timeout=0.05))
        assert error.code() is Code.DEADLINE_EXCEEDED
        await until(lambda: batcher.queued_rows == 0)
        (stats,) = (await served.stub.ModelStatistics(pb.ModelStatisticsRequest(name="add"))).model_stats
    assert stats.execution_count == 0


async def test_a_stream_answers_in_order_and_outlives_an_error(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "add", tiny.add(), config="max_queue_delay_s = 0.02")
    good = [request("add", a=floats([n, n, n]), b=floats([0, 0, 0])) for n in range(40)]
    bad = request("nobody", a=floats([1, 2, 3]))
    bad.id = "bad"
    async with serving(tmp_path) as served:
        call = served.stub.ModelStreamInfer(iter([*good[:20], bad, *good[20:]]))
        responses = [response async for response in call]
        trailer = OrcaLoadReport.FromString(dict(await call.trailing_metadata())[APPLICATION_KEY])
        (stats,) = (await served.stub.ModelStatistics(pb.ModelStatisticsRequest(name="add"))).model_stats
    failed = responses.pop(20)
    assert "'nobody'" in failed.error_message
    assert (failed.infer_response.id, failed.infer_response.model_name) == ("bad", "nobody")
    got = [np.frombuffer(each.infer_response.raw_output_contents[0], np.float32)[0] for each in responses]
    assert got == list(range(40))
    assert not any(each.error_message for each in responses)
    assert stats.execution_count < 40  # the stream's requests shared batches
    assert trailer.request_cost["rows"] == 1


async def test_answers_carry_a_load_report(repository: Path) -> None:
    async with serving(repository) as served:
        call = served.stub.ModelInfer(request("add", a=floats([1, 2, 3], [1, 2, 3]), b=floats([1, 2, 3], [4, 5, 6])))
        await call
        report = OrcaLoadReport.FromString(dict(await call.trailing_metadata())[APPLICATION_KEY])
        error = await refused(served.stub.ModelInfer(_broken(shape=[1, 4])))
        failed = OrcaLoadReport.FromString(dict(error.trailing_metadata() or ())[APPLICATION_KEY])
    assert report.request_cost["rows"] == 2
    assert report.named_metrics["capacity_rows_per_s"] > 0
    assert report.named_metrics["outstanding"] == 0
    assert 0 <= report.utilization["executor"] <= 1
    assert "rows" not in failed.request_cost
    assert failed.named_metrics["capacity_rows_per_s"] > 0


async def test_load_picks_up_a_new_version_and_a_broken_one_leaves_the_old_serving(repository: Path) -> None:
    load = pb.RepositoryModelLoadRequest(model_name="add")
    message = request("add", a=floats([1, 2, 3]), b=floats([1, 2, 3]))
    async with serving(repository) as served:
        tiny.write_model(repository, "add", tiny.add(), version=2)
        await served.stub.RepositoryModelLoad(load)
        assert (await served.stub.ModelInfer(message)).model_version == "2"

        tiny.write_model(repository, "add", b"not a model", version=3)
        error = await refused(served.stub.RepositoryModelLoad(load))
        assert error.code() is Code.INTERNAL
        assert "model.onnx" in (error.details() or "")
        assert (await served.stub.ModelInfer(message)).model_version == "2"
        index = (await served.stub.RepositoryIndex(pb.RepositoryIndexRequest())).models
        assert [(each.version, each.state) for each in index] == [("2", "READY"), ("3", "UNAVAILABLE")]
        assert (await served.stub.ServerReady(pb.ServerReadyRequest())).ready

        unknown = await refused(served.stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="nobody")))
        assert unknown.code() is Code.NOT_FOUND
        outside = await refused(served.stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="..")))
        assert outside.code() is Code.NOT_FOUND


async def test_unload_under_load_ends_what_it_took_and_refuses_the_rest(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "add", tiny.add(), config="max_queue_delay_s = 0.002")
    message = request("add", a=floats([1, 2, 3]), b=floats([1, 2, 3]))
    outcomes: list[grpc.StatusCode] = []
    async with serving(tmp_path) as served:

        async def caller() -> None:
            while Code.UNAVAILABLE not in outcomes[-8:]:
                try:
                    await served.stub.ModelInfer(message)
                    outcomes.append(Code.OK)
                except grpc.aio.AioRpcError as error:
                    outcomes.append(error.code())

        callers = [asyncio.create_task(caller()) for _ in range(8)]
        await asyncio.sleep(0.1)
        await served.stub.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name="add"))
        await asyncio.gather(*callers)
        ready = (await served.stub.RepositoryIndex(pb.RepositoryIndexRequest(ready=True))).models
        await served.stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="add"))
        assert (await served.stub.ModelInfer(message)).outputs
    assert set(outcomes) == {Code.OK, Code.UNAVAILABLE}
    assert not ready


async def test_a_reload_under_load_loses_nothing(repository: Path) -> None:
    message = request("add", a=floats([1, 2, 3]), b=floats([1, 2, 3]))
    async with serving(repository) as served:
        done = asyncio.Event()
        answered = 0

        async def caller() -> None:
            nonlocal answered
            while not done.is_set():
                await served.stub.ModelInfer(message)  # raises on any failure
                answered += 1

        callers = [asyncio.create_task(caller()) for _ in range(8)]
        for _ in range(5):
            await served.stub.RepositoryModelLoad(pb.RepositoryModelLoadRequest(model_name="add"))
        done.set()
        await asyncio.gather(*callers)
    assert answered > 8


async def test_what_triton_has_and_we_have_not_says_so(repository: Path) -> None:
    async with serving(repository) as served:
        for rpc in ("SystemSharedMemoryStatus", "CudaSharedMemoryRegister", "TraceSetting", "LogSettings"):
            error = await refused(getattr(served.stub, rpc)(pb.Unsupported()))
            assert error.code() is Code.UNIMPLEMENTED
            assert rpc in (error.details() or "")
        override = pb.RepositoryModelLoadRequest(model_name="add")
        override.parameters["config"].string_param = "{}"
        assert (await refused(served.stub.RepositoryModelLoad(override))).code() is Code.INVALID_ARGUMENT


async def test_metadata_and_readiness(repository: Path) -> None:
    async with serving(repository) as served:
        assert (await served.stub.ServerLive(pb.ServerLiveRequest())).live
        assert (await served.stub.ServerReady(pb.ServerReadyRequest())).ready
        assert (await served.stub.ModelReady(pb.ModelReadyRequest(name="add", version="1"))).ready
        assert not (await served.stub.ModelReady(pb.ModelReadyRequest(name="add", version="7"))).ready
        assert (await served.stub.ServerMetadata(pb.ServerMetadataRequest())).name == "tidegate"
        metadata = await served.stub.ModelMetadata(pb.ModelMetadataRequest(name="add"))
        assert list(metadata.versions) == ["1"]
        assert [(each.name, each.datatype, list(each.shape)) for each in metadata.inputs] == [
            ("a", "FP32", [-1, 3]),
            ("b", "FP32", [-1, 3]),
        ]
        error = await refused(served.stub.ModelMetadata(pb.ModelMetadataRequest(name="add", version="x")))
        assert error.code() is Code.NOT_FOUND
