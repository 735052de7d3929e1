"""Signals beside outstanding work: what they ask for, and when they have no say."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler import signals
from scaler.observation import Observation
from scaler.planner import Memory, plan
from scaler.readings import Load
from tests.support.pools import level, observation, spec
from tidegate.shared.values import Mode

SHARES = st.none() | st.floats(0.0, 1.0)


def seen(ready: int = 4, starting: int = 0, **load: float) -> Observation:
    """Half a second may be spent waiting, so a quarter is the target."""
    return observation(ready=ready, starting_ready_in_s=(30.0,) * starting, load=Load(**load))


def asked(now: Observation, useful: int) -> dict[str, int]:
    return {one.words: one.replicas for one in signals.read(spec(), now, useful)}


def test_without_a_reading_there_is_no_say() -> None:
    assert signals.read(spec(), seen(), 9) == []


@pytest.mark.parametrize(
    ("load", "useful", "said"),
    [
        ({"busy_share": 0.5}, 8, {"50% busy": 0}),
        ({"busy_share": 1.0}, 8, {"100% busy": 5}),  # 4 · 1 / 0.9
        ({"busy_share": 1.0}, 3, {"100% busy": 3}),  # small batches: no reason to keep the fourth
        ({"queue_wait_s": 0.4}, 8, {"0.4 s of work wait in a replica": 7}),  # 4 · 0.4 / 0.25
        ({"queue_wait_s": 60.0}, 7, {"60 s of work wait in a replica": 7}),  # at most doubled, and as is useful
        ({"queue_wait_s": 60.0}, 3, {"60 s of work wait in a replica": 6}),  # that is ready, and they wait: doubted
        ({"error_share": 0.02}, 8, {"2.0% fail, not for want of replicas": 0}),
        ({"error_share": 0.005}, 8, {"0.5% fail": 0}),
        ({"error_share": 0.02, "busy_share": 0.95}, 8, {"95% busy": 4, "2.0% fail": 8}),
    ],
)
def test_what_a_signal_asks_for(load: dict[str, float], useful: int, said: dict[str, int]) -> None:
    assert asked(seen(**load), useful) == said


def test_replicas_that_start_are_an_answer_already() -> None:
    assert asked(seen(ready=4, starting=4, queue_wait_s=0.5), 20) == {"0.5 s of work wait in a replica": 8}


@given(st.integers(1, 20), st.integers(0, 20), SHARES, st.none() | st.floats(0.0, 100.0), SHARES, st.integers(0, 40))
def test_never_over_twice_of_what_is_useful(
    ready: int, starting: int, busy: float | None, wait_s: float | None, errors: float | None, useful: int
) -> None:
    now = dataclasses.replace(seen(ready, starting), load=Load(busy, wait_s, errors))
    for one in signals.read(spec(), now, useful):
        assert one.replicas <= 2 * useful
        assert one.replicas <= useful or ready >= useful


def test_the_strongest_signal_counts_in_the_plan_and_each_is_explained() -> None:
    """Demand and capacity say that four are enough, and they are ready; work waits for 0.4 s in each all the same."""
    now = dataclasses.replace(
        observation(ready=4, demand_rows_per_s=36.0, forecast=level(36.0)), load=Load(0.97, 0.4, 0.004)
    )
    decided, _ = plan(spec(mode=Mode.FULL), now, Memory())
    reactive = next(one for one in decided.terms if one.name == "reactive")
    assert (reactive.replicas, decided.desired) == (7, 7)
    assert reactive.reason.endswith("97% busy asks for 4, 0.4 s of work wait in a replica asks for 7, 0.4% fail")
    unread = dataclasses.replace(now, load=Load())
    assert plan(spec(mode=Mode.FULL), unread, Memory())[0].desired < 7
