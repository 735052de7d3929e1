import asyncio
from collections.abc import AsyncIterator

import pytest

from model_server.streaming import in_order

pytestmark = pytest.mark.looptime


async def requests(*items: float, gap_s: float = 0.0) -> AsyncIterator[float]:
    for item in items:
        yield item
        await asyncio.sleep(gap_s)


async def test_answers_keep_the_order_though_later_ones_are_ready_first() -> None:
    async def answer(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    got = [each async for each in in_order(requests(3.0, 1.0, 2.0), answer)]
    assert got == [3.0, 1.0, 2.0]
    assert asyncio.get_running_loop().time() == pytest.approx(3.0, abs=0.01)  # they were in work together


async def test_no_more_than_the_limit_are_in_work() -> None:
    in_work = most = 0

    async def answer(item: float) -> float:
        nonlocal in_work, most
        in_work += 1
        most = max(most, in_work)
        await asyncio.sleep(1.0)
        in_work -= 1
        return item

    got = [each async for each in in_order(requests(*range(10)), answer, limit=3)]
    assert got == list(range(10))
    assert most == 3


async def test_what_is_in_work_is_cancelled_when_the_caller_leaves() -> None:
    cancelled = []

    async def answer(item: float) -> float:
        try:
            await asyncio.sleep(100.0 * item)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise
        return item

    stream = in_order(requests(0, 1, 2), answer)
    assert await anext(stream) == 0
    await asyncio.sleep(1.0)
    await stream.aclose()  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    assert cancelled == [1, 2]


async def test_a_stream_that_breaks_answers_what_came_and_then_raises() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ConnectionError("the peer is gone")

    async def answer(item: int) -> int:
        return item

    stream = in_order(broken(), answer)
    assert await anext(stream) == 1
    with pytest.raises(ConnectionError):
        await anext(stream)
