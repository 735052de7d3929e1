"""What is refused, in words that name it, and with the status that says whose fault it is."""

from pathlib import Path

import grpc
import numpy as np
import pytest

from protos import inference_pb2 as pb
from tests.support import models as tiny
from tests.support.inference import Code, addition, floats, refused, request, serving
from tests.support.waiting import until
from tidegate.shared.grpc_errors import PUSHBACK_KEY


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    tiny.write_model(tmp_path, "add", tiny.add())
    return tmp_path


def _broken(**change: object) -> pb.ModelInferRequest:
    message = addition()
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
        good = addition()
        assert (await served.stub.ModelInfer(good)).outputs  # the refusal harmed nobody


async def test_bytes_that_are_no_message_are_refused(repository: Path) -> None:
    async with serving(repository) as served:
        call = served.connection.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        error = await refused(call(b"\x0a\x03add\xff\xff"))
        assert error.code() is Code.INVALID_ARGUMENT
        assert "the request's 7 bytes are not its message" in (error.details() or "")


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


async def test_what_triton_has_and_we_have_not_says_so(repository: Path) -> None:
    async with serving(repository) as served:
        for rpc in ("SystemSharedMemoryStatus", "CudaSharedMemoryRegister", "TraceSetting", "LogSettings"):
            error = await refused(getattr(served.stub, rpc)(pb.Unsupported()))
            assert error.code() is Code.UNIMPLEMENTED
            assert rpc in (error.details() or "")
        override = pb.RepositoryModelLoadRequest(model_name="add")
        override.parameters["config"].string_param = "{}"
        assert (await refused(served.stub.RepositoryModelLoad(override))).code() is Code.INVALID_ARGUMENT
