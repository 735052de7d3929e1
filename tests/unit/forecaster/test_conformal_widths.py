from dataclasses import replace

import numpy as np
import pytest

from forecaster import conformal
from forecaster.explain import explain
from forecaster.model import FittedModel, fit
from forecaster.quantiles import upper_quantile
from tests.support.tides import counted
from tidegate.shared.values import QUANTILES, DemandSeries

ORIGINS, HORIZON = 600, 12
AGES = np.arange(ORIGINS)[::-1].astype(float)


def errors(growth: float) -> np.ndarray:
    """Normal errors that are `growth` times as large at the end as at the start."""
    noise = np.random.default_rng(11).normal(size=(ORIGINS, HORIZON))
    return noise * np.geomspace(1.0, growth, ORIGINS)[:, None]


def learned(growth: float) -> conformal.Widths:
    return conformal.learn(errors(growth), np.ones((ORIGINS, HORIZON)), AGES)


@pytest.fixture(scope="module")
def restless() -> FittedModel:
    """A model whose quantiles were widened."""
    return fit(growing())


def growing() -> DemandSeries:
    """A series whose noise has grown thirtyfold."""
    noise = np.random.default_rng(4).normal(size=1500) * np.geomspace(0.01, 0.3, 1500)
    return counted(100.0 * np.exp(noise), 60.0)


def test_quantiles_that_kept_falling_short_are_widened_up_to_the_cap():
    factors = learned(6.0).at(QUANTILES, HORIZON)
    assert factors[QUANTILES.index(0.95)].min() > 1.0 + 0.7 * conformal.MOST
    assert (factors <= np.exp(conformal.MOST) + 1e-12).all()


@pytest.mark.parametrize("growth", [1.0, 0.3])
def test_quantiles_that_covered_are_hardly_touched_and_never_narrowed(growth: float):
    factors = learned(growth).at(QUANTILES, HORIZON)
    assert (factors >= 1.0).all()
    assert factors.mean() < 1.02


def test_the_median_stays_where_the_members_put_it():
    np.testing.assert_array_equal(learned(6.0).at((0.1, 0.5), HORIZON), 1.0)


def test_what_is_widened_still_rises_and_what_lies_below_the_median_stays():
    offsets = np.linspace(-1.0, 2.0, len(QUANTILES))[:, None] * np.ones(HORIZON)
    widened = learned(6.0).widened(offsets, QUANTILES)
    assert (np.diff(widened, axis=0) >= 0).all()
    np.testing.assert_array_equal(widened[0], offsets[0])
    assert (widened[-1] > offsets[-1]).all()


def test_the_maximum_is_widened_from_its_median():
    maxima = np.array([10.0, 12.0, 13.0, 14.0, 18.0])[:, None] * [1.0, 5.0]
    widened = learned(6.0).highest(maxima, maxima[0], QUANTILES, 6)
    np.testing.assert_array_equal(widened[0], [10.0, 50.0])
    assert 14.0 < widened[3, 0] <= 10.0 + 4.0 * np.exp(conformal.MOST)
    np.testing.assert_allclose(widened[:, 1], 5.0 * widened[:, 0])


@pytest.mark.parametrize("shape", [(0, 5), (10, 5), (200, 1)])
def test_few_origins_or_gaps_alone_teach_nothing(shape: tuple[int, int]):
    gaps = np.full(shape, np.nan)
    factors = conformal.learn(gaps, np.ones(shape), np.arange(shape[0])[::-1].astype(float)).at(QUANTILES, 20)
    np.testing.assert_array_equal(factors, 1.0)


def test_what_is_learned_of_an_origin_rests_on_what_was_known_before_it():
    known = errors(6.0)
    later = known.copy()
    later[-1] = 100.0
    one, other = (conformal.learn(e, np.ones_like(e), AGES).logs for e in (known, later))
    assert np.abs(one - other).max() <= conformal.RATE + 1e-12


def test_an_error_at_a_quantile_lands_on_the_widened_one_and_order_stays():
    widths = learned(6.0)
    offsets = np.linspace(0.1, 2.0, len(QUANTILES))[:, None] * np.ones(HORIZON)
    widened = widths.widened(offsets, QUANTILES)
    np.testing.assert_allclose(widths.moved(offsets, offsets), widened)
    rising = np.linspace(-3.0, 4.0, 50)[:, None] * np.ones(HORIZON)
    moved = widths.moved(rising, offsets)
    assert (np.diff(moved, axis=0) > 0).all()
    np.testing.assert_array_equal(moved[rising < 0.0], rising[rising < 0.0])
    np.testing.assert_allclose(moved[-1] / rising[-1], widened[-1] / offsets[-1])


def test_sample_paths_carry_the_widening_of_the_quantiles_and_of_the_maximum(restless: FittedModel):
    plain = replace(restless, calibration=replace(restless.calibration, widths=conformal.unknown()))
    every = len(restless.calibration.spread.paths)
    one, other = (fitted.forecast(600.0, paths=every) for fitted in (restless, plain))
    weights, level = restless.calibration.spread.weights, QUANTILES.index(0.9)
    added = (one.values_rps - other.values_rps)[level]
    carried = [upper_quantile(forecast.paths_rps, QUANTILES, weights) for forecast in (one, other)]
    assert added.mean() > 1.0
    np.testing.assert_allclose((carried[0] - carried[1])[level], added, rtol=0.1, atol=1e-9)
    np.testing.assert_allclose(carried[0][0], carried[1][0], rtol=1e-4)
    highest = upper_quantile(one.paths_rps.max(axis=1)[:, None], QUANTILES, weights)[:, 0]
    np.testing.assert_allclose(highest, one.window_max_rps, rtol=0.03)


def test_coarser_steps_are_widened_as_the_own_one_is(restless: FittedModel):
    plain = replace(restless, calibration=replace(restless.calibration, widths=conformal.unknown()))
    one, other = (fitted.forecast(600.0, step_s=120.0).values_rps for fitted in (restless, plain))
    assert (one >= other).all()
    assert (one[2] > other[2]).any()
    np.testing.assert_allclose(one[0], other[0], rtol=0.01)


def test_coverage_in_the_record_is_of_what_was_promised_widening_and_all(
    restless: FittedModel, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(conformal, "learn", lambda *_: conformal.unknown())
    plain = fit(growing()).health()
    widened = restless.health()
    for share, without in zip(widened.coverage, plain.coverage, strict=True):
        assert share >= without
    assert dict(widened.coverage)[0.95] > dict(plain.coverage)[0.95]
    assert dict(widened.window_coverage)[0.95] > dict(plain.window_coverage)[0.95]


def test_explain_says_how_much_of_the_fan_was_widened(restless: FittedModel):
    explained = explain(restless, 600.0)
    added = dict(explained.widened)
    assert added[0.5] == 0.0
    assert 0.0 < added[0.95] < 0.15 * dict(explained.conformal)[0.95]
