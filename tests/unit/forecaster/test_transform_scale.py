import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.transform import scale_for


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=50))
def test_there_and_back(rates: list[float]):
    values = np.array(rates)
    scale = scale_for(values)
    np.testing.assert_allclose(scale.back(scale.forward(values)), values, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("unit", [1.0, 60.0, 1 / 3600])
def test_the_unit_of_the_rates_does_not_matter(unit: float):
    rates = np.random.default_rng(2).poisson(50 + 40 * np.sin(np.arange(2000) / 50)).astype(float)
    scale, other = scale_for(rates), scale_for(rates * unit)
    np.testing.assert_allclose(other.forward(rates * unit), scale.forward(rates), rtol=0.02)


def test_noise_has_one_size_at_any_rate():
    rng = np.random.default_rng(3)
    level = np.repeat([4.0, 40.0, 400.0], 2000)
    rates = rng.poisson(level * rng.gamma(50, 1 / 50, len(level))).astype(float)
    spread = scale_for(rates).forward(rates).reshape(3, 2000).std(axis=1)
    assert spread.max() / spread.min() < 2.0  # of the rates themselves it is 25


def test_nothing_explodes_past_the_ceiling_or_below_zero():
    scale = scale_for(np.array([1.0, 10.0]))
    assert scale.back(np.array([1e9]))[0] == pytest.approx(80.0)
    assert scale.back(np.array([-5.0]))[0] == 0.0
