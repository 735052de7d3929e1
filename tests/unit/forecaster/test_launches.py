import numpy as np
import pytest

from forecaster.launch import Shape, borrowed, season_to_lend
from forecaster.model import fit
from tests.support.tides import counted, tide_rates
from tidegate.shared.values import DemandSeries

OLD = Shape(DemandSeries("old", 0.0, 1.0, counted(tide_rates(630, 60, 40)).rate_rps), 60.0)
OTHER = Shape(DemandSeries("other", 0.0, 1.0, counted(tide_rates(660, 60, 10)[30:], seed=1).rate_rps), 60.0)


def launch(steps: int) -> DemandSeries:
    return DemandSeries("new", 600.0, 1.0, counted(3.0 * tide_rates(600 + steps, 60, 40)[600:], seed=2).rate_rps)


def test_a_launch_is_forecast_in_the_shape_of_another_at_its_own_level_and_says_so():
    fitted = fit(launch(30), shapes=[OLD])
    forecast = fitted.forecast(60)
    np.testing.assert_allclose(forecast.values_rps[0], 3.0 * tide_rates(690, 60, 40)[630:], rtol=0.4, atol=15)
    assert "the shape of old" in forecast.basis
    assert fit(launch(30)).forecast(60).basis.startswith("no season found")


def test_of_several_the_most_alike_is_borrowed():
    assert borrowed(launch(30), [OTHER, OLD])[1] == "old"


def test_with_nothing_to_compare_the_first_named_is_borrowed():
    assert borrowed(launch(3), [OTHER, OLD])[1] == "other"


@pytest.mark.parametrize(
    "own",
    [launch(120), DemandSeries("new", 600.0, 10.0, np.ones(5)), DemandSeries("new", 600.0, 1.0, np.full(5, np.nan))],
)
def test_what_knows_its_season_or_has_nothing_in_common_borrows_nothing(own: DemandSeries):
    series, lender = borrowed(own, [OLD])
    assert series is own
    assert lender == ""


@pytest.mark.parametrize(
    ("seasons_s", "lent_s"), [((3600.0, 86_400.0), 86_400.0), ((604_800.0, 86_400.0), 86_400.0), ((1e6,), 1e6)]
)
def test_what_is_lent_is_the_day_where_there_is_one(seasons_s: tuple[float, ...], lent_s: float):
    assert season_to_lend(seasons_s) == lent_s
