"""The engine with a clock that is told, and fits that run at once."""

from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from forecaster import state
from forecaster.calendar import Event
from forecaster.database import Database
from forecaster.engine import Engine, Question
from forecaster.events import KeptEvent
from forecaster.history import History
from forecaster.lease import LEASE_S, Lease
from forecaster.metrics import Metrics
from forecaster.observations import Observation
from forecaster.refits import Workers
from forecaster.saved_fits import SavedFit, SavedFits
from forecaster.serving import Series
from forecaster.settings import ForecasterSettings
from forecaster.upkeep import Upkeep
from tests.support.tides import counted, tide_rates
from tidegate.shared.errors import InvalidRequest, NoData, NotReady, SeriesNotFound

START_S = 1_000_000.0


class AtOnce(Executor):
    """Runs what it is given at once, and counts."""

    def __init__(self) -> None:
        self.fits = 0
        self.broken = False

    def submit(self, function, /, *arguments, **named):
        future: Future = Future()
        self.fits += 1
        try:
            if self.broken:
                raise BrokenProcessPool("it died")
            future.set_result(function(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future


class Rig:
    def __init__(self, folder: Path, name: str = "a", **settings: object) -> None:
        self.now_s = START_S
        self.fast, self.slow = AtOnce(), AtOnce()
        self.database = Database(folder / "history.sqlite")
        self.registry = CollectorRegistry()
        chosen, metrics, clock = ForecasterSettings(**settings), Metrics(self.registry), lambda: self.now_s
        workers = Workers({"fast": lambda: self.fast, "slow": lambda: self.slow})
        self.engine = Engine(self.database, chosen, metrics, clock, workers)
        metrics.watch(self.engine.shelf.series)
        lease = Lease(self.database, name, name)
        self.upkeep = Upkeep(self.engine, History(self.database), lease, chosen, metrics, clock)

    async def observe(self, rates: np.ndarray, source: str = "r1", start_s: float | None = None) -> None:
        first = self.now_s if start_s is None else start_s
        await self.engine.observe([Observation("digits", source, first, 1.0, np.asarray(rates, dtype=float))])
        if start_s is None:
            self.now_s += len(rates)

    async def forecast(self, horizon_s: float = 30.0, **named):
        return await self.engine.forecast(Question("digits", horizon_s, **named))

    @property
    def series(self) -> Series:
        return self.engine.shelf.series["digits"]

    async def refit(self) -> None:
        """Start what is due, and wait for it."""
        self.engine.refits.start_due(self.engine.shelf.series)
        for task in list(self.engine.refits._tasks):
            await task

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"tidegate_forecaster_{name}", {"model": "digits"} | labels)


@pytest.fixture
def rig(tmp_path: Path):
    made = Rig(tmp_path, slow_cpu_share=0)
    yield made
    made.database.close()


TIDE = counted(tide_rates(600, 60, 40)).rate_rps


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


async def test_one_that_is_started_again_answers_from_the_kept_fit(rig: Rig, tmp_path: Path):
    await rig.observe(TIDE)
    before = await rig.forecast()
    again = Rig(tmp_path, slow_cpu_share=0)
    again.now_s = rig.now_s
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
