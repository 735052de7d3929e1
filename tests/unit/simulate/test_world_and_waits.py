"""The simulated queue against numbers worked by hand."""

import numpy as np
import pytest

from tidegate.simulate.waits import Waits, waits
from tidegate.simulate.world import World


def run(world: World, *ticks: list[float]) -> Waits:
    for counts in ticks:
        world.advance(np.array(counts))
    return waits(np.concatenate(world.arrived), np.concatenate(world.capacity), np.concatenate(world.backlogs))


def test_enough_capacity_keeps_nobody_waiting() -> None:
    world = World(0.0, 10.0, 120.0, ready=1)
    seen = run(world, [10.0] * 15)
    assert (seen.requests, seen.quantile(0.99), world.backlog) == (150.0, 0.0, 0.0)


def test_an_overload_queues_what_is_over_and_waits_grow_with_the_queue() -> None:
    """20/s at 10/s for 10 s: at 10 s, 100 wait; who comes then waits 10 s."""
    world = World(0.0, 10.0, 120.0, ready=1)
    seen = run(world, [20.0] * 10, [0.0] * 10)
    assert world.backlog == 0.0
    assert world.backlogs[1][0] == 100.0
    assert seen.quantile(0.5) == pytest.approx(5.0, abs=0.1)
    assert seen.quantile(1.0) == pytest.approx(10.0, abs=0.1)
    assert seen.late(0.5) == pytest.approx(0.95 * 200, abs=3)


def test_capacity_that_comes_later_ends_the_wait() -> None:
    """Nobody serves for 5 s; from then on all that queued goes at 100/s."""
    world = World(0.0, 100.0, 5.0, ready=0)
    world.ask(1)
    seen = run(world, [10.0] * 5, [0.0] * 5)
    assert seen.quantile(1.0) == pytest.approx(5.0, abs=0.1)
    assert seen.quantile(0.01) == pytest.approx(0.5, abs=0.2)  # the last of 50


def test_without_any_capacity_the_wait_has_no_end() -> None:
    world = World(0.0, 10.0, 5.0, ready=0)
    assert run(world, [1.0] * 3).quantile(0.5) == float("inf")


def test_served_and_queued_add_up_to_what_came() -> None:
    world, rng = World(0.0, 10.0, 20.0, ready=2), np.random.default_rng(1)
    came = served = 0.0
    for tick in range(40):
        world.ask(int(rng.integers(1, 6)))
        counts = rng.poisson(30, 15).astype(float)
        came += counts.sum()
        world.advance(counts)
        served += world.view().served.sum()
        assert world.backlog >= 0.0, tick
    assert came == pytest.approx(served + world.backlog)


def test_a_replica_costs_from_asked_and_serves_from_ready() -> None:
    world = World(0.0, 10.0, 20.0, ready=1)
    world.ask(3)
    world.advance(np.zeros(15))
    world.advance(np.zeros(15))
    assert np.concatenate(world.paid).tolist() == [3.0] * 30
    assert np.concatenate(world.capacity).tolist() == [10.0] * 20 + [30.0] * 10
    assert (world.ready, world.starting) == (3, [])


def test_the_youngest_that_starts_is_dropped_first_and_at_once() -> None:
    world = World(0.0, 10.0, 60.0, ready=2)
    world.ask(3)
    world.advance(np.zeros(15))
    world.ask(4)
    world.ask(3)
    assert (world.ready, world.starting) == (2, [60.0])
    world.ask(1)
    assert (world.ready, world.starting) == (1, [])
