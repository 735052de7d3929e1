"""The forecast brought up to the present."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.nowcast import nowcast
from scaler.observation import PoolForecast
from tests.support.pools import GOOD
from tidegate.shared.values import FloatArray


def ahead(paths: FloatArray, present: FloatArray | None) -> PoolForecast:
    return PoolForecast(10.0, np.asarray(paths, dtype=float), GOOD, "", present)


def sure(rows_per_s: float, steps: int = 4) -> PoolForecast:
    return ahead(np.full((50, steps), rows_per_s), np.full(50, rows_per_s))


def persistent(share: float) -> PoolForecast:
    """Paths around 100 rows/s that differ at present, of which that share lasts into the second step."""
    present = np.linspace(80.0, 120.0, 50)
    away = present - 100.0
    return ahead(np.stack([100.0 + away, 100.0 + share * away], axis=1), present)


def test_a_forecast_that_says_nothing_of_the_present_stays() -> None:
    one = ahead(np.full((3, 2), 5.0), None)
    assert nowcast(one, 50.0, 10.0) is one


def test_counting_noise_is_no_surprise() -> None:
    """A mean of 100 rows/s over 10 s is 100 ± 3.2 by chance alone."""
    moved = nowcast(sure(100.0), 103.0, 10.0).paths_rows_per_s
    assert moved == pytest.approx(100.0)


def test_a_burst_that_no_path_knows_is_believed_to_last() -> None:
    moved = nowcast(sure(100.0), 300.0, 10.0)
    assert moved.paths_rows_per_s == pytest.approx(300.0, rel=0.01)
    assert "300 rows/s came where 100 were expected" in moved.note


def test_a_spike_that_comes_early_is_not_added_to_the_one_that_was_due() -> None:
    due = ahead(np.tile([100.0, 300.0, 350.0, 100.0], (50, 1)), np.linspace(95.0, 105.0, 50))
    assert nowcast(due, 300.0, 10.0).paths_rows_per_s[0] == pytest.approx([300.0, 300.0, 350.0, 300.0], rel=0.01)


def test_an_ordinary_surprise_lasts_as_long_as_those_of_the_past() -> None:
    moved = nowcast(persistent(0.5), 115.0, 10.0).paths_rows_per_s.mean(axis=0)
    assert moved[0] == pytest.approx(115.0, abs=1.5)
    assert moved[1] - 100.0 == pytest.approx((moved[0] - 100.0) / 2)


def test_a_collapse_takes_the_paths_down_as_far_as_the_past_says_and_never_below_zero() -> None:
    moved = nowcast(persistent(0.5), 0.0, 10.0).paths_rows_per_s
    assert (moved >= 0.0).all()
    assert moved[:, 0].mean() < 10.0
    assert 40.0 < moved[:, 1].mean() < 60.0


def test_what_is_known_of_the_present_narrows_what_comes() -> None:
    before = persistent(0.9)
    after = nowcast(before, 100.0, 10.0)
    assert after.paths_rows_per_s.std(axis=0)[1] < before.paths_rows_per_s.std(axis=0)[1]


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 400.0), st.floats(0.0, 400.0))
def test_more_demand_now_never_means_less_to_come(seed: int, one: float, other: float) -> None:
    rng = np.random.default_rng(seed)
    paths = rng.gamma(4.0, 25.0, (40, 5)).cumsum(axis=1) / np.arange(1, 6)
    known = ahead(paths, paths[:, 0] + rng.normal(0.0, 5.0, 40))
    less, more = (nowcast(known, rate, 15.0).paths_rows_per_s.mean() for rate in sorted((one, other)))
    assert less <= more + 1e-6
