"""Replicas that the scaler itself starts and stops, one by one, through a launcher."""

from collections.abc import Mapping, Sequence

import structlog

from scaler.decision import Decision
from scaler.executors.base import Launcher
from scaler.fleet import Fleet, FleetView
from scaler.overrides import Override
from scaler.readings import BackendReading
from scaler.rehearsal import Rehearsal
from scaler.retiring import Retiring, RouterControl
from scaler.settings import PoolSettings
from scaler.store import Store
from scaler.wording import plan_reason
from tidegate.shared.errors import TidegateError

_log = structlog.get_logger(__name__)


class Owned:
    """An executor of pools that are settings: a fleet each, and one launcher for all."""

    def __init__(
        self, launcher: Launcher, routers: RouterControl, pools: Sequence[PoolSettings], drain_s: float, store: Store
    ) -> None:
        self._launcher = launcher
        self._store = store
        self._pools = {one.name: one for one in pools}
        self._fleets = {name: Fleet() for name in self._pools}
        self._rehearsal = Rehearsal()
        self._retiring = Retiring(routers, launcher, drain_s)

    @property
    def acts(self) -> bool:
        """Whether its launcher does."""
        return self._launcher.acts

    @property
    def leads(self) -> bool:
        """True: there is no other."""
        return True

    def pools(self) -> Mapping[str, PoolSettings]:
        """Those of the settings."""
        return self._pools

    def overrides(self, pool: str) -> Sequence[Override]:
        """Those of the store."""
        return self._store.overrides(pool)

    async def override(self, pool: str, override: Override) -> None:
        """Into the store. Raises NotReady."""
        self._store.set_override(pool, override)

    async def refresh(self, now_s: float) -> None:
        """Nothing to look up: the launcher knows its replicas."""

    def view(self, pool: str, now_s: float, backends: Mapping[str, BackendReading] | None) -> FleetView:
        """The pool's fleet after this look."""
        return self._fleets[pool].observe(now_s, self._launcher.replicas(pool), backends)

    async def apply(self, decision: Decision, now_s: float) -> None:
        """Start what is missing, and begin to retire what is too much."""
        plan = decision.plan
        fleet, change = self._fleets[plan.pool], plan.desired - plan.asked
        ours = self._pools[plan.pool].scaled_by == "scaler"
        if ours and not self.acts:
            self._rehearsal.say(plan.pool, _words(change), plan_reason(plan))
        if not (self.acts and ours) or change == 0:
            return
        if change > 0 and fleet.may_start(now_s):
            try:
                fleet.asked(await self._launcher.start(plan.pool, change, now_s))
            except TidegateError as error:
                _log.error("replicas can't be started", pool=plan.pool, why=str(error))
        for id_, address in fleet.stop(-change):
            self._retiring.start(plan.pool, fleet, id_, address, must=False)

    async def close(self) -> None:
        """Drain and stop all replicas at once, and wait for those that were stopping already."""
        for name, fleet in self._fleets.items():
            for id_, address in fleet.stop(len(self._launcher.replicas(name))):
                self._retiring.start(name, fleet, id_, address, must=True)
        await self._retiring.finish()
        await self._launcher.close()


def _words(change: int) -> str:
    if change == 0:
        return "do nothing"
    return f"start {change} replicas" if change > 0 else f"drain and stop {-change} replicas"
