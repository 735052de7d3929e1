import numpy as np
import pytest

from forecaster.calendar import Calendar, Event, ahead, extended
from forecaster.calendars import build
from forecaster.model import fit
from tests.support.tides import counted
from tidegate.shared.errors import InvalidRequest

HOUR_S, DAY_S = 3600.0, 86_400.0
SPRING_S = 1_711_846_800.0  # 2024-03-31 02:00 in Berlin, when the clock goes to 03:00
AUTUMN_S = 1_729_990_800.0  # 2024-10-27 03:00 in Berlin, when the clock goes to 02:00
BERLIN = build("Europe/Berlin", "", [], SPRING_S - 40 * DAY_S, AUTUMN_S + 40 * DAY_S)


def test_offsets_change_where_the_clock_does():
    assert [at for at, _ in BERLIN.offsets[1:]] == [SPRING_S, AUTUMN_S]
    assert [east for _, east in BERLIN.offsets] == [HOUR_S, 2 * HOUR_S, HOUR_S]


def test_the_hour_that_spring_leaves_out_is_a_gap():
    grown = extended(np.arange(2.0), SPRING_S - HOUR_S, np.array([2.0, 3.0, 4.0]), HOUR_S, BERLIN)
    np.testing.assert_array_equal(grown, [0, 1, 2, np.nan, 3, 4])
    np.testing.assert_array_equal(ahead(SPRING_S - HOUR_S, 3, HOUR_S, BERLIN), [1, 3, 4])


def test_of_the_hour_that_autumn_repeats_the_later_pass_is_kept():
    grown = extended(np.arange(2.0), AUTUMN_S - HOUR_S, np.array([2.0, 3.0, 4.0]), HOUR_S, BERLIN)
    np.testing.assert_array_equal(grown, [0, 1, 3, 4])
    np.testing.assert_array_equal(ahead(AUTUMN_S - HOUR_S, 3, HOUR_S, BERLIN), [1, 1, 2])


@pytest.mark.parametrize("change_s", [SPRING_S, AUTUMN_S])
def test_nine_oclock_stays_nine_oclock_when_the_clock_changes(change_s: float):
    step_s, days = 600.0, 10
    start_s = change_s - days * DAY_S
    times = start_s + step_s * np.arange(round(days * DAY_S / step_s))

    def rates(at_s: np.ndarray) -> np.ndarray:
        local_s = at_s + BERLIN.offset_steps(at_s, 1.0)
        return np.where(local_s % DAY_S == 9 * HOUR_S, 200.0, 20.0)

    fitted = fit(counted(rates(times), step_s, start_s=start_s), calendar=BERLIN, horizon_s=DAY_S)
    forecast = fitted.forecast(DAY_S)
    spike = int(np.argmax(rates(forecast.times_s())))
    assert int(np.argmax(forecast.values_rps[0])) == spike
    assert forecast.values_rps[0, spike] == pytest.approx(200.0, rel=0.15)
    came = fitted.update(rates(forecast.times_s()))  # the change itself is lived through
    assert int(np.argmax(came.forecast(DAY_S).values_rps[0])) == int(np.argmax(rates(forecast.times_s() + DAY_S)))


def test_an_event_multiplies_and_adds_within_its_window_alone():
    event = Event("launch", 100.0, 200.0, factor=2.0, added_rps=5.0)
    calendar = Calendar(events=(event,))
    with_event = calendar.with_events(np.full(4, 10.0), 0.0, 75.0)
    np.testing.assert_allclose(with_event, [10, 20, 20, 10])  # it fills two thirds of either step
    np.testing.assert_allclose(calendar.usual(with_event, 0.0, 75.0), 10.0)
    for step_s in (10.0, 50.0, 300.0):
        more = calendar.with_events(np.full(round(300 / step_s), 10.0), 0.0, step_s) - 10.0
        assert more.sum() * step_s == pytest.approx(100.0 * (10.0 + 5.0)), "as many requests at any step"
    np.testing.assert_array_equal(calendar.with_events(np.zeros(5), 200.0, 10.0), 0.0)
    np.testing.assert_array_equal(calendar.with_events(np.zeros(5), 50.0, 10.0), 0.0)


def test_events_that_overlap_are_taken_out_as_they_were_put_in():
    sale, batch = Event("sale", 100.0, 300.0, factor=2.0), Event("batch", 200.0, 400.0, added_rps=100.0)
    for calendar in (Calendar(events=(sale, batch)), Calendar(events=(batch, sale))):
        usual = np.full(5, 50.0)
        with_both = calendar.with_events(usual, 0.0, 100.0)
        assert with_both[2] in (200.0, 300.0)
        np.testing.assert_array_equal(calendar.usual(with_both, 0.0, 100.0), usual)


def test_an_event_without_a_factor_is_the_rate_itself_and_leaves_a_gap_in_what_was_usual():
    calendar = Calendar(events=(Event("launch", 100.0, 200.0, factor=0.0, added_rps=500.0),))
    with_event = calendar.with_events(np.full(4, 10.0), 0.0, 75.0)
    np.testing.assert_allclose(with_event, [10, 10 / 3 + 500 * 2 / 3, 10 / 3 + 500 * 2 / 3, 10])
    np.testing.assert_array_equal(calendar.usual(with_event, 0.0, 75.0), [10, np.nan, np.nan, 10])


def test_a_rate_that_is_told_is_forecast_and_not_learned():
    rates = counted(np.full(600, 50.0), 60.0).rate_rps
    rates[580:600] = 500.0
    told = Event("launch", 580 * 60.0, 605 * 60.0, factor=0.0, added_rps=500.0)
    fitted = fit(counted(rates, 60.0), calendar=Calendar(events=(told,)))
    median = fitted.forecast(30 * 60.0).values_rps[0]
    np.testing.assert_allclose(median[:5], 500.0)
    np.testing.assert_allclose(median[5:], 50.0, rtol=0.15)
    only_launched = fit(counted(rates[580:], 60.0), calendar=Calendar(events=(Event("x", 0.0, 9e4, 0.0, 500.0),)))
    np.testing.assert_allclose(only_launched.forecast(600.0).values_rps[0], 500.0)


def test_an_event_is_forecast_when_it_comes_and_forgotten_when_it_is_over():
    rates = counted(np.full(600, 50.0), 60.0).rate_rps
    rates[500:520] *= 4.0
    past, coming = Event("sale", 30_000, 31_200, factor=4.0), Event("ad", 36_600.0, 37_200.0, added_rps=100.0)
    fitted = fit(counted(rates, 60.0), calendar=Calendar(events=(past, coming)))
    median = fitted.forecast(30 * 60.0).values_rps[0]
    np.testing.assert_allclose(median[:10], 50.0, rtol=0.15)
    np.testing.assert_allclose(median[10:20], 150.0, rtol=0.15)
    without = fitted.with_events(()).forecast(30 * 60.0)
    assert without.values_rps[0].max() < 60.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "name is empty"),
        ({"end_s": 5.0}, "end_s is 5"),
        ({"factor": -1.0}, "factor is -1"),
        ({"factor": 1e300}, r"factor is 1e\+300"),
        ({"added_rps": float("inf")}, "added_rps is inf"),
        ({"added_rps": float("nan")}, "added_rps is nan"),
        ({"name": "", "end_s": 5.0, "factor": -1.0}, "name is empty: .*; end_s is 5: .*; factor is -1"),
    ],
)
def test_an_event_without_sense_is_refused(wrong: dict, said: str):
    with pytest.raises(InvalidRequest, match=said):
        Event(**{"name": "sale", "start_s": 10.0, "end_s": 20.0, **wrong})


def test_holidays_are_local_days():
    holidays = build("America/New_York", "US", [], 1_703_000_000.0, 1_704_200_000.0).holidays
    assert [day.name for day in holidays] == ["Christmas Day", "New Year's Day"]
    assert holidays[0].start_s == 1_703_480_400.0  # 2023-12-25 00:00 -05:00
    assert holidays[0].end_s - holidays[0].start_s == DAY_S


@pytest.mark.parametrize(
    ("zone", "country", "said"), [("Mars/Base", "", "'Mars/Base'"), ("UTC", "XX", "'XX'"), ("UTC", "DE-QQ", "'DE-QQ'")]
)
def test_a_zone_or_country_that_is_not_is_refused(zone: str, country: str, said: str):
    with pytest.raises(InvalidRequest, match=said):
        build(zone, country, [], 0.0, DAY_S)
