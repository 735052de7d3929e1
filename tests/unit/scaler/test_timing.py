"""When, within the forecaster's steps, its paths rise and fall."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scaler.timing import PLAY, announced, mean_between, placed, play
from tidegate.shared.values import FloatArray, Forecast, Skill


def by_minutes(*paths: list[float]) -> Forecast:
    table: FloatArray = np.asarray(paths, dtype=np.float64)
    return Forecast("m", 0.0, 0.0, 60.0, (0.5,), table[:1], 60.0, table.max(axis=0)[:1], table, Skill())


def quarters(forecast: Forecast) -> list[float]:
    """The first path's mean in each quarter of a minute; the first path comes in time."""
    edges = np.arange(0.0, 60.0 * forecast.paths_rps.shape[1] + 1.0, 15.0)
    found: list[float] = mean_between(forecast, edges)[0].tolist()
    return found


@pytest.mark.parametrize(
    ("second_minute", "within"),
    [
        (180.0, [60.0, 60.0, 300.0, 300.0]),
        (120.0, [60.0, 60.0, 60.0, 300.0]),
        (240.0, [60.0, 300.0, 300.0, 300.0]),
        (270.0, [180.0, 300.0, 300.0, 300.0]),
        (60.0, [60.0, 60.0, 60.0, 60.0]),
    ],
)
def test_the_minute_of_a_jump_tells_when_in_it(second_minute: float, within: list[float]) -> None:
    found = quarters(by_minutes([60.0, 60.0, second_minute, 300.0, 300.0]))
    assert found[8:12] == pytest.approx(within)
    assert found[:8] == pytest.approx([60.0] * 8)
    assert found[12:] == pytest.approx([300.0] * 8)


def test_a_spike_ends_as_sharply_as_it_begins() -> None:
    found = quarters(by_minutes([300.0, 300.0, 120.0, 60.0, 60.0]))
    assert found[8:12] == pytest.approx([300.0, 60.0, 60.0, 60.0])


def test_a_jump_that_takes_two_minutes_is_placed_once() -> None:
    """It was early on some days: what the mean then shows as two steps is one jump, where the larger move is."""
    found = quarters(by_minutes([60.0, 60.0, 80.0, 280.0, 300.0, 300.0]))
    assert found[8:16] == pytest.approx([80.0] * 4 + [260.0] + [300.0] * 3, rel=0.3)
    assert np.diff(found).min() >= 0.0


def test_a_tide_stays_level_within_its_minutes() -> None:
    tide = [100.0, 120.0, 140.0, 160.0, 180.0]
    assert quarters(by_minutes(tide)) == pytest.approx(np.repeat(tide, 4).tolist())


def test_what_the_paths_do_not_agree_on_is_no_jump() -> None:
    rng = np.random.default_rng(1)
    noise = 100.0 + 20.0 * rng.standard_normal((200, 6))
    assert not len(announced(noise))


def test_each_path_has_a_moment_of_its_own() -> None:
    early, late = [60.0, 60.0, 240.0, 300.0, 300.0], [60.0, 60.0, 120.0, 300.0, 300.0]
    paths = np.array([early, late])
    assert announced(paths).tolist() == [2]
    half = placed(paths, 2, np.full((2, 1), 0.5))[:, 0] + 0.5 * paths[:, 2]
    assert half == pytest.approx([0.25 * 60.0 + 0.25 * 300.0, 0.5 * 60.0])


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 3), st.just(3)), elements=st.floats(0.0, 1e4)))
def test_a_minutes_mean_is_kept(paths: FloatArray) -> None:
    assert placed(paths, 1, np.ones((len(paths), 1))) == pytest.approx(0.0, abs=1e-6)


def test_paths_come_early_and_late_evenly() -> None:
    early = np.sort(play(200))
    assert play(1)[0] == 0.0
    assert early == pytest.approx(np.linspace(-PLAY, PLAY, 200), abs=0.02)


def test_an_early_path_is_early_as_a_whole() -> None:
    path = [60.0, 60.0, 60.0, 300.0, 300.0, 300.0]
    paths = mean_between(by_minutes(*[path] * 200), np.arange(0.0, 361.0, 5.0))
    begin = 5.0 * np.argmax(paths > 150.0, axis=1)
    assert begin.min() == pytest.approx(180.0 - 60.0 * PLAY, abs=5.0)
    assert begin.max() == pytest.approx(180.0 + 60.0 * PLAY, abs=5.0)


def test_without_a_jump_all_paths_are_in_time() -> None:
    tide = [100.0, 120.0, 140.0, 160.0, 180.0]
    paths = mean_between(by_minutes(*[tide] * 200), np.arange(0.0, 301.0, 60.0))
    assert paths == pytest.approx(np.tile(tide, (200, 1)))


def test_outside_of_its_steps_a_path_stays_level() -> None:
    found = mean_between(by_minutes([4.0, 8.0]), np.array([-120.0, 0.0, 60.0, 120.0, 240.0]))
    assert found[0].tolist() == pytest.approx([4.0, 4.0, 8.0, 8.0])
