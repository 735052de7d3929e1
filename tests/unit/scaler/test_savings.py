"""The pool beside an HPA in its place: both worlds by one queue."""

import dataclasses

import pytest

from scaler.observation import Observation
from scaler.savings import Savings, lived
from tests.support.pools import observation, spec


def after(ticks: int, seen: Observation, before: Savings | None = None) -> Savings:
    """So many ticks of the same."""
    known = before or Savings()
    for _ in range(ticks):
        now_s = known.at_s + seen.tick_s if known.ours else 1000.0
        known = lived(known, spec(), dataclasses.replace(seen, now_s=now_s))
    return known


def seen(ready: int, rows: float | None = 20.0, tick_s: float = 10.0) -> Observation:
    return observation(ready=ready, demand_rows_per_s=rows, outstanding_rows=0.0, tick_s=tick_s)


def test_the_hpa_lets_go_after_its_five_minutes_and_we_pay_for_what_we_keep() -> None:
    """20 rows/s on four replicas of ten: half busy, of a target of 80 %, asks for 4 · 0.5 / 0.8 = 3."""
    soon, later = after(30, seen(4)), after(60, seen(4))
    assert soon.theirs is not None
    assert later.theirs is not None
    assert (soon.theirs.asked, later.theirs.asked) == ((4,), (3,))
    assert later.ours is not None
    assert later.ours.replica_s[0] == pytest.approx(4 * 590, rel=0.02)
    assert later.theirs.replica_s[0] < later.ours.replica_s[0]
    assert later.rows == pytest.approx(20 * 590, rel=0.02)


def test_who_was_there_before_the_spike_made_nobody_wait() -> None:
    """Eight times the load at once. An HPA's replicas take a minute from when it sees that; ours are there."""
    known = after(12, seen(20, 160.0), after(1, seen(20), after(30, seen(3))))
    assert known.ours is not None
    assert known.theirs is not None
    assert known.theirs.late_rows[0] > 1000
    assert known.ours.late_rows[0] < 0.05 * known.theirs.late_rows[0]
    assert known.theirs.asked == (20,), "it comes to the same, later"


def test_a_tick_without_a_reading_is_left_out_of_both() -> None:
    known = after(5, seen(2))
    blind = after(5, seen(2, None), known)
    assert (blind.seconds, blind.rows, blind.ours, blind.theirs) == (
        known.seconds,
        known.rows,
        known.ours,
        known.theirs,
    )


def test_what_is_long_ago_fades() -> None:
    known = after(350, seen(2, tick_s=1000.0))
    assert known.seconds == pytest.approx(43_200 / 0.6931, rel=0.1), "half a day counts half: the sum ends there"
