"""What the service can do, behind its wire: demand in, answers out.

A fit runs in a process of its own. An answer takes the newest fit, filtered forward over what was observed since, and
never waits for another fit, except for a series' very first. Of several forecasters on one file the one that leads
writes (observations, fits, events); the others read what it wrote, and answer as it does.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecaster import backtest
from forecaster.calendar import Event
from forecaster.database import Database
from forecaster.events import Events, KeptEvent
from forecaster.explain import explain
from forecaster.explanation import Explanation
from forecaster.history import History
from forecaster.metrics import Metrics
from forecaster.model import FittedModel
from forecaster.observations import Observation
from forecaster.refits import Refits, Workers
from forecaster.series import check_step
from forecaster.serving import Series, SeriesInfo
from forecaster.settings import ForecasterSettings
from forecaster.shelf import Shelf
from tidegate.shared.errors import InvalidRequest, NotReady
from tidegate.shared.values import QUANTILES, DemandSeries, Forecast

BACKTEST_ORIGINS = 30
BACKTEST_FROM = 0.7

MAX_OBSERVED_STEPS = 100_000
"""Steps of the past that one answer holds at most: over a day of seconds."""

SHORTEST_WATCH_S = 0.1


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a forecast, as `FittedModel.forecast` takes it; `quantiles` () are the usual ones."""

    model: str
    horizon_s: float
    quantiles: tuple[float, ...] = ()
    window_s: float = 0.0
    paths: int = 0
    step_s: float = 0.0


class Engine:
    """All series of one forecaster. `clock` gives epoch seconds."""

    def __init__(
        self,
        database: Database,
        settings: ForecasterSettings,
        metrics: Metrics,
        clock: Callable[[], float],
        workers: Workers,
    ) -> None:
        self._history = History(database)
        self._events = Events(database)
        self._metrics = metrics
        self._clock = clock
        self._workers = workers
        self.shelf = Shelf(database, settings, metrics, clock())
        self.refits = Refits(database, settings, metrics, clock, workers)
        self.leading, self.leader = True, ""

    async def observe(self, observations: Sequence[Observation]) -> int:
        """Keep observations (already checked), all or none of them; returns how many values.

        Raises NotReady where another forecaster leads, or the file can't take them.
        """
        self._check_leading()
        told = [one for one in observations if np.isfinite(one.rate_rps).any()]  # what says nothing makes no series
        await asyncio.to_thread(self._keep, told)
        for one in told:
            self._metrics.observed.labels(one.model, one.source).inc(len(one.rate_rps))
        return sum(len(one.rate_rps) for one in observations)

    async def forecast(self, question: Question) -> Forecast:
        """Forecast from now on. Raises SeriesNotFound, NoData, NotReady, InvalidRequest."""
        began = time.perf_counter()
        series = await self._fitted(question.model)
        now_s = self._clock()

        def ask(model: FittedModel) -> Forecast:
            answer = series.answered(model, question)
            if answer is None:
                answer = model.forecast(
                    question.horizon_s,
                    quantiles=question.quantiles or QUANTILES,
                    # It counts from now, which lies anywhere within the first step: it reaches one step further.
                    window_s=question.window_s + model.step_s if question.window_s > 0.0 else question.window_s,
                    paths=question.paths,
                    step_s=question.step_s,
                )
                answer = replace(answer, window_s=question.window_s or question.horizon_s)
                series.keep_answer(model, question, answer)
            return answer

        forecast = series.answered(series.current(now_s), question)
        if forecast is None:
            forecast = await asyncio.to_thread(self.shelf.answer, series, now_s, ask)
        furthest_s = max(question.horizon_s, question.window_s)
        series.asked_for(furthest_s)
        self._metrics.forecast_seconds.observe(time.perf_counter() - began)
        return replace(forecast, issued_at_s=now_s)

    async def watch(self, question: Question, every_s: float) -> AsyncIterator[Forecast]:
        """A forecast now, and another every `every_s` (0: at every step of the series). Raises as `forecast` does."""
        if not 0.0 <= every_s < np.inf:
            raise InvalidRequest(f"every_s is {every_s:g}: it must be over 0, or 0 for the series' own step")
        while True:
            yield await self.forecast(question)
            settled = (await self._fitted(question.model)).settled
            own_s = settled.step_s if settled else SHORTEST_WATCH_S
            await asyncio.sleep(max(every_s or own_s, SHORTEST_WATCH_S))

    async def explain(
        self, name: str, horizon_s: float, at_s: float | None
    ) -> tuple[Explanation, tuple[Event, ...], float]:
        """Why the forecast is what it is, the events that bear on it, and the seconds its fit took."""
        series = await self._fitted(name)

        def ask(model: FittedModel) -> tuple[Explanation, tuple[Event, ...]]:
            until_s = model.end_s + horizon_s
            near = [one for one in model.calendar.events if one.start_s < until_s and one.end_s > model.end_s]
            return explain(model, horizon_s, at_s), tuple(near)

        explanation, events = await asyncio.to_thread(self.shelf.answer, series, self._clock(), ask)
        return explanation, events, series.fit_seconds

    async def backtest(
        self, name: str, horizon_s: float, origins: int, from_fraction: float, step_s: float
    ) -> AsyncIterator[tuple[int, int, backtest.Summary | None]]:
        """(origins done, of how many, the summary with the last). Raises SeriesNotFound, NoData, InvalidRequest."""
        demand = await asyncio.to_thread(self.shelf.reader.learned, name, self._clock(), step_s or None)
        rows = backtest.spaced_origins(demand, horizon_s, origins or BACKTEST_ORIGINS, from_fraction or BACKTEST_FROM)
        calendar = await asyncio.to_thread(self.shelf.calendar, demand, horizon_s)
        results: list[backtest.OriginResult] = []
        for block in backtest.blocks(rows):
            asked = (demand, block, horizon_s, time.perf_counter, False, calendar)
            results += await self._workers.run("slow", backtest.run_block, *asked)
            if len(results) < len(rows):
                yield len(results), len(rows), None
        yield len(rows), len(rows), backtest.summarise(demand, results)

    async def observed(self, name: str, length_s: float, step_s: float, until_s: float) -> DemandSeries:
        """The `length_s` of demand before `until_s` (0: now). Raises SeriesNotFound, InvalidRequest."""
        if not 0.0 < length_s < np.inf:
            raise InvalidRequest(f"length_s is {length_s:g}: it must be over 0")
        now_s = self._clock()
        if not 0.0 <= until_s < np.inf:
            raise InvalidRequest(f"until_s is {until_s:g}: it must be epoch seconds, or 0 for now")

        def read() -> DemandSeries:
            reader, step = self.shelf.reader, step_s
            if not step:
                settled = self.shelf.known(name).settled
                step = settled.step_s if settled else reader.learned(name, now_s).step_s
            check_step(step)
            if length_s > MAX_OBSERVED_STEPS * step:
                raise InvalidRequest(f"length_s is {length_s:g}: over {MAX_OBSERVED_STEPS} steps of {step:g} s")
            until = min(until_s or now_s, now_s)
            return reader.between(name, reader.history.span(name), max(until - length_s, 0.0), until, step)

        return await asyncio.to_thread(read)

    async def list_series(self) -> list[SeriesInfo]:
        """Every series, by name."""
        now_s = self._clock()
        found = [await asyncio.to_thread(self.shelf.info, name, now_s) for name in sorted(self.shelf.series)]
        return [one for one in found if one is not None]

    async def add_event(self, one: KeptEvent) -> None:
        """Keep an event and put it into the forecasts. Raises NotReady where another forecaster leads."""
        self._check_leading()
        await asyncio.to_thread(self._events.add, one)
        await asyncio.to_thread(self.shelf.take_events)

    async def remove_event(self, model: str, name: str) -> None:
        """Forget an event. Raises SeriesNotFound, NotReady."""
        self._check_leading()
        await asyncio.to_thread(self._events.remove, model, name)
        await asyncio.to_thread(self.shelf.take_events)

    async def events(self, model: str) -> list[KeptEvent]:
        """The events that bear on a model; all events for an empty name."""
        return await asyncio.to_thread(self._events.kept, model or None)

    def _keep(self, told: Sequence[Observation]) -> None:
        """Keep observations, and age the fits of what they change; figures of the past told again change nothing."""
        news = [one for one in told if not (self.shelf.has_learned(one) and self._history.holds(one))]
        self._history.append(told)
        for one in news:
            self.shelf.get(one.model).told(one.start_s)

    async def _fitted(self, name: str) -> Series:
        series = self.shelf.series.get(name)
        if series is None:
            series = await asyncio.to_thread(self.shelf.known, name)
        if series.settled is None:
            async with series.fitting:
                if series.settled is None:
                    await asyncio.to_thread(self.shelf.load, series)
                if series.settled is None:
                    self._check_leading()
                    await self.refits.fit(series, self.shelf.series)
        return series

    def _check_leading(self) -> None:
        if not self.leading:
            raise NotReady(f"this forecaster only reads its history: {self.leader} leads, ask there")
