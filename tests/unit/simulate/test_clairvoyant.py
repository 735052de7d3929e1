"""The least that a prophet pays, on cases worked by hand."""

import numpy as np

from tests.support.views import TERMS
from tidegate.simulate.clairvoyant import ClairvoyantPolicy, fewest_ready, replica_seconds
from tidegate.simulate.replay import replay
from tidegate.simulate.waits import waits
from tidegate.simulate.world import World

BOUNDS = (1, 50)


def test_a_level_load_takes_what_serves_it() -> None:
    assert fewest_ready(np.full(30, 30.0), 10.0, 0.5, 15, BOUNDS) == [3, 3]


def test_the_queue_may_be_as_long_as_the_slo_allows() -> None:
    """31/s with 3 replicas: 15 s leave 15 waiting, half a second at 30/s; the next tick must not add to it."""
    assert fewest_ready(np.full(30, 31.0), 10.0, 0.5, 15, BOUNDS) == [3, 4]


def test_nobody_waits_longer_than_the_slo() -> None:
    counts = np.random.default_rng(0).poisson(60.0, 1500).astype(float)
    ready = fewest_ready(counts, 10.0, 0.5, 15, BOUNDS)
    world = World(0.0, 10.0, 0.0, ready[0])
    for i, replicas in enumerate(ready):
        world.ready = replicas
        world.advance(counts[15 * i : 15 * i + 15])
    seen = waits(np.concatenate(world.arrived), np.concatenate(world.capacity), np.concatenate(world.backlogs))
    assert seen.late(0.75) == 0.0  # a queue may meet one replica less in the next tick; hardly ever matters
    assert seen.late(0.5) / seen.requests < 0.01


def test_a_short_gap_is_cheaper_kept_than_started_again() -> None:
    ready = [2, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]
    assert replica_seconds(ready, 15, 120.0) == 16 * 15 + 15 + 120


def test_replicas_of_the_first_tick_are_there_already() -> None:
    assert replica_seconds([3, 3], 15, 120.0) == 90
    assert replica_seconds([2, 3], 15, 120.0) == 75 + 120


def test_as_a_policy_it_asks_one_start_up_ahead_and_costs_what_is_said() -> None:
    """Three replicas' worth, then seven from 600 s on, asked for at 480 s; the gap of a tick at 900 s is bridged."""
    counts = np.repeat([30.0, 70.0, 30.0, 70.0, 30.0], [600, 300, 15, 285, 300])
    (run,) = replay({"it": ClairvoyantPolicy(TERMS, counts, 0.0)}, TERMS, counts, np.full(15, 24.0), 0.0)
    asked = dict(run.decisions)
    assert [asked[at] for at in (465.0, 480.0, 900.0, 1185.0, 1200.0)] == [3, 7, 7, 7, 3]
    assert run.waits.late(TERMS.slo_wait_s) == 0.0
    needed = fewest_ready(counts, 10.0, 0.5, 15, (1, 200))
    assert run.replica_seconds == replica_seconds(needed, 15, 120.0)
