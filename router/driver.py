"""Keeps the data plane on the newest policy, and hears its events."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

import dataplane

RETRY_S = 1.0
"""Before a policy that the data plane did not take is made anew and tried again."""

_log = structlog.get_logger(__name__)

T = TypeVar("T")


class Driver:
    """Applies policies one after the other, off the event loop: applying waits for the worker threads.

    What changes while one is applied is taken together into the next; `make_policy` is called on the event loop.
    """

    def __init__(self, plane: dataplane.DataPlane, make_policy: Callable[[], dataplane.Policy]) -> None:
        self._plane = plane
        self._make_policy = make_policy
        # One thread, so that a reading never overtakes the policy that was applied before it.
        self._thread = ThreadPoolExecutor(1, "data-plane-driver")
        self._changes = 0
        self._applied = 0
        self._changed = asyncio.Event()
        self._moved = asyncio.Condition()

    def change(self) -> None:
        """Something that the policy is made from has changed."""
        self._changes += 1
        self._changed.set()

    async def settled(self) -> None:
        """Return when the data plane follows everything that has changed until now: a drain's acknowledgement."""
        changes = self._changes
        async with self._moved:
            await self._moved.wait_for(lambda: self._applied >= changes)

    async def ask(self, question: Callable[[], T]) -> T:
        """The answer to a question that waits for the worker threads."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)

    async def run(self) -> None:
        """Apply until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            changes = self._changes
            try:
                policy = self._make_policy()
                await self.ask(lambda policy=policy: self._plane.apply(policy))  # type: ignore[misc]
            except Exception as error:  # the data plane stays on its last policy; nothing is acknowledged
                _log.error("policy not applied", why=str(error), retry_s=RETRY_S)
                self._changed.set()
                await asyncio.sleep(RETRY_S)
                continue
            async with self._moved:
                self._applied = changes
                self._moved.notify_all()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


def log_event(event: dataplane.Event) -> None:
    """Say what the data plane has noticed."""
    level = {"ejected": _log.warning, "recovered": _log.info}.get(event.kind, _log.debug)
    level(event.kind.replace("_", " "), backend=event.backend, why=event.detail)
