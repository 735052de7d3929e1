"""NVIDIA's own client, unmodified, through our router. In a process of its own: its stubs register the same names."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.models import add, identity, lookup, write_model
from tests.support.processes import free_address, started, wait_until_serving

CLIENT = Path(__file__).parent / "triton_client_calls.py"


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("triton")
    write_model(folder / "models", "add", add())
    write_model(folder / "models", "lookup", lookup())
    write_model(folder / "models", "text", identity("BYTES", ("batch", 2)))
    address, admin = free_address(), free_address()
    router_log, server_log = folder / "router.log", folder / "server.log"
    serving = ["model-server", "--listen", free_address(), "--models", str(folder / "models"), "--router", admin]
    with (
        started(["router", "--listen", address, "--admin", admin], router_log) as process,
        started(serving, server_log) as server,
    ):
        wait_until_serving(address, process, router_log)
        wait_until_serving(serving[2], server, server_log)
        yield address


@pytest.mark.parametrize(
    "calls",
    ["health", "metadata", "infer_fp32", "infer_int64", "infer_bytes", "repository", "streaming", "mistakes"],
)
def test_tritonclient_works_unmodified(calls: str, router: str) -> None:
    done = subprocess.run([sys.executable, str(CLIENT), router, calls], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "done\n"
