"""From a trace to arrivals per second. PURE; randomness comes in."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tidegate.shared.errors import InvalidSeries
from tidegate.shared.values import DemandSeries, FloatArray

PEAK_QUANTILE = 0.995
PEAK_UTILIZATION = 0.8
"""`--peak-replicas R`: the 99.5 % rate is what R replicas do at 80 %."""
ENOUGH_COUNTS = 1000.0
"""Requests that a window holds on average before a rate is scaled …"""
LONGEST_AVERAGE_S = 1800.0
"""… and its greatest length."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Requests in [start + i, start + i + 1) seconds, shape (n,); spread evenly within their second."""

    start_s: float
    counts: FloatArray

    @property
    def end_s(self) -> float:
        """End of the last second."""
        return self.start_s + len(self.counts)

    def between(self, from_s: float, to_s: float) -> FloatArray:
        """The whole seconds of [from, to)."""
        first = round(from_s - self.start_s)
        return self.counts[max(0, first) : max(0, round(to_s - self.start_s))]


def arrivals(
    trace: DemandSeries,
    unit: Literal["count", "rate"],
    rng: np.random.Generator,
    peak_rps: float | None = None,
    peak_from_s: float = -np.inf,
) -> Arrivals:
    """Arrivals per second of a trace whose values are requests per step (`count`) or per second (`rate`).

    Steps of up to a second are taken as they are. Through longer ones the rate is drawn as a line, reached by each
    step's end, and the arrivals are Poisson, drawn in the order of time: nothing before a cut of the trace depends on
    what came after. A missing value repeats the last one. With `peak_rps` the 99.5 % rate of the rows from
    `peak_from_s` on becomes that; small counts are averaged first. Raises InvalidSeries.
    """
    if not len(trace.rate_rps) or not np.isfinite(trace.rate_rps).any():
        raise InvalidSeries(f"{trace.model}: no value in it")
    values = _filled(trace.rate_rps)
    if (values < 0).any():
        raise InvalidSeries(f"{trace.model}: {values.min():g} is below zero; arrivals can't be")
    rates = values / trace.step_s if unit == "count" else values
    window = 1
    if peak_rps is not None:
        window = _window(rates, trace.step_s)
        rates = _trailing_mean(rates, window)
        measured = rates[trace.times_s() + trace.step_s > peak_from_s]
        highest = float(np.quantile(measured, PEAK_QUANTILE)) if len(measured) else 0.0
        if highest <= 0:
            raise InvalidSeries(f"{trace.model}: its {PEAK_QUANTILE:.1%} rate is 0, which no factor makes a peak")
        rates = rates * (peak_rps / highest)
    seconds = np.arange(max(1, int(len(rates) * trace.step_s + 1e-9)))
    ends = trace.step_s * np.arange(len(rates) + 1)
    if trace.step_s <= 1.0 and window == 1:
        total = np.concatenate([[0.0], np.cumsum(rates * trace.step_s)])
        return Arrivals(trace.start_s, np.diff(np.interp(np.arange(len(seconds) + 1), ends, total)))
    per_second = np.interp(seconds + 0.5, ends, np.concatenate([rates[:1], rates]))
    return Arrivals(trace.start_s, rng.poisson(per_second).astype(np.float64))


def _filled(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    first = int(np.argmax(known))
    filled: FloatArray = values[np.where(last < 0, first, last)]
    return filled


def _window(rates: FloatArray, step_s: float) -> int:
    """Steps that hold 1 000 requests on average, half an hour at most: scaling up must not blow sampling noise up."""
    mean = float(rates.mean()) * step_s
    longest = max(1, int(LONGEST_AVERAGE_S / step_s))
    return longest if mean <= 0 else min(max(1, math.ceil(ENOUGH_COUNTS / mean)), longest)


def _trailing_mean(rates: FloatArray, window: int) -> FloatArray:
    """Of each value and those before it, `window` in all; of as many as there are at the beginning."""
    total = np.concatenate([[0.0], np.cumsum(rates)])
    after = np.arange(1, len(rates) + 1)
    first = np.maximum(0, after - window)
    mean: FloatArray = (total[after] - total[first]) / (after - first)
    return mean
