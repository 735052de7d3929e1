import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.client.results import OK, LoadResult, summarize
from tidegate.client.schedule import poisson_times, steady
from tidegate.shared.errors import InvalidRequest


def test_a_summary_counts_the_right_answers_and_names_the_failures() -> None:
    latency = np.array([0.1, 0.2, 0.3, 9.0, np.nan])
    status = np.array([OK, OK, OK, "UNAVAILABLE", ""], dtype=object)
    summary = summarize(LoadResult(np.zeros(5), latency, status, took_s=2.0))
    assert (summary.sent, summary.ok, summary.failed) == (4, 3, {"UNAVAILABLE": 1})
    assert (summary.p50_s, summary.p99_s, summary.max_s) == (0.2, 0.3, 0.3)
    assert summary.rate_rps == 2.0


def test_a_run_without_answers_has_a_summary() -> None:
    empty = LoadResult(np.zeros(0), np.zeros(0), np.zeros(0, dtype=object), 0.0)
    assert summarize(empty).as_json()["p99_s"] == 0.0


@given(
    st.lists(st.floats(0, 50), min_size=1, max_size=20),
    st.floats(0.1, 10),
    st.integers(0, 2**32 - 1),
)
def test_arrivals_rise_within_the_schedule_and_follow_the_seed(rate: list[float], step_s: float, seed: int) -> None:
    times = poisson_times(np.array(rate), step_s, np.random.default_rng(seed))
    assert np.all(np.diff(times) >= 0)
    assert np.all((times >= 0) & (times <= len(rate) * step_s))
    assert not np.isin((times // step_s).astype(int), np.flatnonzero(np.array(rate) == 0)).any() or 0 not in rate
    np.testing.assert_array_equal(times, poisson_times(np.array(rate), step_s, np.random.default_rng(seed)))


def test_arrivals_come_at_the_rate_of_their_step() -> None:
    times = poisson_times(np.array([1000.0, 0.0, 3000.0]), 1.0, np.random.default_rng(1))
    counts = np.histogram(times, [0, 1, 2, 3])[0]
    assert counts[1] == 0
    assert abs(counts[0] - 1000) < 200
    assert abs(counts[2] - 3000) < 300


@pytest.mark.parametrize("rate", [-1.0, np.nan, np.inf])
def test_an_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(InvalidRequest):
        poisson_times(np.array([rate]), 1.0, np.random.default_rng(0))
    with pytest.raises(InvalidRequest):
        steady(-1.0, 1.0, np.random.default_rng(0))
