"""The engine with a clock that is told, and fits that run at once."""

from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from forecaster.engine import Engine
from forecaster.history import History
from forecaster.metrics import Metrics
from forecaster.observations import Observation
from forecaster.settings import ForecasterSettings
from tests.support.tides import counted, tide_rates
from tidegate.shared.errors import InvalidRequest, NoData, NotReady, SeriesNotFound
from tidegate.shared.values import QUANTILES

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
    def __init__(self, folder: Path, **settings: object) -> None:
        self.now_s = START_S
        self.fast, self.slow = AtOnce(), AtOnce()
        self.history = History(folder / "history.sqlite")
        self.registry = CollectorRegistry()
        self.engine = Engine(
            self.history,
            ForecasterSettings(**settings),
            Metrics(self.registry),
            lambda: self.now_s,
            lambda: self.fast,
            lambda: self.slow,
        )

    async def observe(self, rates: np.ndarray, source: str = "r1", start_s: float | None = None) -> None:
        first = self.now_s if start_s is None else start_s
        await self.engine.observe([Observation("digits", source, first, 1.0, np.asarray(rates, dtype=float))])
        if start_s is None:
            self.now_s += len(rates)

    async def forecast(self, horizon_s: float = 30.0, **named):
        asked = {"quantiles": QUANTILES, "window_s": 0.0, "paths": 0, "step_s": 0.0} | named
        return await self.engine.forecast("digits", horizon_s, **asked)


@pytest.fixture
def rig(tmp_path: Path):
    made = Rig(tmp_path, slow_cpu_share=0)
    yield made
    made.history.close()


TIDE = counted(tide_rates(600, 60, 40)).rate_rps


async def test_the_first_question_fits_and_the_next_does_not(rig: Rig):
    await rig.observe(TIDE)
    first = await rig.forecast()
    await rig.forecast()
    assert rig.fast.fits == 1
    assert first.issued_at_s == first.start_s == START_S + 600


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
    with pytest.raises(NoData):
        await rig.forecast()


async def test_a_request_without_sense_is_refused(rig: Rig):
    await rig.observe(TIDE)
    with pytest.raises(InvalidRequest, match="horizon_s is -1"):
        await rig.forecast(-1.0)


async def test_past_that_changes_is_learned_from_at_the_next_look(rig: Rig):
    await rig.observe(TIDE[:100])
    await rig.forecast()
    await rig.observe(TIDE, source="import", start_s=START_S - 600)
    assert rig.engine._due(rig.engine._series["digits"])


async def test_a_further_horizon_is_measured_with_the_next_fit(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast(30.0)
    series = rig.engine._series["digits"]
    await rig.engine._refit(series)
    assert not rig.engine._due(series)
    await rig.forecast(120.0)
    assert rig.engine._due(series)
    await rig.engine._refit(series)
    assert series.fitted.calibration.spread.residuals.shape[1] == 120


async def test_a_fit_ages(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast(30.0)
    series = rig.engine._series["digits"]
    series.stale = False
    assert not rig.engine._due(series)
    rig.now_s += 60.0
    assert rig.engine._due(series)


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
    series = (await rig.engine._fitted("digits")) and rig.engine._series["digits"]
    await rig.engine._refit(series)
    for task in list(rig.engine._tasks):
        await task
    assert rig.slow.fits == 1
    assert series.slow
    assert "mstl" in series.fitted.members
    await rig.engine._refit(series)
    assert rig.slow.fits == 1, "the budget is spent"
    rig.history.close()


async def test_failures_and_skill_are_metrics(rig: Rig):
    await rig.observe(TIDE)
    await rig.forecast()
    labels = {"model": "digits", "member": "profile"}
    assert rig.registry.get_sample_value("tidegate_forecaster_member_failed", labels) == 0.0
    assert rig.registry.get_sample_value("tidegate_forecaster_member_weight", labels) > 0.0
    assert rig.registry.get_sample_value("tidegate_forecaster_coverage_95", {"model": "digits"}) > 0.8
    await_observed = {"model": "digits", "source": "r1"}
    assert rig.registry.get_sample_value("tidegate_forecaster_observed_values_total", await_observed) == 600.0


async def test_the_list_says_what_is_there(rig: Rig):
    await rig.observe(TIDE)
    (before,) = await rig.engine.list_series()
    assert (before.model, before.step_s, before.first_s, before.last_s) == ("digits", 1.0, START_S, START_S + 600)
    assert before.last_rate_rps == TIDE[-1]
    await rig.forecast()
    assert (await rig.engine.list_series())[0].seasons_s == (60.0,)


async def test_a_backtest_reports_its_progress_and_then_its_result(rig: Rig):
    await rig.observe(TIDE)
    rounds = [one async for one in rig.engine.backtest("digits", 20.0, 4, 0.7, 0.0)]
    assert [(done, of) for done, of, _ in rounds] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [summary is None for *_, summary in rounds] == [True, True, True, False]
    assert rounds[-1][2].mase < 1.2


async def test_the_observed_past_is_given_back(rig: Rig):
    await rig.observe(TIDE)
    past = await rig.engine.observed("digits", 30.0, 0.0)
    np.testing.assert_array_equal(past.rate_rps, TIDE[-30:])
    assert past.end_s == START_S + 600
    with pytest.raises(InvalidRequest, match="length_s is 0"):
        await rig.engine.observed("digits", 0.0, 0.0)
    with pytest.raises(InvalidRequest, match="step_s is -1"):
        await rig.engine.observed("digits", 30.0, -1.0)
