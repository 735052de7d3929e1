"""What choosing a backend costs among many: the full scan, and the pick that the data plane makes."""

import statistics
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from benchmarks.router.programs import PROXY_CORE

ROUNDS = 5
BACKENDS = (2, 64, 1_000, 10_000)


def measure(native: Path, _folder: Path) -> dict[str, object]:
    rounds: dict[int, list[tuple[float, float]]] = {count: [] for count in BACKENDS}
    for _ in range(ROUNDS):
        command = ["taskset", "-c", PROXY_CORE, str(native / "pick"), *map(str, BACKENDS)]
        for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
            count, scan_ns, pick_ns = line.split()
            rounds[int(count)].append((float(scan_ns), float(pick_ns)))
    rows = [
        {
            "backends": count,
            "full_scan_us": round(statistics.median(scan for scan, _ in results) / 1000, 2),
            "pick_us": round(statistics.median(pick for _, pick in results) / 1000, 2),
        }
        for count, results in rounds.items()
    ]
    return {"rounds": ROUNDS, "target_us": 5, "rows": rows}


def table(result: Mapping[str, object]) -> Table:
    table = Table("backends", "full scan us", "pick us", title="One pick and its lease")
    for row in result["rows"]:  # type: ignore[attr-defined]
        table.add_row(f"{row['backends']:,}", f"{row['full_scan_us']:.2f}", f"{row['pick_us']:.2f}")
    return table
