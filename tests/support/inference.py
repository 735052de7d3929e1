"""The inference service on a real channel, in the test's own process, and requests for it."""

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
from tidegate.shared.grpc_errors import Decoding
from tidegate.shared.grpc_server import channel, listen, new_server

Stub = inference_pb2_grpc.GRPCInferenceServiceStub
Code = grpc.StatusCode


@dataclass
class Served:
    stub: Stub
    models: Models
    connection: grpc.aio.Channel


@asynccontextmanager
async def serving(repository: Path) -> AsyncIterator[Served]:
    """All models of a repository, loaded."""
    models = Models(Repository(repository), Loader("cpu", 0, 1))
    server, _ = new_server(())
    servicer = InferenceServicer(models, Inference(models))
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, Decoding(server))
    address = listen(server, "127.0.0.1:0")
    await server.start()
    await models.load_all()
    try:
        async with channel(address) as connection:
            yield Served(Stub(connection), models, connection)
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


def addition() -> pb.ModelInferRequest:
    """One row for the model `add`."""
    return request("add", a=floats([1, 2, 3]), b=floats([1, 2, 3]))


async def refused(call: grpc.aio.UnaryUnaryCall) -> grpc.aio.AioRpcError:
    """The error that the call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value
