"""Models come, change and go while requests arrive, and say what they are."""

import asyncio
from pathlib import Path

import grpc
import numpy as np
import pytest

from protos import inference_pb2 as pb
from tests.support import models as tiny
from tests.support.inference import Code, addition, floats, refused, request, serving


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    tiny.write_model(tmp_path, "add", tiny.add())
    return tmp_path


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


async def test_load_picks_up_a_new_version_and_a_broken_one_leaves_the_old_serving(repository: Path) -> None:
    load = pb.RepositoryModelLoadRequest(model_name="add")
    message = addition()
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
    message = addition()
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
    message = addition()
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
