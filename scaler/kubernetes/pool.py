"""One PredictiveScaler being carried out: its target, its pods as replicas, its steps up and down."""

from collections.abc import Callable, Mapping
from typing import Any

from scaler.decision import Decision
from scaler.fleet import FleetView
from scaler.kubernetes.pods import stuck_words
from scaler.kubernetes.retirement import Retirement
from scaler.kubernetes.scaling import Step, backends_of, step
from scaler.kubernetes.status import Condition, conditions, status
from scaler.kubernetes.target import ScaleTarget
from scaler.kubernetes.view import PodBook
from scaler.kubernetes.wishes import Wish
from scaler.readings import BackendReading
from scaler.retiring import RouterControl
from tidegate.shared.errors import NotReady
from tidegate.shared.times import utc


class ClusterPool:
    """`wish` is as it stands now, followed since `since_s`; `trouble` is why the last try to scale failed."""

    def __init__(self, wish: Wish, target: ScaleTarget, routers: RouterControl, now_s: float) -> None:
        self.wish = wish
        self.since_s = now_s
        self.target = target
        self.decision: Decision | None = None
        self.trouble = ""
        self._routers = routers
        self._book = PodBook()
        self._retirement: Retirement | None = None
        self._failed = ""
        self._backends: Mapping[str, BackendReading] = {}

    @property
    def ours(self) -> bool:
        """Whether the scaler itself carries the plans out."""
        return self.wish.pool is None or self.wish.pool.scaled_by == "scaler"

    @property
    def known(self) -> bool:
        """True once its pods were seen: before that nothing can be decided."""
        return self.target.scale is not None and self.target.heard_at_s is not None

    def view(
        self, now_s: float, backends: Mapping[str, BackendReading] | None, node_pool_of: Callable[[str], str]
    ) -> FleetView:
        """The pool's pods as replicas."""
        assert self.target.scale is not None
        if backends is not None:
            self._backends = backends
        return self._book.observe(now_s, self.target.scale.replicas, self.target.pods(), self._victims(), node_pool_of)

    def obstacle(self, now_s: float, stale_s: float) -> Condition | None:
        """Why nothing may be done to the target now, as far as the pool itself knows; None for nothing."""
        if self.wish.invalid:
            return Condition("Active", False, "InvalidSpec", self.wish.invalid)
        if self.decision is not None and self.decision.paused:
            return Condition("Active", False, "Paused", self.decision.paused)
        if self.target.trouble:
            return Condition("Active", False, "TargetUnreadable", self.target.trouble)
        heard_at_s = self.target.heard_at_s
        if heard_at_s is None or now_s - heard_at_s > stale_s:
            return Condition("Active", False, "StaleData", f"no news of the pods for over {stale_s:g} s")
        until_s = self.target.ownership.hands_off_until_s
        if now_s < until_s:
            return Condition(
                "Active",
                False,
                "ReplicasSetByOthers",
                f"somebody else set {self.target.ownership.replicas} replicas; hands off until {utc(until_s)}",
            )
        return None

    async def advance(self, may_act: Callable[[], bool]) -> bool:
        """Do what brings the target to the decision; False while a drain is under way.

        Raises NotReady (also for a drain that failed meanwhile) and ApiException.
        """
        assert self.decision is not None
        assert self.target.scale is not None
        self._finish_retirement()
        if self._failed:
            why, self._failed = self._failed, ""
            raise NotReady(why)
        to_do, replicas = self._step(), self.target.scale.replicas
        if to_do.give_up:
            await self.stand_back()
        if self._retirement is not None:
            return False
        if to_do.replicas is not None and to_do.replicas < replicas:
            backends = backends_of(self.target.pods(), self._backends)
            addresses = {name: one.address for name, one in backends.items()}
            self._retirement = Retirement(self.target, self._routers, to_do, addresses, self.wish.drain_s, may_act)
            return False
        if to_do.replicas is not None:
            await self.target.set_replicas(to_do.replicas)
        return True

    def intent(self) -> str:
        """What `advance` would do, in words."""
        assert self.target.scale is not None
        to_do, replicas = self._step(), self.target.scale.replicas
        if to_do.replicas is None:
            return f"do nothing: {replicas} replicas are asked for"
        change = f"ask {self.target.target} for {to_do.replicas} replicas in place of {replicas}"
        if to_do.replicas > replicas:
            return change
        return f"annotate and drain {', '.join(to_do.victims) or 'no pod'}, then {change}"

    async def stand_back(self) -> None:
        """Nothing may be done any more: a drain under way is ended, unless it went too far."""
        if self._retirement is not None:
            await self._retirement.give_up()
            self._finish_retirement()

    def status(self, active: Condition, before: Mapping[str, Any], now_s: float) -> dict[str, Any]:
        """The whole status as of now."""
        replicas = None if self.target.scale is None else self.target.scale.replicas
        met = conditions(self.decision, active, stuck_words(self.target.pods()))
        return status(self.decision, self.wish.generation, replicas, met, before, now_s, self._book.leads_s)

    async def close(self) -> None:
        """Stand back, however far a drain under way has come, and stop watching."""
        if self._retirement is not None:
            await self._retirement.close()
        await self.target.close()

    def _step(self) -> Step:
        assert self.decision is not None
        assert self.target.scale is not None
        pods = self.target.pods()
        outstanding = {name: one.outstanding for name, one in backends_of(pods, self._backends).items()}
        retiring = self._retirement is not None
        return step(self.decision.plan, self.target.scale.replicas, pods, outstanding, retiring=retiring)

    def _victims(self) -> frozenset[str]:
        self._finish_retirement()
        return self._retirement.victims if self._retirement is not None else frozenset()

    def _finish_retirement(self) -> None:
        """Take in how a step down went, as soon as that is known."""
        if self._retirement is not None and self._retirement.over:
            self._failed = self._retirement.failed
            self._retirement = None
