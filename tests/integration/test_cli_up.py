"""`tidegate up`: all services from one file, stopped in order, none left behind."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import psutil
import pytest

from tests.support.processes import free_address, started
from tests.support.stack import MODEL, wait_for_replicas, write_echo
from tidegate.shared.toml import to_toml


@contextmanager
def up(folder: Path) -> Iterator[tuple[Popen[bytes], Path]]:
    write_echo(folder / "models")
    router, admin, forecaster, scaler = (free_address() for _ in range(4))
    tables = {
        "router": {"listen": router, "admin": admin},
        "model_server": {"models": folder / "models", "lame_duck_s": 0.5},
        "forecaster": {"listen": forecaster, "routers": [admin], "history": folder / "history.sqlite"},
        "scaler": {
            "listen": scaler,
            "forecaster": forecaster,
            "routers": [admin],
            "store": folder / "scaler.sqlite",
            "tick_s": 0.5,
            "pools": [{"name": "p", "models": [MODEL]}],
        },
    }
    (folder / "tidegate.toml").write_text(to_toml(tables))
    log = folder / "up.log"
    with started(["up", "--config", str(folder / "tidegate.toml")], log, stop_s=60) as process:
        wait_for_replicas(admin, lambda ready: ready == 1)
        yield process, log


def family(process: Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def gone(processes: list[psutil.Process], within_s: float = 30.0) -> bool:
    return not psutil.wait_procs(processes, timeout=within_s)[1]


def child(processes: list[psutil.Process], service: str) -> psutil.Process:
    return next(one for one in processes if service in one.cmdline())


def events(log: Path) -> list[tuple[str, str]]:
    """(event, child) of the lines that `up` itself wrote, in their order."""
    lines = [line for line in log.read_text().splitlines() if '"service": "up"' in line]
    return [(line["event"], line["child"]) for line in map(json.loads, lines)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_order_and_leaves_nobody(how: signal.Signals, tmp_path: Path) -> None:
    with up(tmp_path) as (process, log):
        others = family(process)
        assert {"router", "forecaster", "scaler", "model-server"} <= {word for one in others for word in one.cmdline()}
        process.send_signal(how)
        assert process.wait(60) == 0
        assert gone(others, within_s=1.0)
    stopped = [name for event, name in events(log) if event == "stopping"]
    assert stopped == ["scaler", "forecaster", "router"]
    assert "    router | " in log.read_text()


def test_a_service_that_dies_ends_them_all_and_is_named(tmp_path: Path) -> None:
    with up(tmp_path) as (process, log):
        others = family(process)
        child(others, "forecaster").send_signal(signal.SIGKILL)
        assert process.wait(60) == 1
        assert gone(others, within_s=5.0)
    assert "tidegate: forecaster ended (signal 9)" in log.read_text()


def test_nobody_outlives_it_even_when_it_is_killed(tmp_path: Path) -> None:
    with up(tmp_path) as (process, _):
        others = family(process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        began = time.monotonic()
        assert gone(others), f"still there after {time.monotonic() - began:.0f} s"
