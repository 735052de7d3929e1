"""The loads: the recorded traces, and spikes of our own generator."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.traces import path_of
from forecaster.csv_files import read
from tidegate.shared.values import DemandSeries
from tidegate.simulate.arrivals import PEAK_UTILIZATION, Arrivals, arrivals
from tidegate.simulate.generator import Spike, Tide, rates

CAPACITY_RPS = 10.0
PEAK_REPLICAS = 24.0
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Case:
    """A load by name: a file (none: generated), the unit of its values, and how much of its end is evaluated."""

    name: str
    file: str = ""
    unit: Literal["count", "rate"] = "count"
    evaluated_s: float = 5 * DAY_S


CASES = {
    case.name: case
    for case in (
        Case("nyctaxi", "nab_nyctaxi_30min.csv"),
        Case("nasa", "nasa_http_1min.csv"),
        Case("worldcup98", "worldcup98_1min.csv"),
        Case("servegen_msmall", "servegen_msmall_10min.csv", "rate"),
        Case("elb", "nab_elb_5min.csv"),
        Case("azure_conv", "azure_llm2023_conv_1s.csv", "rate", 1800.0),
        Case("mooncake_conv", "mooncake_conv_1s.csv", "rate", 1800.0),
        Case("spikes", unit="rate"),
    )
}
SPIKES = Tide(
    base_rps=20.0,
    peak_rps=100.0,
    day_s=DAY_S,
    weekend=0.6,
    spikes=(
        Spike(period_s=3600.0, at_s=1500.0, width_s=420.0, height=2.5, jitter_s=10.0),
        Spike(period_s=DAY_S, at_s=9 * 3600.0, width_s=1200.0, height=3.0, jitter_s=30.0, missed=0.1),
    ),
)
"""A social kind of load: a burst of seven minutes every hour, and one of twenty at nine."""
SPIKES_DAYS = 19


def load(case: Case, seed: int, evaluated_s: float) -> tuple[Arrivals, float]:
    """The arrivals, and where the evaluation begins: so long before the end. Raises InvalidSeries without the file."""
    rng = np.random.default_rng(seed)
    trace = _trace(case, rng)
    from_s = trace.end_s - min(case.evaluated_s, evaluated_s)
    return arrivals(trace, case.unit, rng, PEAK_REPLICAS * CAPACITY_RPS * PEAK_UTILIZATION, from_s), from_s


def _trace(case: Case, rng: np.random.Generator) -> DemandSeries:
    if not case.file:
        return DemandSeries(case.name, 0.0, 60.0, rates(SPIKES, SPIKES_DAYS * DAY_S, 60.0, rng))
    return read(path_of(case.file))[0]
