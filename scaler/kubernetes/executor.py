"""The executor of a cluster: PredictiveScalers are the wishes, pods the replicas, the scale subresource the hand."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from kubernetes.aio.client.exceptions import ApiException

from scaler.decision import Decision
from scaler.fleet import FleetView
from scaler.kubernetes.conflict import other_autoscaler, rival
from scaler.kubernetes.elector import Elector
from scaler.kubernetes.nodes import NodePools
from scaler.kubernetes.pool import ClusterPool
from scaler.kubernetes.reporter import API_VERSION, Reporter
from scaler.kubernetes.status import Condition
from scaler.kubernetes.target import ScaleTarget
from scaler.kubernetes.wishes import Wish, overridden, wish
from scaler.overrides import Override
from scaler.readings import BackendReading
from scaler.rehearsal import Rehearsal
from scaler.retiring import RouterControl
from scaler.settings import KubernetesSettings, PoolSettings
from scaler.wording import plan_reason
from tidegate.shared.errors import NotReady
from tidegate.shared.kubernetes.api import Api, message_of
from tidegate.shared.kubernetes.back_off import BackOff
from tidegate.shared.kubernetes.reflector import Reflector

_log = structlog.get_logger(__name__)


class Kubernetes:
    """Implements `Executor`. Every scaler watches and plans; only the leader writes.

    A dry run has no elector: it never leads, so it can run beside others, and only says what it would do.
    """

    def __init__(
        self,
        api: Api,
        settings: KubernetesSettings,
        routers: RouterControl,
        elector: Elector | None,
        clock: Callable[[], float],
    ) -> None:
        self._api = api
        self._settings = settings
        self._routers = routers
        self._elector = elector
        self._clock = clock
        self._reporter = Reporter(api, settings.namespace, settings.status_period_s)
        self._back_off = BackOff()
        self._pools: dict[str, ClusterPool] = {}
        self._rehearsal = Rehearsal()
        self._nodes = NodePools(api, settings.node_pool_labels)
        self._scalers = self._watch(f"/apis/{API_VERSION}", "predictivescalers")
        self._autoscalers = self._watch("/apis/autoscaling/v1", "horizontalpodautoscalers")

    @property
    def acts(self) -> bool:
        """True for the leader."""
        return self.leads

    @property
    def leads(self) -> bool:
        """Whether this one of several scalers holds the lease."""
        return self._elector is not None and self._elector.leads

    def pools(self) -> Mapping[str, PoolSettings]:
        """The PredictiveScalers that can be decided: sound, and their pods seen."""
        return {name: pool.wish.pool for name, pool in self._pools.items() if pool.wish.pool is not None and pool.known}

    def overrides(self, pool: str) -> Sequence[Override]:
        """Those of the resource's status, where they outlive every scaler."""
        return overridden(self._scalers.objects.get(pool, {}))

    async def override(self, pool: str, override: Override) -> None:
        """Into the resource's status, whoever leads. Raises NotReady."""
        try:
            self._scalers.objects[pool] = await self._reporter.override(self._pools[pool].wish, override)
        except ApiException as error:
            raise NotReady(message_of(error)) from None

    async def refresh(self, now_s: float) -> None:
        """Follow the wishes, and look at every target; what can't be decided says so in its status."""
        wishes = {name: wish(one) for name, one in self._scalers.objects.items()}
        for name in self._pools.keys() - wishes.keys():
            await self._pools.pop(name).close()
            self._back_off.done(name)
        for name, one in wishes.items():
            await self._follow(name, one, now_s)
        await asyncio.gather(
            *(pool.target.look(now_s, leads=self.leads and pool.ours) for pool in self._pools.values())
        )
        await self._nodes.learn(one.node for pool in self._pools.values() for one in pool.target.pods())
        undecided = [pool for name, pool in self._pools.items() if name not in self.pools()]
        await asyncio.gather(*(self._report(pool, now_s) for pool in undecided if self._hopeless(pool, now_s)))

    def view(self, pool: str, now_s: float, backends: Mapping[str, BackendReading] | None) -> FleetView:
        """The pool's pods as replicas."""
        return self._pools[pool].view(now_s, backends, self._nodes.of)

    async def apply(self, decision: Decision, now_s: float) -> None:
        """Carry the decision out unless something is in the way, and report."""
        name = decision.plan.pool
        pool = self._pools[name]
        pool.decision = decision
        if self._elector is None:
            self._rehearse(pool, now_s)
        elif self._obstacle(pool, now_s) is not None:
            await pool.stand_back()
        elif self._back_off.due(name, now_s):
            await self._advance(pool, now_s)
        await self._report(pool, now_s)

    async def close(self) -> None:
        """Leave every pod as it is; another scaler takes over."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        await asyncio.gather(self._scalers.close(), self._autoscalers.close())
        if self._elector is not None:
            await self._elector.close()
        await self._api.close()

    async def _follow(self, name: str, one: Wish, now_s: float) -> None:
        pool = self._pools.get(name)
        if pool is not None and (pool.wish.uid, pool.wish.target) == (one.uid, one.target):
            pool.wish = one
            return
        if pool is not None:
            await pool.close()
        target = ScaleTarget(self._api, self._settings, one.target, self._clock)
        self._pools[name] = ClusterPool(one, target, self._routers, now_s)

    def _hopeless(self, pool: ClusterPool, now_s: float) -> bool:
        """True for a pool that isn't just new."""
        overdue = now_s - pool.since_s > self._settings.stale_s
        return bool(pool.wish.invalid or pool.target.trouble or overdue)

    async def _advance(self, pool: ClusterPool, now_s: float) -> None:
        name = pool.wish.name
        try:
            settled = await pool.advance(lambda: self.acts)
        except (ApiException, NotReady) as error:
            pool.trouble = message_of(error)
            wait_s = self._back_off.failed(name, now_s)
            _log.warning("not scaled", pool=name, why=pool.trouble, again_in_s=wait_s)
            return
        if settled:  # a drain that only began may fail yet, and wait longer then
            pool.trouble = ""
            self._back_off.done(name)

    def _rehearse(self, pool: ClusterPool, now_s: float) -> None:
        """Say what would be done."""
        obstacle = self._obstacle(pool, now_s)
        words = pool.intent() if obstacle is None else f"do nothing: {obstacle.message}"
        assert pool.decision is not None
        self._rehearsal.say(pool.wish.name, words, plan_reason(pool.decision.plan))

    def _obstacle(self, pool: ClusterPool, now_s: float) -> Condition | None:
        """Why nothing may be done now; None when the decision may be carried out."""
        if self._elector is not None and not self.leads:
            return Condition("Active", False, "NotLeading", "another scaler leads")
        if not pool.ours:
            return Condition("Active", False, "ScaledByKeda", "spec.scaledBy is keda: a ScaledObject follows the plans")
        older = rival(pool.wish, (one.wish for one in self._pools.values()))
        if older:
            return Condition("Active", False, "TargetTaken", f"PredictiveScaler {older} has the same target")
        autoscaler = other_autoscaler(pool.wish.target, self._autoscalers.objects.values())
        if autoscaler:
            return Condition(
                "Active", False, "OtherAutoscaler", f"HorizontalPodAutoscaler {autoscaler} has the same target"
            )
        return pool.obstacle(now_s, self._settings.stale_s)

    async def _report(self, pool: ClusterPool, now_s: float) -> None:
        """The status is the leader's to write."""
        if not self.leads:
            return
        active = self._obstacle(pool, now_s)
        if active is None:
            reason = "NotScaled" if pool.trouble else "Scaling"
            active = Condition("Active", not pool.trouble, reason, pool.trouble or "plans are carried out")
        before: Mapping[str, Any] = self._scalers.objects.get(pool.wish.name, {}).get("status", {})
        after = await self._reporter.report(pool.wish, before, pool.status(active, before, now_s), now_s)
        if after is not None:  # rather than to wait for the watch, which may come after the next tick
            self._scalers.objects[pool.wish.name] = after

    def _watch(self, root: str, plural: str) -> Reflector:
        return Reflector(
            self._api,
            f"{root}/namespaces/{self._settings.namespace}/{plural}",
            self._clock,
            watch_s=self._settings.stale_s / 2,
            resync_s=self._settings.resync_s,
        )
