"""How many replicas are worth having."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaler.observation import Capacity
from scaler.risk import available, choose, clearing, late_rows
from tests.support.pools import forecast, level, observation, spec

LEVELS = st.floats(0.0, 300.0)


def test_a_level_load_gets_what_serves_it_with_room() -> None:
    now = observation(ready=6)
    choice = choose(spec(), now, level(45.0))
    assert 5 <= choice.replicas <= 6  # 45 rows/s at 9 planned rows/s each is 5.0
    assert choice.one_less_late_rows > choice.late_rows


def test_the_small_pool_gets_more_room_than_the_large() -> None:
    """Random arrivals even out over many replicas: 85 % of one replica's rate needs two, of twenty hardly more."""
    one = choose(spec(max_replicas=100), observation(), level(0.85 * 10)).replicas
    many = level(0.85 * 10 * 20)
    twenty = choose(spec(max_replicas=100), observation(ready=20), many).replicas
    assert one == 2
    assert twenty <= 18


def test_new_replicas_are_asked_for_when_their_start_up_reaches_the_need_and_not_before() -> None:
    steps = 13
    at = {ahead: np.where(np.arange(steps) * 10 >= ahead, 60.0, 5.0)[None, :].repeat(4, axis=0) for ahead in (60, 110)}
    now = observation(ready=1)
    assert choose(spec(miss_price=10.0), now, forecast(at[60])).replicas >= 6
    assert choose(spec(miss_price=10.0), now, forecast(at[110])).replicas == 1


def test_replicas_that_start_in_time_are_not_asked_for_twice() -> None:
    now = observation(ready=1, starting_ready_in_s=(20.0,) * 6)
    assert choose(spec(), now, level(60.0)).replicas in (7, 8)  # one to clear the queue


def test_a_hopeless_overload_is_no_reason_to_give_up() -> None:
    choice = choose(spec(max_replicas=20), observation(ready=1), level(5000.0))
    assert choice.replicas == 20


def test_what_queues_is_work_too() -> None:
    calm = choose(spec(), observation(ready=2, outstanding_rows=0.0), level(10.0))
    queue = choose(spec(), observation(ready=2, outstanding_rows=2000.0), level(10.0))
    assert queue.replicas > calm.replicas


def test_no_demand_needs_nobody() -> None:
    assert choose(spec(), observation(outstanding_rows=0.0), level(0.0)).replicas == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(LEVELS, min_size=1, max_size=4), st.floats(1.0, 4.0), st.integers(0, 20))
def test_more_demand_never_asks_for_fewer(levels: list[float], factor: float, ready: int) -> None:
    paths = np.array(levels)[:, None].repeat(13, axis=1)
    now = observation(ready=ready, outstanding_rows=0.0)
    less = choose(spec(max_replicas=60), now, forecast(paths)).replicas
    assert choose(spec(max_replicas=60), now, forecast(factor * paths)).replicas >= less


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 20.0), st.floats(1.0, 10.0), st.integers(0, 20))
def test_a_dearer_miss_never_asks_for_fewer(seed: int, price: float, factor: float, ready: int) -> None:
    paths = np.random.default_rng(seed).gamma(2.0, 20.0, (10, 13))
    now = observation(ready=ready)
    cheap = choose(spec(miss_price=price), now, forecast(paths)).replicas
    assert choose(spec(miss_price=price * factor), now, forecast(paths)).replicas >= cheap


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 500.0))
def test_each_replica_more_means_fewer_late_rows(seed: int, backlog: float) -> None:
    paths = np.random.default_rng(seed).gamma(2.0, 20.0, (10, 13))
    capacity = 9.0 * available(np.arange(21), observation(ready=4), 13, 10.0)
    late = np.array([late_rows(forecast(paths), one, backlog, 0.5) for one in capacity])
    assert (np.diff(late, axis=0) <= 1e-6).all()
    assert (late >= 0).all()


def test_those_that_start_are_let_go_first() -> None:
    there = available(np.arange(5), observation(ready=2, starting_ready_in_s=(5.0,)), 7, 10.0)
    assert there[1].tolist() == [1.0] * 7
    assert there[2].tolist() == [2.0] * 7
    assert there[3].tolist() == [2.5] + [3.0] * 6
    assert there[4].tolist() == [2.5] + [3.0] * 5 + [4.0]  # the new one from 60 s on


def test_the_implied_quantile_is_told() -> None:
    paths = [[10.0] * 13] * 9 + [[1000.0] * 13]
    choice = choose(spec(miss_price=0.5), observation(ready=2), forecast(paths))
    assert choice.carries == 0.9


def test_who_comes_while_the_queue_is_too_long_is_late_also_while_it_drains() -> None:
    """50 rows/s for 10 s and then 5, one replica of 10: the queue of 400 takes 80 s, in which everybody is late."""
    paths = np.array([[50.0] + [5.0] * 9])
    late = late_rows(forecast(paths), np.full(10, 10.0), 0.0, 0.5)
    waits_still = 400 - 5 * 10 * np.arange(10) - 5
    assert late == pytest.approx(500.0 + 50.0 * np.arange(10) + np.maximum(waits_still, 0.0), abs=60.0)


def test_a_queue_is_cleared_as_fast_as_is_worth_it_and_within_a_lead_at_least() -> None:
    assert clearing(spec(miss_price=2.0), 10.0, 600.0, 100.0, 30_000.0) == pytest.approx(316.2, abs=0.1)
    assert clearing(spec(miss_price=1e-6), 10.0, 600.0, 100.0, 30_000.0) == pytest.approx(50.0)
    assert clearing(spec(), 10.0, 600.0, 100.0, 0.0) == 0.0


def test_an_odd_path_is_not_bought_for_however_dear_a_miss() -> None:
    paths = np.full((40, 13), 20.0)
    paths[0] = 150.0  # one in 40
    assert choose(spec(miss_price=1000.0), observation(ready=3), forecast(paths)).replicas <= 4


def test_where_replicas_start_a_later_one_is_found_beyond_one_that_is_not_worth_it() -> None:
    """The fifth and sixth are there only when the need is over; the seventh, asked for now, is there no sooner."""
    paths = np.array([[30.0] * 6 + [60.0] * 7])
    starting = observation(ready=4, starting_ready_in_s=(200.0, 60.0, 60.0, 60.0))
    alone = choose(spec(), starting, forecast(paths), near=4)
    assert alone.replicas == choose(spec(), starting, forecast(paths), near=7).replicas == 7


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.floats(0.0, 500.0))
def test_where_the_search_begins_changes_nothing(seed: int, near: int, backlog: float) -> None:
    paths = np.random.default_rng(seed).gamma(8.0, 8.0, (10, 13))
    now = observation(ready=4, outstanding_rows=backlog)
    assert choose(spec(), now, forecast(paths), near).replicas == choose(spec(), now, forecast(paths)).replicas


@pytest.mark.parametrize("rate", [10.0, 100.0, 1000.0, 10_000.0])
def test_from_none_a_sure_load_is_worth_a_replica_however_much_more_that_could_do(rate: float) -> None:
    asleep = observation(ready=0, demand_rows_per_s=0.0, outstanding_rows=0.0, capacity=Capacity(rate, "given"))
    assert choose(spec(min_replicas=0), asleep, level(50.0)).replicas >= 1
