"""The Scaler service: from our values to the wire."""

from collections.abc import Callable, Mapping

import grpc

from protos import scaling_pb2 as pb
from protos import scaling_pb2_grpc
from scaler import wire
from scaler.executors.base import Executor
from scaler.overrides import checked
from scaler.pool import Pool
from scaler.store import Store
from tidegate.shared import wire_scaling
from tidegate.shared.errors import NoData, PoolNotFound
from tidegate.shared.grpc_errors import rpc

DEFAULT_LIMIT = 100


class ScalerServicer(scaling_pb2_grpc.ScalerServicer):
    """Reads pools and the store; what people override it hands to the executor."""

    def __init__(self, pools: Mapping[str, Pool], store: Store, executor: Executor, clock: Callable[[], float]) -> None:
        self._pools = pools
        self._store = store
        self._executor = executor
        self._clock = clock

    @rpc
    async def GetStatus(self, request: pb.GetStatusRequest, context: grpc.aio.ServicerContext) -> pb.GetStatusResponse:
        """Every pool, or the one asked for, as it stands now."""
        names = [self._known(request.pool)] if request.pool else list(self._pools)
        return pb.GetStatusResponse(pools=[self._status(self._pools[name]) for name in names])

    @rpc
    async def ListPlans(self, request: pb.ListPlansRequest, context: grpc.aio.ServicerContext) -> pb.ListPlansResponse:
        """Decisions, newest first."""
        pool = self._known(request.pool) if request.pool else ""
        return pb.ListPlansResponse(plans=self._store.plans(pool, request.since_s, request.limit or DEFAULT_LIMIT))

    @rpc
    async def Explain(self, request: pb.ExplainRequest, context: grpc.aio.ServicerContext) -> pb.Plan:
        """The decision that held at a time."""
        at_s = request.at_s or self._clock()
        plan = self._store.plan_at(self._known(request.pool), at_s)
        if plan is None:
            raise NoData(f"pool {request.pool!r} has no decision at or before {at_s:.3f} s; its first may be later")
        return plan

    @rpc
    async def SetOverride(self, request: pb.SetOverrideRequest, context: grpc.aio.ServicerContext) -> pb.Override:
        """Pin, pause or set the mode of a pool for a while, or take that back."""
        spec = self._pools[self._known(request.pool)].spec
        bounds = (spec.min_replicas, spec.max_replicas)
        asked = (request.kind, request.value, request.reason, request.by, request.for_s)
        override = checked(*asked, self._clock(), bounds)
        await self._executor.override(request.pool, override)
        return wire.override_to_proto(override)

    @rpc
    async def ListAudit(self, request: pb.ListAuditRequest, context: grpc.aio.ServicerContext) -> pb.ListAuditResponse:
        """Who changed what, newest first."""
        pool = self._known(request.pool) if request.pool else ""
        entries = self._store.audit(pool, request.since_s, request.limit or DEFAULT_LIMIT)
        return pb.ListAuditResponse(entries=[wire.entry_to_proto(one) for one in entries])

    def _known(self, pool: str) -> str:
        if pool not in self._pools:
            raise PoolNotFound(f"no pool {pool!r}; there are: {', '.join(sorted(self._pools))}")
        return pool

    def _status(self, pool: Pool) -> pb.PoolStatus:
        return pb.PoolStatus(
            pool=pool.spec.name,
            models=pool.spec.models,
            wished_mode=pool.settings.mode,
            plan=None
            if pool.plan is None
            else wire_scaling.to_proto(pool.plan, dry_run=not (self._executor.acts and pool.ours)),
            starting=pool.view.starting,
            ready=pool.view.ready,
            draining=pool.view.stopping,
            failed_starts=pool.view.failed_starts,
            savings=wire.savings_to_proto(pool.savings),
            overrides=[wire.override_to_proto(one) for one in pool.overrides.values()],
        )
