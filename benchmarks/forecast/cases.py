"""What is forecast: recorded traces, each at a step and a horizon, with the seasons that its peers are told of."""

from dataclasses import dataclass

import numpy as np

from benchmarks.traces import path_of
from forecaster import csv_files
from forecaster.series import resample
from tidegate.shared.values import DemandSeries

HOUR_S, DAY_S, WEEK_S = 3600.0, 86_400.0, 604_800.0


@dataclass(frozen=True)
class Case:
    """One series to forecast. `seasons_s` is told to the peers alone: ours finds its own."""

    file: str
    step_s: float
    horizon_s: float
    seasons_s: tuple[float, ...]

    @property
    def name(self) -> str:
        return f"{self.file.removesuffix('.csv')} {self.step_s:g} s, {self.horizon_s:g} s ahead"

    @property
    def steps(self) -> int:
        return round(self.horizon_s / self.step_s)

    def series(self) -> DemandSeries:
        read, _ = csv_files.read(path_of(self.file))
        start_s, rates = resample(read.start_s, read.step_s, read.rate_rps, self.step_s)
        return DemandSeries(read.model, start_s, self.step_s, rates)


CASES = (
    Case("servegen_msmall_10min.csv", 600.0, HOUR_S, (DAY_S,)),
    Case("servegen_msmall_10min.csv", HOUR_S, DAY_S, (DAY_S,)),
    Case("nab_elb_5min.csv", 300.0, HOUR_S, (DAY_S,)),
    Case("nab_elb_5min.csv", HOUR_S, DAY_S, (DAY_S,)),
    Case("nasa_http_1min.csv", 600.0, HOUR_S, (DAY_S, WEEK_S)),
    Case("nasa_http_1min.csv", HOUR_S, DAY_S, (DAY_S, WEEK_S)),
    Case("nab_nyctaxi_30min.csv", 1800.0, 2 * HOUR_S, (DAY_S, WEEK_S)),
    Case("nab_nyctaxi_30min.csv", HOUR_S, DAY_S, (DAY_S, WEEK_S)),
    Case("worldcup98_1min.csv", 300.0, HOUR_S, (DAY_S,)),
    Case("worldcup98_1min.csv", HOUR_S, DAY_S, (DAY_S, WEEK_S)),
    Case("azure_llm2023_conv_1s.csv", 10.0, 120.0, ()),
    Case("mooncake_conv_1s.csv", 10.0, 120.0, ()),
)


def season_steps(case: Case, length: int) -> list[int]:
    """The seasons in steps that a history of this length holds twice."""
    return [period for s in case.seasons_s if 2 * (period := round(s / case.step_s)) <= length]


def filled(rates: np.ndarray) -> np.ndarray:
    """Gaps bridged by straight lines: the peers but Prophet take none."""
    known = np.isfinite(rates)
    return np.interp(np.arange(len(rates)), np.flatnonzero(known), rates[known])
