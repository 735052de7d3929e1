"""What other modes would have cost."""

import dataclasses
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.counterfactual import (
    COMPARED,
    HEADROOMS,
    KINDS,
    LATELY_LEADS,
    RELAXED,
    STAYS_LEADS,
    Kind,
    Worlds,
    asked,
    lived,
    with_headroom,
)
from scaler.imagined import begin
from scaler.observation import Observation
from tests.support.pools import observation, spec
from tidegate.shared.values import Mode

FULL = Kind(Mode.FULL, 0.0, 0.0)


def tick(now_s: float, demand: float | None) -> Observation:
    """Ticks of 10 s, replicas of 10 rows/s, 60 s from asked to ready."""
    return observation(now_s=now_s, demand_rows_per_s=demand)


def test_worlds_begin_as_the_real_one_and_owe_nothing() -> None:
    worlds = lived(Worlds(), spec(), observation(ready=3))
    headrooms = {mode: {kind.headroom for kind in worlds.kinds if kind.mode is mode} for mode in COMPARED}
    assert headrooms == {mode: {*HEADROOMS, *(RELAXED if mode is Mode.SHADOW else ())} for mode in COMPARED}
    assert set(worlds.pools.ready) == set(worlds.pools.asked) == {3}
    assert set(worlds.pools.queue_rows) == {1.0}
    assert set(worlds.saved(2.0)) == {0.0}


def test_worlds_of_other_kinds_begin_anew() -> None:
    """What was kept by a version that compared others."""
    old = Worlds((FULL,), begin(9, 1, 0.0), 86_400.0, 990.0)
    worlds = lived(old, spec(), observation(ready=3))
    assert (worlds.kinds, worlds.seconds) == (KINDS, 0.0)


def test_what_was_wanted_stays_for_a_lead_but_in_shadow() -> None:
    worlds = lived(Worlds(), spec(), tick(0.0, 10.0))
    worlds = asked(worlds, spec(), tick(0.0, 10.0), dict.fromkeys(COMPARED, 10), None)
    worlds = asked(worlds, spec(), tick(10.0, 10.0), dict.fromkeys(COMPARED, 4), None)
    now = dict(zip(worlds.kinds, worlds.pools.asked, strict=True))
    assert [now[Kind(mode, 0.0, 0.0)] for mode in COMPARED] == [4, 10, 10]


def test_after_a_fall_what_was_planned_stays_as_long_as_the_kind_says() -> None:
    """A load of ten replicas' worth falls to one's at 100 s; a lead is 60 s, so six of them end at 460 s."""
    worlds, kept = lived(Worlds(), spec(), tick(0.0, 100.0)), {}
    for now_s, wanted in (
        (0.0, 10),
        (100.0, 6),
        (110.0, 1),
        (450.0, 1),
        (470.0, 1),
        (1530.0, 1),
        (1550.0, 1),
    ):
        fell_at_s = 100.0 if now_s >= 100.0 else None
        worlds = asked(
            replace(worlds, at_s=now_s), spec(), tick(now_s, 10.0), dict.fromkeys(COMPARED, wanted), fell_at_s
        )
        kept[now_s] = [worlds.lasting(Mode.FULL, leads * 60.0) for leads in STAYS_LEADS]
    assert STAYS_LEADS == (6.0, 24.0, 0.0)
    assert kept[110.0] == kept[450.0] == [6, 6, 1]
    assert kept[470.0] == kept[1530.0] == [1, 6, 1]
    assert kept[1550.0] == [1, 1, 1]


def test_its_queue_is_cleared_whatever_the_mode_wants() -> None:
    worlds = Worlds(KINDS, begin(2, len(KINDS), 600.0))
    cleared = asked(worlds, spec(), tick(0.0, 20.0), dict.fromkeys(COMPARED, 1), None)
    assert set(cleared.pools.asked) == {9}  # (20 + √(2 · 10 · 20 · 590 / 60)) / 10


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
    pools = dataclasses.replace(begin(2, 2, 0.0), replica_s=(100.0, 80.0), late_rows=(10.0, 0.0))
    worlds = Worlds((Kind(Mode.SHADOW, 0.0, 0.0), Kind(Mode.FULL, 0.1, 0.0)), pools)
    assert worlds.saved(2.0) == pytest.approx([0.0, 0.4])


def test_what_was_lost_lately_is_forgotten_soon() -> None:
    """Twenty leads of 60 s are a half-life: ten times that, in which all cost the same, and hardly anything is left."""
    worlds = lived(Worlds(), spec(), tick(0.0, 10.0))
    worlds = asked(worlds, spec(), tick(0.0, 10.0), {Mode.SHADOW: 2, Mode.FLOOR: 2, Mode.FULL: 12}, None)
    worlds = lived(worlds, spec(), tick(10.0, 10.0))
    usual_s = 2.0 * LATELY_LEADS * 60.0 / math.log(2.0)
    assert worlds.lost_lately(60.0)[KINDS.index(FULL)] == pytest.approx(10 * 10.0 / usual_s)
    for now_s in range(20, 12_020, 10):
        worlds = asked(worlds, spec(), tick(now_s - 10.0, 10.0), dict.fromkeys(COMPARED, 2), None)
        worlds = lived(worlds, spec(), tick(now_s, 10.0))
    assert 0.0 < worlds.lost_lately(60.0)[KINDS.index(FULL)] < 0.003


@given(st.lists(st.tuples(st.floats(0.0, 200.0), st.integers(0, 20)), min_size=1, max_size=30))
def test_a_world_keeps_its_books(story: list[tuple[float, int]]) -> None:
    worlds, now_s, offered = lived(Worlds(), spec(), tick(0.0, 10.0)), 0.0, 0.0
    for demand, wanted in story:
        worlds = asked(worlds, spec(), tick(now_s, demand), dict.fromkeys(COMPARED, wanted), None)
        now_s += 10.0
        offered += 10.0 * demand
        worlds = lived(worlds, spec(), tick(now_s, demand))
        pools = worlds.pools
        assert all(0 <= ready <= count for ready, count in zip(pools.ready, pools.asked, strict=True))
        assert all(1 <= count <= 20 for count in pools.asked)
        assert min(pools.queue_rows) >= 0.0
        assert all(0.0 <= late <= offered + 1e-6 for late in pools.late_rows)
        assert max(pools.replica_s) <= 20 * worlds.seconds + 1e-6
