"""KEDA's side door: a ScaledObject follows our plans instead of our own executor.

The metric is the number of replicas planned, its target 1: of an external metric the HPA asks for
ceil(value / target) replicas in all (target type AverageValue, KEDA's default), which is that number.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import grpc

from protos import externalscaler_pb2 as pb
from protos import externalscaler_pb2_grpc
from scaler.pool import Pool
from tidegate.shared.errors import InvalidRequest, NoData, PoolNotFound
from tidegate.shared.grpc_errors import rpc

SERVICE = pb.DESCRIPTOR.services_by_name["ExternalScaler"].full_name
METRIC = "tidegate-replicas"
STALE_TICKS = 5
"""A plan that is older is not answered with: KEDA and the HPA then leave the target as it is."""


class ExternalScaler(externalscaler_pb2_grpc.ExternalScalerServicer):
    """Answers from the pools' last plans."""

    def __init__(self, pools: Mapping[str, Pool], tick_s: float, clock: Callable[[], float]) -> None:
        self._pools = pools
        self._tick_s = tick_s
        self._clock = clock

    @rpc
    async def IsActive(self, request: pb.ScaledObjectRef, context: grpc.aio.ServicerContext) -> pb.IsActiveResponse:
        """Whether the plan is for any replica."""
        return pb.IsActiveResponse(result=self._planned(request) > 0)

    @rpc
    async def StreamIsActive(
        self,
        request: pb.ScaledObjectRef,
        context: grpc.aio.ServicerContext,
    ) -> AsyncIterator[pb.IsActiveResponse]:
        """The same now, and whenever it changes."""
        told: bool | None = None
        while True:
            active = self._planned(request) > 0
            if active is not told:
                yield pb.IsActiveResponse(result=active)
                told = active
            await asyncio.sleep(self._tick_s)

    @rpc
    async def GetMetricSpec(
        self,
        request: pb.ScaledObjectRef,
        context: grpc.aio.ServicerContext,
    ) -> pb.GetMetricSpecResponse:
        """One replica for each that is planned."""
        self._pool(request)
        return pb.GetMetricSpecResponse(
            metricSpecs=[pb.MetricSpec(metricName=METRIC, targetSize=1, targetSizeFloat=1.0)]
        )

    @rpc
    async def GetMetrics(
        self,
        request: pb.GetMetricsRequest,
        context: grpc.aio.ServicerContext,
    ) -> pb.GetMetricsResponse:
        """How many replicas are planned."""
        planned = self._planned(request.scaledObjectRef)
        value = pb.MetricValue(metricName=request.metricName, metricValue=planned, metricValueFloat=planned)
        return pb.GetMetricsResponse(metricValues=[value])

    def _planned(self, reference: pb.ScaledObjectRef) -> int:
        """Replicas that the pool's last plan asks for. Raises InvalidRequest, PoolNotFound, NoData."""
        pool = self._pool(reference)
        plan = pool.plan
        if plan is None or self._clock() - plan.at_s > STALE_TICKS * self._tick_s:
            raise NoData(f"pool {pool.spec.name!r} has no plan of the last {STALE_TICKS * self._tick_s:g} s")
        return plan.desired

    def _pool(self, reference: pb.ScaledObjectRef) -> Pool:
        name = reference.scalerMetadata.get("pool", "")
        if not name:
            raise InvalidRequest(f"ScaledObject {reference.name!r}: its trigger's metadata must name the pool: pool: …")
        if name not in self._pools:
            raise PoolNotFound(f"no pool {name!r}; there are: {', '.join(sorted(self._pools)) or 'none'}")
        return self._pools[name]
