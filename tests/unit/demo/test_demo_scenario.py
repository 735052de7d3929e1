import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.demo.pace import REPLICA_ROWS_PER_S
from tidegate.demo.scenario import (
    DAY_S,
    LIVE_S,
    PEAK_RPS,
    TRACE_DAY_S,
    TRACE_HISTORY_DAYS,
    Peak,
    Scenario,
    find_peaks,
    made_up,
    on_seconds,
    recorded,
)
from tidegate.shared.errors import InvalidSeries
from tidegate.shared.values import DemandSeries


def test_the_made_up_spikes_are_where_it_says_and_need_more_than_the_tide() -> None:
    scenario = made_up(np.random.default_rng(0))
    assert len(scenario.live_rps) == LIVE_S
    assert [peak.at_s for peak in scenario.peaks] == [17.0, 45.0, 77.0]
    for peak in scenario.peaks:
        before, inside = scenario.live_rps[int(peak.at_s) - 1], scenario.live_rps[int(peak.at_s)]
        assert inside > 1.9 * before
        assert peak.rate_rps == scenario.live_rps[int(peak.at_s) : int(peak.at_s + peak.width_s)].max()
    assert scenario.live_rps.max() <= PEAK_RPS


def test_the_live_part_goes_on_where_the_history_ends() -> None:
    scenario = made_up(np.random.default_rng(0))
    assert len(scenario.history_rps) % DAY_S == 0
    np.testing.assert_allclose(scenario.history_rps[: int(DAY_S)], scenario.live_rps[: int(DAY_S)])


@pytest.mark.parametrize(
    ("step_s", "rate", "seconds"),
    [
        (0.5, [1, 3, 5, 7], [2, 6]),
        (2.0, [1, 3], [1, 1, 3, 3]),
        (1.0, [1, np.nan, 3], [1, np.nan, 3]),
        (0.5, [1, np.nan, np.nan, np.nan], [1, np.nan]),
        (1.5, [2, 4], [2, 3, 4]),
    ],
)
def test_any_step_becomes_seconds(step_s: float, rate: list[float], seconds: list[float]) -> None:
    np.testing.assert_allclose(on_seconds(np.array(rate, dtype=float), step_s), seconds)


@given(st.lists(st.floats(0, 1000), min_size=10, max_size=60), st.sampled_from([0.25, 0.5, 1.0, 2.0, 5.0]))
def test_no_request_is_made_or_lost_by_the_grid(rate: list[float], step_s: float) -> None:
    whole = int(len(rate) * step_s) / step_s
    kept = np.array(rate[: int(whole)])
    seconds = on_seconds(kept, step_s)
    if (len(kept) * step_s).is_integer():
        assert seconds.sum() == pytest.approx(kept.sum() * step_s, abs=1e-6)


def series(rate: np.ndarray, step_s: float = 600.0) -> DemandSeries:
    return DemandSeries("trace", 0.0, step_s, rate)


def daily(days: int, peak: float = 900.0) -> np.ndarray:
    phase = np.arange(days * 144) / 144
    return peak * (0.55 - 0.45 * np.cos(2 * np.pi * phase))


def test_a_recorded_day_lasts_two_minutes_and_peaks_at_five_replicas() -> None:
    scenario = recorded(series(daily(14)))
    assert scenario.live_s == TRACE_DAY_S
    assert 12 * TRACE_DAY_S < len(scenario.history_rps) <= 13 * TRACE_DAY_S
    assert np.quantile(scenario.live_rps, 0.995) == pytest.approx(PEAK_RPS, rel=0.01)
    assert np.nanmax(scenario.history_rps) == pytest.approx(PEAK_RPS, rel=0.05)


def test_the_live_part_of_a_trace_begins_at_low_tide() -> None:
    shifted = recorded(series(np.roll(daily(14), 60)))
    assert shifted.live_rps[:10].mean() < 1.1 * shifted.live_rps.min()


def test_history_is_bounded_and_keeps_its_gaps() -> None:
    rate = daily(40)
    rate[37 * 144 - 20 : 37 * 144 - 10] = np.nan
    scenario = recorded(series(rate))
    assert len(scenario.history_rps) == TRACE_HISTORY_DAYS * TRACE_DAY_S
    assert np.isnan(scenario.history_rps).any()
    assert not np.isnan(scenario.live_rps).any()


def test_one_wild_second_does_not_outgrow_the_machine() -> None:
    rate = np.repeat(daily(3), 10)
    rate[-700] = 1e6
    live = recorded(series(rate, 60.0)).live_rps
    assert live.max() <= PEAK_RPS * 1.25
    assert np.quantile(live, 0.5) > 0


@pytest.mark.parametrize(("rate", "said"), [(daily(1), "1.00 days"), (np.zeros(4 * 144), "no traffic")])
def test_a_trace_that_cannot_be_played_is_refused(rate: np.ndarray, said: str) -> None:
    with pytest.raises(InvalidSeries, match=said):
        recorded(series(rate))


def test_peaks_stand_out_from_what_is_around_them() -> None:
    rate = np.full(100, 50.0)
    rate[30:36] = 120
    rate[60] = 60  # a bump that needs no other replica
    assert find_peaks(rate) == (Peak(30.0, 6.0, 120.0),)
    assert find_peaks(np.linspace(10, 100, 100)) == ()
    assert REPLICA_ROWS_PER_S / 2 > 10


def test_the_fewest_replicas_carry_the_low_tide() -> None:
    low = Scenario("low", 60.0, np.zeros(0), np.linspace(1.0, 100.0, 100), ())
    high = Scenario("high", 60.0, np.zeros(0), np.linspace(90.0, 100.0, 100), ())
    assert (low.min_replicas, high.min_replicas) == (1, 3)
