"""Taking replicas out of service without losing a request: drain at every router, wait until idle, then stop."""

import asyncio
from typing import Protocol

import structlog

from scaler.executors.base import Launcher
from scaler.fleet import Fleet

POLL_S = 0.1

_log = structlog.get_logger(__name__)


class RouterControl(Protocol):
    """What retiring needs of the routers."""

    async def drain(self, address: str) -> bool:
        """True when every router acknowledged that it sends nothing new."""

    async def resume(self, address: str) -> None:
        """Take a drain back."""

    async def outstanding(self, address: str) -> int:
        """Requests that the backend still works on."""


class Retiring:
    """Replicas on their way out, each in a task of its own."""

    def __init__(self, routers: RouterControl, launcher: Launcher, drain_s: float) -> None:
        self._routers = routers
        self._launcher = launcher
        self._drain_s = drain_s
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, pool: str, fleet: Fleet, id_: str, address: str | None, *, must: bool) -> None:
        """Retire one replica, `address` None when no router knows it.

        Without `must` it is kept when a router doesn't acknowledge the drain: that router may still send to it. With
        `must` (the scaler itself stops) it is stopped all the same: its own lame-duck time covers that router.
        """
        task = asyncio.create_task(self._retire(pool, fleet, id_, address, must))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for all of them."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _retire(self, pool: str, fleet: Fleet, id_: str, address: str | None, must: bool) -> None:
        if address is not None:
            acknowledged = await self._routers.drain(address)
            if not acknowledged and not must:
                _log.warning("replica kept: a router did not acknowledge its drain", pool=pool, replica=id_)
                await self._keep(fleet, id_, address)
                return
            await self._wait_until_idle(pool, id_, address)
        try:
            await self._launcher.stop(pool, id_)
        except Exception as error:  # of whatever launcher: one that stays "stopping" would never be tried again
            _log.error("replica kept: it can't be stopped", pool=pool, replica=id_, why=repr(error))
            await self._keep(fleet, id_, address)
            return
        _log.info("replica stopped", pool=pool, replica=id_)

    async def _keep(self, fleet: Fleet, id_: str, address: str | None) -> None:
        """Let it serve on, to be chosen again, or not, in the next tick."""
        if address is not None:
            await self._routers.resume(address)
        fleet.keep(id_)

    async def _wait_until_idle(self, pool: str, id_: str, address: str) -> None:
        try:
            async with asyncio.timeout(self._drain_s):
                while await self._routers.outstanding(address) > 0:  # noqa: ASYNC110 - another process's state
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            _log.warning("replica still busy after its drain time", pool=pool, replica=id_, drain_s=self._drain_s)
