"""Planned events in a forecast: arrays in, arrays out."""

import numpy as np
import pytest

from scaler.events import Event, planned
from scaler.settings import EventSettings
from tests.support.pools import forecast

LEVEL = forecast(np.full((2, 4), 10.0), step_s=10.0)


def test_a_factor_multiplies_what_is_forecast_for_its_window() -> None:
    after = planned(LEVEL, [Event("launch", 1010.0, 1030.0, factor=3.0)], now_s=1000.0)
    assert after.paths_rows_per_s.tolist() == [[10.0, 30.0, 30.0, 10.0]] * 2
    assert after.note == "with the planned launch"


def test_a_rate_takes_the_place_of_what_is_forecast() -> None:
    after = planned(LEVEL, [Event("holiday", 0.0, 1020.0, rate_rows_per_s=2.0)], now_s=1000.0)
    assert after.paths_rows_per_s.tolist() == [[2.0, 2.0, 10.0, 10.0]] * 2


def test_a_step_covered_in_part_takes_that_part() -> None:
    after = planned(LEVEL, [Event("launch", 1005.0, 1007.5, factor=5.0)], now_s=1000.0)
    assert after.paths_rows_per_s[0].tolist() == [20.0, 10.0, 10.0, 10.0]


@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 1000.0), (1040.0, 1050.0)])
def test_an_event_outside_of_the_horizon_changes_nothing(start_s: float, end_s: float) -> None:
    assert planned(LEVEL, [Event("x", start_s, end_s, factor=9.0)], now_s=1000.0) is LEVEL


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"end": "2026-03-01T11:00:00Z"}, "not after it starts"),
        ({"factor": None}, "needs a factor or a rate_rows_per_s"),
        ({"rate_rows_per_s": 5}, "not both"),
        ({"start": "2026-03-01T12:00:00"}, "timezone"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused(changes: dict[str, object], said: str) -> None:
    whole = {"name": "x", "start": "2026-03-01T12:00:00Z", "end": "2026-03-01T13:00:00Z", "factor": 2, **changes}
    with pytest.raises(ValueError, match=said):
        EventSettings(**whole)
