"""Making this replica known to the routers, and taking leave of them."""

import asyncio

import grpc
import structlog

from protos import router_pb2, router_pb2_grpc
from tidegate.shared.grpc_server import channel

CALL_TIMEOUT_S = 2.0
RETRY_S = 0.5
"""Between tries while a router does not answer: it may be starting, next to us."""

_log = structlog.get_logger(__name__)


class Registration:
    """Registers one replica with one router, again and again (at a third of the ttl that the router gives).

    A router that does not answer is tried again for as long as this replica lives; only changes are logged.
    """

    def __init__(self, router: str, address: str, replica_id: str, pool: str) -> None:
        self.router = router
        self._request = router_pb2.RegisterRequest(replica_id=replica_id, address=address, pool=pool)
        self._channel = channel(router)
        self._stub = router_pb2_grpc.RouterAdminStub(self._channel)
        self._task = asyncio.create_task(self._keep())

    def warmed(self) -> None:
        """The start is over: a router that hears of this replica only now doesn't take what follows for one."""
        self._request.warm = True

    async def leave(self) -> None:
        """Tell the router that nothing new should come here. A router that does not answer is left alone."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        try:
            request = router_pb2.DeregisterRequest(address=self._request.address)
            await self._stub.Deregister(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            _log.warning("router did not take the leave", router=self.router, status=error.code().name)
        await self._channel.close()

    async def _keep(self) -> None:
        registered: bool | None = None
        while True:
            try:
                ttl_s = (await self._stub.Register(self._request, timeout=CALL_TIMEOUT_S)).ttl_s
                if not registered:
                    _log.info("registered", router=self.router, address=self._request.address, ttl_s=ttl_s)
                registered, wait_s = True, max(0.1, ttl_s / 3)
            except grpc.aio.AioRpcError as error:
                if registered is not False:
                    _log.warning(
                        "router does not answer", router=self.router, status=error.code().name, details=error.details()
                    )
                registered, wait_s = False, RETRY_S
            await asyncio.sleep(wait_s)
