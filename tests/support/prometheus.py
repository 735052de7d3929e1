"""A real Prometheus (Debian's package) with history in it; installed by apt where the tests may, else skipped."""

import contextlib
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.processes import free_address


def programs() -> tuple[str, str]:
    """Where prometheus and promtool are."""
    if shutil.which("prometheus") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run("apt-get update -qq && apt-get install -qq -y prometheus", shell=True, capture_output=True)
    found = shutil.which("prometheus"), shutil.which("promtool")
    if found[0] is None or found[1] is None:
        pytest.skip("no prometheus here: apt-get install prometheus")
    return found[0], found[1]


@contextlib.contextmanager
def prometheus(folder: Path, lines: Sequence[str], address: str | None = None) -> Iterator[str]:
    """The URL of a server whose history is these lines of OpenMetrics."""
    server, tool = programs()
    folder.mkdir(exist_ok=True)
    history, data, address = folder / "history.txt", folder / "data", address or free_address()
    history.write_text("\n".join((*lines, "# EOF")) + "\n")
    subprocess.run([tool, "tsdb", "create-blocks-from", "openmetrics", history, data], check=True, capture_output=True)
    (folder / "prometheus.yml").write_text("global: {scrape_interval: 1h}\n")
    flags = [
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={address}",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([server, *flags], stdout=log, stderr=log)
    try:
        _wait_until_ready(f"http://{address}/-/ready", process, folder / "log")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), opener.open(url, timeout=2):
            return
        time.sleep(0.05)
    raise AssertionError(f"Prometheus is not ready:\n{log.read_text()}")
