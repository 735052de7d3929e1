"""An explanation tells the seasons apart, and says when they have stopped helping."""

import numpy as np
import pytest

from forecaster import words
from forecaster.explain import explain
from forecaster.idle import idle
from forecaster.model import FittedModel, fit
from tests.support.tides import counted, tide_rates
from tidegate.shared.errors import InvalidRequest

HALF_HOUR_S, DAY, WEEK = 1800.0, 48, 336
PLACES = np.arange(6 * WEEK)
BY_DAY, BY_WEEK = 60.0 * np.sin(2.0 * np.pi * PLACES / DAY), 40.0 * np.cos(2.0 * np.pi * PLACES / WEEK)


@pytest.fixture(scope="module")
def weekly() -> FittedModel:
    return fit(counted(200.0 + BY_DAY + BY_WEEK, HALF_HOUR_S), horizon_s=DAY * HALF_HOUR_S)


def test_day_and_week_are_told_apart_and_add_up(weekly: FittedModel):
    assert set(weekly.seasons_s) == {86_400.0, 604_800.0}
    for step in (6, 12, 36):
        explained = explain(weekly, 86_400.0, weekly.end_s + step * HALF_HOUR_S)
        parts = dict(explained.components)
        # Seasons are a factor rather than a sum on the modelled scale: what they add is right to a few requests/s.
        assert parts["daily season"] == pytest.approx(BY_DAY[step], abs=8.0)
        assert parts["weekly season"] == pytest.approx(BY_WEEK[step], abs=8.0)
        assert sum(parts.values()) == pytest.approx(explained.median_rps)
        assert parts["events"] == parts["holidays"] == 0.0, "there are none: not what rounding leaves"


def test_one_step_or_the_whole_horizon_is_explained_and_nothing_else(weekly: FittedModel):
    one = explain(weekly, 86_400.0, weekly.end_s + 100.0)
    assert (one.from_s, one.until_s) == (weekly.end_s, weekly.end_s + HALF_HOUR_S)
    assert words.summary(one, 86_400.0).startswith("At 1970-02-12T00:00:00Z about ")
    whole = explain(weekly, 86_400.0)
    assert words.summary(whole, 86_400.0).startswith("Over the next 1 d about ")
    assert "events" not in words.summary(whole, 86_400.0)
    assert (whole.from_s, whole.until_s) == (weekly.end_s, weekly.end_s + 86_400.0)
    with pytest.raises(InvalidRequest, match="at_s is 0: it must lie within the horizon"):
        explain(weekly, 86_400.0, 0.0)


def test_seasons_that_help_are_no_fallback(weekly: FittedModel):
    assert weekly.basis == ""
    assert "Fallback" not in words.summary(explain(weekly, 3600.0), 3600.0)


def test_a_tide_that_stops_is_said_with_its_time_to_a_season():
    rates = tide_rates(1500, 60)
    rates[1000:] = 20.0
    fitted = fit(counted(rates, start_s=1e9), horizon_s=10.0)
    assert fitted.periods
    assert 10.0 + 400.0 < fitted.calibration.idle.steps <= 560.0
    assert fitted.basis.startswith("seasons have not helped since 2001-09-09T0")
    assert fitted.forecast(10.0).basis == fitted.basis
    assert f"Fallback: {fitted.basis}." in words.summary(explain(fitted, 10.0), 10.0)


def test_a_quiet_night_is_not_seasons_that_stopped():
    errors, level = np.ones((200, 3)), np.full((200, 3), 5.0)
    back = np.arange(200)[::-1] + 3
    level[-40:] = 1.0
    assert idle(errors, level, back, period=96).steps == 0
    assert idle(errors, level, back, period=24).steps == 42
    assert idle(errors, level, back, period=24).ratio == pytest.approx(1.0)
    assert idle(errors[-10:], level[-10:], back[-10:], period=4).steps == 0


@pytest.mark.parametrize(("length_s", "name"), [(3600.0, "hourly season"), (600.0, "season of 10 min")])
def test_seasons_have_their_everyday_names(length_s: float, name: str):
    assert words.season(length_s) == name


def test_quantiles_that_rest_on_too_few_origins_are_not_judged():
    explained = explain(fit(counted(tide_rates(40, 60)), horizon_s=10.0), 10.0)
    assert explained.skill.origins > 0
    assert np.isnan(explained.skill.coverage_95)
    assert explained.health.coverage == ()
    assert words.summary(explained, 10.0).endswith("; they are too few to judge its quantiles by.")


def test_without_a_season_what_the_members_see_is_the_level():
    explained = explain(fit(counted(np.full(400, 30.0)), horizon_s=10.0), 10.0)
    parts = dict(explained.components)
    assert list(parts) == ["level", "recent errors", "holidays", "spikes", "events"]
    assert parts["level"] == pytest.approx(30.0, rel=0.1)
    assert sum(parts.values()) == pytest.approx(explained.median_rps)
