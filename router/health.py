"""Watches each backend: is it healthy, and which models does it serve?"""

import asyncio
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos import inference_pb2, inference_pb2_grpc
from router.backends import BackendTable, Snapshot
from router.channels import Channels
from tidegate.shared.load_reports import warm_up_s

_SERVING = health_pb2.HealthCheckResponse.SERVING
_PAUSE_S = 0.1
"""Between a watch that broke and the next, which waits for the connection by itself."""

_log = structlog.get_logger(__name__)


class HealthMonitor:
    """One task per backend of the table. What it finds goes into the table."""

    def __init__(self, table: BackendTable, channels: Channels, interval_s: float, timeout_s: float) -> None:
        self._table = table
        self._channels = channels
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, snapshot: Snapshot) -> None:
        """Watch the backends of the snapshot, and no others."""
        known = {backend.address for backend in snapshot.backends}
        for address in self._tasks.keys() - known:
            self._tasks.pop(address).cancel()
        for address in known - self._tasks.keys():
            self._tasks[address] = asyncio.get_running_loop().create_task(self._watch_forever(address))

    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def learn_models(self, address: str) -> None:
        """Ask a healthy backend which models it has ready, and take it as ready with these. Raises AioRpcError.

        A backend without the repository rpcs is taken as serving every model. With its models a replica says how long
        they took to warm up.
        """
        stub = inference_pb2_grpc.GRPCInferenceServiceStub(self._channels.of(address))
        request = inference_pb2.RepositoryIndexRequest(ready=True)
        try:
            call = stub.RepositoryIndex(request, timeout=self._timeout_s)
            index = await call
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            self._table.set_healthy(address, None)
        else:
            models = frozenset(model.name for model in index.models)
            self._table.set_healthy(address, models, warm_up_s(await call.trailing_metadata()))

    async def _watch_forever(self, address: str) -> None:
        said = ""
        while True:
            try:
                await self._watch(address)
                reason = "its health watch ended"
            except grpc.aio.AioRpcError as error:
                reason = f"{error.code().name}: {error.details()}"
            except Exception as error:
                _log.error("health check failed unexpectedly", backend=address, exc_info=error)
                reason = type(error).__name__
            broke = address in self._healthy()
            self._table.set_unhealthy(address)
            if broke or reason != said:
                _log.info("backend does not pass its health check", backend=address, reason=reason)
            said = reason
            await asyncio.sleep(_PAUSE_S if broke else self._interval_s)

    async def _watch(self, address: str) -> None:
        """Follow the backend's health until the watch breaks. Raises AioRpcError.

        Its models are asked for every interval: that finds what was loaded or unloaded behind our back, and a backend
        that hangs, which a silent watch would not tell.
        """
        stub = health_pb2_grpc.HealthStub(self._channels.of(address))
        call = stub.Watch(health_pb2.HealthCheckRequest(), wait_for_ready=True)
        update: asyncio.Task[Any] = asyncio.create_task(call.read())
        serving = False
        try:
            while True:
                done, _ = await asyncio.wait({update}, timeout=self._interval_s)
                if done:
                    if update.result() is grpc.aio.EOF:
                        return
                    serving = update.result().status == _SERVING
                    update = asyncio.create_task(call.read())
                await self._apply(address, serving=serving)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            await self._poll(address)
        finally:
            call.cancel()
            update.cancel()
            await asyncio.gather(update, return_exceptions=True)

    async def _poll(self, address: str) -> None:
        """For a backend whose health can't be watched: ask every interval. Raises AioRpcError."""
        stub = health_pb2_grpc.HealthStub(self._channels.of(address))
        while True:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=self._timeout_s)
            await self._apply(address, serving=answer.status == _SERVING)
            await asyncio.sleep(self._interval_s)

    def _healthy(self) -> set[str]:
        return {backend.address for backend in self._table.snapshot.backends if backend.healthy}

    async def _apply(self, address: str, *, serving: bool) -> None:
        if serving:
            await self.learn_models(address)
        else:
            self._table.set_unhealthy(address)
