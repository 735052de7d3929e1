"""Open-loop load: every request goes out at its intended time, however many are still outstanding."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import grpc
import numpy as np

from tidegate.client.results import OK, WRONG_ANSWER, LoadResult
from tidegate.shared.grpc_server import channel
from tidegate.shared.values import FloatArray

MAX_OUTSTANDING = 10_000
"""Requests in flight at most; beyond it sending waits, and the wait counts, as latency runs from the intended time."""

Send = Callable[[int], Awaitable[str]]
"""Sends request k and returns its status name; never raises."""


class OpenLoop:
    """One run over a schedule; its counters may be read while it runs.

    `due_s` (n,) are intended send times in seconds from the start of the run, not falling.
    """

    def __init__(self, due_s: FloatArray, send: Send, max_outstanding: int = MAX_OUTSTANDING) -> None:
        self._due_s = due_s
        self._send = send
        self._room = asyncio.Semaphore(max_outstanding)
        self._latency_s = np.full(len(due_s), np.nan)
        self._status = np.full(len(due_s), "", dtype=object)
        self.sent = 0
        self.answered = 0
        self.failed = 0

    @property
    def outstanding(self) -> int:
        """Requests sent and not yet answered."""
        return self.sent - self.answered

    async def run(self) -> LoadResult:
        """Send everything and wait for every answer. When cancelled, what is in flight is cancelled too."""
        clock = asyncio.get_running_loop().time
        start = clock()
        async with asyncio.TaskGroup() as tasks:
            for k, due in enumerate(self._due_s):
                wait = start + float(due) - clock()
                if wait > 0:
                    await asyncio.sleep(wait)
                await self._room.acquire()
                self.sent += 1
                tasks.create_task(self._one(k, start + float(due), clock))
        return self.result(clock() - start)

    def result(self, took_s: float) -> LoadResult:
        """What is known by now, of a run that took `took_s` so far."""
        return LoadResult(self._due_s, self._latency_s.copy(), self._status.copy(), took_s)

    async def _one(self, k: int, due_at: float, clock: Callable[[], float]) -> None:
        try:
            status = await self._send(k)
        finally:
            self._room.release()
            self.answered += 1
        self._latency_s[k] = clock() - due_at
        self._status[k] = status
        self.failed += status != OK


class InferSender:
    """Sends prepared requests to one target, spread over `connections`.

    `requests` are serialised ModelInferRequests; request k of the run sends `requests[choice[k]]`. `check`, when
    given, gets k and the response's bytes and says whether the answer is right. Requests stay bytes (no message
    object per call): the generator often shares its machine with what it measures.
    """

    def __init__(
        self,
        target: str,
        requests: Sequence[bytes],
        choice: Sequence[int],
        *,
        deadline_s: float | None = None,
        check: Callable[[int, bytes], bool] | None = None,
        connections: int = 1,
    ) -> None:
        self._requests = requests
        self._choice = choice
        self._deadline_s = deadline_s
        self._check = check
        self._channels = [channel(target) for _ in range(connections)]
        method = "/inference.GRPCInferenceService/ModelInfer"
        self._calls = [one.unary_unary(method) for one in self._channels]

    async def send(self, k: int) -> str:
        """Send request k; its status name (grpc's, or WRONG_ANSWER)."""
        call = self._calls[k % len(self._calls)]
        try:
            response: bytes = await call(self._requests[self._choice[k]], timeout=self._deadline_s)
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return OK if self._check is None or self._check(k, response) else WRONG_ANSWER

    async def close(self) -> None:
        """Close the connections."""
        for one in self._channels:
            await one.close()
