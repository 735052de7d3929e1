"""The native balancer through its bindings: the same code that picks in the data plane."""

import random

from hypothesis import given
from hypothesis import strategies as st

from dataplane import Balancer, Outliers

NAMES = ["a", "b", "c"]


def _balancer(names=NAMES, seed=0):
    balancer = Balancer(random.Random(seed).randrange)
    for name in names:
        balancer.ready(name)
    return balancer


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=200), st.integers(1, 100))
def test_the_least_outstanding_is_picked_whatever_came_before(steps, count):
    names = [f"replica-{i}" for i in range(count)]
    balancer = _balancer(names)
    outstanding = dict.fromkeys(names, 0)
    for give_back, which in steps:
        name = names[which % count]
        if give_back and outstanding[name] > 0:
            balancer.release(name)
            outstanding[name] -= 1
        picked = balancer.pick(names)
        assert outstanding[picked] == min(outstanding.values())
        balancer.take(picked)
        outstanding[picked] += 1
    assert {name: balancer.outstanding(name) for name in names} == outstanding


def test_tried_replicas_are_left_out_until_none_is_left():
    balancer = _balancer()
    assert balancer.pick(NAMES, ["a", "b"]) == "c"
    assert balancer.pick(NAMES, NAMES) is None
    assert balancer.pick([]) is None


def test_ties_follow_the_injected_randomness():
    assert [_balancer(seed=7).pick(NAMES) for _ in range(3)] == [_balancer(seed=7).pick(NAMES)] * 3
    balancer = _balancer()
    assert {balancer.pick(NAMES) for _ in range(50)} == set(NAMES)


def test_a_replica_that_fails_is_ejected_and_comes_back_on_trial():
    balancer = _balancer()
    balancer.configure(Outliers(consecutive_failures=3, base_ejection_s=10.0))
    balancer.tick(1.0)
    for _ in range(3):
        balancer.failed("a", now_s=1.0)
    assert balancer.ejected("a")
    assert balancer.reports() == [("a", "ejected: consecutive failures")]
    assert "a" not in {balancer.pick(NAMES) for _ in range(50)}
    balancer.tick(12.0)
    assert not balancer.ejected("a")
    assert balancer.success("a") < 1


def test_a_cold_replica_takes_less_until_it_is_warm():
    balancer = _balancer(["warm"])
    balancer.tick(100.0)
    balancer.ready("cold", slow_start_s=10.0, now_s=100.0)
    for _ in range(3):
        balancer.take("warm")
    assert balancer.pick(["warm", "cold"]) == "warm"
    balancer.tick(111.0)
    assert balancer.pick(["warm", "cold"]) == "cold"
