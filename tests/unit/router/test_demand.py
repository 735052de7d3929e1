"""Offered load per second: zeros are readings, and gaps are gaps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.demand import MAX_STALL_S, Demand


def close(demand: Demand, now_s: float, counted: dict[int, dict[str, int]] | None = None) -> None:
    """What the router does each second."""
    due = demand.due(now_s)
    demand.record(due, {second: {"digits": 0, **(counted or {}).get(second, {})} for second in due})


def readings(demand: Demand, since: int = 0) -> list[tuple[int, dict[str, int]]]:
    return [(second.second, dict(second.arrivals)) for second in demand.since(since)]


def test_the_second_in_which_the_router_started_is_left_out():
    demand = Demand(100, now_s=10.5)
    assert list(demand.due(11.9)) == [], "11 is not over yet"
    close(demand, 12.0, {10: {"digits": 5}, 11: {"digits": 3}})
    assert readings(demand) == [(11, {"digits": 3})]


def test_seconds_without_arrivals_are_zeros():
    demand = Demand(100, now_s=10.5)
    close(demand, 15.0, {14: {"digits": 1}})
    assert readings(demand) == [(second, {"digits": int(second == 14)}) for second in (11, 12, 13, 14)]


def test_a_second_is_read_once():
    demand = Demand(100, now_s=10.5)
    close(demand, 12.0)
    close(demand, 12.9)
    assert [second for second, _ in readings(demand)] == [11]


@pytest.mark.parametrize(
    ("started_s", "closed_s", "seconds"),
    [
        pytest.param(10.5, (12.0, 5000.5, 5002.0), [11, 5001], id="a jump leaves a gap instead of zeros"),
        pytest.param(10.5, (13.0, 9.0, 14.0), [11, 12, 13], id="a step back makes no second twice"),
        pytest.param(5000.5, (5003.0, 1000.5, 1003.0), [1001, 1002], id="set back, what lies ahead is forgotten"),
    ],
)
def test_a_clock_that_is_not_steady(started_s: float, closed_s: tuple[float, ...], seconds: list[int]):
    demand = Demand(100, now_s=started_s)
    for now_s in closed_s:
        close(demand, now_s)
    assert [second for second, _ in readings(demand)] == seconds


def test_only_the_last_seconds_are_kept_and_can_be_asked_for_from_any_on():
    demand = Demand(3, now_s=10.5)
    for now_s in range(11, 21):
        close(demand, float(now_s))
    assert [second for second, _ in readings(demand)] == [17, 18, 19]
    assert [second for second, _ in readings(demand, since=18)] == [18, 19]
    assert readings(demand, since=20) == []


@given(st.lists(st.floats(0, MAX_STALL_S), max_size=50))
def test_without_a_jump_every_whole_second_is_read_once(pauses):
    demand, now_s = Demand(1000, now_s=10.0), 11.0
    for pause in pauses:
        now_s += pause
        close(demand, now_s)
    assert [second for second, _ in readings(demand)] == list(range(11, int(now_s)))
