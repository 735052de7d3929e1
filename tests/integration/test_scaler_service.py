"""The scaler's loop with real processes and real sockets; the router is a stand-in that does what a test says."""

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

import grpc
import pytest

from protos import scaling_pb2, scaling_pb2_grpc
from scaler.store import Store
from tests.support.scaler import FAKE, Scaler
from tests.support.waiting import until
from tidegate.shared import child_processes
from tidegate.shared.grpc_server import channel


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


async def test_what_a_replica_can_do_is_learned_from_live_load(tmp_path: Path) -> None:
    """Four replicas report 10 rows/s each; all are busy, half a second of work waits in each, and 30 come out."""
    async with Scaler(tmp_path, min_replicas=4).running() as scaler, channel(scaler.address) as one:
        await until(lambda: scaler.controller.pools["p"].view.ready == 4)
        scaler.router.load_rps = 30.0
        scaler.router.utilization = 1.5
        source = ""
        while "as under full load" not in source:
            await asyncio.sleep(0.1)
            plan = await scaling_pb2_grpc.ScalerStub(one).Explain(scaling_pb2.ExplainRequest(pool="p"))
            source = plan.inputs.capacity_source
        assert plan.inputs.capacity_rows_per_s == pytest.approx(7.5, rel=0.4)
        assert scaler.registry.get_sample_value("tidegate_scaler_queue_wait_seconds", {"pool": "p"}) == 0.5
        assert scaler.registry.get_sample_value("tidegate_scaler_busy_ratio", {"pool": "p"}) == 1.0


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
        assert [term.name for term in plan.terms] == ["forecast", "reactive", "tracking", "hpa"]
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
