"""`tidegate scale …` against a service with known plans."""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from protos import scaling_pb2_grpc
from scaler.executors.dry_run import DryRun
from scaler.executors.owned import Owned
from scaler.fleet import FleetView
from scaler.imagined import Imagined
from scaler.overrides import AuditEntry
from scaler.planner import Memory, plan
from scaler.savings import Savings
from scaler.servicer import ScalerServicer
from scaler.store import Store
from tests.support.pools import level, observation, spec
from tests.support.processes import free_address
from tidegate.shared.grpc_server import listen
from tidegate.shared.values import Mode

NOON_S = 1_772_366_400.0  # 2026-03-01T12:00:00Z


async def tidegate(*arguments: str) -> tuple[int, str, str]:
    """The command at a pipe."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tidegate.cli", "scale", *arguments, stdout=-1, stderr=-1, env={}
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def asked(tmp_path: Path, *arguments: str) -> tuple[int, str, str]:
    """The command's answer from a service whose pool `p` made two decisions, at noon and a minute later."""
    store = Store(tmp_path / "s.sqlite")
    pool_spec = spec(mode=Mode.FULL)
    last = None
    for at_s, rows in ((NOON_S, 45.0), (NOON_S + 60, 80.0)):
        last, _ = plan(pool_spec, observation(now_s=at_s, ready=6, forecast=level(rows)), Memory())
        store.add_plan(last, dry_run=False)
    pool: Any = SimpleNamespace(
        spec=pool_spec,
        settings=SimpleNamespace(mode="full"),
        plan=last,
        view=FleetView(6, (1.0,), 0, failed_starts=2),
        overrides={},
        savings=Savings(
            Imagined((6,), (6,), (0.0,), (7000.0,), (10.0,)),
            Imagined((9,), (9,), (0.0,), (10_000.0,), (200.0,)),
            seconds=7200.0,
            rows=10_000.0,
        ),
    )
    executor: Any = Owned(DryRun(), None, [], 0.0, store)  # type: ignore[arg-type]
    server = grpc.aio.server()
    servicer = ScalerServicer({"p": pool}, store, executor, lambda: NOON_S + 90)
    scaling_pb2_grpc.add_ScalerServicer_to_server(servicer, server)
    address = listen(server, "127.0.0.1:0")
    await server.start()
    try:
        return await tidegate(*arguments, "--scaler", address)
    finally:
        await server.stop(None)
        store.close()


async def test_status(tmp_path: Path) -> None:
    code, out, _ = await asked(tmp_path, "status")
    assert code == 0
    assert "p     full  6      1 (2 failed)  0         " in out
    assert "p: -30% replica-seconds and 0.1% late, where an HPA in its place had 2% (over 2 h)" in out
    code, out, _ = await asked(tmp_path, "status", "p", "--json")
    assert json.loads(out)["pools"][0]["ready"] == 6
    assert json.loads(out)["pools"][0]["savings"]["hpa_replica_seconds"] == 10_000.0


async def test_plan(tmp_path: Path) -> None:
    code, out, _ = await asked(tmp_path, "plan")
    assert code == 0
    assert "2026-03-01T12:01:00Z" in out
    assert "12:00:00Z" not in out
    _, out, _ = await asked(tmp_path, "plan", "p", "--last", "5", "--json")
    assert [one["at_s"] for one in json.loads(out)["plans"]] == [NOON_S + 60, NOON_S]


@pytest.mark.parametrize("at", ["2026-03-01T12:00:30Z", str(NOON_S + 30)])
async def test_explain_at_a_time(tmp_path: Path, at: str) -> None:
    code, out, _ = await asked(tmp_path, "explain", "p", "--at", at)
    assert code == 0
    for said in ("2026-03-01T12:00:00Z", "forecast", "reactive", "The HPA alone would have asked for", "rows/s at 95%"):
        assert said in out


async def test_explain_as_json(tmp_path: Path) -> None:
    _, out, _ = await asked(tmp_path, "explain", "p", "--json")
    assert json.loads(out)["inputs"]["capacity_rows_per_s"] == 10.0


async def test_pin_says_what_holds_until_when(tmp_path: Path) -> None:
    code, out, err = await asked(tmp_path, "pin", "p", "12", "--reason", "launch", "--for", "2h")
    assert (code, out) == (0, "")
    assert "p: pin 12 until 2026-03-01T14:01:30Z by " in err
    assert err.rstrip().endswith(": launch")
    _, out, _ = await asked(tmp_path, "pause", "p", "--reason", "move", "--for", "30m", "--json")
    assert (json.loads(out)["value"], json.loads(out)["until_s"]) == ("on", NOON_S + 90 + 1800)
    _, _, err = await asked(tmp_path, "mode", "p", "--clear")
    assert "mode taken back by " in err


async def test_audit(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.add_audit([AuditEntry(NOON_S, "p", "trust", "mode floor becomes full", "skill +0.30", 0.0)])
    store.close()
    code, out, _ = await asked(tmp_path, "audit")
    assert code == 0
    for said in ("2026-03-01T12:00:00Z", "trust", "mode floor becomes full", "skill +0.30"):
        assert said in out
    _, out, _ = await asked(tmp_path, "audit", "p", "--since", str(NOON_S + 1), "--json")
    assert json.loads(out) == {"entries": []}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pin", "p", "12", "--for", "2h"), 2, "a pin needs a --reason, and an end: --for 2h"),
        (("pin", "p", "--reason", "x", "--for", "2h"), 2, "give either what to set the pin to, or --clear"),
        (("pin", "p", "5", "--reason", "x", "--for", "soon"), 2, "--for 'soon' is no length of time"),
        (("pin", "p", "21", "--reason", "x", "--for", "2h"), 2, "a pin to 21: the pool may have 1 to 20 replicas"),
        (("mode", "p", "turbo", "--reason", "x", "--for", "2h"), 2, "no mode is called 'turbo'"),
        (("pause", "q", "--reason", "x", "--for", "2h"), 1, "no pool 'q'; there are: p"),
        (("explain", "q"), 1, "no pool 'q'; there are: p"),
        (("explain", "p", "--at", "noon"), 2, "noon"),
        (("explain", "p", "--at", "5"), 1, "no decision"),
    ],
)
async def test_errors(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    got, out, err = await asked(tmp_path, *arguments)
    assert (got, out) == (code, "")
    assert said in err


async def test_nobody_there() -> None:
    address = free_address()
    code, _, err = await tidegate("status", "--scaler", address)
    assert code == 1
    assert f"no scaler answers at {address}" in err
