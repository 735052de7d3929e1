"""The standard health service (https://github.com/grpc/grpc/blob/master/doc/health-checking.md) of one server.

grpcio-health-checking's own servicer says SERVING for "" before anybody said so, and forgets to tell the other watchers
of a service once one of them has left; with either, a router sends requests to a replica that can't take them.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

_Response = health_pb2.HealthCheckResponse


class Health(health_pb2_grpc.HealthServicer):
    """ "" and each of the server's services say the same: NOT_SERVING until `set` says otherwise."""

    def __init__(self, services: Sequence[str]) -> None:
        self._services = frozenset(("", *services))
        self._status = NOT_SERVING
        self._closed = False
        self._watchers: set[asyncio.Event] = set()

    async def set(self, *, serving: bool) -> None:
        """Say SERVING or NOT_SERVING, to watchers too."""
        self._status = SERVING if serving else NOT_SERVING
        self._wake()
        await asyncio.sleep(0)  # watchers are told before what the caller does next

    def close(self) -> None:
        """End all watches: an open one would hold up a server that stops for its whole grace."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        for changed in self._watchers:
            changed.set()

    async def Check(  # noqa: N802 - the name on the wire
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """The status now; NOT_FOUND for a service that is not here."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service '{request.service}' here")
        return _Response(status=self._status)

    async def Watch(  # noqa: N802 - the name on the wire
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.aio.ServicerContext,  # noqa: ARG002 - the signature of the wire
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status now and at every change."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            told = None
            while not self._closed:
                changed.clear()
                status = self._status if request.service in self._services else _Response.SERVICE_UNKNOWN
                if status != told:
                    yield _Response(status=status)
                    told = status
                if not changed.is_set():
                    await changed.wait()
        finally:
            self._watchers.discard(changed)
