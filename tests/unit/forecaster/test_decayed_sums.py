import numpy as np
import pytest
from scipy.signal import lfilter

from forecaster.smoothing import decayed_sum


@pytest.mark.parametrize("shape", [(0,), (1,), (500,), (7, 30)])
def test_it_is_the_recursive_filter(shape: tuple[int, ...]):
    values = np.random.default_rng(1).normal(size=shape)
    expected = lfilter([1.0], [1.0, -0.93], values, axis=0) if values.size else values
    np.testing.assert_allclose(decayed_sum(values, 0.93), expected, atol=1e-12)
