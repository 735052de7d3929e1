"""ModelStreamInfer: a stream's requests worked on together, answered in their order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

Request = TypeVar("Request")
Response = TypeVar("Response")

MAX_IN_FLIGHT = 64
"""Requests of one stream that are worked on at a time; further ones stay unread, so that the sender is slowed down."""


async def in_order(
    requests: AsyncIterator[Request], answer: Callable[[Request], Awaitable[Response]], limit: int = MAX_IN_FLIGHT
) -> AsyncIterator[Response]:
    """Responses in the order of their requests, with up to `limit` requests in work (so that they can share batches).

    `answer` must not raise. Requests still in work when the caller stops iterating are cancelled.
    """
    waiting: asyncio.Queue[asyncio.Task[Response] | None] = asyncio.Queue()
    room = asyncio.Semaphore(limit)

    async def read() -> None:
        try:
            async for request in requests:
                await room.acquire()
                waiting.put_nowait(asyncio.ensure_future(_run(answer, request)))
        finally:
            waiting.put_nowait(None)

    reader = asyncio.create_task(read())
    current: asyncio.Task[Response] | None = None
    try:
        while (current := await waiting.get()) is not None:
            yield await current
            room.release()
        await reader  # raises what reading raised
    finally:
        reader.cancel()
        while not waiting.empty():
            if (task := waiting.get_nowait()) is not None:
                task.cancel()
        if current is not None:
            current.cancel()


async def _run(answer: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    return await answer(request)
