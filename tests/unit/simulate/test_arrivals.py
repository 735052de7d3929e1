"""From a trace to arrivals per second."""

import numpy as np
import pytest

from tidegate.shared.errors import InvalidSeries
from tidegate.shared.values import DemandSeries
from tidegate.simulate.arrivals import Arrivals, arrivals


def spread(values: list[float], step_s: float, unit: str = "count", peak_rps: float | None = None) -> Arrivals:
    trace = DemandSeries("t", 50.0, step_s, np.array(values))
    return arrivals(trace, unit, np.random.default_rng(0), peak_rps)  # type: ignore[arg-type]


def test_seconds_are_taken_as_they_are() -> None:
    assert spread([3.0, 0.0, 7.0], 1.0).counts.tolist() == [3.0, 0.0, 7.0]


def test_parts_of_a_second_are_added() -> None:
    assert spread([1.0, 2.0, 3.0, 4.0], 0.5).counts.tolist() == [3.0, 7.0]


@pytest.mark.parametrize(("unit", "mean"), [("count", 10.0), ("rate", 600.0)])
def test_longer_steps_are_spread_as_poisson(unit: str, mean: float) -> None:
    counts = spread([600.0] * 200, 60.0, unit).counts
    assert len(counts) == 12000
    assert counts.mean() == pytest.approx(mean, rel=0.02)
    assert counts.var() == pytest.approx(mean, rel=0.05)


def test_cutting_the_future_off_changes_nothing_before_the_cut() -> None:
    values = [float(100 + i) for i in range(50)]
    assert spread(values[:30], 60.0).counts.tolist() == spread(values, 60.0).counts[:1800].tolist()


def test_a_missing_value_repeats_the_last() -> None:
    nan = float("nan")
    assert spread([nan, 4.0, nan, 6.0], 1.0).counts.tolist() == [4.0, 4.0, 4.0, 6.0]


def test_the_high_rate_becomes_the_peak() -> None:
    values = [float(v) for v in np.random.default_rng(2).integers(2000, 9000, 400)]
    counts = spread(values, 1.0, peak_rps=80.0).counts
    assert np.quantile(counts, 0.995) == pytest.approx(80.0)


def test_between_steps_the_rate_is_a_line_reached_by_each_steps_end() -> None:
    """20 rps, then a step of 80: its minute rises from 20 to 80, the one after stays."""
    counts = spread([1200.0, 4800.0, 4800.0], 60.0).counts
    rates = [counts[second : second + 10].mean() for second in (0, 60, 85, 110, 120)]
    assert rates == pytest.approx([20.0, 25.0, 50.0, 75.0, 80.0], rel=0.2)


def test_averaged_seconds_are_poisson_around_their_mean() -> None:
    """5 a second are averaged over 200 s and scaled by 16; what then comes scatters as 80 a second do."""
    counts = spread([float(v) for v in np.random.default_rng(4).poisson(5, 20000)], 1.0, peak_rps=80.0).counts
    assert counts.var() == pytest.approx(counts.mean(), rel=0.25)


def test_scaling_up_does_not_blow_the_noise_of_small_counts_up() -> None:
    noisy = [float(v) for v in np.random.default_rng(3).poisson(5, 600)]
    counts = spread(noisy, 60.0, peak_rps=100.0).counts
    per_minute = counts.reshape(-1, 60).mean(axis=1)
    assert per_minute.std() < 0.15 * per_minute.mean()  # as it stands, 5 a minute scatter by 45 %


@pytest.mark.parametrize("values", [[], [float("nan")], [3.0, -1.0]])
def test_what_cannot_be_arrivals_is_refused(values: list[float]) -> None:
    with pytest.raises(InvalidSeries, match="t: "):
        spread(values, 1.0)


def test_a_flat_zero_has_no_peak_to_scale() -> None:
    with pytest.raises(InvalidSeries, match=r"99\.5%"):
        spread([0.0] * 10, 1.0, peak_rps=8.0)


def test_the_peak_is_that_of_the_rows_that_are_evaluated() -> None:
    trace = DemandSeries("t", 0.0, 1.0, np.repeat([9000.0, 3000.0], 200))
    counts = arrivals(trace, "count", np.random.default_rng(0), 80.0, peak_from_s=200.0).counts
    assert counts[200:].max() == pytest.approx(80.0)
