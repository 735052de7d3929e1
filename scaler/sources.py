"""Where the scaler reads: every router's state, and the forecaster. A source that fails answers None, never zero."""

import asyncio
import dataclasses
from collections.abc import Callable, Sequence

import grpc
import numpy as np
import structlog

from protos import forecast_pb2, forecast_pb2_grpc, router_pb2, router_pb2_grpc
from scaler.events import Event, changes
from scaler.readings import BackendReading, ModelReading, RouterReading
from tidegate.shared import wire_forecast
from tidegate.shared.grpc_server import channel
from tidegate.shared.values import BackendStatus, Forecast
from tidegate.shared.wire_router import BACKEND_STATUS_OF

PATHS = 200
"""Sample paths asked for: the share late that a default price aims at needs hundreds, not thousands."""

_log = structlog.get_logger(__name__)


def router_reading(state: router_pb2.RouterState, at_s: float) -> RouterReading:
    """The wire's state as our own values."""
    return RouterReading(
        router_id=state.router_id,
        at_s=at_s,
        backends=tuple(
            BackendReading(
                address=one.address,
                replica_id=one.replica_id,
                pool=one.pool,
                status=BACKEND_STATUS_OF.get(one.status, BackendStatus.STARTING),
                outstanding=one.outstanding,
                capacity_rows_per_s=dict(one.capacity_rows_per_s),
                utilization=one.utilization,
                answered_total=one.succeeded_total + one.failed_total,
            )
            for one in state.backends
        ),
        models={
            one.model: ModelReading(
                one.outstanding,
                one.held,
                one.cost_rows or 1.0,
                one.arrived_total,
                one.succeeded_total,
                one.failed_total + one.refused_total,
            )
            for one in state.models
        },
    )


class Routers:
    """The admin services of all routers."""

    def __init__(self, addresses: Sequence[str], timeout_s: float, clock: Callable[[], float]) -> None:
        self._addresses = addresses
        self._timeout_s = timeout_s
        self._clock = clock
        self._channels = [channel(address) for address in addresses]
        self._stubs = [router_pb2_grpc.RouterAdminStub(one) for one in self._channels]
        self._silent: set[str] = set()

    async def read(self) -> list[RouterReading | None]:
        """One reading per router, in the order of the settings; None for one that doesn't answer in time."""
        return list(await asyncio.gather(*(self._read(i) for i in range(len(self._stubs)))))

    async def drain(self, address: str) -> bool:
        """True when every router sends nothing new to the backend (one that doesn't know it never did)."""
        request = router_pb2.DrainRequest(address=address)
        return all(await asyncio.gather(*(self._acknowledged(stub.Drain, request) for stub in self._stubs)))

    async def resume(self, address: str) -> None:
        """Take a drain back wherever a router can be reached."""
        request = router_pb2.ResumeRequest(address=address)
        await asyncio.gather(*(self._acknowledged(stub.Resume, request) for stub in self._stubs))

    async def expect(self, pool: str, models: Sequence[str], ready_in_s: float | None, valid_s: float) -> None:
        """Tell every router when the pool's next replica should be ready; one that doesn't answer holds without it."""
        request = router_pb2.ExpectRequest(pool=pool, models=models, ready_in_s=ready_in_s, valid_s=valid_s)
        await asyncio.gather(*(self._acknowledged(stub.Expect, request) for stub in self._stubs))

    async def outstanding(self, address: str) -> int:
        """Requests that the backend still works on, as far as routers can be reached."""
        readings = [reading for reading in await self.read() if reading is not None]
        return sum(one.outstanding for reading in readings for one in reading.backends if one.address == address)

    async def close(self) -> None:
        """Close the channels."""
        await asyncio.gather(*(one.close() for one in self._channels))

    async def _read(self, index: int) -> RouterReading | None:
        address = self._addresses[index]
        try:
            state = await self._stubs[index].GetState(router_pb2.GetStateRequest(), timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            if address not in self._silent:
                _log.warning("router gives no reading", router=address, status=error.code().name, why=error.details())
                self._silent.add(address)
            return None
        self._silent.discard(address)
        return router_reading(state, self._clock())

    async def _acknowledged(self, call: Callable[..., grpc.aio.UnaryUnaryCall], request: object) -> bool:
        try:
            await call(request, timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            return bool(error.code() is grpc.StatusCode.NOT_FOUND)
        return True


class Forecasts:
    """The forecaster."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._channel = channel(address)
        self._stub = forecast_pb2_grpc.ForecasterStub(self._channel)

    async def read(
        self, models: Sequence[str], horizon_s: float, window_s: float
    ) -> tuple[dict[str, Forecast], dict[str, str]]:
        """Forecasts with sample paths by model, and for each model without one the reason."""
        answers = await asyncio.gather(*(self._read(model, horizon_s, window_s) for model in models))
        forecasts = {m: one for m, one in zip(models, answers, strict=True) if isinstance(one, Forecast)}
        reasons = {m: one for m, one in zip(models, answers, strict=True) if isinstance(one, str)}
        return forecasts, reasons

    async def plan_events(self, pool: str, events: Sequence[Event]) -> str:
        """Make a pool's events at the forecaster these ones; empty, or why that failed."""
        try:
            listed = await self._stub.ListEvents(forecast_pb2.ListEventsRequest(), timeout=self._timeout_s)
            known = [
                Event(one.model, one.name, one.start_s, one.end_s, one.factor, one.added_rps) for one in listed.events
            ]
            new, gone = changes(pool, events, known)
            for one in gone:
                request = forecast_pb2.RemoveEventRequest(model=one.model, name=one.name)
                await self._stub.RemoveEvent(request, timeout=self._timeout_s)
            for one in new:
                await self._stub.AddEvent(forecast_pb2.Event(**dataclasses.asdict(one)), timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        return ""

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def _read(self, model: str, horizon_s: float, window_s: float) -> Forecast | str:
        request = forecast_pb2.ForecastRequest(model=model, horizon_s=horizon_s, window_s=window_s, paths=PATHS)
        try:
            found = wire_forecast.from_proto(await self._stub.Forecast(request, timeout=self._timeout_s))
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name}: {error.details()}"
        return found if np.isfinite(found.paths_rps).all() else "the forecast's paths hold values that are no numbers"
