import numpy as np

from forecaster import volatility

RNG = np.random.default_rng(7)
ORIGINS, HORIZON = np.arange(480, 1900, 2), 12


def judged(size: np.ndarray, period: int) -> tuple[volatility.Volatility, np.ndarray]:
    """A series whose noise has this size at each step, and the sizes found for errors at the last of its origins."""
    values = size * RNG.normal(size=len(size))
    ahead = ORIGINS[:, None] + np.arange(1, HORIZON + 1)
    medians = np.zeros(ahead.shape)
    return volatility.fit(values, period, len(values), ORIGINS, medians, values[ahead])


def test_errors_are_expected_to_be_larger_at_the_restless_hour():
    place = np.arange(2000) % 48
    _, sizes = judged(np.where(place >= 36, 2.0, 0.5), 48)
    target = (ORIGINS[:, None] + np.arange(1, HORIZON + 1)) % 48
    restless, calm = (target >= 40) & (target < 46), (target >= 4) & (target < 32)
    assert sizes[restless].mean() > 2.0 * sizes[calm].mean()


def test_errors_are_expected_to_be_larger_while_demand_is_restless():
    restless = (np.arange(2000) // 250) % 2 == 1
    _, sizes = judged(np.where(restless, 2.0, 0.5), 0)
    settled = (ORIGINS % 250) > 100
    now = restless[ORIGINS]
    assert sizes[now & settled, 0].mean() > 2.0 * sizes[~now & settled, 0].mean()


def test_sizes_are_alike_where_errors_are():
    _, sizes = judged(np.full(2000, 1.0), 48)
    np.testing.assert_allclose(sizes.mean(), np.sqrt(2.0 / np.pi), rtol=0.1)
    assert sizes.std() < 0.15 * sizes.mean()


def test_without_errors_nothing_is_expected():
    found, sizes = judged(np.zeros(2000), 48)
    assert np.isfinite(found.coefficients).all()
    assert sizes.max() < 1e-5
