"""The loop: read routers and forecaster, plan, carry it out, keep the reasons."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from scaler.budget import within
from scaler.decision import Decision, Proposal
from scaler.executors.base import Executor
from scaler.metrics import Metrics
from scaler.outlook import AHEAD_S
from scaler.pool import Pool
from scaler.readings import RouterReading, pool_reading
from scaler.settings import ScalerSettings
from scaler.store import Store
from scaler.told_events import EventBook, ToldEvents
from tidegate.shared.values import Forecast, Plan

FORGET_EVERY_TICKS = 500
EXPECT_TICKS = 3
"""What routers were told to expect counts for so many ticks, unless it is said again."""

_log = structlog.get_logger(__name__)


class RouterSource(Protocol):
    """Reads every router, and tells them what is coming."""

    async def expect(self, pool: str, models: Sequence[str], ready_in_s: float | None, valid_s: float) -> None:
        """Say when the pool's next replica should be ready; None: none is coming, or nobody knows when."""

    async def read(self) -> list[RouterReading | None]:
        """One reading per router; None for a silent one."""


class ForecastSource(EventBook, Protocol):
    """Reads the forecaster, and tells it what is planned."""

    async def read(
        self, models: Sequence[str], horizon_s: float, window_s: float
    ) -> tuple[dict[str, Forecast], dict[str, str]]:
        """Forecasts by model, and reasons for the missing."""


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
        self._metrics = metrics
        self._clock = clock
        self._before: list[RouterReading | None] = [None] * len(settings.routers)
        self._told_events = ToldEvents(forecasts, clock)
        self._ticks = 0
        self.pools: dict[str, Pool] = {}
        self._follow_wishes()

    async def run(self, stop: asyncio.Event) -> None:
        """Tick until `stop`, then close the executor: it drains and stops what would not outlive the scaler."""
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
        await self._executor.close()

    async def tick(self) -> None:
        """One decision for every pool, carried out as far as it can be without waiting."""
        self._follow_wishes()
        pools = list(self.pools.values())
        reads = [self._forecasts.read(one.spec.models, one.horizon_s, one.horizon_s) for one in pools]
        routers, forecasts, *_ = await asyncio.gather(
            self._routers.read(), asyncio.gather(*reads), self._executor.refresh(self._clock()), self._tell_events()
        )
        now_s = self._clock()
        if self._settings.executor == "kubernetes":  # whose statuses show it
            await asyncio.gather(*(self._look_ahead(pool, now_s) for pool in pools))
        proposals = [self._propose(pool, now_s, routers, ahead) for pool, ahead in zip(pools, forecasts, strict=True)]
        plans = within(proposals, self._settings.budget_units)
        self._metrics.budget(proposals, plans, self._settings.budget_units)
        decisions = [self._settle(*one) for one in zip(pools, proposals, plans, strict=True)]
        self._before = [new or old for new, old in zip(routers, self._before, strict=True)]
        await asyncio.gather(*(self._executor.apply(one, now_s) for one in decisions))
        self._metrics.acts(self._executor.acts)
        if self._executor.acts:
            await asyncio.gather(*(self._announce(pool, now_s) for pool in pools))
        if self._ticks % FORGET_EVERY_TICKS == 0:
            self._store.forget(now_s - self._settings.keep_plans_s, now_s - self._settings.keep_audit_s)
        self._ticks += 1

    async def _look_ahead(self, pool: Pool, now_s: float) -> None:
        """Now and then, for people: what the next hour is going to ask for."""
        if now_s >= pool.look_ahead_at_s:
            found, _ = await self._forecasts.read(pool.spec.models, AHEAD_S, AHEAD_S)
            pool.look_ahead(now_s, found)

    async def _tell_events(self) -> None:
        if self._executor.leads:
            await self._told_events.follow({name: pool.events for name, pool in self.pools.items()})

    async def _announce(self, pool: Pool, now_s: float) -> None:
        """Tell the routers when to expect the pool's next replica."""
        valid_s = EXPECT_TICKS * self._settings.tick_s
        await self._routers.expect(pool.spec.name, pool.spec.models, pool.next_ready_in_s(now_s), valid_s)

    def _follow_wishes(self) -> None:
        """Pools come, change and go as they are wished for."""
        wished = self._executor.pools()
        for name in self.pools.keys() - wished.keys():
            _log.info("pool gone", pool=name)
            self._metrics.forget(name)
            del self.pools[name]
        for name, settings in wished.items():
            if name not in self.pools:
                self.pools[name] = Pool(settings, self._settings.tick_s, self._store, self._metrics)
            elif settings != self.pools[name].settings:
                _log.info("pool changed", pool=name)
                self.pools[name].wish(settings)

    def _propose(
        self,
        pool: Pool,
        now_s: float,
        routers: Sequence[RouterReading | None],
        forecasts: tuple[dict[str, Forecast], dict[str, str]],
    ) -> Proposal:
        name = pool.spec.name
        reading = pool_reading(name, pool.spec.models, routers, self._before)
        spoke = any(router is not None for router in routers)
        view = self._executor.view(name, now_s, reading.backends if spoke else None)
        return pool.propose(now_s, reading, view, forecasts, self._executor.overrides(name))

    def _settle(self, pool: Pool, proposal: Proposal, plan: Plan) -> Decision:
        before, name = pool.plan, pool.spec.name
        decision = pool.settle(proposal, plan, acts=self._executor.acts)
        repeated = before is not None and (before.desired, before.asked) == (plan.desired, plan.asked)
        if plan.desired != plan.asked and not repeated:
            _log.info("plan", pool=name, desired=plan.desired, asked=plan.asked, ready=plan.ready, mode=plan.mode)
        return decision
