"""The asyncio shell of the waiting room: requests that wait, each for as long as it may."""

import asyncio

from router.backends import BackendTable, Snapshot
from router.holding import Ticket, WaitingRoom
from tidegate.shared.errors import ShuttingDown


class Hold:
    """Wakes waiting requests in their order when the backend table has news for them."""

    def __init__(self, room: WaitingRoom, table: BackendTable) -> None:
        self._room = room
        self._waiters: dict[Ticket, asyncio.Future[None]] = {}
        self._closed = False
        table.subscribe(self._wake)

    async def wait(self, model: str, size_bytes: int, tried: set[str], timeout_s: float) -> None:
        """Return when it is worth looking at the table again.

        Raises TimeoutError when nothing came in time, HoldFull, and ShuttingDown when the router stops.
        """
        if self._closed:
            raise ShuttingDown("the router is stopping and holds no requests")
        ticket = self._room.enter(model, size_bytes, tried)
        waiter = self._waiters[ticket] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        finally:
            del self._waiters[ticket]
            self._room.leave(ticket)

    def close(self) -> None:
        """Refuse what waits, so that its client can go to another router while there is time."""
        self._closed = True
        for waiter in self._waiters.values():
            if not waiter.done():
                waiter.set_exception(ShuttingDown("the router is stopping; no replica became ready in time"))

    def _wake(self, snapshot: Snapshot) -> None:
        for ticket in self._room.released(snapshot):
            waiter = self._waiters[ticket]
            if not waiter.done():
                waiter.set_result(None)
