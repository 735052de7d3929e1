import numpy as np
import pytest

from forecaster.comb import learn
from forecaster.explain import explain
from forecaster.model import fit
from tests.support.tides import counted

RNG = np.random.default_rng(11)
PERIOD = 96


def with_spikes(cycles: int, heights: list[float], at: int = 40) -> np.ndarray:
    rates = RNG.poisson(50.0, size=cycles * PERIOD).astype(float)
    for cycle, height in enumerate(heights):
        rates[cycle * PERIOD + at] += height
    return rates


def test_a_spike_of_each_cycle_is_due_at_its_own_phase_and_height():
    rates = with_spikes(8, [200.0] * 8)
    base, comb = learn(rates, (PERIOD,))
    due = comb.at(8 * PERIOD + np.arange(PERIOD))
    assert np.flatnonzero(due).tolist() == [40]
    assert due[40] == pytest.approx(200.0, rel=0.1)
    assert base[4 * PERIOD :].max() < 90


def test_nothing_is_due_before_it_came_in_most_of_the_last_cycles():
    _, comb = learn(with_spikes(5, [0.0, 0.0, 0.0, 0.0, 200.0]), (PERIOD,))
    assert comb.at(4 * PERIOD + np.arange(PERIOD))[40] == 0.0


def test_a_spike_that_begins_and_ends_within_a_step_is_as_sharp_as_one_that_does_not():
    """Ten seconds too early: a sixth of the height in the minute before it, five sixths in its last."""
    rates = RNG.poisson(50.0, size=8 * PERIOD).astype(float)
    for step, share in enumerate((1 / 6, 1.0, 1.0, 5 / 6)):
        rates[40 + step :: PERIOD] += 240.0 * share
    base, comb = learn(rates, (PERIOD,))
    due = comb.at(8 * PERIOD + np.arange(PERIOD))
    assert due[40:44] == pytest.approx([40.0, 240.0, 240.0, 200.0], rel=0.2)
    assert base[4 * PERIOD :].max() < 130


def test_an_accident_is_not_due_again():
    rates = with_spikes(8, [0.0] * 7 + [300.0])
    base, comb = learn(rates, (PERIOD,))
    assert not comb.at(8 * PERIOD + np.arange(PERIOD)).any()
    np.testing.assert_array_equal(base, rates)


def test_a_cycle_without_it_is_forgiven_and_takes_nothing_away():
    rates = with_spikes(8, [200.0] * 7 + [0.0])
    base, comb = learn(rates, (PERIOD,))
    assert comb.at(8 * PERIOD + np.arange(PERIOD))[40] == pytest.approx(200.0, rel=0.1)
    assert base[7 * PERIOD + 40] == rates[7 * PERIOD + 40]


def test_the_week_decides_where_it_is_known():
    days = np.arange(28)
    _, comb = learn(with_spikes(28, list(np.where(days % 7 < 5, 200.0, 0.0))), (PERIOD, 7 * PERIOD))
    due = comb.at(28 * PERIOD + np.arange(7 * PERIOD)).reshape(7, PERIOD)[:, 40]
    np.testing.assert_array_equal(due > 0, [True] * 5 + [False] * 2)


def train(cycles: int, period: int) -> np.ndarray:
    """Counts of a tide of 600 steps, and a spike in each period that is neither a season nor of the calendar."""
    place = np.arange(cycles * period)
    return RNG.poisson(20.0 + 15.0 * np.sin(2.0 * np.pi * place / 600) + 100.0 * (place % period == 40)).astype(float)


@pytest.mark.parametrize("period", [300, 420])
def test_spikes_keep_a_distance_of_their_own_whatever_the_seasons_are(period: int):
    _, comb = learn(train(10, period), (603, 1000))  # 600, as noise lets it be measured, says nothing of them
    due = comb.at(10 * period + np.arange(2 * period))
    assert np.flatnonzero(due).tolist() == [40, 40 + period]
    np.testing.assert_allclose(due[due > 0], 100.0, rtol=0.15)


def test_every_other_weekday_is_known_by_the_week_that_fits_all_of_them():
    days = np.arange(28)
    _, comb = learn(with_spikes(28, list(np.where(np.isin(days % 7, (0, 2, 4)), 200.0, 0.0))), (PERIOD, 7 * PERIOD))
    due = comb.at(28 * PERIOD + np.arange(7 * PERIOD)).reshape(7, PERIOD)[:, 40]
    np.testing.assert_array_equal(due > 0, [True, False, True, False, True, False, False])


def test_spikes_that_come_too_soon_after_each_other_are_left_to_the_members():
    rates = RNG.poisson(50.0, size=960).astype(float)
    rates[10::24] += 200.0
    assert not learn(rates, (24,))[1].teeth


def test_spikes_at_random_have_no_distance():
    rates = RNG.poisson(50.0, size=40 * PERIOD).astype(float)
    rates[RNG.choice(len(rates), 40, replace=False)] += 200.0
    assert not learn(rates, ())[1].teeth


def test_past_spikes_are_taken_out_by_what_came_before_them_alone():
    rates = with_spikes(8, [200.0] * 8)
    whole, _ = learn(rates, (PERIOD,))
    cut, _ = learn(rates[: 6 * PERIOD], (PERIOD,))
    np.testing.assert_array_equal(whole[: 6 * PERIOD - 24], cut[: 6 * PERIOD - 24])


def test_a_tide_is_no_comb_however_steep():
    place = np.arange(10 * PERIOD)
    rates = RNG.poisson(20.0 + 400.0 * np.maximum(0.0, np.sin(2 * np.pi * place / PERIOD)) ** 8).astype(float)
    base, comb = learn(rates, (PERIOD,))
    assert not comb.at(place).any()
    np.testing.assert_array_equal(base, rates)


@pytest.mark.parametrize("width", [1, 3, 7])
def test_a_spike_each_hour_is_forecast_whole_and_keeps_out_of_its_neighbours(width: int):
    place = np.arange(60 * 24 * 4)
    rates = 50.0 + 200.0 * (place % 60 < width)
    fitted = fit(counted(rates, 60.0))
    came = fitted.update(rates[:17])  # the comb goes on in phase, over an update within the hour
    path = came.forecast(3600.0, quantiles=(0.5, 0.9)).values_rps
    truth = 50.0 + 200.0 * ((17 + np.arange(60)) % 60 < width)
    np.testing.assert_allclose(path[1], truth, rtol=0.15)
    assert sum(rate for name, rate in explain(came, 3600.0).components if name == "spikes") == pytest.approx(
        200 * width / 60, rel=0.1
    )
