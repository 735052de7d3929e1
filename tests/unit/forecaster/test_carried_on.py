"""What is carried on from the end of a fit says what going through the whole history would."""

import numpy as np
import pytest

from forecaster import volatility
from forecaster.carried import Means, margin
from forecaster.members import Member
from forecaster.registry import FAST, SLOW
from forecaster.smoothing import ewma
from forecaster.transform import scale_for
from forecaster.unrest import Unrest
from tests.support.tides import counted, tide_rates

PERIODS = (48, 336)
FITTED, COME = 1500, 700
SINGLE = 1e-6
"""What is kept by phase is kept in single precision."""

EXACT = [pytest.param(one, id=one.name) for one in (*FAST, *SLOW) if one.name != "unobserved"]  # it starts elsewhere


def values(gaps: bool, steps: int = FITTED + COME) -> np.ndarray:
    noise = np.random.default_rng(3)
    week = 1.0 + 0.3 * np.sin(2.0 * np.pi * np.arange(steps) / PERIODS[1])
    rates = counted(tide_rates(steps, PERIODS[0], 30) * week).rate_rps
    known = scale_for(rates).forward(rates)
    if gaps:
        known[noise.random(steps) < 0.1] = np.nan
        known[600:640], known[FITTED - 5 : FITTED + 3], known[FITTED + 70 : FITTED + 130] = np.nan, np.nan, np.nan
    return known


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("periods", [PERIODS, (7,), ()])
@pytest.mark.parametrize("member", EXACT)
def test_a_member_says_the_same(member: Member, periods: tuple[int, ...], gaps: bool):
    known = values(gaps)
    try:
        fitted = member.fit(known[:FITTED], periods, 60)
    except ValueError:
        assert member.name == "mstl"
        return
    for come, horizon in ((0, 1), (0, 60), (1, 60), (47, 60), (100, 400), (COME, 60)):
        seen = known[: FITTED + come]
        last = len(seen) - 1
        carried = fitted.predict(seen, np.array([last]), horizon)
        among_others = fitted.predict(seen, np.array([last - 9, last]), horizon)
        np.testing.assert_allclose(
            carried[0], among_others[1], atol=SINGLE if member.name in ("profile", "ets") else 1e-9
        )


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("period", [48, 336, 7])
def test_the_size_of_errors_is_the_same(period: int, gaps: bool):
    known, origins, noise = values(gaps), np.arange(800, FITTED - 60, 3), np.random.default_rng(5)
    medians = noise.normal(size=(len(origins), 60))
    errors = noise.normal(size=medians.shape)
    fitted, sizes = volatility.fit(known[:FITTED], period, FITTED - margin((period,)), origins, medians, errors)
    assert fitted.past is not None
    np.testing.assert_allclose(fitted.at(known[:FITTED], origins, medians), sizes)
    for come, horizon in ((0, 1), (0, 60), (1, 60), (47, 60), (100, 400), (COME, 60)):
        seen, median, ahead = known[: FITTED + come], np.zeros((1, horizon)), np.arange(1, horizon + 1)
        whole = Unrest.of(seen, period).features(np.array([len(seen) - 1]), ahead, median)
        for one, other in zip(fitted.past.features(seen, ahead, median[0]), whole, strict=True):
            np.testing.assert_allclose(one, other[0], atol=SINGLE)
        assert fitted.at(seen, np.array([len(seen) - 1]), median).shape == (1, horizon)


@pytest.mark.parametrize("parts", [(0, 700), (700, 0), (1, 699), (100, 600), (300, 400)])
def test_means_are_carried_on_past_gaps(parts: tuple[int, int]):
    seen, half_lives = values(gaps=True, steps=sum(parts)), (0.01, 2.0, 30.0, 5000.0)
    carried = Means.of(seen[: parts[0]], half_lives).after(seen[parts[0] :])
    np.testing.assert_allclose(carried.now(), [ewma(seen, one)[-1] for one in half_lives], atol=1e-10)


def test_means_of_nothing_are_nothing():
    nothing = Means.of(np.full(5, np.nan), (2.0, 8.0))
    np.testing.assert_array_equal(nothing.after(np.full(3, np.nan)).now(), 0.0)
    np.testing.assert_array_equal(nothing.after(np.array([7.0])).now(), 7.0)
