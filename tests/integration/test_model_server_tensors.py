"""What travels: every datatype, typed and raw, in every shape, as it went."""

import asyncio
import struct
from pathlib import Path

import numpy as np

from protos import inference_pb2 as pb
from tests.support import models as tiny
from tests.support.inference import Code, floats, refused, request, serving
from tidegate.shared.tensors import DATATYPES

NUMERIC = ("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64")


async def test_every_numeric_datatype_comes_back_as_it_went_raw(tmp_path: Path) -> None:
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


async def test_typed_requests_get_typed_answers(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "add", tiny.add())
    async with serving(tmp_path) as served:
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


async def test_messages_of_many_megabytes_pass_and_larger_than_64_mib_are_refused(tmp_path: Path) -> None:
    tiny.write_model(tmp_path, "wide", tiny.identity("UINT8", ("batch", "n")))
    async with serving(tmp_path) as served:
        large = np.zeros((1, 20 << 20), np.uint8)
        got = await served.stub.ModelInfer(request("wide", x=("UINT8", large)))
        assert len(got.raw_output_contents[0]) == 20 << 20
        error = await refused(served.stub.ModelInfer(request("wide", x=("UINT8", np.zeros((1, 65 << 20), np.uint8)))))
    assert error.code() is Code.RESOURCE_EXHAUSTED


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
