"""Inference calls on numpy arrays: `await InferClient(target).infer(model, {name: array})`."""

from collections.abc import Mapping, Sequence
from types import TracebackType

import grpc

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc
from tidegate.client.tensors import Array, ModelInfo, TensorInfo, as_datatype, datatype_of, from_raw, to_raw
from tidegate.shared.errors import InvalidTensor
from tidegate.shared.grpc_errors import error_of
from tidegate.shared.grpc_server import channel

_TYPED_FIELD = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def request_of(model: str, inputs: Mapping[str, Array], version: str = "") -> pb.ModelInferRequest:
    """The request message, tensors raw. Raises InvalidTensor for an array that the protocol can't carry."""
    return pb.ModelInferRequest(
        model_name=model,
        model_version=version,
        inputs=[
            pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype_of(array), shape=array.shape)
            for name, array in inputs.items()
        ],
        raw_input_contents=[to_raw(array) for array in inputs.values()],
    )


def outputs_of(response: pb.ModelInferResponse) -> dict[str, Array]:
    """The response's outputs by name, raw or typed. Raises InvalidTensor when lengths and shapes disagree."""
    if response.raw_output_contents:
        if len(response.raw_output_contents) != len(response.outputs):
            raise InvalidTensor(
                f"{len(response.outputs)} outputs came with {len(response.raw_output_contents)} raw contents"
            )
        pairs = zip(response.outputs, response.raw_output_contents, strict=True)
        return {output.name: from_raw(raw, output.datatype, output.shape) for output, raw in pairs}
    return {output.name: _typed(output) for output in response.outputs}


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
    ) -> dict[str, Array]:
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
    values = list(getattr(output.contents, _TYPED_FIELD[output.datatype]))
    return as_datatype(values, output.datatype).reshape(tuple(output.shape))
