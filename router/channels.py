"""One gRPC channel per known backend, opened and closed as the backend table changes."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from router.backends import Snapshot
from tidegate.shared import grpc_server

# A replica that restarts must be found again within a second; gRPC's default lets two minutes pass between attempts.
# Without a service config gRPC retries nothing but what never left this process: all retries are the router's.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_retries", 0),
)
_CLOSE_GRACE_S = 5.0


class Channels:
    """Channels by address, with their calls. A backend keeps its connection as long as the table knows it."""

    def __init__(self) -> None:
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._calls: dict[tuple[str, str], Callable[..., Any]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def follow(self, snapshot: Snapshot) -> None:
        """Close the channels of backends that are gone."""
        known = {backend.address for backend in snapshot.backends}
        for address in self._channels.keys() - known:
            channel = self._channels.pop(address)
            for key in [key for key in self._calls if key[0] == address]:
                del self._calls[key]
            task = asyncio.get_running_loop().create_task(channel.close(_CLOSE_GRACE_S))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def of(self, address: str) -> grpc.aio.Channel:
        """The backend's channel."""
        if address not in self._channels:
            self._channels[address] = grpc_server.channel(address, _OPTIONS)
        return self._channels[address]

    def unary(self, address: str, method: str) -> Callable[..., Any]:
        """Call of a unary method with bytes in and out."""
        key = (address, method)
        if key not in self._calls:
            self._calls[key] = self.of(address).unary_unary(method)
        return self._calls[key]

    def stream(self, address: str, method: str) -> Callable[..., Any]:
        """Call of a bidirectional method with bytes in and out; it carries every other kind too."""
        result: Callable[..., Any] = self.of(address).stream_stream(method)
        return result

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()), *self._closing)
        self._channels.clear()
        self._calls.clear()
