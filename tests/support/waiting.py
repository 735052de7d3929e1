"""Waiting for what has no event of its own."""

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Return when the condition holds; fail when it doesn't in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"it did not come about within {timeout_s} s"
        await asyncio.sleep(0.005)
