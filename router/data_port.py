"""Which rpc of the data port is answered here, carried to a replica, or refused."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf import message_factory

from protos import inference_pb2
from router import headers
from router.carrier import Road, UnaryCarrier
from router.own_rpcs import OwnRpcs
from router.streams import StreamCarrier
from tidegate.shared.errors import NotSupported
from tidegate.shared.grpc_errors import rpc

SERVICE = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
_CARRIED = ("ModelInfer", "ModelMetadata", "ModelConfig")
_STREAM = "ModelStreamInfer"


class DataPort(grpc.GenericRpcHandler):
    """Finds the handler of each rpc by its method, and for unknown methods by the metadata `tidegate-model`."""

    def __init__(self, road: Road, own: OwnRpcs) -> None:
        self._road = road
        self._handlers: dict[str, grpc.RpcMethodHandler] = {}
        for method in SERVICE.methods:
            path = f"/{SERVICE.full_name}/{method.name}"
            if method.name in _CARRIED:
                carrier = UnaryCarrier(road, path, is_inference=method.name == "ModelInfer")
                self._handlers[path] = grpc.unary_unary_rpc_method_handler(carrier.carry)
            elif method.name == _STREAM:
                stream = StreamCarrier(road, path, is_inference_stream=True)
                self._handlers[path] = grpc.stream_stream_rpc_method_handler(stream.carry)
            else:
                self._handlers[path] = _decoded(method, own.of_method(method.name))

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """The handler of one rpc."""
        known = self._handlers.get(details.method)
        if known is not None:
            return known
        if any(key == headers.MODEL_KEY for key, _ in details.invocation_metadata or ()):
            carrier = StreamCarrier(self._road, details.method, is_inference_stream=False)
            return grpc.stream_stream_rpc_method_handler(carrier.carry)
        return grpc.stream_stream_rpc_method_handler(_Unknown(details.method).refuse)


class _Unknown:
    def __init__(self, method: str) -> None:
        self._method = method

    @rpc
    async def refuse(self, _requests: AsyncIterator[bytes], _context: grpc.aio.ServicerContext) -> None:
        raise NotSupported(
            f"the router does not know {self._method}; with the metadata {headers.MODEL_KEY}: MODEL it is forwarded"
        )


def _decoded(method: Any, behaviour: Callable[..., Any]) -> grpc.RpcMethodHandler:
    return grpc.unary_unary_rpc_method_handler(
        behaviour,
        request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
        response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
    )
