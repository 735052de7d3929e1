"""GRPCInferenceService: messages in, our values, messages out."""

from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc
import structlog

from model_server import describe, wire
from model_server.inference import Call, Inference
from model_server.load_report import load_report
from model_server.models import Models, State
from model_server.streaming import in_order
from protos import inference_pb2 as pb
from protos import inference_pb2_grpc
from tidegate.shared.errors import NotSupported, TidegateError
from tidegate.shared.grpc_errors import rpc
from tidegate.shared.load_reports import WARM_UP_KEY
from tidegate.shared.wire_inference import server_metadata

Context: TypeAlias = grpc.aio.ServicerContext

_SEND = "send tensors in the message"

_log = structlog.get_logger(__name__)


def _not_offered(name: str, instead: str) -> Any:
    @rpc
    async def method(_self: object, _request: pb.Unsupported, _context: Context) -> pb.Unsupported:
        raise NotSupported(f"{name} is not offered: {instead}")

    return method


class InferenceServicer(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """The Open Inference Protocol v2 and Triton's extensions on top of Models."""

    def __init__(self, models: Models, inference: Inference) -> None:
        self._models = models
        self._inference = inference

    @rpc
    async def ServerLive(self, request: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:
        """The process answers, so it lives."""
        return pb.ServerLiveResponse(live=True)

    @rpc
    async def ServerReady(self, request: pb.ServerReadyRequest, context: Context) -> pb.ServerReadyResponse:
        """All models were loaded and warmed."""
        return pb.ServerReadyResponse(ready=self._models.ready)

    @rpc
    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        """The model is loaded and warmed; an unknown one is not ready, as Triton has it."""
        try:
            self._models.find(request.name, request.version)
        except TidegateError:
            return pb.ModelReadyResponse(ready=False)
        return pb.ModelReadyResponse(ready=True)

    @rpc
    async def ServerMetadata(self, request: pb.ServerMetadataRequest, context: Context) -> pb.ServerMetadataResponse:
        """Name, version, and the extensions of the protocol that are offered."""
        return server_metadata()

    @rpc
    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Context) -> pb.ModelMetadataResponse:
        """The model's tensors."""
        servable = self._models.find(request.name, request.version)
        return describe.metadata(servable, self._models.versions(request.name))

    @rpc
    async def ModelConfig(self, request: pb.ModelConfigRequest, context: Context) -> pb.ModelConfigResponse:
        """The model's configuration in Triton's terms."""
        return pb.ModelConfigResponse(config=describe.config(self._models.find(request.name, request.version)))

    @rpc
    async def ModelStatistics(self, request: pb.ModelStatisticsRequest, context: Context) -> pb.ModelStatisticsResponse:
        """Figures since the start; of every model without a name."""
        servables = [each for each in self._models.servables() if request.name in ("", each.name)]
        if request.name:
            servables = [each for each in servables if request.version in ("", str(each.version))]
            servables = servables or [self._models.find(request.name, request.version)]  # raises: names what is wrong
        return pb.ModelStatisticsResponse(model_stats=[describe.statistics(each) for each in servables])

    @rpc
    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """One request, one response; the load report in the trailer of either outcome."""
        call = Call(request)
        try:
            return await self._inference.answer(call, context.time_remaining())
        finally:
            self._report(context, call, call.rows)

    @rpc
    async def ModelStreamInfer(
        self, request_iterator: AsyncIterator[pb.ModelInferRequest], context: Context
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """Requests of a stream, answered in order; the trailer's cost is the mean of those that had one."""
        costs = rows = 0
        last: Call | None = None

        async def answer(request: pb.ModelInferRequest) -> pb.ModelStreamInferResponse:
            nonlocal costs, rows, last
            last = call = Call(request)
            response = await self._answer_on_stream(call, context)
            costs, rows = costs + (call.rows > 0), rows + call.rows
            return response

        async for response in in_order(request_iterator, answer):
            yield response
        if last:
            self._report(context, last, rows / max(1, costs))

    async def _answer_on_stream(self, call: Call, context: Context) -> pb.ModelStreamInferResponse:
        try:
            response = await self._inference.answer(call, context.time_remaining())
            return pb.ModelStreamInferResponse(infer_response=response)
        except TidegateError as error:
            message = str(error)
        except Exception as error:  # it answers this request; the stream stays open
            _log.exception("request on a stream failed unexpectedly")
            message = f"internal error: {type(error).__name__}: {error}"
        return pb.ModelStreamInferResponse(error_message=message, infer_response=describe.failed(call.request))

    def _report(self, context: Context, call: Call, cost_rows: float) -> None:
        servables = self._models.servables()
        context.set_trailing_metadata(load_report(call.servable, servables, cost_rows, self._inference.outstanding))

    @rpc
    async def RepositoryIndex(self, request: pb.RepositoryIndexRequest, context: Context) -> pb.RepositoryIndexResponse:
        """Every version that is known, with its state; only those READY on request.

        In the trailer, how long all of them took to warm up: a router weighs a new replica in over that time.
        """
        entries = self._models.index() if request.ready else await self._models.index_with_disk()
        warm_s = sum(servable.warm_s for servable in self._models.servables())
        context.set_trailing_metadata(((WARM_UP_KEY, f"{warm_s:.6f}"),))
        wanted = [each for each in entries if not request.ready or each[2].state is State.READY]
        return pb.RepositoryIndexResponse(models=[describe.index_entry(*each) for each in wanted])

    @rpc
    async def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest, context: Context
    ) -> pb.RepositoryModelLoadResponse:
        """Load the model anew from disk; answered when it serves."""
        wire.check_no_load_parameters(request.parameters)
        await self._models.load(request.model_name)
        return pb.RepositoryModelLoadResponse()

    @rpc
    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, context: Context
    ) -> pb.RepositoryModelUnloadResponse:
        """Stop serving the model; answered when its last request has been."""
        await self._models.unload(request.model_name)
        return pb.RepositoryModelUnloadResponse()

    SystemSharedMemoryStatus = _not_offered("SystemSharedMemoryStatus", _SEND)
    SystemSharedMemoryRegister = _not_offered("SystemSharedMemoryRegister", _SEND)
    SystemSharedMemoryUnregister = _not_offered("SystemSharedMemoryUnregister", _SEND)
    CudaSharedMemoryStatus = _not_offered("CudaSharedMemoryStatus", _SEND)
    CudaSharedMemoryRegister = _not_offered("CudaSharedMemoryRegister", _SEND)
    CudaSharedMemoryUnregister = _not_offered("CudaSharedMemoryUnregister", _SEND)
    TraceSetting = _not_offered("TraceSetting", "requests are not traced")
    LogSettings = _not_offered("LogSettings", "start the server with another log_level")
