"""From a trace to arrivals per second. PURE; randomness comes in."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from tidegate.shared.errors import InvalidSeries
from tidegate.shared.values import DemandSeries, FloatArray

PEAK_QUANTILE = 0.995
PEAK_UTILIZATION = 0.8
"""`--peak-replicas R`: the 99.5 % rate is what R replicas do at 80 %."""
ENOUGH_COUNTS = 1000.0
LONGEST_AVERAGE_S = 1800.0


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

    Steps over a second are spread as Poisson, drawn in the order of time, so that cutting the trace off changes nothing
    before the cut. A missing value repeats the last one. With `peak_rps` the 99.5 % rate of the rows from `peak_from_s`
    on becomes that. Raises InvalidSeries.
    """
    if not len(trace.rate_rps) or not np.isfinite(trace.rate_rps).any():
        raise InvalidSeries(f"{trace.model}: no value in it")
    values = _filled(trace.rate_rps)
    if (values < 0).any():
        raise InvalidSeries(f"{trace.model}: {values.min():g} is below zero; arrivals can't be")
    rates = values / trace.step_s if unit == "count" else values
    if peak_rps is not None:
        rates = _smoothed(rates, trace.step_s)
        measured = rates[trace.times_s() + trace.step_s > peak_from_s]
        highest = float(np.quantile(measured, PEAK_QUANTILE)) if len(measured) else 0.0
        if highest <= 0:
            raise InvalidSeries(f"{trace.model}: its {PEAK_QUANTILE:.1%} rate is 0, which no factor makes a peak")
        rates = rates * (peak_rps / highest)
    seconds = np.arange(max(1, int(len(rates) * trace.step_s + 1e-9)))
    if trace.step_s <= 1.0:
        ends = np.concatenate([[0.0], np.cumsum(rates * trace.step_s)])
        total = np.interp(np.arange(len(seconds) + 1), trace.step_s * np.arange(len(ends)), ends)
        return Arrivals(trace.start_s, np.diff(total))
    per_second = rates[np.minimum((seconds / trace.step_s).astype(np.intp), len(rates) - 1)]
    return Arrivals(trace.start_s, rng.poisson(per_second).astype(np.float64))


def _filled(values: FloatArray) -> FloatArray:
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    first = int(np.argmax(known))
    filled: FloatArray = values[np.where(last < 0, first, last)]
    return filled


def _smoothed(rates: FloatArray, step_s: float) -> FloatArray:
    """Averaged over as many steps as hold 1 000 requests, half an hour at most: scaling up must not blow noise up."""
    total = np.concatenate([[0.0], np.cumsum(rates * step_s)])
    at = np.arange(len(rates))
    smooth, done, reach = rates.copy(), rates * step_s >= ENOUGH_COUNTS, 1
    while not done.all() and (2 * reach + 1) * step_s <= LONGEST_AVERAGE_S:
        first, last = np.maximum(0, at - reach), np.minimum(len(rates), at + reach + 1)
        counts = total[last] - total[first]
        smooth = np.where(done, smooth, counts / ((last - first) * step_s))
        done = done | (counts >= ENOUGH_COUNTS)
        reach += 1
    return smooth
