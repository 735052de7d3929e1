"""A running scaler on real sockets; the router is a stand-in that does what a test says."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
from prometheus_client import CollectorRegistry

from protos import externalscaler_pb2_grpc, router_pb2_grpc, scaling_pb2, scaling_pb2_grpc
from protos import router_pb2 as router_wire
from scaler.controller import Controller
from scaler.executors.local import Local
from scaler.executors.owned import Owned
from scaler.keda import ExternalScaler
from scaler.metrics import Metrics
from scaler.servicer import ScalerServicer
from scaler.settings import HpaSettings, PoolSettings, ScalerSettings
from scaler.sources import Forecasts, Routers
from scaler.store import Store
from tests.support.processes import free_address
from tidegate.shared.grpc_server import channel, listen

FAKE = (sys.executable, str(Path(__file__).parent / "fake_replica.py"))


class FakeRouter(router_pb2_grpc.RouterAdminServicer):
    """Sees a ready replica for each file of `there`; says the totals that the test sets."""

    def __init__(self, there: Path) -> None:
        self.there = there
        self.load_rps = 0.0
        self.outstanding = 0
        self.utilization = 0.0
        self.drained: list[str] = []
        self.resumed: list[str] = []
        self.expected: list[router_wire.ExpectRequest] = []
        self.refuse_drain = False
        self._since = time.monotonic()
        self._total = 0.0

    async def GetState(self, request: object, context: object) -> router_wire.RouterState:  # noqa: N802
        now = time.monotonic()
        self._total += self.load_rps * (now - self._since)
        self._since = now
        total = int(self._total)
        backends = [
            router_wire.BackendState(
                address=f"{path.name}:1",
                replica_id=path.name,
                pool="p",
                status="STATUS_DRAINING" if f"{path.name}:1" in self.drained else "STATUS_READY",
                capacity_rows_per_s={"m": 10.0},
                utilization=self.utilization,
                succeeded_total=total,
            )
            for path in sorted(self.there.iterdir())
        ]
        model = router_wire.ModelState(
            model="m", outstanding=self.outstanding, cost_rows=1, arrived_total=total, succeeded_total=total
        )
        return router_wire.RouterState(router_id="r", backends=backends, models=[model])

    async def Drain(self, request: router_wire.DrainRequest, context: grpc.aio.ServicerContext) -> object:  # noqa: N802
        if self.refuse_drain:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        self.drained.append(request.address)
        return router_wire.DrainResponse()

    async def Resume(self, request: router_wire.ResumeRequest, context: object) -> object:  # noqa: N802
        self.resumed.append(request.address)
        return router_wire.ResumeResponse()

    async def Expect(self, request: router_wire.ExpectRequest, context: object) -> object:  # noqa: N802
        self.expected.append(request)
        return router_wire.ExpectResponse()


class Scaler:
    """A running controller with its service, and the router that it asks."""

    def __init__(self, folder: Path, **pool: Any) -> None:
        self.there = folder / "there"
        self.there.mkdir()
        self._pool = pool
        self.router = FakeRouter(self.there)
        self.stop = asyncio.Event()
        self._folder = folder

    @contextlib.asynccontextmanager
    async def running(self, command: tuple[str, ...] = ()) -> AsyncIterator["Scaler"]:
        router_server = grpc.aio.server()
        router_pb2_grpc.add_RouterAdminServicer_to_server(self.router, router_server)
        admin = listen(router_server, "127.0.0.1:0")
        await router_server.start()
        settings = _settings(self._folder, admin, self._pool)
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry)
        store = Store(settings.store, metrics.lost_write)
        routers = Routers(settings.routers, 1.0, time.time)
        forecasts = Forecasts(free_address(), 0.3)
        launcher = Local(settings.routers, command=command or (*FAKE, str(self.there)), stop_s=5)
        executor = Owned(launcher, routers, settings.pools, settings.drain_s, store)
        self.controller = Controller(settings, routers, forecasts, executor, store, metrics, time.time)
        server = grpc.aio.server()
        servicer = ScalerServicer(self.controller.pools, store, executor, time.time)
        scaling_pb2_grpc.add_ScalerServicer_to_server(servicer, server)
        external = ExternalScaler(self.controller.pools, settings.tick_s, time.time)
        externalscaler_pb2_grpc.add_ExternalScalerServicer_to_server(external, server)
        self.address = listen(server, "127.0.0.1:0")
        await server.start()
        task = asyncio.create_task(self.controller.run(self.stop))
        try:
            yield self
        finally:
            self.stop.set()
            await task
            for one in (server, router_server):
                await one.stop(None)
            await routers.close()
            await forecasts.close()
            store.close()

    def replicas(self) -> list[str]:
        return sorted(path.name for path in self.there.iterdir())

    async def status(self) -> scaling_pb2.PoolStatus:
        async with channel(self.address) as one:
            answer = await scaling_pb2_grpc.ScalerStub(one).GetStatus(scaling_pb2.GetStatusRequest(pool="p"))
        return answer.pools[0]


def _settings(folder: Path, admin: str, changes: dict[str, Any]) -> ScalerSettings:
    hpa = HpaSettings(sync_period_s=0.2, downscale_stabilization_s=0.5, policy_period_s=0.2)
    whole = {"name": "p", "models": ("m",), "max_replicas": 4, "mode": "shadow", "prior_lead_s": 1.0, "hpa": hpa}
    pools = (PoolSettings(**{**whole, **changes}),)
    return ScalerSettings(store=folder / "s.sqlite", routers=(admin,), tick_s=0.1, drain_s=2.0, pools=pools)
