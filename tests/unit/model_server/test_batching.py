from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from model_server.batching import BatchQueue, Ticket, join, split
from tidegate.shared.errors import InvalidRequest, QueueFull

NEVER = float("inf")


def taken(queue: BatchQueue[str], now: float) -> str:
    return "".join(ticket.item for ticket in queue.next_batch(now)[0])


def filled(delay_s: float, *offers: tuple[str, int, str], max_batch_rows: int = 4) -> BatchQueue[str]:
    queue: BatchQueue[str] = BatchQueue(max_batch_rows, delay_s, 100)
    for second, (item, rows, key) in enumerate(offers):
        queue.offer(item, rows, key, float(second), NEVER)
    return queue


def test_a_batch_is_filled_by_rows_in_the_order_of_arrival() -> None:
    queue = filled(0.0, ("a", 1, "k"), ("b", 2, "k"), ("c", 3, "k"), ("d", 1, "k"))
    assert [taken(queue, 9.0) for _ in range(3)] == ["ab", "cd", ""]


def test_nobody_is_overtaken_by_one_that_would_still_fit() -> None:
    queue = filled(0.0, ("a", 3, "k"), ("b", 2, "k"), ("c", 1, "k"))
    assert [taken(queue, 9.0) for _ in range(2)] == ["a", "bc"]


def test_unlike_shapes_never_share_a_batch_and_the_oldest_goes_first() -> None:
    queue = filled(0.0, ("a", 1, "k"), ("b", 1, "m"), ("c", 1, "k"))
    assert [taken(queue, 9.0) for _ in range(2)] == ["ac", "b"]


def test_a_batch_waits_its_delay_unless_it_is_full() -> None:
    queue = filled(5.0, ("a", 1, "k"), ("b", 2, "k"))
    assert taken(queue, 4.9) == ""
    assert queue.wake_at() == 5.0
    assert taken(queue, 5.0) == "ab"
    assert queue.wake_at() is None
    full = filled(5.0, ("a", 1, "k"), ("b", 4, "m"))
    assert taken(full, 1.0) == "b"  # full at once, though a is older
    assert full.wake_at() == 5.0


def test_expired_requests_come_out_but_never_in_a_batch() -> None:
    queue: BatchQueue[str] = BatchQueue(4, 0.0, 100)
    queue.offer("late", 1, "k", 0.0, 2.0)
    queue.offer("fine", 1, "k", 0.0, 3.0)
    batch, expired = queue.next_batch(2.0)
    assert ([each.item for each in batch], [each.item for each in expired]) == (["fine"], ["late"])
    queue.offer("late", 1, "k", 0.0, 2.0)
    batch, expired = queue.next_batch(2.5)
    assert ([each.item for each in batch], [each.item for each in expired]) == ([], ["late"])
    assert queue.rows == 0


def test_cancelled_requests_leave_at_once() -> None:
    queue: BatchQueue[str] = BatchQueue(4, 0.0, 100)
    ticket = queue.offer("a", 2, "k", 0.0, NEVER)
    queue.offer("b", 1, "k", 0.0, NEVER)
    assert queue.cancel(ticket)
    assert not queue.cancel(ticket)
    assert queue.rows == 1
    assert taken(queue, 0.0) == "b"


@pytest.mark.parametrize("rows", [0, 5])
def test_a_request_must_fit_into_a_batch(rows: int) -> None:
    with pytest.raises(InvalidRequest, match=rf"{rows} rows.*1 to 4"):
        BatchQueue[str](4, 0.0, 100).offer("a", rows, "k", 0.0, NEVER)


def test_a_full_queue_says_how_long_to_wait() -> None:
    queue: BatchQueue[str] = BatchQueue(4, 0.0, 5)
    queue.offer("a", 4, "k", 0.0, NEVER)
    with pytest.raises(QueueFull, match="4 rows wait already and 2 more") as caught:
        queue.offer("b", 2, "k", 0.0, NEVER, pushback_s=0.3)
    assert caught.value.pushback_s == 0.3
    queue.offer("c", 1, "k", 0.0, NEVER)


@dataclass(frozen=True)
class Offered:
    number: int
    rows: int
    key: int


class QueueMachine(RuleBasedStateMachine):
    """Any interleaving of offers, cancellations and batches, against a plain list of what waits."""

    MAX_BATCH_ROWS, MAX_QUEUE_ROWS, DELAY_S = 6, 15, 2.0

    def __init__(self) -> None:
        super().__init__()
        self.queue: BatchQueue[Offered] = BatchQueue(self.MAX_BATCH_ROWS, self.DELAY_S, self.MAX_QUEUE_ROWS)
        self.waiting: list[Ticket[Offered]] = []
        self.now = 0.0
        self.count = 0

    @rule(rows=st.integers(1, 6), key=st.integers(0, 2), patience=st.sampled_from([0.5, 3.0, NEVER]))
    def offer(self, rows: int, key: int, patience: float) -> None:
        self.count += 1
        room = sum(ticket.rows for ticket in self.waiting) + rows <= self.MAX_QUEUE_ROWS
        try:
            ticket = self.queue.offer(Offered(self.count, rows, key), rows, key, self.now, self.now + patience)
        except QueueFull:
            assert not room
        else:
            assert room
            self.waiting.append(ticket)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        assert self.queue.cancel(ticket)
        self.waiting.remove(ticket)

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def batch(self) -> None:
        wake_at = self.queue.wake_at()
        batch, expired = self.queue.next_batch(self.now)
        if wake_at is None or wake_at > self.now:
            assert batch == expired == []
        assert sum(ticket.rows for ticket in batch) <= self.MAX_BATCH_ROWS
        assert len({ticket.key for ticket in batch}) <= 1
        assert all(ticket.deadline_s > self.now for ticket in batch)
        assert all(ticket.deadline_s <= self.now for ticket in expired)
        numbers = [ticket.item.number for ticket in batch]
        assert numbers == sorted(numbers)
        for ticket in (*batch, *expired):
            self.waiting.remove(ticket)  # was offered, and comes out once
        if batch:  # nobody of the same key who still waits came before
            same = [ticket.item.number for ticket in self.waiting if ticket.key == batch[0].key]
            assert all(number > max(numbers) for number in same)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.queue.rows == sum(ticket.rows for ticket in self.waiting)
        assert len(self.queue) == len(self.waiting)
        assert (self.queue.wake_at() is None) == (not self.waiting)


TestQueueMachine = QueueMachine.TestCase


@given(rows=st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_every_row_comes_back_to_its_caller(rows: list[int]) -> None:
    requests, start = [], 0
    for count in rows:
        requests.append({"x": np.arange(start, start + 2 * count).reshape(count, 2)})
        start += 2 * count
    joined = join(requests)
    assert joined["x"].shape == (sum(rows), 2)
    for request, part in zip(requests, split({"y": joined["x"] * 10}, rows), strict=True):
        assert np.array_equal(part["y"], request["x"] * 10)
