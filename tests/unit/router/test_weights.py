"""Weights from the capacities that replicas report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.weights import AGE_S, LEAST, NOISE, Report, Weights


class Fleet:
    """Replicas that each answered something since the last observation, unless named idle, or busy with one request."""

    def __init__(self) -> None:
        self.weights = Weights()
        self.now_s = 0.0
        self._answers: dict[str, int] = {}

    def observe(
        self, rows_per_s: dict[str, dict[str, float]], *, idle: str = "", busy: str = "", after_s: float = 1.0
    ) -> bool:
        self.now_s += after_s
        for backend in rows_per_s:
            self._answers[backend] = self._answers.get(backend, 0) + (backend not in idle + busy)
        reports = {
            backend: Report(self._answers[backend], int(backend in busy), rates)
            for backend, rates in rows_per_s.items()
        }
        return self.weights.observe(reports, self.now_s)

    def of(self, *backends: str) -> tuple[float, ...]:
        return tuple(self.weights.of(backend) for backend in backends)


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def test_a_replica_that_is_five_times_slower_weighs_a_fifth(fleet):
    assert fleet.observe({"a": {"m": 100.0}, "b": {"m": 20.0}, "c": {"m": 96.0}})
    assert fleet.of("a", "b", "c") == (1.0, pytest.approx(0.2), 1.0)


def test_who_has_not_reported_weighs_as_much_as_the_fastest(fleet):
    assert not fleet.observe({"a": {}, "b": {"m": 50.0}})
    assert fleet.of("a", "b", "unknown") == (1.0, 1.0, 1.0)


@given(st.lists(st.floats(1 / NOISE + 1e-6, 1.0), min_size=1, max_size=20))
def test_equals_stay_equal_however_their_measurements_differ_within_the_noise(ratios):
    fleet = Fleet()
    changes = [fleet.observe({"a": {"m": 100.0}, "b": {"m": 100.0 * ratio}}) for ratio in ratios]
    assert not any(changes)
    assert fleet.of("a", "b") == (1.0, 1.0)


def test_a_weight_stays_until_the_measurement_is_off_by_more_than_the_noise(fleet):
    assert fleet.observe({"a": {"m": 100.0}, "b": {"m": 50.0}})
    assert not fleet.observe({"a": {"m": 100.0}, "b": {"m": 60.0}})
    assert fleet.of("b") == (0.5,)
    assert fleet.observe({"a": {"m": 100.0}, "b": {"m": 70.0}})
    assert fleet.of("b") == (pytest.approx(0.7),)
    assert fleet.observe({"a": {"m": 100.0}, "b": {"m": 95.0}})
    assert fleet.of("b") == (1.0,)


def test_several_models_count_by_their_geometric_mean_and_only_beside_their_own(fleet):
    fleet.observe({"a": {"big": 10.0, "small": 1000.0}, "b": {"big": 10.0, "small": 250.0}, "c": {"small": 1000.0}})
    assert fleet.of("a", "b", "c") == (1.0, pytest.approx(0.5), 1.0)


def test_a_slow_replica_that_gets_nothing_is_tried_again_in_time(fleet):
    rates = {"a": {"m": 100.0}, "b": {"m": 20.0}}
    fleet.observe(rates)
    assert not fleet.observe(rates, idle="b", after_s=AGE_S - 1)
    assert fleet.observe(rates, idle="b", after_s=1.0)
    assert fleet.of("b") == (pytest.approx(0.2 * NOISE),)
    for _ in range(10):
        fleet.observe(rates, idle="b", after_s=AGE_S)
    assert fleet.of("b") == (1.0,)
    assert fleet.observe(rates), "it was tried, and is as slow as it was"
    assert fleet.of("b") == (pytest.approx(0.2),)


def test_a_slow_replica_that_works_is_not_taken_for_one_that_gets_nothing(fleet):
    rates = {"a": {"m": 100.0}, "b": {"m": 20.0}}
    fleet.observe(rates)
    assert not any(fleet.observe(rates, busy="b", after_s=AGE_S) for _ in range(10))
    assert not fleet.observe(rates, idle="b", after_s=AGE_S - 1), "it has only just become idle"


def test_who_is_gone_is_forgotten(fleet):
    fleet.observe({"a": {"m": 100.0}, "b": {"m": 20.0}})
    assert fleet.observe({"a": {"m": 100.0}})
    assert fleet.of("b") == (1.0,)


@given(st.dictionaries(st.sampled_from("abcd"), st.dictionaries(st.sampled_from("mn"), st.floats(0.0, 1e6))))
def test_whatever_is_reported_weights_are_bounded_and_the_same_report_changes_nothing_more(rows_per_s):
    fleet = Fleet()
    fleet.observe(rows_per_s)
    assert all(LEAST * (1 - 1e-9) <= weight <= 1.0 for weight in fleet.of(*rows_per_s))
    assert not fleet.observe(rows_per_s)
