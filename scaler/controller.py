"""The loop: read routers and forecaster, plan, carry it out, keep the reasons."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from scaler import planner
from scaler.capacity import pool_capacity
from scaler.capacity import update as update_capacity
from scaler.demand import grid, pool_forecast
from scaler.executors.base import Executor
from scaler.fleet import Fleet, FleetView
from scaler.lead import KEPT_STARTS, pool_lead
from scaler.metrics import Metrics
from scaler.observation import Observation, PoolForecast
from scaler.pools import pool_spec
from scaler.readings import PoolReading, RouterReading, pool_reading
from scaler.retiring import Retiring, RouterControl
from scaler.settings import PoolSettings, ScalerSettings
from scaler.store import Store
from tidegate.shared.errors import TidegateError
from tidegate.shared.values import BackendStatus, Forecast, Plan

FORGET_EVERY_TICKS = 500

_log = structlog.get_logger(__name__)


class RouterSource(RouterControl, Protocol):
    """Reads every router."""

    async def read(self) -> list[RouterReading | None]:
        """One reading per router; None for a silent one."""


class ForecastSource(Protocol):
    """Reads the forecaster."""

    async def read(
        self, models: Sequence[str], horizon_s: float, window_s: float
    ) -> tuple[dict[str, Forecast], dict[str, str]]:
        """Forecasts by model, and reasons for the missing."""


class Pool:
    """One pool: its measured figures, its replicas, its planner's memory."""

    def __init__(
        self, settings: PoolSettings, tick_s: float, executor: Executor, store: Store, metrics: Metrics
    ) -> None:
        self.settings = settings
        self.spec = pool_spec(settings)
        self.fleet = Fleet()
        self.view = FleetView(0, (), 0)
        self.plan: Plan | None = None
        self._tick_s = tick_s
        self._executor = executor
        self._store = store
        self._metrics = metrics
        self._memory = planner.Memory()
        self._leads_s = store.leads_s(settings.name)
        self._capacity = store.capacity(settings.name)

    @property
    def horizon_s(self) -> float:
        """How far ahead the planner looks: the decision window, and another lead for the hold-down."""
        return 2 * pool_lead(self._leads_s, self.settings.prior_lead_s).seconds + self._tick_s

    def decide(
        self,
        now_s: float,
        routers: Sequence[RouterReading | None],
        before: Sequence[RouterReading | None],
        forecasts: tuple[dict[str, Forecast], dict[str, str]],
    ) -> Plan:
        """Observe, plan and keep the plan."""
        reading = pool_reading(self.settings.name, self.settings.models, routers, before)
        spoke = any(router is not None for router in routers)
        replicas = self._executor.replicas(self.settings.name)
        self.view = self.fleet.observe(now_s, replicas, reading.backends if spoke else None)
        self._measure(now_s, reading)
        observation = self._observation(now_s, reading, forecasts)
        self.plan, self._memory = planner.plan(self.spec, observation, self._memory)
        self._store.add_plan(self.plan, dry_run=not self._executor.acts)
        self._metrics.planned(self.plan, self.view)
        return self.plan

    def _measure(self, now_s: float, reading: PoolReading) -> None:
        for lead_s in self.view.leads_s:
            _log.info("replica ready", pool=self.spec.name, lead_s=round(lead_s, 3))
            self._store.add_start(self.spec.name, now_s, lead_s)
        self._leads_s = [*self._leads_s, *self.view.leads_s][-KEPT_STARTS:]
        reports = [one.capacity_rows_per_s for one in reading.backends.values() if one.status is BackendStatus.READY]
        known = update_capacity(self._capacity, reports, self.spec.models)
        if known != self._capacity:
            self._capacity = known
            self._store.set_capacity(self.spec.name, known)

    def _observation(
        self, now_s: float, reading: PoolReading, forecasts: tuple[dict[str, Forecast], dict[str, str]]
    ) -> Observation:
        demand_rps = reading.demand_rps or {}
        work = {model: demand_rps.get(model, 0.0) * reading.cost_rows[model] for model in self.spec.models}
        lead = pool_lead(self._leads_s, self.settings.prior_lead_s)
        ahead, note = self._forecast(now_s, reading, forecasts, lead.seconds + self._tick_s)
        return Observation(
            now_s=now_s,
            tick_s=self._tick_s,
            ready=self.view.ready,
            starting_ready_in_s=self.view.starting_ready_in_s(now_s, lead.seconds, self._tick_s),
            lead=lead,
            capacity=pool_capacity(self._capacity, work, self.settings.prior_capacity_rows_per_s),
            demand_rows_per_s=reading.demand_rows_per_s,
            served_rows_per_s=reading.served_rows_per_s,
            outstanding_rows=reading.outstanding_rows,
            forecast=ahead,
            forecast_note=note,
        )

    def _forecast(
        self,
        now_s: float,
        reading: PoolReading,
        forecasts: tuple[dict[str, Forecast], dict[str, str]],
        window_s: float,
    ) -> tuple[PoolForecast | None, str]:
        found, reasons = forecasts
        ahead = pool_forecast(
            found, reading.cost_rows, reading.demand_rps or {}, now_s, self.horizon_s, grid(window_s, self._tick_s)
        )
        missing = "; ".join(f"{model}: {why}" for model, why in reasons.items())
        return ahead, missing or "the forecasts carry no sample paths, or end before now"


class Controller:
    """All pools, one tick after the other."""

    def __init__(
        self,
        settings: ScalerSettings,
        routers: RouterSource,
        forecasts: ForecastSource,
        executor: Executor,
        store: Store,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._routers = routers
        self._forecasts = forecasts
        self._executor = executor
        self._store = store
        self._clock = clock
        self._before: list[RouterReading | None] = [None] * len(settings.routers)
        self._ticks = 0
        self.pools = {one.name: Pool(one, settings.tick_s, executor, store, metrics) for one in settings.pools}
        self._retiring = Retiring(routers, executor, settings.drain_s)

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop`, then drain and stop every replica that would not outlive the scaler."""
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            began = loop.time()
            try:
                await self.tick()
            except Exception:  # a bug in one tick must not end the loop that keeps the service scaled
                _log.exception("tick failed; what is there stays")
            left_s = max(0.0, began + self._settings.tick_s - loop.time())
            try:
                await asyncio.wait_for(stop.wait(), left_s)
            except TimeoutError:
                continue
        await self.close()

    async def tick(self) -> None:
        """One decision for every pool, carried out as far as it can be without waiting."""
        pools = list(self.pools.values())
        reads = [self._forecasts.read(one.spec.models, one.horizon_s, one.horizon_s) for one in pools]
        routers, forecasts = await asyncio.gather(self._routers.read(), asyncio.gather(*reads))
        now_s = self._clock()
        for pool, ahead in zip(pools, forecasts, strict=True):
            plan = pool.decide(now_s, routers, self._before, ahead)
            await self._apply(pool, plan, now_s)
        self._before = [new or old for new, old in zip(routers, self._before, strict=True)]
        if self._ticks % FORGET_EVERY_TICKS == 0:
            self._store.forget_plans(now_s - self._settings.keep_plans_s)
        self._ticks += 1

    async def close(self) -> None:
        """Drain and stop the executor's replicas, all at once, and wait for those that were stopping already."""
        for pool in self.pools.values():
            for id_, address in pool.fleet.stop(len(self._executor.replicas(pool.spec.name))):
                self._retiring.start(pool.spec.name, pool.fleet, id_, address, must=True)
        await self._retiring.finish()
        await self._executor.close()

    async def _apply(self, pool: Pool, plan: Plan, now_s: float) -> None:
        change = plan.desired - plan.asked
        if change:
            _log.info("plan", pool=plan.pool, desired=plan.desired, asked=plan.asked, ready=plan.ready, mode=plan.mode)
        if not self._executor.acts or change == 0:
            return
        if change > 0 and pool.fleet.may_start(now_s):
            try:
                pool.fleet.asked(await self._executor.start(plan.pool, change, now_s))
            except TidegateError as error:
                _log.error("replicas can't be started", pool=plan.pool, why=str(error))
        for id_, address in pool.fleet.stop(-change):
            self._retiring.start(plan.pool, pool.fleet, id_, address, must=False)
