"""A router's seconds at our time, whatever its clock says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.clocks import LIVE_S, SAMPLES, TOLERANCE_S, RouterClock

NOW_S = 1_772_366_400.4


def live(clock: RouterClock, ahead_s: float, now_s: float, delay_s: float = 0.1) -> int:
    """The router tells the second that has just ended by its clock; returns the second that it is by ours."""
    sent_at_s = now_s + ahead_s
    second = int(sent_at_s) - 1
    clock.told(second, sent_at_s, now_s + delay_s)
    return second + clock.shift_s


@pytest.mark.parametrize("ahead_s", [0.0, 0.9, TOLERANCE_S - 0.5, 2.0 - TOLERANCE_S])
def test_clocks_that_agree_well_enough_are_believed(ahead_s: float) -> None:
    clock = RouterClock()
    live(clock, ahead_s, NOW_S)
    assert clock.shift_s == 0
    assert clock.ahead_s == pytest.approx(ahead_s - 0.1)


@pytest.mark.parametrize("ahead_s", [6.0, 300.0, 1e6, -6.0, -3600.0])
def test_seconds_of_a_wrong_clock_are_placed_at_ours(ahead_s: float) -> None:
    clock = RouterClock()
    placed = [live(clock, ahead_s, NOW_S + tick) for tick in range(100)]
    assert placed == list(range(placed[0], placed[0] + 100)), "none twice, no gap"
    assert abs(placed[0] - (int(NOW_S) - 1)) <= 1


def test_what_waited_at_the_router_says_nothing_of_its_clock() -> None:
    clock, first = RouterClock(), int(NOW_S) - 3600
    for place in range(3600):  # sent at once, taken in over half a minute
        clock.told(first + place, NOW_S, NOW_S + place * 0.01)
    assert clock.shift_s == 0


def test_a_stall_of_ours_moves_nothing() -> None:
    clock = RouterClock()
    for tick in range(SAMPLES):
        late_s = max(0.0, 30.0 - tick)  # told meanwhile, taken in afterwards
        live(clock, 0.0, NOW_S + tick, delay_s=late_s if tick else 0.0)
    assert clock.shift_s == 0


def test_the_word_is_said_once_and_again_when_the_clock_is_mended() -> None:
    clock = RouterClock()
    wrong = [clock.told(int(NOW_S) + 299 + tick, NOW_S + 300 + tick, NOW_S + tick) for tick in range(10)]
    assert wrong == [True, *[False] * 9]
    assert clock.told(int(NOW_S) + 9, NOW_S + 10, NOW_S + 10), "set back: the second before was another one"
    assert clock.shift_s == 0


def test_a_router_that_does_not_say_its_time_is_believed_unless_it_is_ahead() -> None:
    behind, ahead = RouterClock(), RouterClock()
    assert not behind.told(int(NOW_S) - 3600, 0.0, NOW_S)
    assert ahead.told(int(NOW_S) + 3600, 0.0, NOW_S)
    assert ahead.shift_s == -3601


@given(
    st.lists(
        st.tuples(st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6), st.floats(0, LIVE_S)), min_size=1, max_size=30
    )
)
def test_nothing_that_is_told_live_lies_in_our_future(told: list[tuple[int, float, float]]) -> None:
    clock, now_s = RouterClock(), NOW_S
    for jump, ahead_s, pause_s in told:
        now_s += pause_s
        sent_at_s = now_s + ahead_s
        second = int(sent_at_s) - 1 + max(0, jump)  # even one that it says is not over
        clock.told(second, sent_at_s, now_s)
        assert second + 1 + clock.shift_s <= now_s + TOLERANCE_S + 1
