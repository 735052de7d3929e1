"""A fall of demand that nobody foresaw."""

from dataclasses import replace

import numpy as np

from scaler.falls import Falls, watched
from scaler.observation import Lead, Observation, PoolForecast
from scaler.planner import Memory, plan
from tests.support.pools import observation, spec
from tidegate.shared.values import Skill


def tick(now_s: float, demand: float | None, foreseen: float | None = None) -> Observation:
    """Ticks of 10 s, 60 s from asked to ready; `foreseen` rows/s from now on, level."""
    seen = observation(now_s=now_s, demand_rows_per_s=demand)
    if foreseen is None:
        return seen
    return replace(seen, forecast=PoolForecast(10.0, np.full((20, 13), foreseen), Skill()))


def after(*story: tuple[float | None, float | None]) -> Falls:
    """Demand and forecast of each tick."""
    falls = Falls()
    for at, (demand, foreseen) in enumerate(story):
        falls = watched(falls, tick(10.0 * at, demand, foreseen))
    return falls


LEVEL = [(100.0, 100.0)] * 10


def test_less_than_three_tenths_of_what_was_foreseen_a_lead_ago_is_a_fall() -> None:
    assert after(*LEVEL, (31.0, 100.0)).began_at_s is None
    assert after(*LEVEL, (29.0, 29.0)).began_at_s == 100.0


def test_it_began_once_however_long_demand_stays_away() -> None:
    falls = after(*LEVEL, *[(0.0, 0.0)] * 30)
    assert (falls.began_at_s, falls.below_at_s) == (100.0, 150.0)  # at 160 s nothing had been foreseen any more


def test_a_fall_that_was_foreseen_is_none() -> None:
    assert after(*LEVEL, *[(100.0, 20.0)] * 6, (20.0, 20.0)).began_at_s is None


def test_what_was_about_to_end_may_end_early() -> None:
    """A spike of 100 rows/s until 120 s, foreseen, is over at 80 s."""
    falls = Falls()
    for now_s in range(0, 200, 10):
        left = np.where(10.0 * np.arange(13) + now_s < 120.0, 100.0, 20.0)
        ahead = PoolForecast(10.0, np.tile(left, (20, 1)), Skill())
        falls = watched(falls, replace(tick(now_s, 100.0 if now_s < 80 else 20.0), forecast=ahead))
    assert falls.began_at_s is None


def test_a_spike_that_doesnt_come_is_none() -> None:
    assert after(*[(20.0, 100.0)] * 20).began_at_s is None


def test_without_a_forecast_what_there_was_counts() -> None:
    assert after(*[(100.0, None)] * 8, (25.0, None)).began_at_s == 80.0


def test_a_slow_load_may_bring_nothing_for_a_while() -> None:
    """Of half a row a second no tick of 10 s brings many; twenty rows are missing after forty seconds."""
    slow = [(0.5, 0.5)] * 10
    assert after(*slow, *[(0.0, 0.5)] * 3).began_at_s is None
    assert after(*slow, *[(0.0, 0.5)] * 5).began_at_s == 130.0


def test_what_was_foreseen_before_a_gap_says_nothing_of_now() -> None:
    falls = after(*LEVEL)
    assert watched(falls, tick(30_000.0, 1.0, 1.0)).began_at_s is None


def test_a_tick_without_a_reading_is_no_fall() -> None:
    assert after(*LEVEL, (None, 100.0)).began_at_s is None


def test_falls_that_come_again_and_again_teach_how_long_to_wait() -> None:
    """A burst every eleven minutes, a lead of two: each fall within the last one's six leads, and cheap misses."""
    pool, memory, stays = spec(miss_price=0.03), Memory(), set()
    for now_s in range(0, 3 * 3600, 10):
        demand = 80.0 if now_s % 660 < 60 else 2.0
        seen = observation(now_s=float(now_s), ready=10, demand_rows_per_s=demand, lead=Lead(120.0, "given"))
        _, memory = plan(pool, replace(seen, outstanding_rows=0.0), memory)
        stays.add(memory.trust.stays_leads)
    assert 0.0 in stays


def test_the_pool_waits_for_an_outage_upstream_to_end_but_not_for_ever() -> None:
    """80 rows/s on ten replicas stop for good at 100 s: six leads of 60 s later all but one are let go."""
    pool, memory, kept = spec(), Memory(), {}
    for now_s in range(0, 1500, 10):
        seen = observation(now_s=float(now_s), ready=10, demand_rows_per_s=80.0 if now_s < 100 else 0.0)
        decided, memory = plan(pool, replace(seen, outstanding_rows=0.0), memory)
        kept[now_s] = [made.after for made in decided.adjustments if made.name == "fall"], decided.desired
    assert kept[90][0] == []
    assert kept[450][0] == [10]
    assert kept[460] == ([], 1)
