"""From models' forecasts to the pool's: costs, grids, correlation."""

import numpy as np
import pytest

from scaler.demand import grid, pool_forecast
from tidegate.shared.values import FloatArray, Forecast, Skill

NO_SKILL = Skill()


def forecast(paths: list[list[float]], skill: Skill = NO_SKILL) -> Forecast:
    table: FloatArray = np.asarray(paths, dtype=np.float64)
    return Forecast("m", 100.0, 100.0, 10.0, (0.5,), table[:1], 10.0, table.max(axis=0)[:1], table, skill)


def test_work_is_demand_times_cost_added_path_by_path() -> None:
    forecasts = {"a": forecast([[1.0, 1.0], [3.0, 3.0]]), "b": forecast([[10.0, 10.0], [20.0, 20.0]])}
    pool = pool_forecast(forecasts, {"a": 2.0, "b": 0.5}, {}, 100.0, 20.0, 10.0, 10.0)
    assert pool is not None
    assert pool.paths_rows_per_s.tolist() == [[7.0, 7.0], [16.0, 16.0]]


def test_the_grid_starts_now_and_keeps_means() -> None:
    pool = pool_forecast({"a": forecast([[0.0, 10.0, 20.0]])}, {}, {}, 105.0, 20.0, 10.0, 10.0)
    assert pool is not None
    assert pool.paths_rows_per_s.tolist() == [[5.0, 15.0]]


def test_a_path_stays_level_outside_what_it_covers() -> None:
    pool = pool_forecast({"a": forecast([[4.0, 8.0]])}, {}, {}, 80.0, 60.0, 10.0, 10.0)
    assert pool is not None
    assert pool.paths_rows_per_s[0].tolist() == [4.0, 4.0, 4.0, 8.0, 8.0, 8.0]


def test_a_model_that_cannot_be_forecast_is_held_at_its_demand() -> None:
    pool = pool_forecast({"a": forecast([[1.0]])}, {"b": 2.0}, {"a": 9.0, "b": 5.0}, 100.0, 10.0, 10.0, 10.0)
    assert pool is not None
    assert pool.paths_rows_per_s.tolist() == [[11.0]]
    assert "b" in pool.note


def test_a_forecast_that_ends_before_now_is_none() -> None:
    assert pool_forecast({"a": forecast([[1.0, 2.0]])}, {}, {"a": 5.0}, 120.0, 10.0, 10.0, 10.0) is None


def test_no_forecast_at_all_is_none() -> None:
    assert pool_forecast({}, {}, {"a": 5.0}, 0.0, 10.0, 1.0, 10.0) is None
    assert pool_forecast({"a": forecast([[]])}, {}, {"a": 5.0}, 0.0, 10.0, 1.0, 10.0) is None


def test_skill_is_weighted_by_work_and_as_young_as_its_youngest() -> None:
    forecasts = {
        "a": forecast([[30.0]], skill=Skill(40, 0.4, 0.4, 0.9)),
        "b": forecast([[10.0]], skill=Skill(25, 0.0, 0.0, 0.9)),
        "tiny": forecast([[0.1]], skill=Skill(0, -9.0, -9.0, 0.0)),
    }
    pool = pool_forecast(forecasts, {}, {}, 100.0, 10.0, 10.0, 10.0)
    assert pool is not None
    assert pool.skill.origins == 25
    assert pool.skill.vs_last_value == pytest.approx(0.3)


@pytest.mark.parametrize(("window_s", "tick_s", "step_s"), [(135.0, 15.0, 15.0), (9.0, 1.0, 1.0), (640.0, 15.0, 40.0)])
def test_a_whole_number_of_steps_in_the_window(window_s: float, tick_s: float, step_s: float) -> None:
    assert grid(window_s, tick_s) == pytest.approx(step_s)
