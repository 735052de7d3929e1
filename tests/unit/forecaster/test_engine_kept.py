"""What outlives a fit and a process: kept fits, events, a launch's loan, and which of two forecasters leads."""

from pathlib import Path

import numpy as np
import pytest

from forecaster import fits, state
from forecaster.calendar import Event
from forecaster.engine import Question
from forecaster.events import Events, KeptEvent
from forecaster.lease import LEASE_S
from forecaster.observations import Observation
from forecaster.saved_fits import SavedFit, SavedFits
from tests.support.engines import START_S, TIDE, Rig
from tests.support.tides import counted, tide_rates
from tidegate.shared.errors import NotReady, SeriesNotFound


async def test_an_event_is_in_the_next_forecast_and_leaves_with_its_removal(rig: Rig):
    await rig.observe(TIDE)
    usual = (await rig.forecast(60.0)).values_rps[0]
    start_s = rig.now_s
    await rig.engine.add_event(KeptEvent("digits", Event("sale", start_s + 10, start_s + 20, factor=3.0)))
    with_sale = (await rig.forecast(60.0)).values_rps[0]
    np.testing.assert_allclose(with_sale[10:20], 3.0 * usual[10:20])
    np.testing.assert_allclose(with_sale[20:], usual[20:])
    assert (await rig.engine.explain("digits", 60.0, None))[1][0].name == "sale"
    with pytest.raises(SeriesNotFound, match="no event 'sales' of model 'digits'; there is: 'sale'"):
        await rig.engine.remove_event("digits", "sales")
    await rig.engine.remove_event("digits", "sale")
    np.testing.assert_allclose((await rig.forecast(60.0)).values_rps[0], usual)


async def test_a_launch_borrows_the_shape_of_the_model_that_is_named_and_says_so(tmp_path: Path):
    rig = Rig(tmp_path, slow_cpu_share=0, borrow_from={"digits": "letters"})
    for lender in ("letters", "words"):
        told = Observation(lender, "r1", START_S - 600, 1.0, np.asarray(TIDE, dtype=float))
        await rig.engine.observe([told])
        await rig.engine.forecast(Question(lender, 30.0))
    await rig.engine.observe([Observation("letters", "r1", START_S, 1.0, tide_rates(630, 60)[600:])])
    await rig.observe(0.1 * tide_rates(630, 60)[600:])
    forecast = await rig.forecast(60.0)
    assert "the shape of letters" in forecast.basis
    assert forecast.values_rps[0].max() > 3 * np.median(forecast.values_rps[0]), "its spikes are there"
    rig.database.close()


async def test_a_launch_of_some_minutes_of_seconds_borrows_a_day_at_the_lenders_step(rig: Rig):
    day_s, minutes = 86_400.0, 60.0 * np.arange(5 * 1440)
    begin_s = rig.now_s // day_s * day_s

    def tide(times_s: np.ndarray) -> np.ndarray:
        return 50.0 + 40.0 * np.sin(2.0 * np.pi * times_s / day_s)

    await rig.engine.observe([Observation("letters", "r1", begin_s, 60.0, counted(tide(minutes), 60.0).rate_rps)])
    rig.now_s = begin_s + 5 * day_s
    await rig.engine.forecast(Question("letters", 3600.0))
    own = counted(tide(5 * day_s - 600.0 + np.arange(600.0)) / 5.0).rate_rps
    await rig.observe(own, start_s=rig.now_s - 600.0)
    forecast = await rig.forecast(6 * 3600.0)
    assert (forecast.step_s, "the shape of letters" in forecast.basis) == (60.0, True)
    assert forecast.values_rps[0, -1] == pytest.approx(90.0 / 5.0, rel=0.15), "high water is six hours ahead"


async def test_one_that_is_started_again_answers_from_the_kept_fit(rig: Rig, tmp_path: Path):
    await rig.observe(TIDE)
    before = await rig.forecast()
    again = Rig(tmp_path, slow_cpu_share=0)
    again.now_s = rig.now_s
    assert (await again.engine.list_series())[0].seasons_s == before.seasons_s
    after = await again.forecast()
    np.testing.assert_array_equal(after.values_rps, before.values_rps)
    await again.refit()
    assert again.fast.fits == 0
    again.database.close()


async def test_a_kept_fit_that_this_version_can_not_read_is_made_anew(rig: Rig, tmp_path: Path):
    await rig.observe(TIDE)
    body = b"\x80\x04\x8c\x10forecaster.model\x8c\x09OldMember\x93."  # a class that there is no more
    SavedFits(rig.database).save(SavedFit("digits", rig.now_s, state._digest(body) + body))
    again = Rig(tmp_path, slow_cpu_share=0)
    again.now_s = rig.now_s
    await again.upkeep.update()
    assert (await again.forecast()).steps == 30
    assert again.fast.fits == 1
    again.database.close()


async def test_of_two_on_one_history_one_writes_the_other_answers_as_it_does_and_takes_over(rig: Rig, tmp_path: Path):
    other = Rig(tmp_path, "b", slow_cpu_share=0)
    await rig.upkeep.claim()
    await other.upkeep.claim()
    assert (rig.engine.leading, other.engine.leading, other.engine.leader) == (True, False, "a")
    await rig.observe(TIDE)
    other.now_s = rig.now_s
    with pytest.raises(NotReady, match="a leads, ask there"):
        await other.observe([1.0])
    with pytest.raises(NotReady, match="a leads"):
        await other.forecast()
    first = await rig.forecast()
    await other.upkeep.claim()
    np.testing.assert_array_equal((await other.forecast()).values_rps, first.values_rps)
    await rig.observe(TIDE[:30])
    await rig.engine.add_event(KeptEvent("", Event("sale", rig.now_s, rig.now_s + 9, factor=2.0)))
    rig.series.stale = True
    await rig.refit()
    other.now_s = rig.now_s
    await rig.upkeep.claim()
    await other.upkeep.claim()
    assert not other.engine.leading
    np.testing.assert_allclose((await other.forecast()).values_rps, (await rig.forecast()).values_rps)
    other.now_s += 2 * LEASE_S
    await other.upkeep.claim()
    assert other.engine.leading
    rig.now_s = other.now_s
    await rig.upkeep.claim()
    assert not rig.engine.leading
    other.database.close()


async def test_an_event_planned_since_the_kept_fit_is_in_the_forecasts_after_a_restart(rig: Rig, tmp_path: Path):
    await rig.observe(TIDE)
    usual = await rig.forecast()
    await rig.engine.add_event(KeptEvent("digits", Event("sale", rig.now_s, rig.now_s + 60, added_rps=100.0)))
    again = Rig(tmp_path, slow_cpu_share=0)
    again.now_s = rig.now_s
    np.testing.assert_allclose((await again.forecast()).values_rps, usual.values_rps + 100.0)
    assert again.fast.fits == 0
    again.database.close()


async def test_an_event_planned_while_a_fit_runs_is_in_what_that_fit_forecasts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    await rig.observe(TIDE)
    fit = fits.run
    sale = KeptEvent("", Event("sale", rig.now_s, rig.now_s + 60, added_rps=100.0))

    def planned_meanwhile(asked: fits.Fit) -> fits.Fitted:
        fitted = fit(asked)
        Events(rig.database).add(sale)
        return fitted

    monkeypatch.setattr("forecaster.fits.run", planned_meanwhile)
    assert (await rig.forecast()).values_rps.min() > 100.0


async def test_one_that_only_reads_takes_up_a_fit_that_began_before_another_and_ended_after_it(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = Rig(tmp_path, "b", slow_cpu_share=0)
    await rig.observe(TIDE)
    await rig.engine.observe([Observation("letters", "r1", START_S, 1.0, TIDE)])
    other.now_s = rig.now_s
    await rig.upkeep.claim()
    for model in ("digits", "letters"):
        await rig.engine.forecast(Question(model, 30.0))
        await other.upkeep.claim()
        await other.engine.forecast(Question(model, 30.0))
    fit = fits.run

    def another_meanwhile(asked: fits.Fit) -> fits.Fitted:
        rig.now_s += 1.0
        SavedFits(rig.database).save(SavedFit("letters", rig.now_s, b"of no matter"))
        rig.now_s += 1.0
        return fit(asked)

    monkeypatch.setattr("forecaster.fits.run", another_meanwhile)
    await rig.engine.refits.fit(rig.series, rig.engine.shelf.series)
    await other.upkeep.claim()
    assert (other.engine.leading, other.series.saved_at_s) == (False, rig.now_s)
    other.database.close()


async def test_a_backtest_knows_the_events_that_were_planned(rig: Rig):
    rates = TIDE.copy()
    rates[560:580] += 500.0
    await rig.observe(rates)

    async def loss() -> float:
        *_, (_, _, summary) = [one async for one in rig.engine.backtest("digits", 40.0, 1, 0.92, 0.0)]
        return summary.weighted_quantile_loss[0.5]

    unplanned = await loss()
    await rig.engine.add_event(KeptEvent("digits", Event("sale", START_S + 560, START_S + 580, added_rps=500.0)))
    assert await loss() < 0.3 * unplanned


async def test_a_series_of_which_nothing_is_kept_any_more_is_forgotten_with_its_fit(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast()
    rig.now_s += 300 * 86_400.0
    await rig.upkeep._prune()
    assert list(rig.engine.shelf.series) == ["digits"]
    rig.now_s += 200 * 86_400.0
    await rig.upkeep._prune()
    assert rig.engine.shelf.series == {}
    assert SavedFits(rig.database).load("digits") is None
    with pytest.raises(SeriesNotFound):
        await rig.forecast()
