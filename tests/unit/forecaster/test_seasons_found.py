import numpy as np
import pytest

from forecaster import seasons
from forecaster.transform import scale_for
from tests.support.tides import counted, tide_rates


def found(rates: np.ndarray, step_s: float) -> tuple[int, ...]:
    return seasons.find(scale_for(rates).forward(rates), step_s)


@pytest.mark.parametrize(("period", "step_s"), [(60, 1.0), (120, 1.0), (288, 300.0), (144, 600.0), (24, 3600.0)])
def test_a_tide_is_found_at_any_step(period: int, step_s: float):
    series = counted(tide_rates(10 * period, period), step_s)
    assert found(series.rate_rps, step_s) == (period,)


@pytest.mark.parametrize(("period", "phase"), [(600, 0), (600, 150), (500, 77), (1000, 400)])
def test_five_cycles_tell_a_tides_length_to_a_step(period: int, phase: int):
    series = counted(tide_rates(5 * period + phase, period)[phase:])
    (length,) = found(series.rate_rps, 1.0)
    assert abs(length - period) <= 1


def test_a_season_that_is_nobodys_calendar_is_found():
    series = counted(tide_rates(1500, 97, spike_at=40))
    assert found(series.rate_rps, 1.0) == (97,)


def test_a_spike_alone_is_a_season():
    rates = np.full(1200, 5.0)
    rates[(np.arange(1200) % 100) < 3] = 60.0
    assert found(counted(rates).rate_rps, 1.0)[:1] == (100,)


def test_noise_has_no_season():
    assert found(counted(np.full(2000, 30.0), seed=3).rate_rps, 60.0) == ()


def test_a_wandering_level_has_no_season():
    steps = np.random.default_rng(1).normal(0, 0.3, 1500)
    assert found(np.maximum(0, 50 + np.cumsum(steps)), 1.0) == ()


def test_weekend_makes_a_week():
    place = np.arange(24 * 7 * 6)
    weekend = (place // 24) % 7 >= 5
    rates = (30 + 20 * np.sin(2 * np.pi * place / 24)) * np.where(weekend, 0.3, 1.0)
    assert 168 in found(counted(rates, 3600.0).rate_rps, 3600.0)


def test_gaps_do_not_hide_the_season():
    rates = counted(tide_rates(900, 60)).rate_rps
    rates[200:260] = np.nan
    rates[::7] = np.nan
    assert found(rates, 1.0) == (60,)


@pytest.mark.parametrize("rates", [np.zeros(200), np.full(200, np.nan), np.ones(3), np.full(200, 5.0)])
def test_nothing_to_find_is_no_season(rates: np.ndarray):
    values = np.where(np.isfinite(rates), rates, np.nan)
    assert seasons.find(values, 1.0) == ()
