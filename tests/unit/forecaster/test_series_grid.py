import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.series import SourceSeries, choose_step_s, regrid_paths, resample, total_demand
from forecaster.smoothing import ewma, ewma_at
from tidegate.shared.errors import InvalidRequest

NAN = float("nan")


def source(name: str, start_s: float, *rates: float, step_s: float = 1.0) -> SourceSeries:
    return SourceSeries(name, start_s, step_s, np.array(rates))


def test_several_routers_are_summed():
    total = total_demand("m", [source("a", 10, 1, 2, 3), source("b", 10, 10, 20, 30)], 1.0, 13.0)
    assert total.start_s == 10
    np.testing.assert_array_equal(total.rate_rps, [11, 22, 33])


def test_a_gap_of_one_router_makes_the_sum_unknown_not_smaller():
    total = total_demand("m", [source("a", 0, 1, 2, 3), source("b", 0, 10, NAN, 30)], 1.0, 3.0)
    np.testing.assert_array_equal(total.rate_rps, [11, NAN, 33])


def test_a_router_that_is_late_makes_the_newest_seconds_unknown():
    total = total_demand("m", [source("a", 0, 1, 2, 3), source("b", 0, 10)], 1.0, 3.0)
    np.testing.assert_array_equal(total.rate_rps, [11, NAN, NAN])


def test_a_router_that_left_is_no_longer_waited_for():
    stays = source("a", 0, *([1.0] * 60))
    left = source("b", 0, 10, 10)
    total = total_demand("m", [stays, left], 1.0, 60.0)
    np.testing.assert_array_equal(total.rate_rps[[0, 1, 59]], [11, 11, 1])


def test_a_router_that_comes_later_counts_from_then_on():
    total = total_demand("m", [source("a", 0, 1, 1, 1, 1), source("b", 2, 10, 10)], 1.0, 4.0)
    np.testing.assert_array_equal(total.rate_rps, [1, 1, 11, 11])


def test_an_import_counts_only_where_no_router_does():
    total = total_demand("m", [source("import", 0, 7, 7, 7), source("a", 2, 1, 1)], 1.0, 4.0)
    np.testing.assert_array_equal(total.rate_rps, [7, 7, 1, 1])


def test_seconds_with_nobody_counting_are_a_gap():
    total = total_demand("m", [source("a", 0, 5)], 1.0, 100.0)
    assert np.isnan(total.rate_rps[1:]).all()


def test_a_coarse_step_is_the_mean_and_unknown_when_less_than_half_is_known():
    start_s, rates = resample(0.0, 1.0, np.array([1, 3, NAN, 5, NAN, NAN, NAN, 8.0]), 4.0)
    assert start_s == 0.0
    np.testing.assert_array_equal(rates, [3.0, NAN])


def test_coarse_steps_stand_on_the_absolute_grid():
    start_s, rates = resample(63.0, 1.0, np.arange(60.0), 60.0)
    assert start_s == 60.0
    assert len(rates) == 2


def test_steps_that_do_not_divide_are_refused():
    with pytest.raises(InvalidRequest, match="7 s is no multiple of 2 s"):
        resample(0.0, 2.0, np.ones(10), 7.0)


@given(st.integers(1, 6), st.integers(1, 40))
def test_a_coarser_grid_keeps_the_mean(ratio: int, whole: int):
    rates = np.arange(float(ratio * whole))
    _, coarse = resample(0.0, 1.0, rates, float(ratio))
    assert coarse.mean() == pytest.approx(rates.mean())


def test_paths_are_averaged_to_a_coarser_step():
    np.testing.assert_array_equal(regrid_paths(np.array([[1.0, 3.0, 5.0, 7.0, 9.0]]), 1.0, 2.0), [[2.0, 6.0]])


@pytest.mark.parametrize(
    ("span_s", "source_step_s", "expected"),
    [
        (600, 1, 1),
        (14 * 86_400, 1, 60),
        (14 * 86_400, 60, 60),
        (14 * 86_400, 600, 600),
        (365 * 86_400, 60, 1800),
        (600, 0.3, 15),
        (600, 7, 7),  # divides none of the usual steps
        (14 * 86_400, 7, 63),
        (365 * 86_400, 420, 1680),
        (365 * 86_400, 7200, 7200),
    ],
)
def test_the_modelled_step_follows_the_history(span_s: float, source_step_s: float, expected: float):
    assert choose_step_s(span_s, source_step_s) == expected


@given(st.lists(st.one_of(st.just(NAN), st.floats(0, 100)), min_size=1, max_size=200), st.floats(0.01, 3))
def test_a_mean_at_some_places_is_the_mean_there(values: list[float], half_life: float):
    every = ewma(np.array(values), half_life)
    places = np.arange(len(values) // 2, len(values))
    np.testing.assert_allclose(ewma_at(np.array(values), half_life, places), every[places], atol=1e-6)
