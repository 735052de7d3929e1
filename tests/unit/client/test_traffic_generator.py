import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.shared.errors import InvalidSetting
from tidegate.simulate.generator import Spike, Tide, counts, rates, spike_times


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_tide_goes_from_low_to_high_water_and_back_each_day() -> None:
    rate = rates(Tide(base_rps=10, peak_rps=30, day_s=60), 120, 1, rng())
    assert rate.shape == (120,)
    assert rate[0] == pytest.approx(10)
    assert rate[30] == pytest.approx(30)
    np.testing.assert_allclose(rate[:60], rate[60:])


def test_the_weekend_is_days_six_and_seven() -> None:
    rate = rates(Tide(base_rps=10, peak_rps=10, day_s=10, weekend=0.5), 80, 1, rng())
    assert rate[:50].tolist() == [10] * 50
    assert rate[50:70].tolist() == [5] * 20
    assert rate[70] == 10


def test_a_spike_stands_at_its_phase_with_sharp_edges() -> None:
    tide = Tide(base_rps=10, peak_rps=10, day_s=60, spikes=(Spike(period_s=60, at_s=20, width_s=6, height=3),))
    rate = rates(tide, 120, 1, rng())
    assert np.flatnonzero(rate > 10).tolist() == [*range(20, 26), *range(80, 86)]
    assert set(rate.tolist()) == {10.0, 30.0}


def test_a_spike_that_covers_half_a_step_lifts_it_by_half() -> None:
    tide = Tide(base_rps=10, peak_rps=10, day_s=60, spikes=(Spike(period_s=60, at_s=20.5, width_s=1, height=3),))
    assert rates(tide, 60, 1, rng())[19:23].tolist() == pytest.approx([10, 20, 20, 10])


def test_growth_jitter_and_missing_spikes() -> None:
    grown = spike_times(Spike(period_s=10, at_s=0, width_s=1, height=2, growth=0.5), 30, rng())
    assert grown == [(0.0, 2.0), (10.0, 3.0), (20.0, 4.5)]
    moved = spike_times(Spike(period_s=10, at_s=5, width_s=1, height=2, jitter_s=1.0), 30, rng())
    assert [at for at, _ in moved] != [5.0, 15.0, 25.0]
    assert spike_times(Spike(period_s=10, at_s=0, width_s=1, height=2, missed=1.0), 30, rng()) == []
    assert 300 < len(spike_times(Spike(period_s=1, at_s=0, width_s=1, height=2, missed=0.5), 1000, rng())) < 700


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 30))
def test_the_seed_decides_everything_and_nothing_is_negative(seed: int, jitter_s: float) -> None:
    tide = Tide(1, 9, 60, spikes=(Spike(30, 3, 4, 2.5, jitter_s=jitter_s, missed=0.3),))
    first, again = (rates(tide, 300, 1, rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.all(first >= 0)


def test_counts_are_whole_and_follow_the_rate() -> None:
    drawn = counts(np.full(1000, 20.0), 2.0, rng())
    assert np.all(drawn == drawn.round())
    assert abs(drawn.mean() - 40) < 2


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Spike(0, 1, 1, 2), "period_s = 0"),
        (lambda: Spike(1, 1, 1, 2, missed=2), "missed = 2"),
        (lambda: Tide(5, 4, 60), "base_rps = 5"),
        (lambda: Tide(1, 4, 0), "day_s = 0"),
    ],
)
def test_an_impossible_setting_is_named(made: object, said: str) -> None:
    with pytest.raises(InvalidSetting, match=said):
        made()  # type: ignore[operator]
