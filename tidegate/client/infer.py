"""Inference calls on numpy arrays: `await InferClient(target).infer(model, {name: array})`."""

from collections.abc import Mapping, Sequence
from types import TracebackType

import grpc

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc
from tidegate.client.tensors import ModelInfo, TensorInfo, datatype_of
from tidegate.shared.errors import InvalidTensor
from tidegate.shared.grpc_errors import error_of
from tidegate.shared.grpc_server import channel
from tidegate.shared.tensors import TYPED_FIELDS, Array, Tensors, from_raw, from_typed, to_raw


def request_of(model: str, inputs: Mapping[str, Array], version: str = "") -> pb.ModelInferRequest:
    """The request message, tensors raw. Raises InvalidTensor for an array that the protocol can't carry."""
    request = pb.ModelInferRequest(model_name=model, model_version=version)
    for name, array in inputs.items():
        datatype = datatype_of(array)
        request.inputs.add(name=name, datatype=datatype, shape=array.shape)
        request.raw_input_contents.append(to_raw(datatype, array))
    return request


def outputs_of(response: pb.ModelInferResponse) -> Tensors:
    """The response's outputs by name, raw or typed. Raises InvalidTensor when lengths and shapes disagree."""
    if not response.raw_output_contents:
        return {output.name: _typed(output) for output in response.outputs}
    if len(response.raw_output_contents) != len(response.outputs):
        raise InvalidTensor(
            f"{len(response.outputs)} outputs came with {len(response.raw_output_contents)} raw contents"
        )
    pairs = zip(response.outputs, response.raw_output_contents, strict=True)
    return {
        output.name: from_raw(f"output '{output.name}'", output.datatype, tuple(output.shape), raw)
        for output, raw in pairs
    }


class InferClient:
    """Calls to one target (a router or a model server); one connection, safe for any number of tasks.

    Every method raises an error of our tree when the call fails: ModelNotFound's parent NotFound, InvalidRequest,
    Overloaded, DeadlinePassed, ServiceUnreachable and so on.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self._channel = channel(target)
        self._stub = inference_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    async def __aenter__(self) -> "InferClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; calls in flight are cancelled."""
        await self._channel.close()

    async def infer(
        self, model: str, inputs: Mapping[str, Array], *, version: str = "", timeout_s: float | None = None
    ) -> Tensors:
        """Run the model once; arrays in and out by name."""
        request = request_of(model, inputs, version)
        try:
            return outputs_of(await self._stub.ModelInfer(request, timeout=timeout_s))
        except grpc.aio.AioRpcError as error:
            raise error_of(error, self.target) from None

    async def metadata(self, model: str, *, version: str = "", timeout_s: float | None = 10.0) -> ModelInfo:
        """Names, datatypes and shapes of the model's tensors."""
        try:
            request = pb.ModelMetadataRequest(name=model, version=version)
            answer = await self._stub.ModelMetadata(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise error_of(error, self.target) from None
        return ModelInfo(answer.name, tuple(answer.versions), _tensors(answer.inputs), _tensors(answer.outputs))


def _tensors(tensors: Sequence[pb.ModelMetadataResponse.TensorMetadata]) -> tuple[TensorInfo, ...]:
    return tuple(TensorInfo(tensor.name, tensor.datatype, tuple(tensor.shape)) for tensor in tensors)


def _typed(output: pb.ModelInferResponse.InferOutputTensor) -> Array:
    field = TYPED_FIELDS.get(output.datatype)
    values = list(getattr(output.contents, field)) if field else []
    return from_typed(f"output '{output.name}'", output.datatype, tuple(output.shape), values)
