"""What share of the work each replica should get, by the capacity that it has measured of itself. PURE.

Least outstanding takes replicas for equals: one that is five times slower (an older device, a throttled one, a busy
neighbour) gets its next request as soon as it has no more of them than the others, and that request waits five times
as long. With the weight μ the data plane picks the least (outstanding + 1) / μ instead, the shortest expected delay
(Shenker and Weinrib, "The optimal control of heterogeneous queueing systems", 1989). Example: a replica of 20 rows/s
beside two of 100 gets a request when these have 5 or more each.

Measurements are noisy, and among equals a difference that is none would send every request that finds all idle to the
same one. So a weight stays until what is measured is off by more than NOISE, and whoever is as fast as the fastest
within NOISE has exactly 1. And they age: a slow replica that gets no requests can't say that it is well again, so its
weight grows step by step until it gets one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, log

NOISE = 1.25
AGE_S = 10.0
"""Of a backend that is idle for this long the weight grows by NOISE: a fifth becomes 1 in 80 s."""
LEAST = 1 / 16
"""A capacity that is less than this of the fastest one's counts as this: what a report can do to others is bounded."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one backend: answers so far, requests it works on, and its last word on its rows/s by model."""

    answers: int
    outstanding: int
    rows_per_s: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Weight:
    value: float
    answers: int
    idle_since_s: float


class Weights:
    """Weights in (0, 1] by backend; 1 for those that have not said how fast they are."""

    def __init__(self) -> None:
        self._weights: dict[str, _Weight] = {}

    def of(self, backend: str) -> float:
        """The backend's weight now."""
        known = self._weights.get(backend)
        return known.value if known else 1.0

    def observe(self, reports: Mapping[str, Report], now_s: float) -> bool:
        """Take in each backend's report; whether a weight has changed. Backends that are not named are forgotten.

        Of a backend with several models counts the geometric mean over its models of how it does to the fastest there.
        """
        weights = {
            backend: self._next(backend, reports[backend], speed, now_s) for backend, speed in _speeds(reports).items()
        }
        changed = any(
            self.of(backend) != (weights[backend].value if backend in weights else 1.0)
            for backend in weights.keys() | self._weights.keys()
        )
        self._weights = weights
        return changed

    def _next(self, backend: str, report: Report, speed: float, now_s: float) -> _Weight:
        known = self._weights.get(backend, _Weight(1.0, -1, now_s))
        if report.answers != known.answers:
            return _Weight(_settled(known.value, speed), report.answers, now_s)
        if report.outstanding:
            return replace(known, idle_since_s=now_s)
        if now_s - known.idle_since_s >= AGE_S:
            return replace(known, value=min(1.0, known.value * NOISE), idle_since_s=now_s)
        return known


def _settled(weight: float, speed: float) -> float:
    if weight / NOISE <= speed <= weight * NOISE:
        return weight
    return 1.0 if speed >= 1 / NOISE else speed


def _speeds(reports: Mapping[str, Report]) -> dict[str, float]:
    """Each backend's capacity to the fastest one's, LEAST to 1; only of backends that have reported."""
    fastest: dict[str, float] = {}
    for report in reports.values():
        for model, rows_per_s in report.rows_per_s.items():
            fastest[model] = max(fastest.get(model, 0.0), rows_per_s)
    speeds = {}
    for backend, report in reports.items():
        rates = [(rate, fastest[model]) for model, rate in report.rows_per_s.items() if fastest[model] > 0.0]
        if rates:
            speeds[backend] = exp(sum(log(max(rate / top, LEAST)) for rate, top in rates) / len(rates))
    return speeds
