import itertools

import numpy as np
import pytest

from forecaster import backtest
from forecaster.record import gain
from tests.support.tides import counted, tide_rates
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import DemandSeries

TIDE = counted(tide_rates(600, 60, 40))


def clock():
    """Seconds that pass by one with each look."""
    return itertools.count().__next__


def run(series: DemandSeries, origins: list[int], horizon_s: float = 20.0) -> list[backtest.OriginResult]:
    return list(itertools.chain(*backtest.run(series, origins, horizon_s, clock())))


def test_origins_are_evenly_spaced_and_leave_a_whole_horizon():
    origins = backtest.spaced_origins(TIDE, horizon_s=20, origins=4, from_fraction=0.7)
    assert origins[0] == 420
    assert origins[-1] == 579
    assert np.ptp(np.diff(origins)) <= 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((20, 0, 0.7), "origins is 0"),
        ((20, 3, 1.0), "from_fraction is 1"),
        ((500, 3, 0.7), "horizon_s is 500"),
        ((0.1, 3, 0.99999), "leaves a whole horizon"),
        ((-1, 3, 0.7), "horizon_s is -1"),
    ],
)
def test_a_backtest_without_sense_is_refused(arguments: tuple, said: str):
    with pytest.raises(InvalidRequest, match=said):
        backtest.spaced_origins(TIDE, *arguments)


def test_more_origins_than_rows_are_every_row_and_more_than_memory_holds_are_refused():
    assert backtest.spaced_origins(TIDE, 20, 2**32 - 1, 0.9) == list(range(540, 580))
    long = DemandSeries("digits", 0.0, 1.0, np.ones(100_000))
    with pytest.raises(InvalidRequest, match="origins is 9999: over 20000000 steps would be judged"):
        backtest.spaced_origins(long, 20_000, 9999, 0.1)


def test_an_origin_must_be_a_row():
    assert backtest.origin_at(TIDE, 450.0) == 450
    with pytest.raises(InvalidRequest, match=r"origin 450\.5 .* is no row"):
        backtest.origin_at(TIDE, 450.5)


def test_nothing_after_the_origin_is_used():
    cut = DemandSeries("digits", 0.0, 1.0, TIDE.rate_rps[:451])
    whole, alone = run(TIDE, [450])[0].forecast, run(cut, [450])[0].forecast
    np.testing.assert_array_equal(whole.values_rps, alone.values_rps)
    np.testing.assert_array_equal(whole.window_max_rps, alone.window_max_rps)


def test_the_row_at_the_origin_is_known_and_the_next_is_the_first_forecast():
    result = run(TIDE, [450])[0]
    assert result.forecast.start_s == 451.0
    assert result.last == pytest.approx(TIDE.rate_rps[450])
    np.testing.assert_array_equal(result.actual, TIDE.rate_rps[451:471])


def test_many_origins_share_fits_and_few_do_not():
    assert backtest.blocks([1, 2, 3]) == [[1], [2], [3]]
    shared = backtest.blocks(range(500))
    assert len(shared) <= backtest.MAX_REFITS
    assert list(itertools.chain(*shared)) == list(range(500))


def test_a_tide_is_forecast_better_than_by_repeating_it():
    results = run(TIDE, backtest.spaced_origins(TIDE, 20, 12, 0.6))
    summary = backtest.summarise(TIDE, results)
    assert summary.mase < 1.0
    assert summary.skill.vs_seasonal_naive > 0.05
    assert summary.skill.vs_last_value > 0.3
    assert 2 * summary.weighted_quantile_loss[0.95] < summary.weighted_quantile_loss[0.5]
    assert 0.85 < summary.coverage[0.95] <= 1.0
    assert summary.fit_seconds == summary.update_seconds == 1.0


def test_losses_by_hand():
    # Over by 1 costs (1 - q), under by 1 costs q.
    assert backtest.pinball(np.array([1.0, -1.0]), 0.9) == pytest.approx(0.9 + 0.1)
    assert backtest.pinball(np.array([2.0]), 0.5) == pytest.approx(1.0)


def test_a_backtest_over_nothing_observed_says_so():
    gap = TIDE.rate_rps.copy()
    gap[451:] = np.nan
    series = DemandSeries("digits", 0.0, 1.0, gap)
    with pytest.raises(InvalidRequest, match="none of the 1 origins"):
        backtest.summarise(series, run(series, [450]))


@pytest.mark.parametrize(
    ("loss", "reference", "skill"), [(1.0, 2.0, 0.5), (3.0, 2.0, -0.5), (0.0, 0.0, 0.0), (1.0, 0.0, -1.0)]
)
def test_skill_is_what_is_saved_of_the_references_loss(loss: float, reference: float, skill: float):
    assert gain(loss, reference) == skill
