"""The waiting room: bounded, first come first out, woken when waiting makes no more sense."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.backends import BackendTable
from router.holding import WaitingRoom
from router.waiting import Hold
from tidegate.shared.errors import HoldFull, ShuttingDown

A, B = "10.0.0.1:1", "10.0.0.2:1"
DIGITS = frozenset({"digits"})


def room(max_requests: int = 10, max_bytes: int = 1000) -> WaitingRoom:
    return WaitingRoom(max_requests, max_bytes, pushback_s=1.5)


def table(*ready: str) -> BackendTable:
    made = BackendTable()
    for address in ready:
        made.add_static(address)
        made.set_healthy(address, DIGITS)
    return made


def test_the_number_of_requests_is_bounded():
    full = room(max_requests=2)
    tickets = [full.enter("digits", 1, set()) for _ in range(2)]
    with pytest.raises(HoldFull, match="hold_requests = 2") as refusal:
        full.enter("digits", 1, set())
    assert refusal.value.pushback_s == 1.5
    full.leave(tickets[0])
    full.enter("digits", 1, set())


def test_the_bytes_are_bounded():
    full = room(max_bytes=100)
    full.enter("digits", 60, set())
    with pytest.raises(HoldFull, match="no room for 41 more"):
        full.enter("digits", 41, set())
    full.enter("digits", 40, set())
    assert full.bytes == 100


def test_those_whose_model_became_ready_are_released_in_their_order():
    waiting = room()
    first = waiting.enter("digits", 1, set())
    waiting.enter("faces", 1, set())
    second = waiting.enter("digits", 1, set())
    backends = BackendTable()
    backends.add_static(A)
    assert waiting.released(backends.snapshot) == []
    backends.add_static(B)
    backends.set_healthy(A, DIGITS)
    assert waiting.released(backends.snapshot) == [first, second], "b is starting and might have faces"


def test_those_whose_model_nobody_can_have_are_released_to_be_refused():
    waiting = room()
    stranger = waiting.enter("faces", 1, set())
    assert waiting.released(table(A).snapshot) == [stranger]


def test_a_replica_that_was_tried_counts_again_once_it_has_been_away():
    waiting = room()
    ticket = waiting.enter("digits", 1, {A})
    backends = table(A)
    assert waiting.released(backends.snapshot) == [], "a is ready, but was tried"
    backends.set_unhealthy(A)
    assert waiting.released(backends.snapshot) == []
    backends.set_healthy(A, DIGITS)
    assert waiting.released(backends.snapshot) == [ticket]


def test_held_requests_are_counted_by_model():
    waiting = room()
    for model in ("digits", "faces", "digits"):
        waiting.enter(model, 1, set())
    assert waiting.held() == {"digits": 2, "faces": 1}


@given(st.lists(st.one_of(st.integers(0, 400), st.none()), max_size=40))
def test_bounds_hold_and_everything_is_given_back(steps):
    waiting, tickets = room(max_requests=5, max_bytes=1000), []
    for size in steps:
        if size is None:
            if tickets:
                waiting.leave(tickets.pop(0))
        else:
            try:
                tickets.append(waiting.enter("digits", size, set()))
            except HoldFull:
                assert len(tickets) == 5 or sum(ticket.size_bytes for ticket in tickets) + size > 1000
        assert len(waiting) == len(tickets) <= 5
        assert waiting.bytes == sum(ticket.size_bytes for ticket in tickets) <= 1000
    for ticket in tickets:
        waiting.leave(ticket)
        waiting.leave(ticket)
    assert len(waiting) == waiting.bytes == 0


@pytest.mark.looptime
async def test_a_waiter_wakes_when_a_replica_is_ready():
    waiting, backends = room(), BackendTable()
    hold = Hold(waiting, backends)
    backends.add_static(A)
    task = asyncio.create_task(hold.wait("digits", 1, set(), timeout_s=60))
    await asyncio.sleep(20)
    assert not task.done()
    backends.set_healthy(A, DIGITS)
    await task
    assert len(waiting) == 0


@pytest.mark.looptime
async def test_a_waiter_gives_up_at_its_time():
    waiting = room()
    hold = Hold(waiting, BackendTable())
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await hold.wait("digits", 1, set(), timeout_s=30)
    assert asyncio.get_running_loop().time() - started == pytest.approx(30)
    assert len(waiting) == 0


@pytest.mark.looptime
async def test_a_cancelled_waiter_leaves_the_room():
    waiting, backends = room(), BackendTable()
    hold = Hold(waiting, backends)
    task = asyncio.create_task(hold.wait("digits", 7, set(), timeout_s=60))
    await asyncio.sleep(1)
    assert waiting.bytes == 7
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waiting.bytes == len(waiting) == 0
    backends.add_static(A)
    backends.set_healthy(A, DIGITS)  # nobody is left to wake, and that is fine


@pytest.mark.looptime
async def test_closing_refuses_those_who_wait_and_those_who_come():
    hold = Hold(room(), BackendTable())
    task = asyncio.create_task(hold.wait("digits", 1, set(), timeout_s=60))
    await asyncio.sleep(0)
    hold.close()
    with pytest.raises(ShuttingDown):
        await task
    with pytest.raises(ShuttingDown):
        await hold.wait("digits", 1, set(), timeout_s=60)
