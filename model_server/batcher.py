"""The asyncio shell around BatchQueue: one task per instance of a model takes batches and has them run."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from model_server.batching import BatchQueue, Ticket
from model_server.capacity import Capacity
from model_server.statistics import BusyMeter, Statistics
from tidegate.shared.errors import DeadlinePassed, ModelNotReady
from tidegate.shared.tensors import Tensors

Execute = Callable[[Sequence[Tensors], Sequence[int]], Awaitable[list[Tensors]]]
"""Runs one batch: the requests' inputs and their rows in, each request's outputs out. Not called concurrently."""

FOREVER_S = float("inf")


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One rehearsed accelerator: whoever holds `turn` runs, for at least `batch_s`; the others wait for it."""

    turn: asyncio.Lock
    batch_s: float
    busy: BusyMeter


@dataclass(slots=True, eq=False)
class _Request:
    inputs: Tensors
    answer: asyncio.Future[Tensors]


class Batcher:
    """Takes requests of one version of a model and answers each with its own rows.

    `executes` has one function per instance. Without a rehearsal each instance runs on its own; with one, batches of
    all batchers that share it run one at a time, and each is formed only when its turn has come, so that requests
    which arrive meanwhile still join it.
    """

    def __init__(
        self,
        queue: BatchQueue[_Request],
        executes: Sequence[Execute],
        statistics: Statistics,
        capacity: Capacity,
        clock: Callable[[], float],
        epoch: Callable[[], float],
        rehearsal: Rehearsal | None = None,
    ) -> None:
        self._queue = queue
        self._statistics = statistics
        self._capacity = capacity
        self._clock = clock
        self._epoch = epoch
        self._rehearsal = rehearsal
        self._busy = rehearsal.busy if rehearsal else BusyMeter(len(executes), clock())
        self._changed = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._unanswered = 0
        self.running = 0
        """Batches that run now."""
        self._closed_because = ""
        self._tasks = [asyncio.create_task(self._serve(execute)) for execute in executes]

    @property
    def queued_rows(self) -> int:
        """Rows that wait for a batch."""
        return self._queue.rows

    def busy_share(self) -> float:
        """Share of the instances (in a rehearsal: of the accelerator) that was busy lately."""
        return self._busy.share(self._clock())

    def queued_work_s(self) -> float:
        """Seconds until what waits now is through, at full batches; 0 before the capacity is known."""
        rows_per_s = self._capacity.rows_per_s()
        return self._queue.rows / rows_per_s if rows_per_s else 0.0

    async def submit(self, inputs: Tensors, rows: int, key: Hashable, remaining_s: float | None = None) -> Tensors:
        """Outputs for these inputs. A caller that is cancelled while it waits takes its request out of the queue.

        Raises InvalidRequest (too many rows), QueueFull, DeadlinePassed, ModelNotReady (closed), and what running
        the model raises.
        """
        if self._closed_because:
            raise ModelNotReady(self._closed_because)
        now = self._clock()
        deadline_s = FOREVER_S if remaining_s is None else now + remaining_s
        pushback_s = min(10.0, max(0.05, self.queued_work_s()))
        request = _Request(inputs, asyncio.get_running_loop().create_future())
        ticket = self._queue.offer(request, rows, key, now, deadline_s, pushback_s)
        self._unanswered += 1
        self._at_rest.clear()
        self._changed.set()
        try:
            return await request.answer
        finally:
            self._queue.cancel(ticket)
            self._unanswered -= 1
            if self._unanswered == 0:
                self._at_rest.set()

    async def close(self, reason: str) -> None:
        """Refuse new requests with the reason, answer those that are here, then end the instances' tasks."""
        self._closed_because = reason
        await self._at_rest.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, execute: Execute) -> None:
        while True:
            await self._wait_until_due()
            async with self._rehearsal.turn if self._rehearsal else contextlib.nullcontext():
                batch = self._next_batch()
                if batch:
                    await self._run(execute, batch)

    async def _wait_until_due(self) -> None:
        while True:
            due_s = self._queue.wake_at()
            wait_s = None if due_s is None else due_s - self._clock()
            if wait_s is not None and wait_s <= 0.0:
                return
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()

    def _next_batch(self) -> list[Ticket[_Request]]:
        batch, expired = self._queue.next_batch(self._clock())
        for ticket in expired:
            waited_s = self._clock() - ticket.offered_s
            _fail([ticket], DeadlinePassed(f"the deadline passed after {waited_s:.3f} s in the queue; it was not run"))
        return batch

    async def _run(self, execute: Execute, batch: list[Ticket[_Request]]) -> None:
        rows = [ticket.rows for ticket in batch]
        failure: Exception | None = None
        started_s = self._clock()
        self._busy.begin(started_s)
        self.running += 1
        try:
            outputs = await execute([ticket.item.inputs for ticket in batch], rows)
            if self._rehearsal:
                await asyncio.sleep(max(0.0, started_s + self._rehearsal.batch_s - self._clock()))
        except asyncio.CancelledError:
            _fail(batch, ModelNotReady("the model was stopped"))
            raise
        except Exception as error:  # the callers get it, and the instance goes on
            failure = error
        finally:
            self.running -= 1
            ended_s = self._clock()
            self._busy.end(ended_s)
        if failure:
            await self._after_failure(execute, batch, failure)
            return
        self._capacity.observe(sum(rows), ended_s - started_s)
        waits_s = [started_s - ticket.offered_s for ticket in batch]
        self._statistics.batch_done(waits_s, sum(rows), ended_s - started_s, self._epoch())
        for ticket, output in zip(batch, outputs, strict=True):
            if not ticket.item.answer.done():
                ticket.item.answer.set_result(output)

    async def _after_failure(self, execute: Execute, batch: list[Ticket[_Request]], failure: Exception) -> None:
        """Run the requests of a failed batch each alone, so that only the one that the model chokes on fails."""
        if len(batch) == 1:
            _fail(batch, failure)
            return
        for ticket in batch:
            if not ticket.item.answer.done():
                await self._run(execute, [ticket])


def _fail(tickets: Iterable[Ticket[_Request]], error: Exception) -> None:
    for ticket in tickets:
        if not ticket.item.answer.done():
            ticket.item.answer.set_exception(error)
