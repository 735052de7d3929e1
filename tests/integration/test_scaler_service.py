"""The scaler's loop with real processes and real sockets; the router is a stand-in that does what a test says."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from prometheus_client import CollectorRegistry

from protos import router_pb2 as router_wire
from protos import router_pb2_grpc, scaling_pb2, scaling_pb2_grpc
from scaler.controller import Controller
from scaler.executors.local import Local
from scaler.executors.owned import Owned
from scaler.metrics import Metrics
from scaler.servicer import ScalerServicer
from scaler.settings import HpaSettings, PoolSettings, ScalerSettings
from scaler.sources import Forecasts, Routers
from scaler.store import Store
from tests.support.processes import free_address
from tests.support.waiting import until
from tidegate.shared import child_processes
from tidegate.shared.grpc_server import channel, listen

FAKE = (sys.executable, str(Path(__file__).parents[1] / "support" / "fake_replica.py"))


class FakeRouter(router_pb2_grpc.RouterAdminServicer):
    """Sees a ready replica for each file of `there`; says the totals that the test sets."""

    def __init__(self, there: Path) -> None:
        self.there = there
        self.load_rps = 0.0
        self.outstanding = 0
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
        backends = [
            router_wire.BackendState(
                address=f"{path.name}:1",
                replica_id=path.name,
                pool="p",
                status="STATUS_DRAINING" if f"{path.name}:1" in self.drained else "STATUS_READY",
                capacity_rows_per_s={"m": 10.0},
            )
            for path in sorted(self.there.iterdir())
        ]
        total = int(self._total)
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

    def __init__(self, folder: Path) -> None:
        self.there = folder / "there"
        self.there.mkdir()
        self.router = FakeRouter(self.there)
        self.stop = asyncio.Event()
        self._folder = folder

    @contextlib.asynccontextmanager
    async def running(self, command: tuple[str, ...] = ()) -> AsyncIterator["Scaler"]:
        router_server = grpc.aio.server()
        router_pb2_grpc.add_RouterAdminServicer_to_server(self.router, router_server)
        admin = listen(router_server, "127.0.0.1:0")
        await router_server.start()
        settings = settings_for(self._folder, admin)
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


def settings_for(folder: Path, admin: str) -> ScalerSettings:
    hpa = HpaSettings(sync_period_s=0.2, downscale_stabilization_s=0.5, policy_period_s=0.2)
    pool = PoolSettings(name="p", models=("m",), max_replicas=4, mode="shadow", prior_lead_s=1.0, hpa=hpa)
    return ScalerSettings(store=folder / "s.sqlite", routers=(admin,), tick_s=0.1, drain_s=2.0, pools=(pool,))


async def test_it_scales_out_under_load_and_drains_before_it_stops(tmp_path: Path) -> None:
    async with Scaler(tmp_path).running() as scaler:
        await until(lambda: len(scaler.replicas()) == 1)
        scaler.router.load_rps = 30.0
        await until(lambda: len(scaler.replicas()) == 4)
        assert scaler.router.drained == []
        scaler.router.load_rps = 0.0
        await until(lambda: len(scaler.replicas()) == 1)
        assert len(scaler.router.drained) == 3
        await until(lambda: scaler.controller.pools["p"].view.ready == 1)
        status = await scaler.status()
        assert (status.ready, status.plan.desired, status.wished_mode) == (1, 1, "shadow")
        forecast = next(term for term in status.plan.terms if term.name == "forecast")
        assert not forecast.known
        assert "UNAVAILABLE" in forecast.reason
    assert scaler.replicas() == []


async def test_the_lead_is_measured_and_kept(tmp_path: Path) -> None:
    async with Scaler(tmp_path).running() as scaler:
        await until(lambda: len(scaler.replicas()) == 1)
        await until(lambda: scaler.controller.pools["p"].view.ready == 1)
    store = Store(tmp_path / "s.sqlite")
    leads = store.leads_s("p")
    assert len(leads) == 1
    assert 0.0 < leads[0] < 10.0
    assert store.capacity("p")["m"].mean == 10.0
    store.close()


async def test_a_locked_store_keeps_no_plan_from_being_carried_out(tmp_path: Path) -> None:
    async with Scaler(tmp_path).running() as scaler:
        await until(lambda: len(scaler.replicas()) == 1)
        with contextlib.closing(sqlite3.connect(tmp_path / "s.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            scaler.router.load_rps = 30.0
            await until(lambda: len(scaler.replicas()) == 4)
        assert (scaler.registry.get_sample_value("tidegate_scaler_lost_writes_total") or 0) > 0


async def test_a_busy_replica_is_waited_for_only_so_long_and_a_refused_drain_keeps_it(tmp_path: Path) -> None:
    async with Scaler(tmp_path).running() as scaler:
        scaler.router.load_rps = 30.0
        await until(lambda: len(scaler.replicas()) == 4)
        scaler.router.refuse_drain = True
        scaler.router.load_rps = 0.0
        await until(lambda: len(scaler.router.resumed) >= 1)
        assert len(scaler.replicas()) == 4
        scaler.router.refuse_drain = False
        await until(lambda: len(scaler.replicas()) == 1)


async def test_replicas_that_die_at_once_are_counted_and_not_started_in_a_frenzy(tmp_path: Path) -> None:
    async with Scaler(tmp_path).running((sys.executable, "-c", "raise SystemExit(3)")) as scaler:
        await until(lambda: scaler.controller.pools["p"].view.failed_starts >= 2)
        assert (await scaler.status()).failed_starts <= 4


async def test_explain_tells_why_and_errors_are_clear(tmp_path: Path) -> None:
    async with Scaler(tmp_path).running() as scaler, channel(scaler.address) as one:
        stub = scaling_pb2_grpc.ScalerStub(one)
        await until(lambda: scaler.controller.pools["p"].plan is not None)
        plan = await stub.Explain(scaling_pb2.ExplainRequest(pool="p"))
        assert [term.name for term in plan.terms] == ["forecast", "reactive", "hpa"]
        plans = (await stub.ListPlans(scaling_pb2.ListPlansRequest(pool="p", limit=2))).plans
        assert plans[0].at_s >= plan.at_s
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await stub.Explain(scaling_pb2.ExplainRequest(pool="q"))
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
        with pytest.raises(grpc.aio.AioRpcError) as early:
            await stub.Explain(scaling_pb2.ExplainRequest(pool="p", at_s=1.0))
        assert early.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_people_pin_and_pause_and_a_restart_remembers_it(tmp_path: Path) -> None:
    pin = scaling_pb2.SetOverrideRequest(pool="p", kind="pin", value="3", reason="launch", by="ann@desk", for_s=60)
    pause = scaling_pb2.SetOverrideRequest(pool="p", kind="pause", value="on", reason="move", by="bob@desk", for_s=60)
    async with Scaler(tmp_path).running() as scaler, channel(scaler.address) as one:
        stub = scaling_pb2_grpc.ScalerStub(one)
        with pytest.raises(grpc.aio.AioRpcError, match="the pool may have 1 to 4 replicas"):
            await stub.SetOverride(
                scaling_pb2.SetOverrideRequest(pool="p", kind="pin", value="9", reason="x", by="y", for_s=9)
            )
        await stub.SetOverride(pin)
        await until(lambda: len(scaler.replicas()) == 3)
        assert [each.value for each in (await scaler.status()).overrides] == ["3"]
        assert scaler.registry.get_sample_value("tidegate_scaler_override", {"pool": "p", "kind": "pin"}) == 1
        await until(lambda: scaler.controller.pools["p"].view.ready == 3)
        await stub.SetOverride(pause)
        await stub.SetOverride(scaling_pb2.SetOverrideRequest(pool="p", kind="pin", by="ann@desk"))
        await until(lambda: list(scaler.controller.pools["p"].overrides) == ["pause"])
        plan = await stub.Explain(scaling_pb2.ExplainRequest(pool="p"))
        assert (plan.adjustments[-1].name, plan.desired, len(scaler.replicas())) == ("paused", 3, 3)
    (tmp_path / "there").rmdir()
    async with Scaler(tmp_path).running() as scaler, channel(scaler.address) as one:
        await until(lambda: list(scaler.controller.pools["p"].overrides) == ["pause"])
        trail = (await scaling_pb2_grpc.ScalerStub(one).ListAudit(scaling_pb2.ListAuditRequest())).entries
        assert [(each.who, each.what, each.why) for each in reversed(trail)] == [
            ("ann@desk", "pin 3", "launch"),
            ("bob@desk", "pause", "move"),
            ("ann@desk", "pin taken back", "taken back"),
        ]
        assert scaler.replicas() == []


async def test_replicas_end_when_the_scaler_is_killed(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    parent = (
        "import asyncio, sys, time\n"
        "from scaler.executors.local import Local\n"
        "async def main():\n"
        "    await Local(('127.0.0.1:1',), command=sys.argv[1:]).start('p', 2, 0.0)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent, *FAKE, str(there))
    await until(lambda: len(list(there.iterdir())) == 2)
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    if sys.platform == "linux":
        await until(lambda: not list(there.iterdir()))


async def test_a_leash_whose_parent_is_gone_starts_nothing(tmp_path: Path) -> None:
    command = child_processes.leashed([sys.executable, "-c", f"open({str(tmp_path / 'ran')!r}, 'w')"])
    command[2] = "1"  # not our parent
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0
    assert (tmp_path / "ran").exists() == (sys.platform != "linux")


async def test_routers_are_told_when_the_next_replica_should_be_ready(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    for _ in range(5):
        store.add_start("p", time.time(), 7.0)
    store.close()
    never_ready = (sys.executable, "-c", "import time; time.sleep(60)")
    async with Scaler(tmp_path).running(never_ready) as scaler:
        await until(lambda: any(one.HasField("ready_in_s") for one in scaler.router.expected))
        told = scaler.router.expected[-1]
        assert (told.pool, list(told.models)) == ("p", ["m"])
        assert 0 < told.ready_in_s <= 7
        assert told.valid_s > 0.1, "longer than a tick"
