"""The rivals that look ahead: what they learn from the past, on cases worked by hand."""

import numpy as np
import pytest
from statsmodels.tsa.holtwinters import ExponentialSmoothing

from tests.support.views import TERMS, view
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.rivals.constant import ConstantPolicy, enough
from tidegate.simulate.rivals.holt_winters import Smoothing, one_ahead
from tidegate.simulate.rivals.hourly import HourlyPolicy
from tidegate.simulate.rivals.phpa import PhpaPolicy
from tidegate.simulate.rivals.schedule import SchedulePolicy

DAY_S, HOUR_S = 86400, 3600


def days(count: int, busy_hour: int, busy_rps: float, quiet_rps: float) -> Arrivals:
    """So many days from the epoch on (a Thursday) with one busy hour each."""
    hours = np.full(24, quiet_rps)
    hours[busy_hour] = busy_rps
    return Arrivals(0.0, np.tile(np.repeat(hours, HOUR_S), count))


def test_holt_winters_is_statsmodels_with_the_same_start() -> None:
    period, by = 6, Smoothing(0.4, 0.1, 0.3)
    series = np.random.default_rng(0).normal(20.0, 3.0, 40) + 5.0 * np.sin(np.arange(40))
    first, second = series[:period].mean(), series[period : 2 * period].mean()
    model = ExponentialSmoothing(
        series[period:],
        trend="add",
        seasonal="add",
        seasonal_periods=period,
        initialization_method="known",
        initial_level=first,
        initial_trend=(second - first) / period,
        initial_seasonal=series[:period] - first,
    )
    fitted = model.fit(smoothing_level=by.alpha, smoothing_trend=by.beta, smoothing_seasonal=by.gamma, optimized=False)
    assert one_ahead(series.tolist(), period, by) == pytest.approx(float(fitted.forecast(1)[0]))


def test_holt_winters_knows_a_repeating_season() -> None:
    assert one_ahead([2.0, 4.0, 9.0] * 4, 3, Smoothing(0.5, 0.1, 0.5)) == pytest.approx(2.0)
    assert one_ahead([2.0, 4.0, 9.0] * 4 + [2.0, 4.0], 3, Smoothing(0.5, 0.1, 0.5)) == pytest.approx(9.0)


class TestPhpa:
    """Five minutes an interval; the history's counts are 2 (of 16 rps at 80 %) and 10 (of 80) from 06:00 to 07:00."""

    HISTORY = days(4, 6, 80.0, 16.0)

    def at(self, day_s: float) -> list[int]:
        """Its answers every five minutes of the day after, until then."""
        policy = PhpaPolicy(TERMS, self.HISTORY)
        times = np.arange(0.0, day_s + 1, 300.0)
        return [policy.decide(view(4 * DAY_S + at, ready=2, served=16.0)) for at in times]

    def test_it_asks_for_yesterdays_count_one_interval_ahead(self) -> None:
        answers = self.at(6 * HOUR_S)
        assert answers[-2] == 10  # at 05:55 the next interval is the busy one
        assert set(answers[:-2]) == {2}

    def test_the_higher_of_hpa_and_prediction_counts(self) -> None:
        policy = PhpaPolicy(TERMS, self.HISTORY)
        assert policy.decide(view(4 * DAY_S, ready=10, served=90.0)) == 12  # ceil(10 · 0.9 / 0.8)

    def test_the_highest_of_five_minutes_stays(self) -> None:
        policy = PhpaPolicy(TERMS, self.HISTORY)
        policy.decide(view(4 * DAY_S, ready=10, served=90.0))
        assert policy.decide(view(4 * DAY_S + 285.0, ready=12, served=16.0)) == 12
        assert policy.decide(view(4 * DAY_S + 330.0, ready=12, served=16.0)) < 12

    def test_less_than_two_days_of_history_is_an_hpa(self) -> None:
        policy = PhpaPolicy(TERMS, days(1, 6, 80.0, 16.0))
        assert policy.decide(view(DAY_S + 6 * HOUR_S - 300.0, ready=2, served=16.0)) == 2

    def test_the_interval_is_no_shorter_than_a_start_up(self) -> None:
        """600 s ahead of the busy hour, that is at 05:50."""
        terms = type(TERMS)(10.0, 600.0, 0.5, 15, 1, 200)
        policy = PhpaPolicy(terms, self.HISTORY)
        times = np.arange(0.0, 6 * HOUR_S - 599.0, 600.0)
        answers = [policy.decide(view(4 * DAY_S + at, ready=2, served=16.0)) for at in times]
        assert answers[-2:] == [2, 10]


class TestHourly:
    HISTORY = days(14, 6, 80.0, 16.0)

    def test_the_floor_is_there_a_buffer_before_the_hour(self) -> None:
        """80 rps at 80 % of 10 are 10 replicas, from five minutes before 06:00; the HPA alone would keep two."""
        policy = HourlyPolicy(TERMS, self.HISTORY)
        start = 14 * DAY_S
        found = {}
        for tick in range(0, 6 * HOUR_S, 15):
            found[tick] = policy.decide(view(start + tick, ready=2, served=16.0))
        assert found[6 * HOUR_S - 315] == 2
        assert found[6 * HOUR_S - 300] == pytest.approx(10, abs=1)

    def test_the_forecast_never_scales_in(self) -> None:
        policy = HourlyPolicy(TERMS, self.HISTORY)
        assert policy.decide(view(14 * DAY_S, ready=20, served=160.0)) == 20

    def test_less_than_a_day_is_not_forecast(self) -> None:
        hours = Arrivals(0.0, np.full(23 * HOUR_S, 80.0))
        assert HourlyPolicy(TERMS, hours).decide(view(23.0 * HOUR_S, ready=2, served=16.0)) == 2


class TestSchedule:
    def test_each_hour_has_its_number_one_start_up_early(self) -> None:
        policy = SchedulePolicy(TERMS, days(7, 6, 80.0, 16.0))
        times = [7 * DAY_S + 6 * HOUR_S + at for at in (-135.0, -120.0, 0.0, HOUR_S - 1.0, HOUR_S)]
        assert [policy.decide(view(at)) for at in times] == [2, 10, 10, 10, 2]

    def test_weekends_have_hours_of_their_own(self) -> None:
        quiet, busy = days(1, 0, 8.0, 8.0).counts, days(1, 0, 80.0, 80.0).counts
        week = [busy, busy, quiet, quiet, busy, busy, busy]  # from Thursday on
        policy = SchedulePolicy(TERMS, Arrivals(0.0, np.concatenate(week)))
        assert [policy.decide(view((7 + day) * DAY_S + HOUR_S)) for day in range(4)] == [10, 10, 1, 1]

    def test_an_hour_that_was_never_seen_keeps_what_is_there(self) -> None:
        policy = SchedulePolicy(TERMS, Arrivals(0.0, np.full(HOUR_S, 16.0)))
        assert policy.decide(view(12.0 * HOUR_S, ready=5)) == 5


def test_constant_is_what_the_peak_needs() -> None:
    history = days(1, 6, 80.0, 16.0)
    assert enough(TERMS, history.counts) == 10
    assert enough(TERMS, np.zeros(0)) == TERMS.min_replicas
    assert ConstantPolicy(TERMS, 10).decide(view(ready=3)) == 10
