"""The forecaster: how well it forecasts beside its peers, and what it costs.

`python -m benchmarks forecast [--only SECTION …]` prints each section's table, records it by itself, and draws
its chart where it has one.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.forecast import accuracy, calibration, scale, serving, speed, spikes
from benchmarks.forecast.chart import CHARTS
from benchmarks.recording import record_section

SECTIONS = {
    "accuracy": accuracy,
    "calibration": calibration,
    "spikes": spikes,
    "speed": speed,
    "serving": serving,
    "scale": scale,
}


def main(arguments: Sequence[str]) -> None:
    """Run the sections, print their tables and record them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks forecast", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="these sections (all)")
    console = Console()
    for name in parser.parse_args(arguments).only:
        with tempfile.TemporaryDirectory() as folder:
            result = SECTIONS[name].measure(Path(folder))
        console.print(SECTIONS[name].table(result))
        path = record_section("forecast", name, result)
        console.print(f"recorded in {path}")
        if name in CHARTS:
            chart = path.with_suffix("") / f"{name}.png"
            chart.parent.mkdir(exist_ok=True)
            CHARTS[name](result, chart)
            console.print(f"drawn into {chart}")
