"""What traffic the demo drives: a history to learn from, a live part, and where its spikes are. PURE.

Everything is on a grid of one second, already compressed in time.
"""

import math
from dataclasses import dataclass

import numpy as np

from tidegate.demo.pace import REPLICA_ROWS_PER_S
from tidegate.shared.errors import InvalidSeries
from tidegate.shared.values import DemandSeries, FloatArray
from tidegate.simulate.generator import Spike, Tide, rates

STEP_S = 1.0
PEAK_REPLICAS = 5
"""So many replicas a recorded trace needs at its peak; two cores carry them, the router and the load generator."""
PEAK_RPS = PEAK_REPLICAS * REPLICA_ROWS_PER_S * 0.8

DAY_S = 60.0
HISTORY_DAYS = 10
LIVE_S = 100.0
TRACE_DAY_S = 120.0
TRACE_HISTORY_DAYS = 20
_DAY_OF_PEOPLE_S = 86400.0


@dataclass(frozen=True, slots=True)
class Peak:
    """A spike of the live part: when it starts (seconds from the live start), how long it lasts, its highest rate."""

    at_s: float
    width_s: float
    rate_rps: float


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """Mean requests/s: `history_rps` (h,) ends where `live_rps` (n,) begins; NaN in the history is missing."""

    name: str
    day_s: float
    history_rps: FloatArray
    live_rps: FloatArray
    peaks: tuple[Peak, ...]

    @property
    def live_s(self) -> float:
        """Length of the live part."""
        return len(self.live_rps) * STEP_S

    @property
    def min_replicas(self) -> int:
        """What the low tide of the live part needs (its 5% quantile): the pool's minimum, as a person would set it."""
        return max(1, math.ceil(float(np.quantile(self.live_rps, 0.05)) / REPLICA_ROWS_PER_S))


def made_up(rng: np.random.Generator) -> Scenario:
    """The demo's own traffic: a tide of one to two replicas, and twice a day 6 s that need three or four.

    A spike is over before a replica that is asked for at its start (8 s) can be ready: only who asks ahead is there.
    """
    spikes = tuple(Spike(period_s=DAY_S, at_s=at, width_s=6.0, height=2.2) for at in (17.0, 45.0))
    tide = Tide(base_rps=12.0, peak_rps=60.0, day_s=DAY_S, spikes=spikes)
    history_s = HISTORY_DAYS * DAY_S
    rate = rates(tide, history_s + LIVE_S, STEP_S, rng)
    cut = int(history_s / STEP_S)
    live = rate[cut:]
    starts = sorted(spike.at_s + k * DAY_S for spike in spikes for k in range(2))
    peaks = tuple(Peak(at, 6.0, float(live[int(at) : int(at + 6)].max())) for at in starts if at + 6.0 < LIVE_S)
    return Scenario("a made-up tide with spikes", DAY_S, rate[:cut], live, peaks)


def recorded(series: DemandSeries) -> Scenario:
    """A recorded trace, compressed so that its day lasts two minutes; its last whole day from low tide is live.

    Low tide is where the last but one day is quietest: both policies begin with the fewest replicas, and nobody's
    first minute shall be spent on a day's middle. What came before is history, 20 days of it at most. Values are
    scaled so that the live part's peak (its 99.5% quantile) needs five replicas. Raises InvalidSeries when there are
    less than two days, or no traffic in the live part.
    """
    step_s = series.step_s * TRACE_DAY_S / _DAY_OF_PEOPLE_S
    rate = on_seconds(series.rate_rps, step_s)
    day = int(TRACE_DAY_S / STEP_S)
    if len(rate) < 2 * day:
        days = len(series.rate_rps) * series.step_s / _DAY_OF_PEOPLE_S
        raise InvalidSeries(f"{series.model}: {days:.2f} days of data; the demo needs two, one of them to learn from")
    start = len(rate) - 2 * day + _low_tide(rate[-2 * day : -day])
    live = np.nan_to_num(rate[start : start + day])
    top = float(np.quantile(live, 0.995))
    if top <= 0:
        raise InvalidSeries(f"{series.model}: no traffic in the last day")
    scale = PEAK_RPS / top
    history = rate[max(0, start - day * TRACE_HISTORY_DAYS) : start] * scale
    live = np.minimum(live * scale, PEAK_RPS * 1.25)  # one wild second must not outgrow the machine
    return Scenario(series.model, TRACE_DAY_S, history, live, find_peaks(live))


def _low_tide(rate: FloatArray) -> int:
    """Second of the day at which the following ten carry least; at least an eighth of a day is left to learn from."""
    width, first = 10, len(rate) // 8
    sums = np.convolve(np.nan_to_num(rate), np.ones(width), "valid")
    return first + int(np.argmin(sums[first:]))


def on_seconds(rate: FloatArray, step_s: float) -> FloatArray:
    """The rate of a step of any length as means over whole seconds; a second with no reading at all is NaN.

    Worked example: step 0.5, rate 1 3 5 7 gives 2 6; step 2, rate 1 3 gives 1 1 3 3.
    """
    edges = np.arange(0.0, int(len(rate) * step_s / STEP_S) + 1) * STEP_S
    times = np.arange(len(rate) + 1) * step_s
    known = ~np.isnan(rate)
    work = np.concatenate(([0.0], np.cumsum(np.where(known, rate, 0.0) * step_s)))
    covered = np.concatenate(([0.0], np.cumsum(known * step_s)))
    amount = np.diff(np.interp(edges, times, work))
    share = np.diff(np.interp(edges, times, covered))
    result: FloatArray = np.divide(amount, share, out=np.full(len(amount), np.nan), where=share > 1e-9)
    return result


def find_peaks(rate: FloatArray, around_s: float = 30.0, rise: float = 1.35) -> tuple[Peak, ...]:
    """Where the rate stands above `rise` times the median of `around_s` to both sides, each stretch one peak.

    Only what needs a replica more than its surroundings counts: smaller bumps are none.
    """
    half = int(around_s / STEP_S)
    level = np.array([np.median(rate[max(0, i - half) : i + half + 1]) for i in range(len(rate))])
    high = (rate > rise * level) & (rate - level > REPLICA_ROWS_PER_S / 2)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], high.astype(int), [0]))))
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple(
        Peak(float(start) * STEP_S, float(end - start) * STEP_S, float(rate[start:end].max())) for start, end in pairs
    )
