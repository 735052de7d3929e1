"""The engine with a clock that is told, and fits that run at once."""

from pathlib import Path

import numpy as np
import pytest

from forecaster.calendar import Event
from forecaster.engine import Question
from forecaster.events import KeptEvent
from forecaster.observations import Observation
from tests.support.engines import START_S, TIDE, Rig
from tests.support.tides import tide_rates
from tidegate.shared.errors import InvalidRequest, NoData, NotReady, SeriesNotFound


async def test_the_first_question_fits_and_the_next_does_not(rig: Rig):
    await rig.observe(TIDE)
    first = await rig.forecast()
    await rig.forecast()
    assert rig.fast.fits == 1
    assert first.issued_at_s == first.start_s == START_S + 600


async def test_the_same_question_within_a_step_is_answered_once_and_issued_anew(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    await rig.observe(TIDE)
    first = await rig.forecast()
    monkeypatch.setattr("forecaster.model.FittedModel.forecast", lambda *_, **__: 1 / 0)
    rig.now_s += 0.5
    again = await rig.forecast()
    assert again.issued_at_s == first.issued_at_s + 0.5
    np.testing.assert_array_equal(again.values_rps, first.values_rps)


async def test_the_window_of_the_maximum_counts_from_now_wherever_that_lies_in_a_step(tmp_path: Path):
    rig = Rig(tmp_path, slow_cpu_share=0, step_s=10.0)
    await rig.engine.add_event(KeptEvent("", Event("sale", START_S + 630.0, START_S + 640.0, added_rps=500.0)))
    await rig.observe(TIDE)
    rig.now_s += 9.0
    before, into = await rig.forecast(60.0, window_s=15.0), await rig.forecast(60.0, window_s=22.0)
    assert (before.window_s, into.window_s) == (15.0, 22.0)
    assert before.window_max_rps[-1] < 400.0 < into.window_max_rps[0]
    with pytest.raises(InvalidRequest, match="window_s is -10"):
        await rig.forecast(60.0, window_s=-10.0)
    rig.database.close()


async def test_what_was_observed_since_the_fit_is_known_to_the_answer(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast()
    await rig.observe(3.0 * tide_rates(15, 60))
    after = await rig.forecast(10.0)
    assert rig.fast.fits == 1
    assert after.start_s == START_S + 615
    np.testing.assert_allclose(after.values_rps[0], 3.0 * tide_rates(25, 60)[15:], rtol=0.3)


async def test_seconds_that_have_not_arrived_yet_are_gaps_not_zero(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast()
    rig.now_s += 5
    late = await rig.forecast(10.0)
    assert late.start_s == rig.now_s
    np.testing.assert_allclose(late.values_rps[0], tide_rates(15, 60)[5:], rtol=0.4)


async def test_with_no_demand_for_long_there_is_no_forecast(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast()
    rig.now_s += 4000
    with pytest.raises(NoData, match="observed 4000 s ago, over stale_s = 3600"):
        await rig.forecast()


async def test_an_unknown_model_is_not_found(rig: Rig):
    with pytest.raises(SeriesNotFound, match="'digits'"):
        await rig.forecast()


async def test_a_model_of_which_only_gaps_were_told_has_no_data(rig: Rig):
    await rig.observe(np.full(20, np.nan))
    with pytest.raises(SeriesNotFound, match="known models: none"):
        await rig.forecast()
    assert rig.engine.shelf.series == {}, "and is not looked after"


async def test_sources_whose_steps_do_not_go_together_are_said_and_hide_no_other_series(rig: Rig):
    await rig.observe(TIDE)
    odd = [Observation("odd", f"r{step_s:g}", step_s * 100, step_s, np.ones(50)) for step_s in (7.0, 60.0)]
    await rig.engine.observe(odd)
    digits, listed = await rig.engine.list_series()
    assert (digits.model, digits.failure) == ("digits", "")
    assert listed.failure == "a step of 60 s is no multiple of 7 s"


async def test_a_request_without_sense_is_refused(rig: Rig):
    await rig.observe(TIDE)
    with pytest.raises(InvalidRequest, match="horizon_s is -1"):
        await rig.forecast(-1.0)


async def test_past_that_changes_is_learned_from_at_the_next_look(rig: Rig):
    await rig.observe(TIDE[:100])
    await rig.forecast()
    fits = rig.fast.fits
    await rig.observe(TIDE, source="import", start_s=START_S - 600)
    await rig.refit()
    assert rig.fast.fits == fits + 1
    assert rig.series.settled.seasons_s == (60.0,)


async def test_what_comes_a_little_late_is_known_without_a_fit(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast()
    rig.now_s += 20
    await rig.forecast()
    await rig.observe(np.full(20, 7.0), start_s=START_S + 600)
    after = await rig.forecast()
    assert not rig.series.stale
    assert after.start_s == START_S + 620
    np.testing.assert_allclose(rig.series.fresh.scale.back(rig.series.fresh.values[-20:]), 7.0)


async def test_figures_told_again_age_no_fit_and_others_do(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast(30.0)
    await rig.observe(TIDE[:400], start_s=START_S)
    assert not rig.series.stale
    corrected = TIDE[:400].copy()
    corrected[7] += 1.0
    await rig.observe(corrected, start_s=START_S)
    assert rig.series.stale


async def test_a_late_second_of_the_last_minute_ages_no_fit_though_it_came_after_it(rig: Rig):
    await rig.observe(TIDE[:-1])
    rig.now_s += 1
    await rig.forecast()
    await rig.observe(TIDE[-1:], start_s=rig.now_s - 1)
    await rig.refit()
    assert rig.fast.fits == 1
    await rig.forecast()
    np.testing.assert_allclose(rig.series.fresh.scale.back(rig.series.fresh.values[-1:]), TIDE[-1:])


async def test_an_answer_holds_while_figures_are_told_again(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    await rig.observe(TIDE)
    first = await rig.forecast()
    monkeypatch.setattr("forecaster.model.FittedModel.forecast", lambda *_, **__: 1 / 0)
    await rig.observe(TIDE[-20:], start_s=rig.now_s - 20)
    np.testing.assert_array_equal((await rig.forecast()).values_rps, first.values_rps)
    await rig.observe(TIDE[-1:] + 1.0, start_s=rig.now_s - 1)
    with pytest.raises(ZeroDivisionError):
        await rig.forecast()


async def test_what_is_told_while_it_is_read_is_in_the_next_answer(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    await rig.observe(TIDE)
    await rig.forecast()
    series, read = rig.series, rig.engine.shelf.reader.history.read

    def told_meanwhile(*arguments: object) -> object:
        found = read(*arguments)
        series.told(rig.now_s - 5)
        return found

    monkeypatch.setattr("forecaster.history.History.read", lambda _, *arguments: told_meanwhile(*arguments))
    series.told(rig.now_s - 5)
    await rig.forecast()
    assert series.current(rig.now_s) is None


async def test_a_further_horizon_is_measured_with_the_next_fit(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast(30.0)
    await rig.refit()
    assert rig.series.settled.calibration.horizon == 60
    await rig.forecast(120.0)
    await rig.refit()
    assert rig.series.settled.calibration.horizon == 120


async def test_a_fit_ages(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast(30.0)
    rig.series.stale = False
    await rig.refit()
    assert rig.fast.fits == 1
    rig.now_s += 60.0
    await rig.refit()
    assert rig.fast.fits == 2


async def test_a_worker_that_dies_is_named_and_replaced(rig: Rig):
    await rig.observe(TIDE)
    rig.fast.broken = True
    with pytest.raises(NotReady, match="process that fits forecasts died"):
        await rig.forecast()
    rig.fast.broken = False
    assert (await rig.forecast()).steps == 30


async def test_slow_fits_keep_to_their_share_and_serve(tmp_path: Path):
    rig = Rig(tmp_path, slow_cpu_share=0.1)
    await rig.observe(TIDE)
    await rig.forecast()
    rig.now_s += 60.0
    await rig.refit()
    assert rig.slow.fits == 1
    assert "mstl" in rig.series.settled.members
    rig.engine.refits._slow_from_s = rig.now_s + 100.0
    rig.now_s += 60.0
    await rig.refit()
    assert (rig.slow.fits, rig.fast.fits) == (1, 2), "the budget is spent"
    rig.database.close()


async def test_how_a_series_stands_is_metrics(rig: Rig):
    await rig.observe(TIDE)
    assert rig.metric("healthy") is None
    await rig.forecast()
    assert rig.metric("healthy") == 1.0
    assert rig.metric("member_weight", member="profile") > 0.0
    assert rig.metric("skill", reference="seasonal-naive") is not None
    assert rig.metric("width", quantile="0.5") == 1.0 <= rig.metric("width", quantile="0.95")
    assert rig.metric("observed_values_total", source="r1") == 600.0


async def test_a_model_that_fails_is_counted_dropped_and_never_passes_for_a_sound_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    await rig.observe(TIDE)
    await rig.forecast()
    with monkeypatch.context() as patch:
        patch.setattr("forecaster.model.FittedModel.forecast", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await rig.forecast(20.0)
    assert rig.metric("healthy") == 0.0
    assert rig.metric("skill", reference="seasonal-naive") is None
    assert rig.metric("failures_total", what="forecast") == 1.0
    assert (await rig.engine.list_series())[0].failure == "ZeroDivisionError: division by zero"
    await rig.refit()
    assert rig.metric("healthy") == 1.0


async def test_a_fit_that_fails_is_said_and_the_one_before_serves_on(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    await rig.observe(TIDE)
    await rig.forecast()
    rig.now_s += 60.0
    monkeypatch.setattr("forecaster.model.fit", lambda *_, **__: 1 / 0)
    await rig.refit()
    assert (await rig.forecast()).steps == 30
    assert rig.metric("healthy") == 0.0
    assert rig.metric("failures_total", what="fit") == 1.0


async def test_the_list_says_what_is_there(rig: Rig):
    await rig.observe(TIDE)
    (before,) = await rig.engine.list_series()
    assert (before.model, before.step_s, before.first_s, before.last_s) == ("digits", 1.0, START_S, START_S + 600)
    assert before.last_rate_rps == TIDE[-1]
    await rig.forecast()
    assert (await rig.engine.list_series())[0].seasons_s == (60.0,)


async def test_a_name_that_is_merely_asked_for_is_no_series(rig: Rig):
    await rig.observe(TIDE)
    for ask in (rig.engine.forecast(Question("digts", 30.0)), rig.engine.observed("digts", 9.0, 0.0, 0.0)):
        with pytest.raises(SeriesNotFound, match="known models: digits"):
            await ask
    assert [one.model for one in await rig.engine.list_series()] == ["digits"]


async def test_an_old_history_says_how_old_it_is_and_demand_that_comes_again_is_fitted_anew(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast()
    rig.now_s += 30 * 86_400.0
    with pytest.raises(NoData, match="was observed 2592000 s ago"):
        await rig.forecast()
    await rig.observe(TIDE)
    with pytest.raises(NoData, match="came again after a long silence"):
        await rig.forecast()
    assert rig.now_s - 60.0 < (await rig.forecast()).start_s <= rig.now_s


async def test_every_step_a_watcher_gets_another_forecast(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    async def a_second(_: float) -> None:
        rig.now_s += 1.0

    await rig.observe(TIDE)
    monkeypatch.setattr("forecaster.engine.asyncio.sleep", a_second)
    watched = rig.engine.watch(Question("digits", 30.0), 0.0)
    starts = [(await anext(watched)).start_s for _ in range(3)]
    assert starts == [START_S + 600, START_S + 601, START_S + 602]
    with pytest.raises(InvalidRequest, match="every_s is -1"):
        await anext(rig.engine.watch(Question("digits", 30.0), -1.0))


async def test_a_backtest_reports_its_progress_and_then_its_result(rig: Rig):
    await rig.observe(TIDE)
    rounds = [one async for one in rig.engine.backtest("digits", 20.0, 4, 0.7, 0.0)]
    assert [(done, of) for done, of, _ in rounds] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [summary is None for *_, summary in rounds] == [True, True, True, False]
    assert rounds[-1][2].mase < 1.2


async def test_the_observed_past_is_given_back(rig: Rig):
    await rig.observe(TIDE)
    past = await rig.engine.observed("digits", 30.0, 0.0, 0.0)
    np.testing.assert_array_equal(past.rate_rps, TIDE[-30:])
    assert past.end_s == START_S + 600
    with pytest.raises(InvalidRequest, match="length_s is 0"):
        await rig.engine.observed("digits", 0.0, 0.0, 0.0)
    with pytest.raises(InvalidRequest, match="step_s is -1"):
        await rig.engine.observed("digits", 30.0, -1.0, 0.0)
