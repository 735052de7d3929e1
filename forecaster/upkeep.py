"""What the forecaster does unasked: hold the lease, refit what has aged, filter forward, tidy the history."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice

import structlog

from forecaster.engine import Engine
from forecaster.history import History
from forecaster.lease import RENEW_S, Lease
from forecaster.metrics import Metrics
from forecaster.settings import ForecasterSettings
from tidegate.shared.errors import NotReady

LOOK_S = 0.5
"""How often it is looked for fits that have aged."""

BATCH = 20
"""Series brought up to date at a time; between batches answers get their turn."""

FOLD_EVERY_S = 30.0
PRUNE_EVERY_S = 3600.0
PRUNE_AFTER_S = 60.0
"""Not at once: a start has answers to give first."""

_log = structlog.get_logger(__name__)


class Upkeep:
    """The loops around an engine. `clock` gives epoch seconds."""

    def __init__(
        self,
        engine: Engine,
        history: History,
        lease: Lease,
        settings: ForecasterSettings,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._history = history
        self._lease = lease
        self._settings = settings
        self._metrics = metrics
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then let go of the lease."""
        work: tuple[tuple[Callable[[], Awaitable[object]], float], ...] = (
            (self.claim, RENEW_S),
            (self._refit, LOOK_S),
            (self.update, self._settings.update_s),
            (self._fold, FOLD_EVERY_S),
        )
        loops = [_every(period_s, one, stop) for one, period_s in work]
        await asyncio.gather(*loops, _every(PRUNE_EVERY_S, self._prune, stop, PRUNE_AFTER_S))
        await self._engine.refits.close()
        if self._engine.leading:
            await asyncio.to_thread(self._lease.release)

    async def claim(self) -> None:
        """Hold on to the lease, or take it when its holder is gone; who does not lead reads what the leader wrote."""
        held = await asyncio.to_thread(self._lease.claim, self._clock())
        engine = self._engine
        if held.leading != engine.leading or held.address != engine.leader:
            _log.info("leads" if held.leading else "only reads", leader=held.address)
        engine.leading, engine.leader = held.leading, held.address
        self._metrics.leading.set(held.leading)
        if not held.leading:
            await asyncio.to_thread(engine.shelf.take_saved)

    async def update(self) -> None:
        """Bring every series up to date."""
        now_s = self._clock()
        names = iter(list(self._engine.shelf.series))
        while batch := list(islice(names, BATCH)):
            await asyncio.to_thread(self._engine.shelf.update, batch, now_s)

    async def _refit(self) -> None:
        if self._engine.leading:
            self._engine.refits.start_due(self._engine.shelf.series)

    async def _fold(self) -> None:
        if self._engine.leading:
            await asyncio.to_thread(self._history.fold)

    async def _prune(self) -> None:
        if self._engine.leading:
            await asyncio.to_thread(self._history.prune, self._clock(), self._settings.keep_s)
            for name in await asyncio.to_thread(self._engine.shelf.forget_gone):
                self._engine.shelf.series.pop(name)  # here, where the loop goes over them, not in a thread


async def _every(
    period_s: float, work: Callable[[], Awaitable[object]], stop: asyncio.Event, after_s: float = 0.0
) -> None:
    pause_s = after_s
    while not await _stopped_within(stop, pause_s):
        try:
            await work()
        except NotReady as error:  # the file takes nothing now: it is tried again
            _log.warning("put off", why=str(error))
        pause_s = period_s


async def _stopped_within(stop: asyncio.Event, pause_s: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), pause_s)
    return stop.is_set()
