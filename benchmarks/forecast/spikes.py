"""Recurring spikes: height within 15 %, time within one step at the 0.9 quantile, no false spike at the median.

The generator's series: a tide of noisy counts with a sharp spike that comes back, and one thing that makes it hard.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from forecaster.calendar import UTC, Calendar
from forecaster.calendars import build
from forecaster.model import fit
from tidegate.shared.values import DemandSeries

DAY_S = 86_400.0
SPRING_S = 1_711_846_800.0
"""2024-03-31, when Berlin's clocks go from 02:00 to 03:00."""


@dataclass(frozen=True)
class Spike:
    """A spike of `width` steps and `height_rps` each `period` steps at `phase`, on a tide of `tide_s`.

    `missed` cycles ago it stayed away; it comes up to `jitter` steps early or late, and grows by `growth` each cycle.
    """

    name: str
    step_s: float
    period: int
    phase: int
    cycles: int
    width: int = 1
    height_rps: float = 200.0
    jitter: int = 0
    growth: float = 0.0
    missed: int = 0
    weekdays: bool = False
    zone: str = ""
    tide_s: float = DAY_S


SUITE = (
    Spike("one minute each hour", 60.0, 60, 0, 24 * 7),
    Spike("three minutes each hour", 60.0, 60, 20, 24 * 7, width=3),
    Spike("seven minutes, four times the tide", 60.0, 60, 31, 24 * 7, width=7, height_rps=150.0),
    Spike("each day at 09:00", 60.0, 1440, 540, 14),
    Spike("weekdays at 09:00", 300.0, 288, 108, 28, weekdays=True),
    Spike("each ten minutes, seconds", 1.0, 600, 60, 30, width=5),
    Spike("each minute, one second", 1.0, 60, 15, 120),
    Spike("each five minutes, on a tide of ten", 1.0, 300, 17, 10, width=3, tide_s=600.0),
    Spike("each seven minutes, on a tide of an hour", 1.0, 420, 60, 30, width=2, tide_s=3600.0),
    Spike("a minute early or late", 60.0, 60, 30, 24 * 7, width=5, jitter=1),
    Spike("growing by 2 % a day", 60.0, 1440, 600, 14, width=5, growth=0.02),
    Spike("one day missed", 60.0, 1440, 600, 14, width=5, missed=2),
    Spike("yesterday missed", 60.0, 1440, 600, 14, width=5, missed=1),
    Spike("the clock changes", 600.0, 144, 54, 14, zone="Europe/Berlin"),
)


def series(spike: Spike, seed: int = 0) -> tuple[DemandSeries, np.ndarray, Calendar]:
    """What was counted, the true rates of the cycle that follows, and the calendar."""
    rng = np.random.default_rng(seed)
    steps, total = spike.period * spike.cycles, spike.period * (spike.cycles + (7 if spike.weekdays else 1))
    start_s = SPRING_S - steps * spike.step_s if spike.zone else 0.0
    end_s = start_s + total * spike.step_s
    calendar = build(spike.zone, "", [], start_s, end_s) if spike.zone else UTC
    times = start_s + spike.step_s * np.arange(total)
    local = times + spike.step_s * calendar.offset_steps(times, spike.step_s)
    place = np.round(local / spike.step_s).astype(int)
    rates = _calm(local, spike.tide_s)
    cycle = place // spike.period - place[0] // spike.period
    shift = rng.integers(-spike.jitter, spike.jitter + 1, size=cycle.max() + 1)
    shift[spike.cycles :] = 0
    inside = (place % spike.period - spike.phase - shift[cycle] >= 0) & (
        place % spike.period - spike.phase - shift[cycle] < spike.width
    )
    comes = np.ones(cycle.max() + 1, dtype=bool)
    if spike.missed:
        comes[spike.cycles - spike.missed] = False
    if spike.weekdays:
        comes &= np.arange(len(comes)) % 7 < 5
    rates = rates + spike.height_rps * (1.0 + spike.growth) ** cycle * (inside & comes[cycle])
    counted = rng.poisson(rates[:steps] * spike.step_s) / spike.step_s
    return DemandSeries(spike.name, start_s, spike.step_s, counted), rates[steps:], calendar


def _calm(times_s: np.ndarray, tide_s: float) -> np.ndarray:
    """The tide without spikes."""
    return 50.0 + 25.0 * np.sin(2.0 * np.pi * times_s / tide_s)


def judge(spike: Spike) -> dict[str, object]:
    """How far the 0.9 quantile's spike is off in height and in steps, and the highest false spike of the median."""
    known, truth, calendar = series(spike)
    horizon_s = spike.step_s * len(truth)
    forecast = fit(known, calendar=calendar, horizon_s=horizon_s).forecast(horizon_s, quantiles=(0.5, 0.9))
    median, upper = forecast.values_rps
    calm = _calm(known.end_s + spike.step_s * np.arange(len(truth)), spike.tide_s)
    if spike.zone:
        calm = np.median(truth.reshape(-1, 6), axis=1).repeat(6)
    true_at, said_at = (np.flatnonzero(path - calm > 0.5 * spike.height_rps) for path in (truth, upper))
    height_error = max((float(upper[max(0, at - 1) : at + 2].max() / truth[at] - 1.0) for at in true_at), key=abs)
    off = max(_furthest(true_at, said_at), _furthest(said_at, true_at))
    away = np.abs(np.arange(len(truth))[:, None] - true_at).min(axis=1) > 1 + spike.jitter
    false = float(np.max((median - calm)[away], initial=0.0)) / spike.height_rps
    right = abs(height_error) <= 0.15 and off <= 1 and false <= 0.15
    return {"spike": spike.name, "height_error": height_error, "steps_off": off, "false_spike": false, "right": right}


def _furthest(those: np.ndarray, these: np.ndarray) -> int:
    """The most steps that one of those is away from the nearest of these."""
    if not len(those) or not len(these):
        return 10**6
    return int(np.abs(those[:, None] - these).min(axis=1).max())


def measure(_folder: Path) -> dict[str, object]:
    """The whole suite."""
    return {"rows": [judge(spike) for spike in SUITE]}


def table(result: dict[str, object]) -> Table:
    """One line a spike."""
    shown = Table("", "height at 0.9", "steps off", "false spike at 0.5", "", title="recurring spikes")
    for row in result["rows"]:
        verdict = "" if row["right"] else "outside the target"
        shown.add_row(
            row["spike"], f"{row['height_error']:+.1%}", str(row["steps_off"]), f"{row['false_spike']:.1%}", verdict
        )
    return shown
