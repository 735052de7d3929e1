"""The inference service's rpcs that the router answers itself, from its own knowledge or from all backends.

They are served in-process, on an address that only the data plane reaches.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import structlog

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc
from router.backends import BackendTable
from router.channels import Channels
from router.health import HealthMonitor
from router.merging import merge_indexes, merge_statistics
from tidegate.shared.errors import InvalidRequest, ModelNotFound, ServiceUnreachable
from tidegate.shared.grpc_errors import rpc
from tidegate.shared.values import BackendStatus
from tidegate.shared.wire_inference import server_metadata

LOAD_TIMEOUT_S = 600.0
"""Longest time for one backend to load a model when the caller sets no deadline."""

_log = structlog.get_logger(__name__)


class OwnRpcs(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Server state, the model repository and statistics, as of one server that is all backends together."""

    def __init__(
        self,
        table: BackendTable,
        channels: Channels,
        health: HealthMonitor | None,
        settled: Callable[[], Awaitable[None]],
        ask_timeout_s: float,
    ) -> None:
        self._table = table
        self._channels = channels
        self._health = health
        self._settled = settled
        self._ask_timeout_s = ask_timeout_s

    @rpc
    async def ServerLive(
        self, request: pb.ServerLiveRequest, context: grpc.aio.ServicerContext
    ) -> pb.ServerLiveResponse:
        """The router lives if it can say so."""
        return pb.ServerLiveResponse(live=True)

    @rpc
    async def ServerReady(
        self, request: pb.ServerReadyRequest, context: grpc.aio.ServicerContext
    ) -> pb.ServerReadyResponse:
        """Ready with at least one ready backend."""
        statuses = {backend.status for backend in self._table.snapshot.backends}
        return pb.ServerReadyResponse(ready=BackendStatus.READY in statuses)

    @rpc
    async def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: grpc.aio.ServicerContext
    ) -> pb.ServerMetadataResponse:
        """This router and its version."""
        return server_metadata()

    @rpc
    async def ModelReady(
        self, request: pb.ModelReadyRequest, context: grpc.aio.ServicerContext
    ) -> pb.ModelReadyResponse:
        """Ready if a backend says so; never waits for one, and an unknown model is one that is not ready."""
        ready = self._table.snapshot.ready(request.name)
        answers = await self._ask("ModelReady", request, ready, context)
        return pb.ModelReadyResponse(ready=any(answer.ready for answer in answers))

    @rpc
    async def ModelStatistics(
        self, request: pb.ModelStatisticsRequest, context: grpc.aio.ServicerContext
    ) -> pb.ModelStatisticsResponse:
        """Summed over the backends that have the model ready (without a name: over all healthy ones)."""
        ready = self._table.snapshot.ready(request.name) if request.name else self._healthy()
        if not ready:
            raise ModelNotFound(f"no ready backend has a model {request.name!r}")
        return merge_statistics(await self._ask("ModelStatistics", request, ready, context))

    @rpc
    async def RepositoryIndex(
        self, request: pb.RepositoryIndexRequest, context: grpc.aio.ServicerContext
    ) -> pb.RepositoryIndexResponse:
        """The models of all healthy backends together."""
        return merge_indexes(await self._ask("RepositoryIndex", request, self._healthy(), context))

    @rpc
    async def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest, context: grpc.aio.ServicerContext
    ) -> pb.RepositoryModelLoadResponse:
        """Loads on every healthy backend; an error if it fails on any."""
        await self._change_everywhere("RepositoryModelLoad", request, context)
        return pb.RepositoryModelLoadResponse()

    @rpc
    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, context: grpc.aio.ServicerContext
    ) -> pb.RepositoryModelUnloadResponse:
        """Unloads on every healthy backend; requests for the model no longer wait for one that has it."""
        await self._change_everywhere("RepositoryModelUnload", request, context)
        self._table.forget_model(request.model_name)
        await self._settled()
        return pb.RepositoryModelUnloadResponse()

    def _healthy(self) -> tuple[str, ...]:
        return tuple(backend.address for backend in self._table.snapshot.backends if backend.healthy)

    async def _ask(
        self, method: str, request: Any, addresses: Sequence[str], context: grpc.aio.ServicerContext
    ) -> list[Any]:
        """Answers of the backends that answer; ends the rpc when all fail."""
        answers = await self._call_all(method, request, addresses, self._ask_timeout_s)
        good = [answer for _, answer in answers if not isinstance(answer, grpc.aio.AioRpcError)]
        if answers and not good:
            await _abort(context, answers)
        return good

    async def _change_everywhere(self, method: str, request: Any, context: grpc.aio.ServicerContext) -> None:
        """Call every healthy backend, then learn anew what each serves, so that the next request is sent right."""
        if not request.model_name:
            raise InvalidRequest("model_name is empty")
        addresses = self._healthy()
        if not addresses:
            raise ServiceUnreachable("no backend is healthy")
        remaining_s = context.time_remaining()
        timeout_s = LOAD_TIMEOUT_S if remaining_s is None else remaining_s
        answers = await self._call_all(method, request, addresses, timeout_s)
        if self._health is not None:
            learned = (self._health.learn_models(address) for address in addresses)
            for address, problem in zip(addresses, await asyncio.gather(*learned, return_exceptions=True), strict=True):
                if problem is not None:
                    _log.warning("models not learned after a change", backend=address, problem=str(problem))
        await self._settled()
        if any(isinstance(answer, grpc.aio.AioRpcError) for _, answer in answers):
            await _abort(context, answers)

    async def _call_all(
        self, method: str, request: Any, addresses: Sequence[str], timeout_s: float
    ) -> list[tuple[str, Any]]:
        async def call(address: str) -> tuple[str, Any]:
            stub = inference_pb2_grpc.GRPCInferenceServiceStub(self._channels.of(address))
            try:
                return address, await getattr(stub, method)(request, timeout=timeout_s)
            except grpc.aio.AioRpcError as error:
                return address, error

        return list(await asyncio.gather(*(call(address) for address in addresses)))


async def _abort(context: grpc.aio.ServicerContext, answers: Sequence[tuple[str, Any]]) -> None:
    """End the rpc with the first failed backend's status and every failed one's words. Raises always."""
    failed = [(address, answer) for address, answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    details = "; ".join(f"backend {address}: {error.details()}" for address, error in failed)
    await context.abort(failed[0][1].code(), details)
