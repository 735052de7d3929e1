"""One gRPC channel per known backend for health checks and the repository rpcs; requests go by the data plane."""

import asyncio

import grpc

from router.backends import Snapshot
from tidegate.shared import grpc_server

# A replica that restarts must be found again within a second; gRPC's default lets two minutes pass between attempts.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
_CLOSE_GRACE_S = 5.0


class Channels:
    """Channels by address. A backend keeps its connection as long as the table knows it."""

    def __init__(self) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def follow(self, snapshot: Snapshot) -> None:
        """Close the channels of backends that are gone."""
        known = {backend.address for backend in snapshot.backends}
        for address in self._channels.keys() - known:
            channel = self._channels.pop(address)
            task = asyncio.get_running_loop().create_task(channel.close(_CLOSE_GRACE_S))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def of(self, address: str) -> grpc.aio.Channel:
        """The backend's channel."""
        if address not in self._channels:
            self._channels[address] = grpc_server.channel(address, _OPTIONS)
        return self._channels[address]

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()), *self._closing)
        self._channels.clear()
