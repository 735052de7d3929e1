"""Keeping fits fresh: which series is fitted next, in which process, and what becomes of the outcome."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from forecaster import fits, state
from forecaster.database import Database
from forecaster.events import Events
from forecaster.fits import Fit, Fitted
from forecaster.launch import Lender, season_to_lend
from forecaster.metrics import Metrics
from forecaster.saved_fits import SavedFit, SavedFits
from forecaster.serving import Series
from forecaster.settings import ForecasterSettings
from tidegate.shared.errors import NoData, NotFound, NotReady

LENDERS = 8
"""Models whose shape a launch may borrow at most: those with the longest history of one step."""

R = TypeVar("R")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Workers:
    """Processes by the speed of what they run: fast members, slow ones. Each pool is made when it is first needed."""

    make: dict[str, Callable[[], Executor]]
    _running: dict[str, Executor] = field(default_factory=dict)

    async def run(self, speed: str, function: Callable[..., R], *arguments: object) -> R:
        """Call a function in a process of that speed. Raises NotReady when it died; the next call gets another."""
        if speed not in self._running:
            self._running[speed] = self.make[speed]()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._running[speed], function, *arguments)
        except BrokenProcessPool:
            self._running.pop(speed, None)
            raise NotReady("the process that fits forecasts died; it is started again with the next fit") from None

    def close(self) -> None:
        """End the processes."""
        for worker in self._running.values():
            worker.shutdown(wait=False, cancel_futures=True)


class Refits:
    """Fits series as they age, the most overdue first, a few at a time. `clock` gives epoch seconds."""

    def __init__(
        self,
        database: Database,
        settings: ForecasterSettings,
        metrics: Metrics,
        clock: Callable[[], float],
        workers: Workers,
    ) -> None:
        self._database = database
        self._saved = SavedFits(database)
        self._events = Events(database)
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._workers = workers
        self._slow_from_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def start_due(self, known: dict[str, Series]) -> None:
        """Start fits of what is due, as many at once as there are processes for them."""
        room = self._settings.fit_processes - len(self._tasks)
        if room <= 0:
            return
        now_s = self._clock()
        due = [one for one in known.values() if (one.stale or now_s >= one.due_s) and not one.fitting.locked()]
        for series in sorted(due, key=lambda one: one.due_s)[:room]:
            slow = self._settings.slow_cpu_share > 0 and now_s >= self._slow_from_s and series.settled is not None
            if slow:
                self._slow_from_s = float("inf")  # one at a time
            self._start(self._refit(series, known, slow))

    async def fit(self, series: Series, known: dict[str, Series], *, slow: bool = False) -> None:
        """Fit a series now, keep the fit, and serve it. Raises SeriesNotFound, NoData, NotReady."""
        series.stale = False
        now_s = self._clock()
        fitted = await self._workers.run("slow" if slow else "fast", fits.run, self._asked(series, known, now_s, slow))
        await asyncio.to_thread(self._keep, series, fitted)
        series.fitted_at(now_s, self._settings.refit_s)
        self._metrics.fitted(series, "slow" if slow else "fast", fitted.seconds)

    async def close(self) -> None:
        """Give up the fits that run."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._workers.close()

    async def _refit(self, series: Series, known: dict[str, Series], slow: bool) -> None:
        began_s = self._clock()
        try:
            async with series.fitting:
                await self.fit(series, known, slow=slow)
        except Exception as error:  # one series that can't be fitted must not keep the others from it
            series.fitted_at(self._clock(), self._settings.refit_s)
            if not isinstance(error, NoData | NotFound):
                series.failure = f"{type(error).__name__}: {error}"
                self._metrics.failures.labels(series.model, "fit").inc()
                _log.warning("fit failed", model=series.model, slow=slow, exc_info=error)
        finally:
            if slow:
                seconds = self._clock() - began_s
                self._slow_from_s = self._clock() + seconds * (1.0 / self._settings.slow_cpu_share - 1.0)

    def _asked(self, series: Series, known: dict[str, Series], now_s: float, slow: bool) -> Fit:
        settings = self._settings
        return Fit(
            path=self._database.path,
            model=series.model,
            now_s=now_s,
            step_s=settings.step_s,
            stale_s=settings.stale_s,
            horizon_s=settings.horizon_s,
            asked_s=series.horizon_s,
            slow=slow,
            time_zone=settings.time_zone,
            country=settings.holidays_country,
            lenders=_lenders(series, known, settings.borrow_from.get(series.model)),
        )

    def _keep(self, series: Series, fitted: Fitted) -> None:
        kept_s = self._clock()  # not when it began: others would take a slow fit for one that they have seen
        try:
            self._saved.save(SavedFit(series.model, kept_s, fitted.state))
        except NotReady as error:  # it is served all the same, and kept with the next fit
            _log.warning("a fit could not be kept", model=series.model, why=str(error))
        events = self._events.of(series.model)  # one may have been planned, or given up, while the fit ran
        series.serve(state.load(fitted.state).with_events(events), kept_s)
        series.fit_seconds = fitted.seconds

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _lenders(series: Series, known: dict[str, Series], named: str | None) -> tuple[Lender, ...]:
    """Whose shape may be borrowed: the model that is named, else those known best; none once it has its own."""
    if series.settled is not None and series.settled.periods and not series.settled.basis:
        return ()
    others = [one.settled for one in known.values() if one is not series and one.settled and one.settled.periods]
    own = [one for one in others if not one.basis and (named is None or one.model == named)]
    own.sort(key=lambda one: -len(one.values) * one.step_s)
    return tuple(Lender(one.model, season_to_lend(one.seasons_s), one.step_s) for one in own[:LENDERS])
