"""Frontiers and spikes, worked by hand."""

import numpy as np
import pytest

from tests.support.views import TERMS
from tidegate.simulate.frontier import Point, cost_at, frontier
from tidegate.simulate.spikes import Spike, find, ready_ahead_s

A, B, C = Point(0.5, 0.0, 2.0), Point(0.7, 0.01, 1.5), Point(0.9, 0.05, 1.2)


def test_what_is_worse_in_both_or_beyond_a_mixture_is_not_on_the_frontier() -> None:
    worse, above = Point(0.6, 0.02, 1.6), Point(0.8, 0.03, 1.45)  # half way from B to C is 1.35
    assert frontier([C, above, worse, A, B]) == [A, B, C]


@pytest.mark.parametrize(("share", "cost"), [(0.0, 2.0), (0.001, 1.95), (0.01, 1.5), (0.03, 1.35), (0.5, 1.2)])
def test_between_two_settings_lies_their_mixture(share: float, cost: float) -> None:
    assert cost_at([A, B, C], share) == pytest.approx(cost)


def test_a_policy_that_is_never_so_safe_has_no_cost() -> None:
    assert cost_at([B, C], 0.001) is None
    assert cost_at([], 0.001) is None


def load(*minutes: float) -> np.ndarray:
    return np.repeat(minutes, 60)


def test_a_spike_begins_where_more_is_needed_than_one_start_up_before() -> None:
    """40 rps need 4, 90 need 9 and 100 need 10; two minutes later they are no surprise any more."""
    found = find(load(40, 40, 40, 90, 100, 100, 100, 40, 40, 40), TERMS)
    assert found == [Spike(at=180, end=300, replicas=10)]


def test_a_slow_rise_and_a_step_of_one_replica_are_no_spikes() -> None:
    assert find(load(40, 40, 45, 50, 52, 55, 60, 65), TERMS) == []
    assert find(load(10, 10, 10, 20, 20, 10), TERMS) == []


def test_time_ahead_is_since_when_enough_were_ready() -> None:
    spike = Spike(at=300, end=400, replicas=3)

    def ready(*changes: tuple[int, int]) -> np.ndarray:
        counts = np.ones(5000)
        for at, count in changes:
            counts[at:] = count
        return counts

    assert ready_ahead_s(spike, ready((180, 3))) == 120.0
    assert ready_ahead_s(spike, ready((100, 3), (200, 2), (290, 4))) == 10.0
    assert ready_ahead_s(spike, ready((320, 3))) == -20.0
    assert ready_ahead_s(spike, ready((401, 3))) is None
    assert ready_ahead_s(Spike(4500, 4600, 3), ready((0, 3))) == 3600.0
