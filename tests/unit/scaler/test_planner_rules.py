"""What must hold for every plan."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.lead import Lead
from scaler.observation import Observation
from scaler.planner import Memory, combine, plan
from scaler.risk import clearing
from scaler.trust import Trust
from tests.support.pools import forecast, level, observation, spec
from tidegate.shared.values import Mode, Plan, Skill, Term

ROWS = st.floats(0.0, 500.0)
MODES = st.sampled_from([None, *Mode])


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    return observation(
        ready=draw(st.integers(0, 25)),
        starting_ready_in_s=tuple(draw(st.lists(st.floats(0.1, 60.0), max_size=4))),
        demand_rows_per_s=draw(st.none() | ROWS),
        served_rows_per_s=draw(st.none() | ROWS),
        outstanding_rows=draw(st.none() | ROWS),
        forecast=draw(st.none() | st.builds(level, ROWS)),
    )


def term(decided: Plan, name: str) -> Term:
    return next(one for one in decided.terms if one.name == name)


def named(decided: Plan) -> list[str]:
    return [one.name for one in decided.adjustments]


@given(observations(), MODES)
def test_bounds_hold_unless_there_is_no_data(now: Observation, mode: Mode | None) -> None:
    pool = spec(mode=mode, min_replicas=2, max_replicas=9)
    desired = plan(pool, now, Memory())[0].desired
    if now.demand_rows_per_s is None or now.outstanding_rows is None:
        assert desired == max(now.asked, 2)
    else:
        assert 2 <= desired <= 9


@given(observations(), MODES)
def test_rate_limits_hold(now: Observation, mode: Mode | None) -> None:
    pool = spec(mode=mode, min_replicas=0, max_replicas=1000, max_added_per_tick=2, max_removed_per_tick=1)
    assert -1 <= plan(pool, now, Memory())[0].desired - now.asked <= 2


@given(observations(), st.sampled_from([Mode.FLOOR, Mode.FULL]))
def test_never_below_what_the_reactive_term_asks(now: Observation, mode: Mode) -> None:
    decided, _ = plan(spec(mode=mode), now, Memory())
    reactive = term(decided, "reactive").replicas
    if reactive is not None and "hold" not in named(decided):
        assert decided.desired >= min(reactive, 20)


@given(observations(), MODES)
def test_a_plan_explains_itself_from_its_terms_to_its_decision(now: Observation, mode: Mode | None) -> None:
    decided, _ = plan(spec(mode=mode), now, Memory())
    value = now.asked if "hold" in named(decided) else combine(decided.mode, decided.terms, now.asked)
    for step in decided.adjustments:
        assert step.before == value
        assert step.reason
        value = step.after
    assert value == decided.desired
    assert all(one.reason for one in decided.terms)


@given(observations(), st.floats(0.0, 300.0), st.floats(0.0, 300.0))
def test_a_higher_forecast_never_means_fewer(now: Observation, one: float, other: float) -> None:
    lower, higher = sorted((one, other))
    plans = [
        plan(spec(mode=Mode.FULL), dataclasses.replace(now, forecast=level(rows)), Memory())[0]
        for rows in (lower, higher)
    ]
    assert plans[0].desired <= plans[1].desired


def test_work_wakes_a_pool_that_has_gone_to_zero() -> None:
    pool = spec(min_replicas=0, mode=Mode.SHADOW)
    held = observation(ready=0, demand_rows_per_s=0.0, served_rows_per_s=None, outstanding_rows=1.0)
    assert plan(pool, held, Memory())[0].desired == 1


def test_a_pool_goes_to_zero_when_demand_and_queue_and_forecast_are_zero() -> None:
    pool = spec(min_replicas=0, mode=Mode.FULL)
    idle = observation(ready=1, demand_rows_per_s=0.0, served_rows_per_s=0.0, outstanding_rows=0.0)
    assert plan(pool, dataclasses.replace(idle, forecast=level(0.0)), Memory())[0].desired == 0
    assert plan(pool, dataclasses.replace(idle, forecast=level(5.0)), Memory())[0].desired == 1


def test_no_data_at_zero_stays_at_zero_and_never_goes_there() -> None:
    pool = spec(min_replicas=0)
    for ready in (0, 3):
        silent = observation(ready=ready, demand_rows_per_s=None, served_rows_per_s=None, outstanding_rows=None)
        assert plan(pool, silent, Memory())[0].desired == ready


def test_in_mode_hpa_the_hpa_decides_alone() -> None:
    busy = observation(ready=4, served_rows_per_s=40.0, demand_rows_per_s=80.0, forecast=level(200.0))
    decided, _ = plan(spec(mode=Mode.HPA), busy, Memory())
    assert decided.desired == term(decided, "hpa").replicas == 5  # 1.0 / 0.8 of 4


def test_in_shadow_the_demand_is_tracked_whatever_is_forecast() -> None:
    busy = observation(ready=4, served_rows_per_s=40.0, demand_rows_per_s=80.0, forecast=level(200.0))
    decided, _ = plan(spec(mode=Mode.SHADOW), busy, Memory())
    assert decided.desired == term(decided, "tracking").replicas == 10  # 80 / (0.8 · 10)


def test_target_tracking_lets_go_only_after_the_stabilisation_window() -> None:
    pool, memory, desired = spec(mode=Mode.SHADOW, miss_price=3.0), Memory(), []
    for now_s, rows in ((0.0, 80.0), (290.0, 45.0), (301.0, 45.0)):
        now = observation(now_s=now_s, ready=10, demand_rows_per_s=rows)
        decided, memory = plan(pool, now, memory)
        desired.append(decided.desired)
    assert desired == [10, 10, 6]


def test_target_tracking_has_the_tolerance_of_the_hpa_upwards() -> None:
    """Ten replicas of 10 rows/s are right for 80 rows/s, enough for 88, and too few for 89."""
    pool, memory, desired = spec(mode=Mode.SHADOW, miss_price=3.0), Memory(), []
    for now_s, rows in ((0.0, 80.0), (10.0, 88.0), (20.0, 89.0)):
        decided, memory = plan(pool, observation(now_s=now_s, ready=10, demand_rows_per_s=rows), memory)
        desired.append(decided.desired)
    assert desired == [10, 10, 12]


def test_a_level_load_is_tracked_ever_closer_but_never_below_what_waits() -> None:
    """At 90 rows/s for an hour 12 replicas (80 %) turn out to be too many, until rows wait."""
    pool, memory, ready = spec(mode=Mode.SHADOW, miss_price=3.0), Memory(), 12
    for tick in range(300):
        now = observation(now_s=10.0 * tick, ready=ready, demand_rows_per_s=90.0, outstanding_rows=2.0 * ready)
        decided, memory = plan(pool, now, memory)
        ready = decided.desired
    assert ready == 11
    assert any("less than planned would have cost the least" in made.reason for made in decided.adjustments)
    waits = dataclasses.replace(now, now_s=3000.0, outstanding_rows=200.0)
    decided, _ = plan(pool, waits, memory)
    assert decided.desired == term(decided, "reactive").replicas > 12


def test_without_a_forecast_full_falls_back_to_tracking() -> None:
    blind = observation(ready=4, demand_rows_per_s=40.0, forecast=None, forecast_note="UNAVAILABLE: gone")
    decided, _ = plan(spec(mode=Mode.FULL), blind, Memory())
    assert decided.desired == 5
    assert term(decided, "forecast").replicas is None
    assert "gone" in term(decided, "forecast").reason


def test_replicas_needed_again_before_they_could_be_started_again_are_kept() -> None:
    """The load falls now and is back in 100 s: less than the window (70 s) and another start-up (60 s)."""
    paths = [[10.0] * 10 + [60.0] * 3] * 4
    now = observation(ready=7, forecast=forecast(paths), demand_rows_per_s=10.0)
    assert plan(spec(mode=Mode.FULL), now, Memory())[0].desired >= 6


def test_a_burst_that_no_season_explains_is_answered_at_once_with_what_it_needs() -> None:
    """The forecast, a tick old, is sure of 20 rows/s; 90 come and nothing waits yet."""
    surprised = dataclasses.replace(level(20.0), present_rows_per_s=np.full(4, 20.0))
    now = observation(ready=10, forecast=surprised, demand_rows_per_s=90.0, served_rows_per_s=90.0)
    decided, _ = plan(spec(mode=Mode.FULL), now, Memory())
    assert term(decided, "forecast").replicas in (10, 11)
    assert "90 rows/s came where 20 were expected" in term(decided, "forecast").reason


@given(observations(), st.floats(0.1, 20.0), st.floats(1.0, 10.0))
def test_a_dearer_miss_never_means_fewer(now: Observation, price: float, factor: float) -> None:
    plans = [plan(spec(mode=Mode.FULL, miss_price=one), now, Memory())[0] for one in (price, price * factor)]
    assert plans[0].desired <= plans[1].desired


@given(observations(), st.sampled_from(list(Mode)), st.floats(1.0, 5.0))
def test_more_demand_offered_never_means_fewer(now: Observation, mode: Mode, factor: float) -> None:
    more = None if now.demand_rows_per_s is None else factor * now.demand_rows_per_s
    plans = [
        plan(spec(mode=mode), dataclasses.replace(now, demand_rows_per_s=rows), Memory())[0]
        for rows in (now.demand_rows_per_s, more)
    ]
    assert plans[0].desired <= plans[1].desired


@given(observations(), st.sampled_from([Mode.SHADOW, Mode.FLOOR, Mode.FULL]))
def test_more_is_never_asked_for_than_serves_what_comes_and_clears_what_waits(now: Observation, mode: Mode) -> None:
    """Whatever the queue: what is asked for already, or the demand and what clears the queue as fast as is worth it."""
    quiet = dataclasses.replace(now, forecast=None)
    decided, _ = plan(spec(mode=mode, min_replicas=0, max_replicas=1000), quiet, Memory())
    if now.demand_rows_per_s is not None and now.outstanding_rows is not None:
        extra = clearing(spec(), 10.0, 60.0, now.demand_rows_per_s, now.outstanding_rows)
        useful = max(now.demand_rows_per_s / 8.0, (now.demand_rows_per_s + extra) / 10.0)
        assert decided.desired <= max(now.asked, useful + 2)


def test_what_was_wanted_within_a_lead_is_let_go_only_after_it() -> None:
    pool, memory, desired = spec(mode=Mode.FULL), Memory(), []
    for i, rows in enumerate([60.0] + [10.0] * 8):
        now = observation(now_s=1000.0 + 10 * i, ready=8, forecast=level(rows))
        decided, memory = plan(pool, now, memory)
        desired.append(decided.desired)
    assert desired == [8] + [8] * 5 + [2] * 3 or desired == [7] + [7] * 5 + [2] * 3


def test_the_reactive_term_asks_for_no_more_than_clears_the_queue() -> None:
    """The HPA's formula alone would ask for 600 / 2.5 = 240 replicas."""
    flooded = observation(ready=2, demand_rows_per_s=30.0, outstanding_rows=600.0, lead=Lead(60.0, "given"))
    reactive = term(plan(spec(mode=Mode.FULL), flooded, Memory())[0], "reactive")
    assert reactive.replicas == 11  # (30 + √(2 · 10 · 30 · 590 / 60)) / 10


def test_auto_starts_in_shadow_and_climbs() -> None:
    memory, modes = Memory(), []
    for _ in range(3):
        decided, memory = plan(spec(), observation(forecast=level(10.0)), memory)
        modes.append(decided.mode)
    assert modes == [Mode.FLOOR, Mode.FULL, Mode.FULL]


def test_auto_falls_back_when_the_forecast_turns_bad() -> None:
    bad = forecast([[10.0] * 13] * 4, skill=Skill(50, -0.5, -0.5, 0.5))
    decided, memory = plan(spec(), observation(forecast=bad), Memory(trust=Trust(Mode.FULL)))
    assert decided.mode is Mode.FLOOR
    assert plan(spec(), observation(forecast=bad), memory)[0].mode is Mode.SHADOW


@pytest.mark.parametrize("mode", list(Mode))
def test_planning_twice_from_the_same_gives_the_same(mode: Mode) -> None:
    now = observation(forecast=level(44.0))
    assert plan(spec(mode=mode), now, Memory()) == plan(spec(mode=mode), now, Memory())


def test_a_mode_that_is_set_takes_nothing_from_what_the_forecast_has_earned() -> None:
    memory = Memory()
    for _ in range(3):
        set_by_hand = spec(mode=Mode.SHADOW, mode_reason="set by ann")
        decided, memory = plan(set_by_hand, observation(forecast=level(10.0)), memory)
        assert (decided.mode, decided.mode_reason) == (Mode.SHADOW, "set by ann")
    assert plan(spec(), observation(forecast=level(10.0)), memory)[0].mode is Mode.FULL
