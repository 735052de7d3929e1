"""Replicas end, by force and by request, while load comes on; nobody loses an answer."""

import asyncio
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.support.stack import drive, ready_replicas, running
from tidegate.client.results import summarize

RATE_RPS = 150.0
"""A quarter of what three replicas can do: 4 rows every 20 ms each."""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_a_replica_that_ends_under_load_loses_nothing(how: signal.Signals, tmp_path: Path) -> None:
    """Unary requests that were sent to it and not begun to be answered go to another replica."""
    with running(tmp_path, replicas=3) as stack:
        due_s = np.arange(0.0, 5.0, 1 / RATE_RPS)
        load = asyncio.create_task(drive(stack.router, due_s))
        await asyncio.sleep(2.0)
        stack.replicas[0].send_signal(how)
        result = await load
        summary = summarize(result)
        assert (summary.sent, summary.failed) == (len(due_s), {})
        assert await asyncio.to_thread(stack.replicas[0].wait, 20) == (0 if how is signal.SIGTERM else -signal.SIGKILL)
        assert await asyncio.to_thread(ready_replicas, stack.admin) == 2
