import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d
from scipy.signal import lfilter

from forecaster.smoothing import circular_mean, decayed_sum, moving_mean


@pytest.mark.parametrize("shape", [(0,), (1,), (500,), (7, 30), (49, 3), (337, 60)])
def test_it_is_the_recursive_filter(shape: tuple[int, ...]):
    values = np.random.default_rng(1).normal(size=shape)
    expected = lfilter([1.0], [1.0, -0.93], values, axis=0) if values.size else values
    np.testing.assert_allclose(decayed_sum(values, 0.93), expected, atol=1e-12)


def test_a_moving_mean_holds_the_ends() -> None:
    values = np.random.default_rng(5).normal(size=50)
    for width in (1, 5, 61):
        expected = uniform_filter1d(values, width, mode="nearest")
        np.testing.assert_allclose(moving_mean(values, width), expected, atol=1e-12)


def test_a_circular_mean_joins_each_rows_ends() -> None:
    table = np.random.default_rng(6).normal(size=(3, 24))
    for width in (1, 5):
        expected = uniform_filter1d(table, width, axis=1, mode="wrap")
        np.testing.assert_allclose(circular_mean(table, width), expected, atol=1e-12)


def test_an_answering_process_imports_no_scipy() -> None:
    """Restarts are quick because the heavy libraries are imported by fits alone."""
    heavy = "[m for m in ('scipy', 'statsmodels', 'pandas', 'matplotlib', 'holidays') if m in sys.modules]"
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, forecaster.__main__; print({heavy})"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"
