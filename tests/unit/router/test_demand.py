"""Offered load per second: zeros are readings, gaps are gaps, and names are bounded."""

from hypothesis import given
from hypothesis import strategies as st

from router.demand import NAME_LIMIT, OTHER, Demand, ModelNames


def new(keep_s: int = 100, now_s: float = 10.5, limit: int = 100) -> tuple[Demand, ModelNames]:
    names = ModelNames(limit)
    return Demand(names, keep_s, now_s), names


def readings(demand: Demand, since: int = 0) -> list[tuple[int, dict[str, int]]]:
    return [(second.second, dict(second.arrivals)) for second in demand.since(since)]


def test_arrivals_are_counted_in_the_second_they_fall_in():
    demand, names = new()
    digits = names.label("digits")
    for at_s in (11.0, 11.2, 11.999, 12.0):
        demand.arrive(digits, at_s)
    demand.close(13.0)
    assert readings(demand) == [(11, {"digits": 3}), (12, {"digits": 1})]


def test_the_second_in_which_the_router_started_is_left_out():
    demand, names = new(now_s=10.5)
    demand.arrive(names.label("digits"), 10.7)
    demand.close(12.0)
    assert readings(demand) == [(11, {"digits": 0})]


def test_the_open_second_is_no_reading_yet():
    demand, names = new()
    demand.arrive(names.label("digits"), 11.5)
    demand.close(11.9)
    assert readings(demand) == []
    assert demand.open_second == 11


def test_seconds_without_arrivals_are_zeros_for_every_known_model():
    demand, names = new()
    names.serve(["faces"])
    demand.arrive(names.label("digits"), 11.5)
    demand.arrive(names.label("digits"), 14.5)
    demand.close(15.0)
    zero = {"faces": 0, "digits": 0}
    assert readings(demand) == [(11, {"faces": 0, "digits": 1}), (12, zero), (13, zero), (14, {**zero, "digits": 1})]


def test_a_clock_that_jumps_leaves_a_gap_instead_of_zeros():
    demand, names = new()
    demand.arrive(names.label("digits"), 11.5)
    demand.close(5000.5)
    demand.close(5002.0)
    assert readings(demand) == [(11, {"digits": 1}), (5001, {"digits": 0})]


def test_a_clock_that_steps_back_loses_no_arrival():
    demand, names = new()
    demand.arrive(names.label("digits"), 11.5)
    demand.arrive(names.label("digits"), 10.9)
    demand.close(10.9)
    demand.close(12.0)
    assert readings(demand) == [(11, {"digits": 2})]


def test_only_the_last_seconds_are_kept_and_can_be_asked_for_from_any_on():
    demand, _ = new(keep_s=3)
    for now_s in range(11, 21):
        demand.close(float(now_s))
    assert [second for second, _ in readings(demand)] == [17, 18, 19]
    assert [second for second, _ in readings(demand, since=18)] == [18, 19]
    assert readings(demand, since=20) == []


def test_invented_names_are_counted_together_beyond_the_limit():
    names = ModelNames(limit=2)
    assert [names.label(name) for name in ("a", "b", "c", "d", "a")] == ["a", "b", OTHER, OTHER, "a"]
    assert names.label("x" * (NAME_LIMIT + 1)) == OTHER
    names.serve(["real"])
    assert names.label("real") == "real"
    assert len(names.known) == 4


@given(st.lists(st.floats(0, 3), max_size=50))
def test_every_arrival_of_a_whole_second_is_read_once(pauses):
    demand, names = new(now_s=10.0)
    now_s, expected = 11.0, 0
    for pause in pauses:
        now_s += pause
        demand.arrive(names.label("digits"), now_s)
        expected += 1
    demand.close(now_s + 1)
    kept = readings(demand)
    assert sum(arrivals.get("digits", 0) for _, arrivals in kept) == expected
    assert [second for second, _ in kept] == list(range(11, 11 + len(kept)))
