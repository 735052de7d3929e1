"""Whether a second worker makes a request dearer: instructions per request (callgrind) and CPU seconds per million."""

import re
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from benchmarks.router.load import Load, h2load
from benchmarks.router.programs import OURS, PROXY_CORE, Proxy, data_plane, echoes, free_address, ours, running

ROUNDS = 5
THREADS = (1, 2)
SMALL = Load(256)
FEW, MANY = 3_000, 15_000  # callgrind counts both runs; their difference leaves out what happens once
CPU_REQUESTS = 60_000
CONNECTIONS = 16  # enough that the kernel deals some to each worker


def measure(native: Path, folder: Path) -> dict[str, object]:
    """The same load for one worker and for two, who must share it."""
    with echoes(native, 2) as backends:
        rows = [
            {
                "workers": threads,
                "instructions_per_request": _instructions(native, folder, backends, threads),
                "cpu_s_per_million": _cpu_s_per_million(folder, backends, threads),
            }
            for threads in THREADS
        ]
    return {"rounds": ROUNDS, "rows": rows}


def _load(address: str, folder: Path, requests: int) -> None:
    h2load(address, folder, SMALL, "-n", str(requests), "-c", str(CONNECTIONS))


def _instructions(native: Path, folder: Path, backends: list[str], threads: int) -> int:
    """User-space instructions of one request in the native data plane."""
    counts = []
    for requests in (FEW, MANY):
        address = free_address()
        with tempfile.TemporaryDirectory(dir=folder) as out:
            log = Path(out) / "log"
            command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}/calls", f"--log-file={log}"]
            with running([*command, *data_plane(native, address, backends, threads)], address, PROXY_CORE):
                _load(address, folder, requests)
            counts.append(int(re.search(r"Collected : (\d+)", log.read_text())[1]))  # type: ignore[index]
    return round((counts[1] - counts[0]) / (MANY - FEW))


def _cpu_s_per_million(folder: Path, backends: list[str], threads: int) -> float:
    address = free_address()
    with running(ours(address, backends, threads), address, PROXY_CORE) as process:
        proxy, costs = Proxy(OURS, address, process.pid), []
        for _ in range(ROUNDS + 1):
            before = proxy.cpu_s()
            _load(address, folder, CPU_REQUESTS)
            costs.append((proxy.cpu_s() - before) / CPU_REQUESTS * 1e6)
    return round(statistics.median(costs[1:]), 2)


def table(result: Mapping[str, object]) -> Table:
    table = Table("workers", "instructions/request", "CPU s per million requests", title="The cost of a second worker")
    for row in result["rows"]:  # type: ignore[attr-defined]
        table.add_row(str(row["workers"]), str(row["instructions_per_request"]), str(row["cpu_s_per_million"]))
    return table
