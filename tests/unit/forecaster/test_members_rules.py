"""What every member keeps to, whatever its method."""

import numpy as np
import pytest

from forecaster.members import Member, profile
from forecaster.registry import FAST, SLOW
from forecaster.transform import scale_for
from tests.support.tides import counted, tide_rates

PERIOD, HORIZON = 60, 45
EVERY = [pytest.param(member, id=member.name) for member in (*FAST, *SLOW)]
SEASONAL = [pytest.param(member, id=member.name) for member in (*FAST, *SLOW) if member.name not in ("level", "mean")]
SHARP = [param for param in SEASONAL if param.id != "unobserved"]  # four harmonics know the tide, not its spikes


def values(steps: int, spike_at: int | None = 40) -> np.ndarray:
    rates = counted(tide_rates(steps, PERIOD, spike_at)).rate_rps
    return scale_for(rates).forward(rates)


@pytest.mark.parametrize("member", EVERY)
def test_what_comes_after_an_origin_does_not_change_its_forecast(member: Member):
    known = values(600)
    fitted = member.fit(known, (PERIOD,), HORIZON)
    longer = np.concatenate((known, values(200) + 5.0))
    origins = np.array([420, 599])
    np.testing.assert_allclose(
        fitted.predict(longer, origins, HORIZON)[1], fitted.predict(known, origins, HORIZON)[1], atol=1e-9
    )
    np.testing.assert_allclose(
        fitted.predict(longer, origins, HORIZON)[0], fitted.predict(known[:421], np.array([420]), HORIZON)[0], atol=1e-9
    )


@pytest.mark.parametrize("member", EVERY)
def test_no_phase_of_an_origin_knows_what_comes_after_it(member: Member):
    known, origins = values(600), np.arange(420, 420 + PERIOD)
    fitted = member.fit(known[:400], (PERIOD,), HORIZON)
    together = fitted.predict(known, origins, HORIZON)
    for origin, path in zip(origins, together, strict=True):
        surprised = np.concatenate((known[: origin + 1], known[origin + 1 :] + 5.0))
        np.testing.assert_allclose(fitted.predict(surprised, np.array([origin - 9, origin]), HORIZON)[1], path)


@pytest.mark.parametrize("member", SHARP)
def test_a_spike_is_forecast_at_its_own_time(member: Member):
    known = values(600)
    path = member.fit(known, (PERIOD,), PERIOD).predict(known, np.array([599]), PERIOD)[0]
    assert set(np.argsort(path)[-3:]) == {40, 41, 42}


@pytest.mark.parametrize("member", EVERY)
def test_gaps_are_bridged_not_passed_on(member: Member):
    known = values(600)
    known[300:340] = np.nan
    known[590:] = np.nan
    path = member.fit(known, (PERIOD,), HORIZON).predict(known, np.array([599]), HORIZON)
    assert np.isfinite(path).all()


@pytest.mark.parametrize("member", SEASONAL)
def test_a_horizon_over_several_seasons_repeats_them(member: Member):
    known = values(600, spike_at=None)
    path = member.fit(known, (PERIOD,), 3 * PERIOD).predict(known, np.array([599]), 3 * PERIOD)[0]
    truth = scale_for(np.array([20.0] * 9)).forward(tide_rates(3 * PERIOD, PERIOD))
    assert np.corrcoef(path, truth)[0, 1] > 0.9


def test_the_level_goes_on_along_a_slope_where_slopes_went_on_and_stays_where_they_did_not():
    noise = np.random.default_rng(7).normal(size=3000)
    changes = np.zeros(3000)
    for step in range(1, 3000):
        changes[step] = 0.9 * changes[step - 1] + 0.01 * noise[step]
    member = next(member for member in FAST if member.name == "level")
    for walk, goes_on in ((changes, True), (0.02 * noise, False)):
        known = 5.0 + np.cumsum(walk)
        fitted = member.fit(known[:2000], (), 5)
        origins = np.arange(2000, 2990)
        last, came = known[origins], known[origins + 5]
        error = np.abs(fitted.predict(known, origins, 5)[:, 4] - came).mean()
        assert (error < 0.75 * np.abs(last - came).mean()) == goes_on
        assert error < 1.03 * np.abs(last - came).mean()


def test_the_profile_forecasts_the_spike_at_its_height_and_keeps_it_out_of_its_neighbours():
    rates = counted(tide_rates(900, PERIOD, 40)).rate_rps
    scale = scale_for(rates)
    profile = next(member for member in FAST if member.name == "profile")
    known = scale.forward(rates)
    path = scale.back(profile.fit(known, (PERIOD,), PERIOD).predict(known, np.array([899]), PERIOD)[0])
    truth = tide_rates(PERIOD, PERIOD, 40)
    np.testing.assert_allclose(path[40:43], truth[40:43], rtol=0.15)
    assert path[39] < 20
    assert path[43] < 20


def test_a_short_season_inside_a_tide_is_as_sure_after_its_period_as_within():
    hour, day, days = 24, 480, 12
    times = np.arange(days * day)
    tide, bursts = 2.0 - np.cos(2 * np.pi * times / day), np.where(times % hour < 3, 1.0, 0.0)
    known = tide + bursts + np.random.default_rng(5).normal(0.0, 0.02, len(times))
    origins = np.arange(8 * day, len(times) - 2 * hour, 7)
    # The hour stands first: it is what the seasons' search finds the strongest here.
    fitted = profile.fit(known[: 8 * day], (hour, day), 2 * hour)
    errors = np.abs(
        fitted.predict(known, origins, 2 * hour) - known[origins[:, None] + np.arange(1, 2 * hour + 1)]
    ).mean(axis=0)
    assert errors[hour - 1 :].max() < 1.5 * errors[: hour - 2].max()
