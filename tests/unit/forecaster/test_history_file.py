import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from forecaster.history import History
from forecaster.observations import Observation
from tidegate.shared.errors import InvalidSetting, NotReady, SeriesNotFound

NAN = float("nan")


def observed(rates: list[float], start_s: float = 100.0, source: str = "r1", step_s: float = 1.0) -> Observation:
    return Observation("digits", source, start_s, step_s, np.array(rates))


@pytest.fixture
def history(tmp_path: Path):
    kept = History(tmp_path / "history.sqlite")
    yield kept
    kept.close()


def test_what_was_kept_is_read_back_gaps_too(history: History):
    history.append([observed([1, NAN, 3])])
    (series,) = history.read("digits", 0.0, 1.0)
    assert (series.source, series.start_s, series.step_s) == ("r1", 100.0, 1.0)
    np.testing.assert_array_equal(series.rate_rps, [1, NAN, 3])


def test_seconds_never_told_are_a_gap(history: History):
    history.append([observed([1]), observed([4], start_s=103)])
    np.testing.assert_array_equal(history.read("digits", 0.0, 1.0)[0].rate_rps, [1, NAN, NAN, 4])


def test_telling_a_second_again_replaces_it(history: History):
    history.append([observed([1, 2])])
    history.append([observed([5], start_s=101)])
    np.testing.assert_array_equal(history.read("digits", 0.0, 1.0)[0].rate_rps, [1, 5])


def test_a_coarse_read_averages_on_the_absolute_grid(history: History):
    history.append([observed(list(np.arange(30.0)), start_s=105)])
    (series,) = history.read("digits", 0.0, 10.0)
    assert (series.start_s, series.step_s) == (100.0, 10.0)
    np.testing.assert_allclose(series.rate_rps, [2.0, 9.5, 19.5, 27.0])


def test_only_the_asked_stretch_is_read(history: History):
    history.append([observed(list(np.arange(30.0)))])
    np.testing.assert_array_equal(history.read("digits", 128.0, 1.0)[0].rate_rps, [28, 29])
    assert history.read("digits", 200.0, 1.0) == []


def test_sources_and_steps_are_kept_apart(history: History):
    history.append([observed([1]), observed([2], source="r2"), observed([9], 60.0, "import", 60.0)])
    assert {(one.source, one.step_s) for one in history.read("digits", 0.0, 1.0)} == {
        ("r1", 1.0),
        ("r2", 1.0),
        ("import", 60.0),
    }
    span = history.span("digits")
    assert (span.first_s, span.last_s, span.coarsest_step_s) == (60.0, 120.0, 60.0)


def test_an_unknown_series_says_which_are_known(history: History):
    history.append([observed([1])])
    with pytest.raises(SeriesNotFound, match="'letters' was ever observed; known models: digits"):
        history.span("letters")


def test_all_or_nothing_is_kept(history: History):
    broken = Observation("digits", "r1", 0.0, 1.0, np.array(["x"], dtype=object))
    with pytest.raises(TypeError):
        history.append([observed([1]), broken])
    with pytest.raises(SeriesNotFound):
        history.span("digits")


def test_what_is_too_old_is_deleted_and_what_is_not_stays(history: History):
    history.append([observed([1, 2, 3]), observed([7], start_s=0, source="gone")])
    history.prune(102.0)
    (series,) = history.read("digits", 0.0, 1.0)
    assert (series.source, series.start_s) == ("r1", 102.0)


def test_a_second_opening_finds_everything(tmp_path: Path):
    first = History(tmp_path / "h.sqlite")
    first.append([observed([1, 2])])
    second = History(tmp_path / "h.sqlite")
    assert second.models() == ["digits"]
    first.close()
    second.close()


def test_a_file_of_another_version_or_kind_is_refused(tmp_path: Path):
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InvalidSetting, match="has version 99"):
        History(newer)
    other = tmp_path / "other.sqlite"
    other.write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(InvalidSetting, match="not a database"):
        History(other)


def test_a_file_that_another_process_has_locked_is_not_ready_and_takes_values_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("forecaster.history.BUSY_TIMEOUT_S", 0.01)
    history = History(tmp_path / "h.sqlite")
    one = Observation("digits", "r1", 100.0, 1.0, np.array([1.0]))
    with closing(sqlite3.connect(tmp_path / "h.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(NotReady, match="database is locked"):
            history.append([one])
    history.append([one])
    assert history.models() == ["digits"]
    history.close()
