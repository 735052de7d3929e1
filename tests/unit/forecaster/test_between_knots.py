import numpy as np
import pytest

from forecaster import between

KNOTS = np.array([1, 2, 5, 30])
TABLE = np.random.default_rng(2).normal(size=(4, 3))


@pytest.mark.parametrize("horizon", [1, 7, 90, between.KEPT_STEPS + 1])
def test_steps_lie_on_the_lines_between_knots_and_the_ends_are_held(horizon: int):
    ahead = np.arange(1, horizon + 1)
    plain = np.stack([np.interp(ahead, KNOTS, column) for column in TABLE.T], axis=1)
    np.testing.assert_allclose(between.steps(KNOTS, TABLE, horizon, logarithmic=False), plain, atol=1e-12)
    logs = np.stack([np.interp(np.log(ahead), np.log(KNOTS), column) for column in TABLE.T], axis=1)
    np.testing.assert_allclose(between.steps(KNOTS, TABLE, horizon, logarithmic=True), logs, atol=1e-12)


def test_levels_lie_on_the_lines_between_those_known():
    found = between.levels((0.1, 0.5, 0.9, 0.95), TABLE, (0.05, 0.5, 0.7, 0.99))
    np.testing.assert_allclose(found, [TABLE[0], TABLE[1], TABLE[1:3].mean(axis=0), TABLE[3]], atol=1e-12)


def test_one_knot_is_held_everywhere():
    np.testing.assert_array_equal(between.steps(np.array([1]), TABLE[:1], 9, logarithmic=True), TABLE[[0] * 9])
