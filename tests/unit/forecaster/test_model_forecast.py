import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecaster import model as core
from forecaster.explain import explain
from forecaster.members import Member
from forecaster.model import fit
from tests.support.tides import counted, tide_rates
from tidegate.shared.errors import InvalidRequest, NoData
from tidegate.shared.values import DemandSeries


def series(rates: np.ndarray, step_s: float = 1.0) -> DemandSeries:
    return DemandSeries("digits", 0.0, step_s, np.asarray(rates, dtype=float))


@pytest.fixture(scope="module")
def tide() -> core.FittedModel:
    return fit(counted(tide_rates(900, 60, 40)))


def test_the_fan_covers_the_tide_and_its_spike(tide: core.FittedModel):
    forecast = tide.forecast(60.0)
    truth = tide_rates(60, 60, 40)
    np.testing.assert_allclose(forecast.values_rps[0], truth, rtol=0.35, atol=3.0)
    assert (forecast.values_rps[3] > truth).mean() > 0.9
    assert forecast.seasons_s == (60.0,)
    assert forecast.start_s == 900.0


def test_the_maximum_over_the_window_sees_the_spike_only_when_it_is_inside(tide: core.FittedModel):
    before, with_spike = tide.forecast(60.0, window_s=35.0), tide.forecast(60.0, window_s=50.0)
    assert before.window_max_rps[-1] < 70
    assert with_spike.window_max_rps[0] > 70


def test_the_windows_maximum_is_above_every_steps_median(tide: core.FittedModel):
    forecast = tide.forecast(60.0)
    assert forecast.window_max_rps[0] >= forecast.values_rps[0].max() * 0.98


def test_filtering_forward_is_as_if_it_had_been_known(tide: core.FittedModel):
    rates = counted(tide_rates(960, 60, 40)).rate_rps
    at_once = tide.update(rates[900:])
    step_by_step = tide
    for rate in rates[900:]:
        step_by_step = step_by_step.update(np.array([rate]))
    assert at_once.end_s == 960.0
    np.testing.assert_allclose(at_once.forecast(30).values_rps, step_by_step.forecast(30).values_rps)


def test_the_same_series_gives_the_same_forecast(tide: core.FittedModel):
    again = fit(counted(tide_rates(900, 60, 40)))
    np.testing.assert_array_equal(again.forecast(60, paths=9).paths_rps, tide.forecast(60, paths=9).paths_rps)


def test_skill_is_positive_on_a_noisy_tide_and_rests_on_origins(tide: core.FittedModel):
    skill = tide.forecast(30.0).skill
    assert skill.origins > 100
    assert skill.vs_seasonal_naive > 0.1
    assert skill.vs_last_value > 0.3
    assert 0.88 < skill.coverage_95 <= 1.0


def test_paths_of_two_models_rise_together_where_their_errors_did():
    common = np.exp(np.random.default_rng(5).normal(0, 0.25, 900))
    rates = tide_rates(900, 60)
    one = fit(counted(20 * rates * common, seed=1)).forecast(20, paths=100)
    other = fit(counted(60 * rates * common, seed=2)).forecast(20, paths=100)
    together = np.corrcoef(one.paths_rps[:, 0], other.paths_rps[:, 0])[0, 1]
    shifted = np.corrcoef(one.paths_rps[:-7, 0], other.paths_rps[7:, 0])[0, 1]
    assert together > 0.5
    assert abs(shifted) < 0.3


def test_a_coarser_answer_is_the_mean_of_the_finer(tide: core.FittedModel):
    fine, coarse = tide.forecast(60, paths=5), tide.forecast(60, paths=5, step_s=10)
    assert coarse.step_s == 10
    np.testing.assert_allclose(coarse.paths_rps, fine.paths_rps.reshape(5, 6, 10).mean(axis=2))


def test_a_shift_of_level_is_followed_within_a_few_steps(tide: core.FittedModel):
    doubled = tide.update(3.0 * tide_rates(12, 60))
    ahead = doubled.forecast(10).values_rps[0]
    np.testing.assert_allclose(ahead, 3.0 * tide_rates(22, 60)[12:], rtol=0.3)


def test_a_collapse_is_followed_down(tide: core.FittedModel):
    assert tide.update(np.zeros(15)).forecast(10).values_rps[0].max() < 5.0


def test_an_outage_of_counting_is_no_collapse(tide: core.FittedModel):
    ahead = tide.update(np.full(15, np.nan)).forecast(10).values_rps[0]
    np.testing.assert_allclose(ahead, tide_rates(25, 60)[15:], rtol=0.4)


@pytest.mark.parametrize("rates", [[5.0], [5.0, 6.0, 4.0], [np.nan, 3.0, np.nan, np.nan]])
def test_a_few_points_give_a_wide_forecast_that_says_it_was_never_judged(rates: list[float]):
    forecast = fit(series(np.array(rates))).forecast(10)
    assert forecast.skill.origins == 0
    assert forecast.values_rps[3, 0] > 1.3 * forecast.values_rps[0, 0] > 0


def test_a_history_that_ends_in_a_long_silence_is_fitted_and_not_judged_by_it():
    rates = np.concatenate((counted(tide_rates(600, 60)).rate_rps, np.full(500, np.nan)))
    fitted = core.fit(DemandSeries("digits", 0.0, 1.0, rates))
    assert fitted.health().coverage == ()
    assert np.isfinite(fitted.forecast(60.0).values_rps).all()


def test_constant_zero_is_forecast_as_zero():
    np.testing.assert_array_equal(fit(series(np.zeros(300))).forecast(10).values_rps, 0.0)


@pytest.mark.parametrize("rates", [[], [np.nan] * 50])
def test_nothing_observed_is_no_data(rates: list[float]):
    with pytest.raises(NoData, match="'digits' has no observed demand"):
        fit(series(np.array(rates)))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"horizon_s": 0.0}, "horizon_s is 0"),
        ({"horizon_s": float("nan")}, "horizon_s is nan"),
        ({"horizon_s": 5.0, "window_s": -1.0}, "window_s is -1"),
        ({"horizon_s": 5.0, "quantiles": (0.9, 0.5)}, r"\[0.9, 0.5\]"),
        ({"horizon_s": 5.0, "quantiles": (1.0,)}, r"\[1.0\]"),
        ({"horizon_s": 5.0, "step_s": 1.5}, "no multiple"),
        ({"horizon_s": 5.0, "step_s": 60.0}, "step_s is 60"),
        ({"horizon_s": 5.0, "step_s": -1.0}, "step_s is -1"),
        ({"horizon_s": 5.0, "step_s": float("nan")}, "step_s is nan"),
        ({"horizon_s": 5.0, "step_s": float("inf")}, "step_s is inf"),
        ({"horizon_s": 5.0, "step_s": 1e-9}, "step_s is 1e-09"),
        ({"horizon_s": 5.0, "quantiles": tuple(np.linspace(0.1, 0.9, 101))}, "quantiles are 101, over 100"),
        ({"horizon_s": 300.0, "step_s": 0.001}, "300 s ahead is over 20160 steps of 0.001 s"),
        ({"horizon_s": 1e18}, r"1e\+18 s ahead is over 20160 steps"),
        ({"horizon_s": 5.0, "window_s": 1e7}, r"1e\+07 s ahead is over 20160 steps"),
    ],
)
def test_a_question_without_sense_is_refused_by_name_and_value(tide: core.FittedModel, wrong: dict, said: str):
    with pytest.raises(InvalidRequest, match=said):
        tide.forecast(**wrong)


def test_a_failing_member_is_out_and_says_why(monkeypatch: pytest.MonkeyPatch):
    def broken(values: np.ndarray, periods: tuple[int, ...], horizon: int) -> None:
        raise ZeroDivisionError("no such luck")

    monkeypatch.setattr(core, "FAST", (*core.FAST, Member("unlucky", broken)))
    fitted = fit(counted(tide_rates(600, 60)))
    states = {state.name: state for state in explain(fitted, 30).members}
    assert states["unlucky"].failure == "ZeroDivisionError: no such luck"
    assert states["unlucky"].weight == 0.0
    assert sum(state.weight for state in states.values()) == pytest.approx(1.0)
    assert np.isfinite(fitted.forecast(30).values_rps).all()


def test_the_slow_members_take_part_when_asked():
    states = explain(fit(counted(tide_rates(600, 60)), slow=True), 30).members
    assert {state.name for state in states} >= {"ets", "mstl"}
    assert all(state.failure == "" and state.weight > 0 for state in states)


def test_components_add_up_to_the_median(tide: core.FittedModel):
    total = sum(rate for _, rate in explain(tide, 60).components)
    assert total == pytest.approx(tide.forecast(60, quantiles=(0.5,)).values_rps.mean(), rel=0.05)


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(float, st.integers(1, 150), elements=st.one_of(st.just(float("nan")), st.floats(0, 1e6))),
    st.integers(1, 80),
)
def test_whatever_was_observed_quantiles_are_finite_never_negative_and_never_cross(rates: np.ndarray, steps: int):
    if not np.isfinite(rates).any():
        return
    forecast = fit(series(rates)).forecast(float(steps), window_s=float(max(1, steps // 2)), paths=7)
    assert forecast.values_rps.shape == (5, steps)
    for table in (forecast.values_rps, forecast.window_max_rps, forecast.paths_rps):
        assert np.isfinite(table).all()
        assert (table >= 0).all()
    assert (np.diff(forecast.values_rps, axis=0) >= 0).all()
    assert (np.diff(forecast.window_max_rps) >= 0).all()
