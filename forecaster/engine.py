"""The forecaster's state: history in, fitted models kept fresh, answers from them.

A fit runs in a process of its own. An answer takes the newest fit, filters it forward over what was observed since,
and never waits for another fit, except for a series' very first.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import numpy as np
import structlog

from forecaster import backtest, model
from forecaster.explanation import Explanation
from forecaster.history import History
from forecaster.metrics import Metrics
from forecaster.model import FittedModel
from forecaster.observations import Observation
from forecaster.series import SILENCE_S, check_step, choose_step_s, total_demand
from forecaster.serving import Series, SeriesInfo, is_better
from forecaster.settings import ForecasterSettings
from tidegate.shared.errors import InvalidRequest, NoData, NotReady
from tidegate.shared.values import DemandSeries, Forecast

LOOK_S = 0.5
"""How often the engine looks for fits that have aged."""

FIRST_FIT_AGAIN_S = 5.0
"""A series without any fit is tried again after this."""

PRUNE_EVERY_S = 3600.0
BACKTEST_ORIGINS = 30
BACKTEST_FROM = 0.7

R = TypeVar("R")

_log = structlog.get_logger(__name__)


class Engine:
    """All series of one forecaster. `clock` gives epoch seconds; `fast` and `slow` run the fits."""

    def __init__(
        self,
        history: History,
        settings: ForecasterSettings,
        metrics: Metrics,
        clock: Callable[[], float],
        fast: Callable[[], Executor],
        slow: Callable[[], Executor],
    ) -> None:
        self._history = history
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._workers = {"fast": fast, "slow": slow}
        self._running: dict[str, Executor] = {}
        self._series = {name: Series(name) for name in history.models()}
        self._slow_from_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def observe(self, observations: Sequence[Observation]) -> int:
        """Keep observations (already checked), all or none of them; returns how many values."""
        await asyncio.to_thread(self._history.append, observations)
        for one in observations:
            series = self._series.setdefault(one.model, Series(one.model))
            if series.fitted is not None and one.start_s < series.fitted.end_s - 4 * SILENCE_S:
                series.stale = True  # the past itself has changed
            self._metrics.observed.labels(one.model, one.source).inc(len(one.rate_rps))
        return sum(len(one.rate_rps) for one in observations)

    async def forecast(
        self, name: str, horizon_s: float, quantiles: tuple[float, ...], window_s: float, paths: int, step_s: float
    ) -> Forecast:
        """Forecast from now on. Raises SeriesNotFound, NoData, InvalidRequest."""
        began = time.perf_counter()
        series = await self._fitted(name)
        furthest_s = max(horizon_s, window_s)
        now_s = self._clock()

        def answer() -> Forecast:
            fresh = self._fresh(series, now_s)
            return fresh.forecast(
                horizon_s, quantiles=quantiles, window_s=window_s, paths=paths, step_s=step_s, issued_at_s=now_s
            )

        forecast = await asyncio.to_thread(answer)
        if furthest_s > series.horizon_s:
            series.horizon_s, series.stale = furthest_s, True
        self._metrics.forecast_seconds.observe(time.perf_counter() - began)
        return forecast

    async def explain(self, name: str, horizon_s: float) -> tuple[Explanation, Series]:
        """Why the forecast over the next `horizon_s` is what it is. Raises as `forecast` does."""
        series = await self._fitted(name)
        explanation = await asyncio.to_thread(lambda: self._fresh(series, self._clock()).explain(horizon_s))
        return explanation, series

    async def backtest(
        self, name: str, horizon_s: float, origins: int, from_fraction: float, step_s: float
    ) -> AsyncIterator[tuple[int, int, backtest.Summary | None]]:
        """(origins done, of how many, the summary with the last). Raises SeriesNotFound, NoData, InvalidRequest."""
        demand = await asyncio.to_thread(self._demand, name, self._clock(), step_s or None)
        rows = backtest.spaced_origins(demand, horizon_s, origins or BACKTEST_ORIGINS, from_fraction or BACKTEST_FROM)
        results: list[backtest.OriginResult] = []
        for block in backtest.blocks(rows):
            results += await self._run("slow", backtest.run_block, demand, block, horizon_s, time.perf_counter)
            if len(results) < len(rows):
                yield len(results), len(rows), None
        yield len(rows), len(rows), backtest.summarise(demand, results)

    async def observed(self, name: str, length_s: float, step_s: float) -> DemandSeries:
        """The latest `length_s` of demand. Raises SeriesNotFound, InvalidRequest."""
        if not 0.0 < length_s < np.inf:
            raise InvalidRequest(f"length_s is {length_s:g}: it must be over 0")
        demand = await asyncio.to_thread(self._demand, name, self._clock(), step_s or None)
        count = max(1, int(length_s / demand.step_s))
        rates = demand.rate_rps[-count:]
        return DemandSeries(name, demand.end_s - len(rates) * demand.step_s, demand.step_s, rates)

    async def list_series(self) -> list[SeriesInfo]:
        """Every series, by name."""
        return [await asyncio.to_thread(self._info, name) for name in sorted(self._series)]

    async def run(self, stop: asyncio.Event) -> None:
        """Refit what has aged, until `stop`."""
        pruned_s = self._clock()
        while not stop.is_set():
            for series in list(self._series.values()):
                if self._due(series) and not series.fitting.locked():
                    self._start(self._refit(series))
            if self._clock() - pruned_s > PRUNE_EVERY_S:
                pruned_s = self._clock()
                await asyncio.to_thread(self._history.prune, pruned_s - self._settings.keep_s)
            try:
                await asyncio.wait_for(stop.wait(), LOOK_S)
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Give up the fits that run, and end their processes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._running.values():
            worker.shutdown(wait=False, cancel_futures=True)

    async def _fitted(self, name: str) -> Series:
        series = self._series.get(name)
        if series is None:
            await asyncio.to_thread(self._history.span, name)  # says SeriesNotFound, with the names that there are
            series = self._series.setdefault(name, Series(name))
        if series.fitted is None:
            async with series.fitting:
                if series.fitted is None:
                    await self._fit(series, "fast")
        return series

    def _fresh(self, series: Series, now_s: float) -> FittedModel:
        """The fitted model, filtered forward to now. Raises NoData when nothing was observed for too long."""
        fitted = series.fitted
        assert fitted is not None
        recent = self._read(series.model, fitted.end_s - 4 * SILENCE_S, fitted.step_s, now_s)
        self._check_age(series.model, now_s)
        skipped = round((fitted.end_s - recent.start_s) / fitted.step_s)
        missing = np.full(max(0, -skipped), np.nan)
        return fitted.update(np.concatenate((missing, recent.rate_rps[max(0, skipped) :])))

    def _check_age(self, name: str, now_s: float) -> None:
        age_s = now_s - self._history.span(name).last_s
        if age_s > self._settings.stale_s:
            raise NoData(
                f"model {name!r}: its last demand was observed {age_s:.0f} s ago, over stale_s = "
                f"{self._settings.stale_s:g}; is the router followed, or the imported history too old?"
            )

    def _due(self, series: Series) -> bool:
        return series.stale or self._age(series) >= 1.0

    def _age(self, series: Series) -> float:
        """Time since the last fit, or the last try, as a share of what a fit is good for."""
        good_for_s = model.refit_after_s(series.fitted) if series.fitted else FIRST_FIT_AGAIN_S
        return (self._clock() - series.fitted_at_s) / good_for_s

    async def _refit(self, series: Series) -> None:
        """A fast fit, and a slow one where the budget allows. While a slow one runs, the one before it serves on."""
        if self._settings.slow_cpu_share > 0 and self._clock() >= self._slow_from_s:
            self._slow_from_s = float("inf")
            series.slow_running = True
            self._start(self._slow_fit(series))
        if not (series.slow and series.slow_running) or series.stale or self._age(series) >= 2.0:
            async with series.fitting:
                await self._try_fit(series, "fast")

    async def _slow_fit(self, series: Series) -> None:
        began = time.perf_counter()
        await self._try_fit(series, "slow")
        series.slow_running = False
        self._slow_from_s = self._clock() + (time.perf_counter() - began) * (1.0 / self._settings.slow_cpu_share - 1.0)

    async def _try_fit(self, series: Series, speed: str) -> None:
        try:
            await self._fit(series, speed)
        except Exception as error:  # one series that can't be fitted must not keep the others from it
            series.fitted_at_s, series.stale = self._clock(), False
            if not isinstance(error, NoData):
                self._metrics.fit_failures.labels(series.model).inc()
                _log.warning("fit failed", model=series.model, speed=speed, exc_info=error)

    async def _fit(self, series: Series, speed: str) -> None:
        relearn, series.stale = series.stale, False
        began = time.perf_counter()
        demand = await asyncio.to_thread(self._demand, series.model, self._clock(), None)
        horizon_s = max(series.horizon_s, self._settings.horizon_s or model.DEFAULT_HORIZON_STEPS * demand.step_s)
        fitted = await self._run(speed, _fit_in_worker, demand, horizon_s, speed == "slow")
        seconds = time.perf_counter() - began
        self._metrics.fit_seconds.labels(speed).observe(seconds)
        if relearn or is_better(fitted, speed == "slow", series):
            series.fitted, series.fitted_at_s = fitted, self._clock()
            series.fit_seconds, series.slow = seconds, speed == "slow"
            self._metrics.fitted(fitted.explain(horizon_s))

    def _demand(self, name: str, now_s: float, step_s: float | None) -> DemandSeries:
        span = self._history.span(name)
        if step_s is not None:
            check_step(step_s)
        step_s = step_s or self._settings.step_s or choose_step_s(span.last_s - span.first_s, span.coarsest_step_s)
        return self._read(name, max(span.first_s, span.last_s - model.MAX_POINTS * step_s), step_s, now_s)

    def _read(self, name: str, since_s: float, step_s: float, now_s: float) -> DemandSeries:
        sources = self._history.read(name, since_s, step_s)
        # History that ends long ago is not stretched to now: what is missing is its age, not a gap to model.
        last_s = self._history.span(name).last_s
        until_s = min(now_s, last_s + self._settings.stale_s)
        if not sources:
            start_s = np.ceil(since_s / step_s - 1e-9) * step_s
            length = max(0, int(np.floor((until_s - start_s) / step_s)))
            return DemandSeries(name, float(start_s), step_s, np.full(length, np.nan))
        return total_demand(name, sources, step_s, until_s)

    def _info(self, name: str) -> SeriesInfo:
        span, fitted = self._history.span(name), self._series[name].fitted
        demand = self._demand(name, self._clock(), fitted.step_s if fitted else None)
        known = demand.rate_rps[np.isfinite(demand.rate_rps)]
        return SeriesInfo(
            name,
            demand.step_s,
            span.first_s,
            span.last_s,
            float(known[-1]) if len(known) else float("nan"),
            1.0 - len(known) / max(1, len(demand.rate_rps)),
            fitted.seasons_s if fitted else (),
        )

    async def _run(self, speed: str, function: Callable[..., R], *arguments: object) -> R:
        """Call a function in the worker of that speed; a worker that died is replaced with the next call."""
        if speed not in self._running:
            self._running[speed] = self._workers[speed]()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._running[speed], function, *arguments)
        except BrokenProcessPool:
            self._running.pop(speed, None)
            raise NotReady("the process that fits forecasts died; it is started again with the next fit") from None

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _fit_in_worker(demand: DemandSeries, horizon_s: float, slow: bool) -> FittedModel:
    return model.fit(demand, horizon_s=horizon_s, slow=slow)
