"""The batcher on virtual time: nothing here waits, and no thread runs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest

from model_server.batcher import Batcher, Rehearsal
from model_server.batching import BatchQueue
from model_server.capacity import Capacity
from model_server.statistics import BusyMeter, Statistics
from tidegate.shared.errors import DeadlinePassed, InvalidTensor, ModelFailed, ModelNotReady, QueueFull
from tidegate.shared.tensors import Tensors

pytestmark = pytest.mark.looptime


class Machine:
    """Doubles x, `batch_s` seconds a batch; -1 in x makes it fail. Notes when each batch began and of how many rows."""

    def __init__(self, batch_s: float = 1.0) -> None:
        self.batch_s = batch_s
        self.batches: list[tuple[float, int]] = []

    async def __call__(self, inputs: Sequence[Tensors], rows: Sequence[int]) -> list[Tensors]:
        self.batches.append((round(now(), 3), sum(rows)))
        await asyncio.sleep(self.batch_s)
        if any((request["x"] == -1).any() for request in inputs):
            raise ModelFailed("the model failed on -1")
        return [{"y": request["x"] * 2} for request in inputs]


def now() -> float:
    return asyncio.get_running_loop().time()


def batcher(
    *executes: Machine, delay_s: float = 0.0, queue_rows: int = 100, rehearsal: Rehearsal | None = None
) -> Batcher:
    queue: BatchQueue = BatchQueue(4, delay_s, queue_rows)
    return Batcher(queue, executes, Statistics(), Capacity(4), now, time.time, rehearsal)


async def ask(
    server: Batcher, value: int, rows: int = 1, after_s: float = 0.0, remaining_s: float | None = None
) -> tuple[float, int]:
    """When the answer came and what it was."""
    await asyncio.sleep(after_s)
    got = await server.submit({"x": np.full((rows, 1), value)}, rows, None, remaining_s)
    assert got["y"].shape == (rows, 1)
    return round(now(), 3), int(got["y"][0, 0])


async def test_what_arrives_while_a_batch_runs_shares_the_next_one() -> None:
    machine = Machine()
    server = batcher(machine)
    got = await asyncio.gather(*(ask(server, value, after_s=0.1 * value) for value in range(5)))
    assert got == [(1.0, 0), (2.0, 2), (2.0, 4), (2.0, 6), (2.0, 8)]
    assert machine.batches == [(0.0, 1), (1.0, 4)]
    await server.close("done")


async def test_a_delay_gathers_a_first_batch() -> None:
    machine = Machine()
    server = batcher(machine, delay_s=0.5)
    await asyncio.gather(*(ask(server, value, after_s=0.2 * value) for value in range(4)))
    assert machine.batches[0] == (0.5, 3)
    assert machine.batches[1][1] == 1
    await server.close("done")


async def test_instances_run_at_the_same_time() -> None:
    first, second = Machine(), Machine()
    server = batcher(first, second)
    got = await asyncio.gather(ask(server, 1, rows=4), ask(server, 2, rows=4))
    assert got == [(1.0, 2), (1.0, 4)]
    assert len(first.batches) == len(second.batches) == 1
    await server.close("done")


async def test_one_bad_request_fails_alone() -> None:
    machine = Machine()
    server = batcher(machine, delay_s=0.1)
    good, bad, fine = await asyncio.gather(ask(server, 1), ask(server, -1), ask(server, 3), return_exceptions=True)
    assert isinstance(bad, ModelFailed)
    assert (good[1], fine[1]) == (2, 6)  # type: ignore[index]
    assert [rows for _, rows in machine.batches] == [3, 1, 1, 1]
    assert (await ask(server, 5))[1] == 10  # and the instance goes on
    await server.close("done")


async def test_a_deadline_that_passes_in_the_queue_is_not_run() -> None:
    machine = Machine()
    server = batcher(machine)
    running, late, patient = await asyncio.gather(
        ask(server, 1, rows=4),
        ask(server, 2, after_s=0.1, remaining_s=0.5),
        ask(server, 3, after_s=0.1, remaining_s=5.0),
        return_exceptions=True,
    )
    assert running == (1.0, 2)
    assert isinstance(late, DeadlinePassed)
    assert patient == (2.0, 6)
    assert machine.batches == [(0.0, 4), (1.0, 1)]
    await server.close("done")


async def test_a_caller_that_goes_away_leaves_the_queue() -> None:
    machine = Machine()
    server = batcher(machine)
    first = asyncio.create_task(ask(server, 1, rows=4))
    gone = asyncio.create_task(ask(server, 2, rows=3))
    await asyncio.sleep(0.5)
    assert server.queued_rows == 3
    gone.cancel()
    await asyncio.sleep(0)
    assert server.queued_rows == 0
    await first
    await server.close("done")
    assert machine.batches == [(0.0, 4)]


async def test_a_full_queue_says_when_there_will_be_room() -> None:
    machine = Machine()
    server = batcher(machine, queue_rows=4)
    await ask(server, 1, rows=4)  # measures: 4 rows/s
    waiting = [asyncio.create_task(ask(server, 1, rows=4, after_s=after_s)) for after_s in (0.0, 0.1)]
    await asyncio.sleep(0.2)
    with pytest.raises(QueueFull) as caught:
        await ask(server, 1)
    assert caught.value.pushback_s == pytest.approx(1.0)  # the 4 rows that wait are through in a second
    await asyncio.gather(*waiting)
    await server.close("done")


async def test_close_answers_what_is_here_and_refuses_the_rest() -> None:
    machine = Machine()
    server = batcher(machine)
    calls = [asyncio.create_task(ask(server, value, rows=4)) for value in range(3)]
    await asyncio.sleep(0.1)
    closing = asyncio.create_task(server.close("model 'm' is unloaded"))
    await asyncio.sleep(0)
    with pytest.raises(ModelNotReady, match="unloaded"):
        await ask(server, 9)
    assert [await call for call in calls] == [(1.0, 0), (2.0, 2), (3.0, 4)]
    await closing
    assert now() == pytest.approx(3.0, abs=0.01)


async def test_a_rehearsed_accelerator_runs_one_batch_at_a_time_for_all_models() -> None:
    rehearsal = Rehearsal(asyncio.Lock(), 0.5, BusyMeter(1, now()))
    quick, other = Machine(batch_s=0.01), Machine(batch_s=0.01)
    one, two = batcher(quick, quick, rehearsal=rehearsal), batcher(other, rehearsal=rehearsal)
    got = await asyncio.gather(
        ask(one, 1, rows=4),
        ask(two, 2, rows=4),
        ask(one, 3, rows=4),
        ask(one, 4, after_s=0.7),
        ask(one, 5, after_s=0.8),
    )
    began = sorted(at for at, _ in (*quick.batches, *other.batches))
    assert began == [0.0, 0.5, 1.0, 1.5]
    assert quick.batches[-1] == (1.5, 2)  # formed when its turn came, so both are in it
    assert max(at for at, _ in got) == 2.0
    assert one.busy_share() == two.busy_share() > 0
    await asyncio.gather(one.close("done"), two.close("done"))


async def test_figures_are_kept() -> None:
    statistics, capacity = Statistics(), Capacity(4)
    queue: BatchQueue = BatchQueue(4, 0.0, 100)
    server = Batcher(queue, [Machine()], statistics, capacity, now, lambda: 1234.5)
    await asyncio.gather(ask(server, 1, rows=4), ask(server, 2, rows=2), ask(server, 3, rows=2))
    assert (statistics.rows, statistics.batch_count) == (8, 2)
    assert statistics.queue.seconds == pytest.approx(2.0)  # two waited a second each
    assert statistics.last_inference_s == 1234.5
    assert capacity.rows_per_s() == pytest.approx(4.0)
    assert 0.2 < server.busy_share() < 0.5
    await server.close("done")


async def test_an_error_of_the_input_reaches_its_caller_as_it_is() -> None:
    async def refuse(_inputs: Sequence[Tensors], _rows: Sequence[int]) -> list[Tensors]:
        raise InvalidTensor("input 'x': not text")

    execute: Callable[..., Awaitable[list[Tensors]]] = refuse
    queue: BatchQueue = BatchQueue(4, 0.0, 100)
    server = Batcher(queue, [execute], Statistics(), Capacity(4), now, time.time)
    with pytest.raises(InvalidTensor, match="not text"):
        await ask(server, 1)
    await server.close("done")
