import asyncio

import numpy as np
import pytest

from tidegate.client.load import OpenLoop
from tidegate.client.results import OK

pytestmark = pytest.mark.looptime


async def test_everything_goes_out_at_its_time_though_nothing_is_answered() -> None:
    sent_at: list[float] = []

    async def send(k: int) -> str:
        sent_at.append(asyncio.get_running_loop().time())
        await asyncio.sleep(100)
        return OK

    start = asyncio.get_running_loop().time()
    due = np.array([0.0, 1.0, 1.0, 2.5])
    result = await OpenLoop(due, send).run()
    np.testing.assert_allclose(np.array(sent_at) - start, due)
    np.testing.assert_allclose(result.latency_s, 100)


async def test_waiting_for_room_counts_as_latency() -> None:
    async def send(k: int) -> str:
        await asyncio.sleep(2)
        return OK

    result = await OpenLoop(np.zeros(3), send, max_outstanding=1).run()
    np.testing.assert_allclose(result.latency_s, [2, 4, 6])


async def test_counters_tell_where_the_run_stands() -> None:
    async def send(k: int) -> str:
        await asyncio.sleep(1 + k)
        return OK if k else "UNAVAILABLE"

    load = OpenLoop(np.zeros(2), send)
    run = asyncio.create_task(load.run())
    await asyncio.sleep(1.5)
    assert (load.sent, load.answered, load.failed, load.outstanding) == (2, 1, 1, 1)
    await run
    assert (load.answered, load.failed, load.outstanding) == (2, 1, 0)


async def test_a_cancelled_run_cancels_what_is_in_flight() -> None:
    ended: list[int] = []

    async def send(k: int) -> str:
        try:
            await asyncio.sleep(100)
        finally:
            ended.append(k)
        return OK

    run = asyncio.create_task(OpenLoop(np.zeros(3), send).run())
    await asyncio.sleep(1)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert sorted(ended) == [0, 1, 2]
