import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from forecaster.database import Database
from forecaster.history import History
from forecaster.observations import Observation
from forecaster.series import SourceSeries
from tidegate.shared.errors import InvalidSetting, NotReady, SeriesNotFound

NAN = float("nan")


def observed(rates: list[float], start_s: float = 100.0, source: str = "r1", step_s: float = 1.0) -> Observation:
    return Observation("digits", source, start_s, step_s, np.array(rates))


def read(history: History, since_s: float, step_s: float) -> list[SourceSeries]:
    return history.read(history.span("digits"), since_s, step_s)


@pytest.fixture
def history(tmp_path: Path):
    database = Database(tmp_path / "history.sqlite")
    yield History(database)
    database.close()


def test_what_was_kept_is_read_back_gaps_too(history: History):
    history.append([observed([1, NAN, 3])])
    (series,) = read(history, 0.0, 1.0)
    assert (series.source, series.start_s, series.step_s) == ("r1", 100.0, 1.0)
    np.testing.assert_array_equal(series.rate_rps, [1, NAN, 3])


def test_seconds_never_told_are_a_gap(history: History):
    history.append([observed([1]), observed([4], start_s=103)])
    np.testing.assert_array_equal(read(history, 0.0, 1.0)[0].rate_rps, [1, NAN, NAN, 4])


def test_telling_a_second_again_replaces_it(history: History):
    history.append([observed([1, 2])])
    history.append([observed([5], start_s=101)])
    np.testing.assert_array_equal(read(history, 0.0, 1.0)[0].rate_rps, [1, 5])


def test_a_coarse_read_averages_on_the_absolute_grid(history: History):
    history.append([observed(list(np.arange(30.0)), start_s=105)])
    (series,) = read(history, 0.0, 10.0)
    assert (series.start_s, series.step_s) == (100.0, 10.0)
    np.testing.assert_allclose(series.rate_rps, [2.0, 9.5, 19.5, 27.0])


def test_only_the_asked_stretch_is_read(history: History):
    history.append([observed(list(np.arange(30.0)))])
    np.testing.assert_array_equal(read(history, 128.0, 1.0)[0].rate_rps, [28, 29])
    assert read(history, 200.0, 1.0) == []


def test_sources_and_steps_are_kept_apart(history: History):
    history.append([observed([1]), observed([2], source="r2"), observed([9], 60.0, "import", 60.0)])
    assert {(one.source, one.step_s) for one in read(history, 0.0, 1.0)} == {
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
    with pytest.raises(ValueError, match="could not convert"):
        history.append([observed([1]), broken])
    with pytest.raises(SeriesNotFound):
        history.span("digits")


def test_folded_or_not_the_answer_is_the_same(history: History):
    rates = np.random.default_rng(5).poisson(40, 2000).astype(float)
    rates[300:700] = NAN
    history.append([observed(list(rates[:900]), 60_000)])
    history.append([observed(list(rates[900:]), 60_900)])
    before = {step_s: read(history, 60_500.0, step_s)[0] for step_s in (1.0, 10.0, 60.0, 600.0)}
    assert history.fold() == 1
    assert history.fold() == 0
    history.append([observed([rates[-1]], 61_999)])  # told again: the journal has something over the blocks
    for step_s, series in before.items():
        (after,) = read(history, 60_500.0, step_s)
        assert (after.start_s, after.step_s) == (series.start_s, series.step_s)
        np.testing.assert_allclose(after.rate_rps, series.rate_rps, rtol=1e-6)


def test_a_rollup_is_the_mean_of_what_was_observed_and_missing_where_less_than_half_was(history: History):
    history.append([observed([1.0, 2.0, 3.0, 4.0, 5.0, NAN, NAN, NAN, NAN, NAN, 7.0] + [NAN] * 9, 600)])
    history.fold()
    np.testing.assert_allclose(read(history, 0.0, 10.0)[0].rate_rps, [3.0])


def test_what_is_told_late_and_in_part_does_not_thin_out_what_is_known(history: History):
    history.append([observed([2.0] * 600, 6000)])
    history.fold()
    history.append([observed([NAN, 8.0, NAN], 6000)])
    (series,) = read(history, 0.0, 1.0)
    np.testing.assert_array_equal(series.rate_rps[:4], [2.0, 8.0, 2.0, 2.0])
    np.testing.assert_allclose(read(history, 0.0, 10.0)[0].rate_rps[0], 2.6)


def test_fine_steps_are_forgotten_first_and_their_rollups_stay(history: History):
    day_s = 86_400.0
    history.append([observed([5.0] * 3600, 0.0), observed([6.0] * 3600, 10 * day_s)])
    history.prune(10 * day_s + 3600, (day_s, 2 * day_s, 5 * day_s, 30 * day_s))
    fine = read(history, 0.0, 1.0)[0]
    assert fine.start_s >= 10 * day_s
    coarse = read(history, 0.0, 300.0)[0]
    assert coarse.start_s == 0.0
    assert np.isfinite(coarse.rate_rps).sum() == 24


def test_a_source_of_which_nothing_is_left_is_gone(history: History):
    history.append([observed([1, 2, 3], 1e6), observed([7], start_s=0, source="gone")])
    history.prune(1e6 + 10, (1e5, 1e5, 1e5, 1e5))
    assert [one.source for one in read(history, 0.0, 1.0)] == ["r1"]
    history.prune(1e7, (1e5, 1e5, 1e5, 1e5))
    assert history.models() == []


def test_a_gap_of_a_year_takes_no_room(history: History, tmp_path: Path):
    history.append([observed([1.0], 0.0), observed([2.0], 365 * 86_400.0)])
    history.fold()
    assert (tmp_path / "history.sqlite").stat().st_size < 200_000
    np.testing.assert_array_equal(read(history, 300 * 86_400.0, 1.0)[0].rate_rps, [2.0])


def test_a_name_of_which_only_gaps_were_told_has_no_span(history: History):
    history.append([observed([NAN, NAN])])
    with pytest.raises(SeriesNotFound):
        history.span("digits")


def test_a_read_finds_its_blocks_by_the_index(history: History):
    connection = history._database.connection()
    asked = "SELECT number, rates FROM block WHERE source_id = 1 AND step_s = 60.0 AND number BETWEEN 1 AND 9"
    plan = " ".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}"))
    assert "SEARCH block USING INDEX" in plan
    asked = "SELECT slot, rates FROM journal WHERE source_id = 1 ORDER BY seq"
    plan = " ".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}"))
    assert "SEARCH journal USING INDEX journal_by_source" in plan


def test_a_second_opening_finds_everything(tmp_path: Path):
    first, second = Database(tmp_path / "h.sqlite"), Database(tmp_path / "h.sqlite")
    History(first).append([observed([1, 2])])
    assert History(second).models() == ["digits"]
    first.close()
    second.close()


def test_a_file_of_another_version_or_kind_is_refused(tmp_path: Path):
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InvalidSetting, match="has version 99"):
        Database(newer)
    other = tmp_path / "other.sqlite"
    other.write_text("this is no database, and long enough to be seen as none" * 20)
    with pytest.raises(InvalidSetting, match="not a database"):
        Database(other)


def test_a_file_that_another_process_has_locked_is_not_ready_and_takes_values_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("forecaster.database.BUSY_TIMEOUT_S", 0.01)
    database = Database(tmp_path / "h.sqlite")
    history = History(database)
    one = Observation("digits", "r1", 100.0, 1.0, np.array([1.0]))
    with closing(sqlite3.connect(tmp_path / "h.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(NotReady, match="database is locked"):
            history.append([one])
    history.append([one])
    assert history.models() == ["digits"]
    database.close()
