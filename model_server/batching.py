"""Dynamic batching by rows. PURE: times are seconds of any one clock.

A request brings rows (the size of its tensors' first dimension); a batch is a run of requests whose rows go through
the model together. The queue is first come, first served among requests that may share a batch (those of one `key`,
the shapes without the first dimension); a batch never mixes keys.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from tidegate.shared.errors import InvalidRequest, QueueFull
from tidegate.shared.tensors import Tensors

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Ticket(Generic[T]):
    """A request's place in the queue. `waiting` ends when it is taken, cancelled or found expired."""

    item: T
    rows: int
    key: Hashable
    offered_s: float
    deadline_s: float
    number: int
    waiting: bool = True


@dataclass(slots=True)
class _Line(Generic[T]):
    tickets: OrderedDict[int, Ticket[T]] = field(default_factory=OrderedDict)
    rows: int = 0

    def oldest(self) -> Ticket[T]:
        return next(iter(self.tickets.values()))


class BatchQueue(Generic[T]):
    """Requests that wait for a batch.

    A batch is due when it is full (the next request of its key does not fit any more) or when its oldest request has
    waited `max_queue_delay_s`; of several due batches the one with the oldest request goes first.
    """

    def __init__(self, max_batch_rows: int, max_queue_delay_s: float, max_queue_rows: int) -> None:
        self.max_batch_rows = max_batch_rows
        self.max_queue_delay_s = max_queue_delay_s
        self.max_queue_rows = max_queue_rows
        self.rows = 0
        """Rows that wait now."""
        self._lines: dict[Hashable, _Line[T]] = {}
        self._offered = 0

    def __len__(self) -> int:
        return sum(len(line.tickets) for line in self._lines.values())

    def offer(
        self, item: T, rows: int, key: Hashable, now: float, deadline_s: float, pushback_s: float = 1.0
    ) -> Ticket[T]:
        """Put a request at the end of the queue.

        Raises InvalidRequest when it has no row or more rows than a batch may have, QueueFull (with `pushback_s`)
        when its rows would exceed `max_queue_rows`.
        """
        if not 0 < rows <= self.max_batch_rows:
            raise InvalidRequest(f"the request has {rows} rows; the model takes 1 to {self.max_batch_rows}")
        if self.rows + rows > self.max_queue_rows:
            raise QueueFull(
                f"{self.rows} rows wait already and {rows} more would exceed max_queue_rows = {self.max_queue_rows}",
                pushback_s,
            )
        self._offered += 1
        ticket = Ticket(item, rows, key, now, deadline_s, self._offered)
        line = self._lines.setdefault(key, _Line())
        line.tickets[ticket.number] = ticket
        line.rows += rows
        self.rows += rows
        return ticket

    def cancel(self, ticket: Ticket[T]) -> bool:
        """Drop a waiting request; False when it no longer waits (it runs, or has run)."""
        if not ticket.waiting:
            return False
        self._remove(ticket)
        return True

    def next_batch(self, now: float) -> tuple[list[Ticket[T]], list[Ticket[T]]]:
        """The batch to run now, oldest request first (empty: none is due), and requests found past their deadline.

        Neither waits any longer. An expired request is found when its turn comes, and never runs.
        """
        expired: list[Ticket[T]] = []
        while line := self._due(now):
            batch = self._take(line, now, expired)
            if batch:
                return batch, expired
        return [], expired

    def wake_at(self) -> float | None:
        """When the next batch is due (perhaps already past); None when nothing waits."""
        return min((self._due_at(line) for line in self._lines.values()), default=None)

    def _due_at(self, line: _Line[T]) -> float:
        # Rows at the limit fill a batch for sure. (A line may hold a full batch with less: 3 + 3 rows when 5 are
        # allowed. Then it waits its delay, at most.)
        return float("-inf") if line.rows >= self.max_batch_rows else line.oldest().offered_s + self.max_queue_delay_s

    def _due(self, now: float) -> _Line[T] | None:
        due = [line for line in self._lines.values() if self._due_at(line) <= now]
        return min(due, key=lambda line: line.oldest().number, default=None)

    def _take(self, line: _Line[T], now: float, expired: list[Ticket[T]]) -> list[Ticket[T]]:
        batch: list[Ticket[T]] = []
        rows = 0
        while line.tickets:
            ticket = line.oldest()
            if ticket.deadline_s <= now:
                self._remove(ticket)
                expired.append(ticket)
            elif rows + ticket.rows > self.max_batch_rows:
                break  # the next one must not overtake it, so the batch ends here
            else:
                self._remove(ticket)
                batch.append(ticket)
                rows += ticket.rows
        return batch

    def _remove(self, ticket: Ticket[T]) -> None:
        ticket.waiting = False
        line = self._lines[ticket.key]
        del line.tickets[ticket.number]
        line.rows -= ticket.rows
        self.rows -= ticket.rows
        if not line.tickets:
            del self._lines[ticket.key]


def join(requests: Sequence[Tensors]) -> Tensors:
    """The requests' tensors one after the other along the first dimension; a single request's as they are."""
    if len(requests) == 1:
        return requests[0]
    return {name: np.concatenate([request[name] for request in requests]) for name in requests[0]}


def split(outputs: Tensors, rows: Sequence[int]) -> list[Tensors]:
    """Each request's own rows of a batch's outputs, in the order of `rows`, as views."""
    if len(rows) == 1:
        return [outputs]
    parts, start = [], 0
    for count in rows:
        parts.append({name: array[start : start + count] for name, array in outputs.items()})
        start += count
    return parts
