"""Holidays: like a Sunday until some were seen, then as they were."""

import numpy as np
import pytest

from forecaster import rest_days
from forecaster.calendar import Calendar, Holiday
from forecaster.calendars import build
from forecaster.explain import explain
from forecaster.model import FittedModel, fit
from tests.support.tides import counted
from tidegate.shared.values import FloatArray

HOUR_S, DAY_S = 3600.0, 86_400.0
START_DAY = 19_723  # 2024-01-01, a Monday
SUNDAY_SHARE = 0.25


def year(days: int, holidays: dict[int, float]) -> FloatArray:
    """Hourly requests/s from 2024 on: weekdays at 1, Sundays at SUNDAY_SHARE, holidays (by day) at their own share."""
    hours = np.arange(24 * days)
    tide = 200.0 * (1.0 + 0.5 * np.sin(2 * np.pi * hours / 24))
    share = np.where((hours // 24) % 7 == 6, SUNDAY_SHARE, 1.0)
    for day, own in holidays.items():
        share[24 * day : 24 * day + 24] = own
    return tide * share


def told(days: tuple[int, ...]) -> Calendar:
    starts = [DAY_S * (START_DAY + day) for day in days]
    return Calendar(holidays=tuple(Holiday("holiday", start_s, start_s + DAY_S) for start_s in starts))


def fitted(days: int, past: dict[int, float], coming: int) -> FittedModel:
    series = counted(year(days, past), HOUR_S, start_s=START_DAY * DAY_S)
    return fit(series, calendar=told((*past, coming)), horizon_s=3 * DAY_S)


def shares(model: FittedModel, days: int) -> FloatArray:
    """The median of each of the next three days, over a weekday's."""
    path = model.forecast(3 * DAY_S).values_rps[0]
    return path.reshape(3, 24).mean(axis=1) / 200.0


def test_the_first_holiday_is_forecast_as_a_sunday():
    np.testing.assert_allclose(shares(fitted(84, {}, 85), 84), [1.0, SUNDAY_SHARE, 1.0], rtol=0.12)


def test_holidays_that_were_seen_are_believed_more_and_more():
    one = shares(fitted(140, {30: 0.6}, 141), 140)[1]
    four = shares(fitted(140, {30: 0.6, 58: 0.6, 87: 0.6, 114: 0.6}, 141), 140)[1]
    assert SUNDAY_SHARE < one < four
    assert four == pytest.approx(0.6, rel=0.2)


def test_a_holiday_does_not_lower_the_same_day_of_the_next_week():
    told_of, untold = (
        fitted(85, {78: SUNDAY_SHARE}, 200),
        fit(counted(year(85, {78: SUNDAY_SHARE}), HOUR_S, start_s=START_DAY * DAY_S), horizon_s=3 * DAY_S),
    )
    assert abs(shares(told_of, 85)[0] - 1.0) <= abs(shares(untold, 85)[0] - 1.0)
    assert shares(told_of, 85)[0] == pytest.approx(1.0, rel=0.1)


def test_a_holiday_lived_through_leaves_the_level_as_it_was():
    model = fitted(84, {}, 84).update(year(85, {84: SUNDAY_SHARE})[-24:])
    np.testing.assert_allclose(shares(model, 85), 1.0, rtol=0.12)


def test_explain_gives_the_holiday_a_line_of_its_own():
    model = fitted(84, {}, 85)
    noon_s = model.end_s + 36 * HOUR_S
    components = dict(explain(model, 3 * DAY_S, noon_s).components)
    assert components["holidays"] < -50.0
    assert dict(explain(model, 3 * DAY_S, model.end_s).components)["holidays"] == 0.0


def test_a_series_of_minutes_without_days_has_no_holidays():
    values = np.random.default_rng(3).normal(size=500)
    kept, rest = rest_days.learn(values, (0, 1), (60,), 0, 60.0)
    np.testing.assert_array_equal(kept, values)
    assert not rest.at(np.arange(500)).any()


def test_holidays_are_days_of_the_zone_they_are_in():
    calendar = build("America/New_York", "US", [], 1_703_000_000.0, 1_704_200_000.0)
    assert rest_days.local_days(calendar, 600.0) == (19_716, 19_723)  # 2023-12-25 and 2024-01-01
