"""What other modes would have cost."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.counterfactual import COMPARED, HEADROOMS, World, Worlds, asked, lived, with_headroom
from scaler.observation import Observation
from tests.support.pools import observation, spec
from tidegate.shared.values import Mode

FULL = World(Mode.FULL, 0.0, 1)


def tick(now_s: float, demand: float | None) -> Observation:
    """Ticks of 10 s, replicas of 10 rows/s, 60 s from asked to ready."""
    return observation(now_s=now_s, demand_rows_per_s=demand)


def test_worlds_begin_as_the_real_one_and_owe_nothing() -> None:
    worlds = lived(Worlds(), spec(), observation(ready=3))
    assert {(one.mode, one.headroom) for one in worlds.each} == {(mode, h) for mode in COMPARED for h in HEADROOMS}
    assert all((one.ready, one.queue_rows) == (3, 1.0) for one in worlds.each)
    assert set(worlds.saved(2.0).values()) == {0.0}


def test_a_replica_is_paid_from_asked_and_helps_from_ready() -> None:
    world = FULL.asking(3, 0.0, 60.0)
    assert (world.ready, world.asked) == (1, 3)
    early = world.lived(spec(), tick(10.0, 5.0), 5.0, 10.0)
    assert early.ready == 1
    assert early.replica_s == pytest.approx(30.0)
    for at in (20.0, 30.0, 40.0, 50.0, 60.0):
        early = early.lived(spec(), tick(at, 5.0), 5.0, 10.0)
    assert early.ready == 3


def test_those_that_start_last_are_dropped_first_and_only_after_a_lead() -> None:
    world = dataclasses.replace(FULL, ready=2, starting=((30.0, 2), (50.0, 3)))
    kept = world.asking(7, 0.0, 60.0).asking(3, 10.0, 60.0)
    assert kept.asked == 7
    fewer = kept.asking(3, 61.0, 60.0)
    assert (fewer.ready, fewer.starting) == (2, ((30.0, 1),))


def test_who_comes_while_too_much_waits_is_late() -> None:
    flooded = FULL.lived(spec(), tick(10.0, 30.0), 30.0, 10.0)
    assert flooded.queue_rows == pytest.approx(200.0)
    assert flooded.late_rows == pytest.approx(300.0)
    quiet = dataclasses.replace(FULL, ready=4).lived(spec(), tick(10.0, 10.0), 10.0, 10.0)
    assert quiet.late_rows < 0.01


def test_its_queue_is_cleared_whatever_the_mode_wants() -> None:
    worlds = Worlds((dataclasses.replace(FULL, ready=2, queue_rows=600.0),))
    cleared = asked(worlds, spec(), tick(0.0, 20.0), dict.fromkeys(COMPARED, 1))
    assert cleared.each[0].asked == 9  # (20 + √(2 · 10 · 20 · 590 / 60)) / 10


@pytest.mark.parametrize(("replicas", "share", "after"), [(4, 0.05, 4), (10, 0.1, 11), (12, 0.05, 13), (3, 0.2, 4)])
def test_headroom_is_to_the_nearest_whole(replicas: int, share: float, after: int) -> None:
    assert with_headroom(replicas, share) == after


def test_a_tick_without_a_reading_counts_for_nobody() -> None:
    worlds = lived(Worlds(), spec(), tick(0.0, 10.0))
    assert lived(worlds, spec(), tick(10.0, None)) == dataclasses.replace(worlds, at_s=10.0)


def test_after_a_restart_the_time_that_nobody_saw_counts_for_nobody() -> None:
    worlds = lived(Worlds(), spec(), tick(0.0, 10.0))
    assert lived(worlds, spec(), tick(86_400.0, 10.0)).seconds == pytest.approx(20.0)


def test_what_was_saved_is_told_against_shadow() -> None:
    shadow = World(Mode.SHADOW, 0.0, 2, replica_s=100.0, late_rows=10.0)
    full = World(Mode.FULL, 0.1, 2, replica_s=80.0)
    assert Worlds((shadow, full)).saved(2.0) == pytest.approx({(Mode.SHADOW, 0.0): 0.0, (Mode.FULL, 0.1): 0.4})


@given(st.lists(st.tuples(st.floats(0.0, 200.0), st.integers(0, 20)), min_size=1, max_size=30))
def test_a_world_keeps_its_books(story: list[tuple[float, int]]) -> None:
    worlds, now_s, offered = lived(Worlds(), spec(), tick(0.0, 10.0)), 0.0, 0.0
    for demand, wanted in story:
        worlds = asked(worlds, spec(), tick(now_s, demand), dict.fromkeys(COMPARED, wanted))
        now_s += 10.0
        offered += 10.0 * demand
        worlds = lived(worlds, spec(), tick(now_s, demand))
        for world in worlds.each:
            assert 1 <= world.asked <= 20
            assert world.queue_rows >= 0.0
            assert 0.0 <= world.late_rows <= offered + 1e-6
            assert world.replica_s <= 20 * worlds.seconds + 1e-6
