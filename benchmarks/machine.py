"""Which machine a result was measured on, and where results are kept."""

import json
import os
import platform
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def describe() -> str:
    """Processor model, the cores this process may use, memory, and the versions that matter."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    software = f"Linux {platform.release()}, Python {platform.python_version()}"
    return f"{model}, {cores} cores, {memory_gib:.0f} GiB, {software}"


def record(name: str, result: dict[str, object]) -> Path:
    """Write a result as JSON under benchmarks/results, with the machine named."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": describe(), **result}, indent=2) + "\n")
    return path
