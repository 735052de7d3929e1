import numpy as np
import pytest

from forecaster import volatility
from forecaster.combine import weigh
from forecaster.quantiles import upper_quantile
from forecaster.spread import BELIEF, FEW, Spread, spread_of

RNG = np.random.default_rng(0)


def test_the_better_member_weighs_more_and_weights_sum_to_one():
    errors = np.stack((RNG.normal(0, 1, (200, 10)), RNG.normal(0, 3, (200, 10))))
    weights = weigh(errors, np.arange(200.0), 100.0).at(10)
    assert (weights[0] > 0.95).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1.0)


def test_weights_differ_by_horizon_where_the_members_do():
    near, far = np.full(16, 1.0), np.full(16, 1.0)
    near[8:], far[:4] = 5.0, 5.0
    errors = np.stack((RNG.normal(0, near, (200, 16)), RNG.normal(0, far, (200, 16))))
    weights = weigh(errors, np.arange(200.0), 100.0).at(16)
    assert weights[0, 0] > 0.9
    assert weights[1, -1] > 0.9


def test_recent_errors_count_more():
    ages = np.arange(200.0)
    errors = np.stack((np.where(ages < 30, 5.0, 1.0), np.where(ages < 30, 1.0, 5.0)))[:, :, None]
    assert weigh(errors, ages, 10.0).at(1)[1, 0] > 0.9


def test_with_nothing_to_judge_by_all_weigh_the_same():
    np.testing.assert_allclose(weigh(np.full((4, 0, 6), np.nan), np.zeros(0), 1.0).at(6), 0.25)


def test_a_horizon_past_what_was_judged_has_the_last_weights():
    weights = weigh(RNG.normal(0, 1, (2, 50, 5)), np.arange(50.0), 10.0)
    np.testing.assert_array_equal(weights.at(9)[:, 8], weights.at(5)[:, 4])


def spread(errors: np.ndarray) -> Spread:
    """Of errors that are all of one expected size, at one origin a step."""
    return spread_of(errors, np.arange(float(len(errors))), volatility.unknown(0))


def test_spread_widens_with_the_horizon_as_the_errors_did():
    walk = np.cumsum(RNG.normal(0, 1, (4000, 25)), axis=1)
    offsets = spread(walk).offsets((0.05, 0.5, 0.95), np.ones(25))
    assert offsets[2, 24] == pytest.approx(1.645 * 5, rel=0.2)
    assert offsets[2, 0] == pytest.approx(1.645, rel=0.25)
    assert (np.diff(offsets, axis=0) > 0).all()


def test_recent_errors_say_more_of_the_spread():
    errors = RNG.normal(0, 1, (1000, 1))
    errors[:300] *= 3.0  # the most recent come first
    assert spread(errors).offsets((0.95,), np.ones(1)) > 1.15 * np.quantile(errors, 0.95)


def test_few_origins_are_filled_up_with_a_wide_guess():
    few = spread(np.zeros((3, 4)))
    assert len(few.paths) == 3 + FEW
    assert few.offsets((0.95,), np.ones(4)).min() > 0.3


def test_paths_past_what_was_measured_hold_the_last_error():
    paths = spread(np.outer(np.linspace(-1.0, 1.0, 30), np.arange(3.0))).reach(np.ones(5))
    assert (paths[-1, 1:3] > [0.5, 1.0]).all()
    np.testing.assert_array_equal(paths[:, 3:], paths[:, [2, 2]])


def test_what_past_forecasts_missed_on_one_side_is_believed_in_part():
    offsets = spread(RNG.normal(2.0, 1.0, (500, 3))).offsets((0.5, 0.95), np.ones(3))
    np.testing.assert_allclose(offsets[0], 2.0 * BELIEF, atol=0.1)
    np.testing.assert_allclose(offsets[1] - offsets[0], 1.645, atol=0.3)


def test_a_new_value_falls_below_its_upper_quantile_as_often_as_said():
    hits = []
    for _ in range(400):
        values = RNG.normal(size=(40, 1))
        hits.append(RNG.normal() <= upper_quantile(values, (0.9,), np.ones(40))[0, 0])
    assert np.mean(hits) == pytest.approx(0.9, abs=0.04)


def test_a_weighted_quantile_is_the_quantile_of_values_repeated():
    values, weights = np.arange(50.0)[:, None], np.where(np.arange(50) < 10, 3.0, 1.0)
    repeated = np.concatenate((np.repeat(np.arange(10.0), 3), np.arange(10.0, 50.0)))
    np.testing.assert_allclose(upper_quantile(values, (0.3,), weights)[0, 0], np.quantile(repeated, 0.3), atol=1.0)
