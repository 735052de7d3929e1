"""Imagined pools, side by side: each by itself, whatever the others do."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.imagined import Imagined, begin
from scaler.observation import Observation
from tests.support.pools import observation, spec

LEAD_S = 60.0
ONE = begin(1, 1, 0.0)


def tick(now_s: float) -> Observation:
    """Ticks of 10 s, replicas of 10 rows/s, 60 s from asked to ready."""
    return observation(now_s=now_s)


def asking(pools: Imagined, now_s: float, *replicas: int, keep_s: float = LEAD_S) -> Imagined:
    return pools.asking(np.array(replicas), now_s, LEAD_S, np.full(len(replicas), keep_s))


def test_a_replica_is_paid_from_asked_and_helps_from_ready() -> None:
    pool = asking(ONE, 0.0, 3)
    assert (pool.ready, pool.asked) == ((1,), (3,))
    early = pool.lived(spec(), tick(10.0), 5.0, 10.0)
    assert early.ready == (1,)
    assert early.replica_s == pytest.approx((30.0,))
    for at in (20.0, 30.0, 40.0, 50.0, 60.0):
        early = early.lived(spec(), tick(at), 5.0, 10.0)
    assert early.ready == early.asked == (3,)
    assert early.starting == ()


def test_those_that_start_last_are_dropped_first_and_only_after_what_was_wanted_is_over() -> None:
    pool = dataclasses.replace(ONE, ready=(2,), asked=(7,), starting=((30.0, (2,)), (50.0, (3,))))
    kept = asking(asking(pool, 0.0, 7), 10.0, 3)
    assert kept.asked == (7,)
    fewer = asking(kept, 61.0, 3)
    assert (fewer.ready, fewer.asked, fewer.starting) == ((2,), (3,), ((30.0, (1,)),))
    none = asking(fewer, 62.0, 1, keep_s=0.0)
    assert (none.ready, none.asked, none.starting) == ((1,), (1,), ())


def test_who_comes_while_too_much_waits_is_late() -> None:
    flooded = ONE.lived(spec(), tick(10.0), 30.0, 10.0)
    assert flooded.queue_rows == pytest.approx((200.0,))
    assert flooded.late_rows == pytest.approx((300.0,))
    quiet = begin(4, 1, 0.0).lived(spec(), tick(10.0), 10.0, 10.0)
    assert quiet.late_rows[0] < 0.01


def test_without_demand_nobody_is_late() -> None:
    assert ONE.lived(spec(), tick(10.0), 0.0, 10.0).late_rows == (0.0,)


stories = st.lists(st.tuples(st.floats(0.0, 200.0), st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=30)


@given(stories)
def test_a_pool_does_the_same_in_company(story: list[tuple[float, int, int]]) -> None:
    both, alone, now_s = begin(2, 2, 3.0), [begin(2, 1, 3.0), begin(2, 1, 3.0)], 0.0
    keep_s = np.array([0.0, LEAD_S])
    for demand, first, second in story:
        both = both.asking(np.array([first, second]), now_s, LEAD_S, keep_s)
        alone = [
            one.asking(np.array([wanted]), now_s, LEAD_S, keep_s[i : i + 1])
            for i, (one, wanted) in enumerate(zip(alone, (first, second), strict=True))
        ]
        now_s += 10.0
        both = both.lived(spec(), tick(now_s), demand, 10.0)
        alone = [one.lived(spec(), tick(now_s), demand, 10.0) for one in alone]
    for name in ("ready", "asked", "queue_rows", "replica_s", "late_rows"):
        assert getattr(both, name) == pytest.approx(sum((getattr(one, name) for one in alone), ())), name
