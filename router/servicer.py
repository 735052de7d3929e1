"""The admin service: registration, drain, state, offered load."""

import asyncio
from collections.abc import AsyncIterator
from time import time

import grpc

from protos import router_pb2 as pb
from protos import router_pb2_grpc
from router.backends import Backend
from router.core import Core
from router.demand import DemandSecond
from router.tallies import Outcome
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
    """Translates between the wire and the core."""

    def __init__(self, core: Core, ticks: Ticks, registration_ttl_s: float) -> None:
        self._core = core
        self._ticks = ticks
        self._ttl_s = registration_ttl_s

    @rpc
    async def Register(self, request: pb.RegisterRequest, context: grpc.aio.ServicerContext) -> pb.RegisterResponse:
        """A replica is there."""
        if not request.replica_id:
            raise InvalidRequest("replica_id is empty")
        address = _address(request.address)
        self._core.table.register(address, request.replica_id, request.pool, time() + self._ttl_s)
        return pb.RegisterResponse(ttl_s=self._ttl_s)

    @rpc
    async def Deregister(
        self, request: pb.DeregisterRequest, context: grpc.aio.ServicerContext
    ) -> pb.DeregisterResponse:
        """A replica leaves."""
        self._core.table.deregister(_address(request.address))
        self._core.sweep(time())
        return pb.DeregisterResponse()

    @rpc
    async def Drain(self, request: pb.DrainRequest, context: grpc.aio.ServicerContext) -> pb.DrainResponse:
        """Nothing new is sent to the backend once this returns."""
        self._core.table.drain(request.address)
        return pb.DrainResponse(outstanding=self._core.leases.on_backend(request.address))

    @rpc
    async def Resume(self, request: pb.ResumeRequest, context: grpc.aio.ServicerContext) -> pb.ResumeResponse:
        """Takes a drain back."""
        self._core.table.resume(request.address)
        return pb.ResumeResponse()

    @rpc
    async def GetState(self, request: pb.GetStateRequest, context: grpc.aio.ServicerContext) -> pb.RouterState:
        """Backends and models as they are now."""
        snapshot = self._core.table.snapshot
        return pb.RouterState(
            router_id=self._core.router_id,
            version=snapshot.version,
            backends=[_backend_state(self._core, backend) for backend in snapshot.backends],
            models=_model_states(self._core),
        )

    @rpc
    async def WatchDemand(
        self, request: pb.WatchDemandRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.DemandSecond]:
        """The kept seconds, then each second when it is over."""
        demand = self._core.demand
        cursor = request.since_second or demand.open_second
        while True:
            for second in demand.since(cursor):
                cursor = second.second + 1
                yield _demand_second(self._core.router_id, second)
            await self._ticks.wait()


def _address(text: str) -> str:
    try:
        return check_address(text)
    except ValueError as error:
        raise InvalidRequest(f"address: {error}") from None


def _demand_second(router_id: str, second: DemandSecond) -> pb.DemandSecond:
    models = [pb.ModelDemand(model=model, arrivals=count) for model, count in second.arrivals.items()]
    return pb.DemandSecond(router_id=router_id, second=second.second, models=models)


def _backend_state(core: Core, backend: Backend) -> pb.BackendState:
    load = core.reports.of(backend.address)
    return pb.BackendState(
        address=backend.address,
        replica_id=backend.replica_id,
        pool=backend.pool,
        status=BACKEND_STATUS[backend.status],
        models=sorted(backend.models or ()),
        outstanding=core.leases.on_backend(backend.address),
        utilization=load.utilization,
        capacity_rows_per_s=load.capacity_rows_per_s,
        succeeded_total=core.tallies.of_backend[backend.address, Outcome.SUCCEEDED],
        failed_total=core.tallies.of_backend[backend.address, Outcome.FAILED],
    )


def _model_states(core: Core) -> list[pb.ModelState]:
    held = core.room.held()
    ended = core.tallies.of_model
    return [
        pb.ModelState(
            model=model,
            outstanding=core.leases.of_model(model),
            held=held.get(model, 0),
            cost_rows=core.reports.cost_rows(model),
            arrived_total=core.tallies.arrived[model],
            succeeded_total=ended[model, Outcome.SUCCEEDED],
            failed_total=ended[model, Outcome.FAILED],
            refused_total=ended[model, Outcome.REFUSED],
            ready_backends=len(core.table.snapshot.ready(model)),
        )
        for model in core.names.known
    ]
