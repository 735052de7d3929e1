"""`tidegate infer`, `load` and `status` against a real model server and a real router."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from protos import router_pb2, router_pb2_grpc
from tests.support.processes import TIDEGATE, blocking_channel, free_address
from tests.support.stack import MODEL, RunningStack, running
from tests.support.waiting import until


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with running(tmp_path_factory.mktemp("tools"), replicas=1) as it:
        yield it


def tidegate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TIDEGATE, *arguments], capture_output=True, text=True, timeout=60)


def arrived(stack: RunningStack) -> int:
    with blocking_channel(stack.admin) as channel:
        state = router_pb2_grpc.RouterAdminStub(channel).GetState(router_pb2.GetStateRequest(), timeout=5)
    return sum(one.arrived_total for one in state.models)


def test_infer_takes_json_and_files(stack: RunningStack, tmp_path: Path) -> None:
    typed = tidegate("infer", MODEL, "--input", "x=[[1.5], [2]]", "--target", stack.router, "--json")
    assert json.loads(typed.stdout) == {"model": MODEL, "outputs": {"y": [[1.5], [2.0]]}}
    np.save(tmp_path / "x.npy", np.array([[7.0]]))
    from_file = tidegate("infer", MODEL, "--input", f"@{tmp_path / 'x.npy'}", "--target", stack.router)
    assert from_file.stdout == "y [1, 1]\n[[7.0]]\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((MODEL, "--input", "z=1"), 2, "echo has no input 'z'; it takes x FP32[-1, 1]"),
        ((MODEL, "--input", "[[1, 2]]"), 2, "[1, 2]"),
        (("nosuch", "--input", "1"), 1, "nosuch"),
    ],
)
def test_infer_names_what_is_wrong(stack: RunningStack, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = tidegate("infer", *arguments, "--target", stack.router)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_load_counts_what_it_sent(stack: RunningStack) -> None:
    done = tidegate("load", stack.router, "--model", MODEL, "--rate", "50", "--duration-s", "1", "--json")
    summary = json.loads(done.stdout)
    assert done.returncode == 0
    assert summary["sent"] == summary["ok"] > 20
    assert 0 < summary["p50_s"] <= summary["p99_s"] <= summary["max_s"]


def test_ctrl_c_ends_a_load_and_shows_what_was_done(stack: RunningStack) -> None:
    arguments = ("load", stack.router, "--model", MODEL, "--rate", "50", "--duration-s", "60", "--json")
    before = arrived(stack)
    with subprocess.Popen([*TIDEGATE, *arguments], stdout=subprocess.PIPE, text=True) as process:
        asyncio.run(until(lambda: arrived(stack) > before + 20))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert 0 < json.loads(out)["ok"] < 50 * 60


def test_load_plays_a_trace(stack: RunningStack, tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("timestamp,value\n0,30\n60,0\n120,60\n")
    done = tidegate("load", stack.router, "--model", MODEL, "--trace", str(trace), "--compress", "60", "--json")
    assert done.returncode == 0, done.stderr
    assert 50 < json.loads(done.stdout)["sent"] < 130  # 90 on average


def test_load_fails_when_a_request_fails(stack: RunningStack) -> None:
    late = ("--deadline-s", "0.0001")
    done = tidegate("load", stack.router, "--model", MODEL, "--rate", "20", "--duration-s", "1", "--json", *late)
    assert done.returncode == 1
    assert set(json.loads(done.stdout)["failed"]) == {"DEADLINE_EXCEEDED"}


def test_status_tells_what_it_sees_and_who_is_silent(stack: RunningStack) -> None:
    silent = free_address()
    done = tidegate("status", "--router", stack.admin, "--scaler", silent, "--forecaster", silent, "--json")
    seen = json.loads(done.stdout)
    (router,) = seen["routers"].values()
    assert [one["status"] for one in router["backends"]] == ["ready"]
    assert sorted(seen["unreachable"]) == [f"forecaster {silent}", f"scaler {silent}"]
    nobody = tidegate("status", "--router", silent, "--scaler", silent, "--forecaster", silent, "--once")
    assert nobody.returncode == 1
    assert "does not answer" in nobody.stdout
