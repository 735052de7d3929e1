"""The rivals that react, on examples of their own documentation and on cases worked by hand."""

import numpy as np
import pytest

from tests.support.views import TERMS, view
from tidegate.simulate.policies import View
from tidegate.simulate.rivals.hpa import HpaPolicy
from tidegate.simulate.rivals.keda_queue import KedaQueuePolicy
from tidegate.simulate.rivals.kpa import KpaPolicy
from tidegate.simulate.rivals.queue import QueuePolicy


@pytest.mark.parametrize(("target", "replicas"), [(0.8, 5), (0.5, 8), (0.9, 4)])
def test_hpa_scales_to_its_target_utilisation(target: float, replicas: int) -> None:
    """4 ready replicas at 95 %: 3.8 replicas' worth of work."""
    assert HpaPolicy(TERMS, target).decide(view(ready=4, served=38.0)) == replicas


def test_hpa_leaves_things_alone_without_a_ready_replica() -> None:
    assert HpaPolicy(TERMS).decide(view(ready=0, starting=3)) == 3


class TestKpa:
    """A replica has 10 in hand when busy, so 70 % of that are 7."""

    def settled(self) -> KpaPolicy:
        """Five quiet minutes on 8 replicas at 50 requests in flight: out of the panic that every start is."""
        policy = KpaPolicy(TERMS)
        for tick in range(20):
            wanted = policy.decide(view(15.0 * tick, ready=8, served=50.0))
        assert wanted == 8  # 50 / 7
        return policy

    def test_the_documented_formula(self) -> None:
        """100 in flight, 10 for each, at 70 %: 100 / (10 · 0.7) = 14.3."""
        assert KpaPolicy(TERMS).decide(view(ready=1, served=10.0, waiting=90.0)) == 15

    def test_a_rise_below_twice_waits_for_the_minute(self) -> None:
        """75 in flight for 15 s of the last 60: the mean is 56.25, which is 9 replicas; the panic window says 11."""
        assert self.settled().decide(view(300.0, ready=8, served=75.0)) == 9

    def test_twice_what_is_ready_panics_on_six_seconds(self) -> None:
        """112 in flight ask for 16, twice 8."""
        assert self.settled().decide(view(300.0, ready=8, served=80.0, waiting=32.0)) == 16

    def test_in_panic_nothing_goes_until_the_stable_window_is_over(self) -> None:
        policy = self.settled()
        policy.decide(view(300.0, ready=8, served=80.0, waiting=32.0))
        wanted = [policy.decide(view(300.0 + 15.0 * tick, ready=16, served=50.0)) for tick in range(1, 6)]
        assert wanted == [16, 16, 16, 16, 8]  # the last look at twice the load was at 299 s

    def test_at_most_half_goes_at_once(self) -> None:
        policy = self.settled()
        wanted = [policy.decide(view(300.0 + 15.0 * tick, ready=8, served=0.0)) for tick in range(5)]
        assert wanted[-1] == 4

    def test_a_fresh_one_keeps_what_is_there(self) -> None:
        policy = KpaPolicy(TERMS)
        assert [policy.decide(view(15.0 * tick, ready=8)) for tick in range(6)] == [8, 8, 8, 8, 8, 4]


class TestKedaQueue:
    def decided(self, policy: KedaQueuePolicy, *views: View) -> list[int]:
        return [policy.decide(one) for one in views]

    def test_the_documented_example(self) -> None:
        """A replica can handle 10, 30 are in the queue: 3 replicas."""
        assert self.decided(KedaQueuePolicy(TERMS, 10.0), view(ready=1, waiting=30.0)) == [3]

    def test_requests_in_hand_count_and_the_default_is_five(self) -> None:
        assert self.decided(KedaQueuePolicy(TERMS), view(ready=1, served=10.0, waiting=5.0)) == [3]

    def test_those_that_start_count_as_there(self) -> None:
        """30 over 5 are 6, which are asked for: the external metric's average is over them all."""
        assert self.decided(KedaQueuePolicy(TERMS), view(ready=1, starting=5, waiting=30.0)) == [6]

    def test_it_scales_in_as_an_hpa_does_after_five_minutes(self) -> None:
        views = [view(60.0 * minute, ready=6, served=5.0) for minute in range(6)]
        assert self.decided(KedaQueuePolicy(TERMS), *views) == [6, 6, 6, 6, 6, 1]


class TestQueue:
    @pytest.mark.parametrize(("waiting", "replicas"), [(49.0, 4), (50.0, 5), (120.0, 7)])
    def test_one_more_for_each_fifty_that_wait(self, waiting: float, replicas: int) -> None:
        assert QueuePolicy(TERMS).decide(view(ready=4, waiting=waiting)) == replicas

    def test_nothing_happens_in_the_cooldown(self) -> None:
        policy = QueuePolicy(TERMS)
        assert policy.decide(view(0.0, ready=4, waiting=60.0)) == 6
        assert policy.decide(view(135.0, ready=6, waiting=600.0)) == 6
        assert policy.decide(view(150.0, ready=6, waiting=600.0)) == 18

    def test_one_goes_when_nobody_waited_for_a_cooldown(self) -> None:
        policy = QueuePolicy(TERMS)
        policy.decide(view(0.0, ready=4, waiting=1.0))
        wanted = [policy.decide(view(15.0 * tick, ready=4)) for tick in range(1, 11)]
        assert wanted == [4] * 9 + [3]

    def test_the_least_and_the_most_hold(self) -> None:
        assert QueuePolicy(TERMS).decide(view(ready=1)) == 1
        assert QueuePolicy(TERMS).decide(view(ready=150, waiting=1e5)) == 200


def test_a_view_knows_what_is_in_flight() -> None:
    seen = View(0.0, 2, (60.0,), np.array([30.0, 30.0]), np.array([20.0, 20.0]), np.array([10.0, 20.0]))
    assert seen.in_flight.tolist() == [30.0, 40.0]
    assert (seen.asked, seen.backlog, seen.served_rps) == (3, 20.0, 20.0)
