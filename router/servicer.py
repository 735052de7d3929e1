"""The admin service: registration, drain, what is coming, state, offered load."""

import asyncio
import math
from collections.abc import AsyncIterator
from time import time

import grpc

import dataplane
from protos import router_pb2 as pb
from protos import router_pb2_grpc
from router.backends import Backend
from router.core import Core
from router.demand import DemandSecond
from router.driver import Driver
from router.endpoints import Sightings
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.grpc_errors import rpc
from tidegate.shared.settings import check_address
from tidegate.shared.wire_router import BACKEND_STATUS


class Ticks:
    """Tells everyone who waits that a second is over."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def tick(self) -> None:
        """A second is over."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Return at the next tick."""
        await self._next.wait()


class RouterAdminServicer(router_pb2_grpc.RouterAdminServicer):
    """Translates between the wire, the core, and the data plane's counts."""

    def __init__(self, core: Core, driver: Driver, ticks: Ticks, registration_ttl_s: float) -> None:
        self._core = core
        self._driver = driver
        self._ticks = ticks
        self._ttl_s = registration_ttl_s

    @rpc
    async def Register(self, request: pb.RegisterRequest, context: grpc.aio.ServicerContext) -> pb.RegisterResponse:
        """A replica is there."""
        if not request.replica_id:
            raise InvalidRequest("replica_id is empty")
        address = _address(request.address)
        until_s = time() + self._ttl_s
        self._core.table.register(address, request.replica_id, request.pool, until_s, warm=request.warm)
        return pb.RegisterResponse(ttl_s=self._ttl_s)

    @rpc
    async def Deregister(
        self, request: pb.DeregisterRequest, context: grpc.aio.ServicerContext
    ) -> pb.DeregisterResponse:
        """A replica leaves: nothing new is sent to it once this returns."""
        self._core.table.deregister(_address(request.address))
        await self._driver.settled()
        self._core.sweep(time())
        return pb.DeregisterResponse()

    @rpc
    async def Drain(self, request: pb.DrainRequest, context: grpc.aio.ServicerContext) -> pb.DrainResponse:
        """Nothing new is sent to the backend once this returns."""
        self._core.drain(request.address)
        await self._driver.settled()
        return pb.DrainResponse(outstanding=self._core.outstanding().get(request.address, 0))

    @rpc
    async def Resume(self, request: pb.ResumeRequest, context: grpc.aio.ServicerContext) -> pb.ResumeResponse:
        """Takes a drain back."""
        self._core.table.resume(request.address)
        return pb.ResumeResponse()

    @rpc
    async def Expect(self, request: pb.ExpectRequest, context: grpc.aio.ServicerContext) -> pb.ExpectResponse:
        """A replica is coming."""
        now_s = time()
        until_s = now_s + _seconds("valid_s", request.valid_s)
        ready_at_s = now_s + _seconds("ready_in_s", request.ready_in_s) if request.HasField("ready_in_s") else None
        self._core.arrivals.expect(request.pool, request.models, ready_at_s, until_s)
        self._driver.change()
        return pb.ExpectResponse()

    @rpc
    async def GetState(self, request: pb.GetStateRequest, context: grpc.aio.ServicerContext) -> pb.RouterState:
        """Backends and models as they are now."""
        counts = await self._driver.ask(self._core.plane.counts)
        states = {state.address: state for state in self._core.plane.backends()}
        snapshot = self._core.table.snapshot
        return pb.RouterState(
            router_id=self._core.router_id,
            version=snapshot.version,
            backends=[
                _backend_state(backend, counts.backends.get(target), states.get(target), self._core.weights.of(target))
                for backend in snapshot.backends
                for target in [self._core.targets.get(backend.address, "")]
            ],
            models=[_model_state(self._core, model, counts.models[model]) for model in sorted(counts.models)],
            discovery=_discovery(self._core.sightings, time()),
        )

    @rpc
    async def WatchDemand(
        self, request: pb.WatchDemandRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.DemandSecond]:
        """The kept seconds, then each second when it is over."""
        demand = self._core.demand
        cursor = request.since_second or demand.next_second
        while True:
            cursor = min(cursor, demand.next_second)  # after a clock that was set back, or for one who is ahead of us
            for second in demand.since(cursor):
                cursor = second.second + 1
                yield _demand_second(self._core.router_id, second, time())
            await self._ticks.wait()


def _address(text: str) -> str:
    try:
        return check_address(text)
    except ValueError as error:
        raise InvalidRequest(f"address: {error}") from None


def _seconds(name: str, value: float) -> float:
    if not (math.isfinite(value) and value >= 0):
        raise InvalidRequest(f"{name} = {value}: seconds are finite and not negative")
    return value


def _demand_second(router_id: str, second: DemandSecond, now_s: float) -> pb.DemandSecond:
    models = [pb.ModelDemand(model=model, arrivals=count) for model, count in sorted(second.arrivals.items())]
    return pb.DemandSecond(router_id=router_id, second=second.second, models=models, sent_at_s=now_s)


def _discovery(sightings: Sightings | None, now_s: float) -> pb.Discovery | None:
    if sightings is None:
        return None
    told = pb.Discovery(endpoints=len(sightings.endpoints), ignored=sightings.ignored, frozen=sightings.frozen(now_s))
    if sightings.heard_at_s is not None:
        told.heard_s_ago = now_s - sightings.heard_at_s
    return told


def _backend_state(
    backend: Backend, counts: dataplane.BackendCounts | None, state: dataplane.BackendState | None, weight: float
) -> pb.BackendState:
    told = pb.BackendState(
        address=backend.address,
        replica_id=backend.replica_id,
        pool=backend.pool,
        status=BACKEND_STATUS[backend.status],
        models=sorted(backend.models or ()),
        success_share=1.0,
        weight=weight,
        source=backend.source,
    )
    if counts is not None:
        told.utilization = counts.utilization
        told.capacity_rows_per_s.update(counts.capacity_rows_per_s)
        told.succeeded_total = counts.ended["succeeded"]
        told.failed_total = counts.ended["failed"]
    if state is not None:
        told.outstanding = state.outstanding
        told.ejected = state.ejected
        told.success_share = state.success
    return told


def _model_state(core: Core, model: str, counts: dataplane.ModelCounts) -> pb.ModelState:
    now_s, snapshot = time(), core.table.snapshot
    ready = len(snapshot.ready(model))
    told = pb.ModelState(
        model=model,
        outstanding=counts.outstanding,
        held=counts.held,
        cost_rows=counts.cost_rows,
        arrived_total=counts.arrived,
        succeeded_total=counts.ended["succeeded"],
        failed_total=counts.ended["failed"],
        refused_total=counts.ended["refused"],
        ready_backends=ready,
    )
    ready_at_s = None if ready else core.arrivals.next_ready_at_s(model, snapshot, now_s)
    if ready_at_s is not None:
        told.next_ready_in_s = ready_at_s - now_s
    return told
