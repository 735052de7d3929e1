"""What a load run measured, and its summary. PURE."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.shared.values import FloatArray

OK = "OK"
WRONG_ANSWER = "WRONG_ANSWER"
"""Answered with gRPC's OK, and the answer is not what it should be."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadResult:
    """One row per planned request; all arrays have shape (n,).

    `latency_s` runs from the *intended* send time to the answer, so that a stall counts for everyone who would have
    come meanwhile (https://github.com/giltene/wrk2 on coordinated omission); NaN where the run was stopped before
    the answer. `status` is OK, WRONG_ANSWER, a gRPC status name, or "" without an answer.
    """

    due_s: FloatArray
    latency_s: FloatArray
    status: NDArray[np.object_]
    took_s: float

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which requests have come to an end, well or badly."""
        return ~np.isnan(self.latency_s)

    @property
    def ok(self) -> NDArray[np.bool_]:
        """Which requests were answered rightly."""
        return np.asarray(self.status == OK, dtype=bool)


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """Counts and latencies of a run; latencies are of the right answers (0 when there is none)."""

    sent: int
    ok: int
    failed: dict[str, int]
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float
    rate_rps: float

    def as_json(self) -> dict[str, Any]:
        """The one object that `tidegate load --json` prints."""
        return {name: getattr(self, name) for name in self.__slots__}


def summarize(result: LoadResult) -> LoadSummary:
    """Counts by status, and quantiles (nearest rank above, so that p99 is a latency that was seen)."""
    answered = result.answered
    latency = result.latency_s[result.ok]
    p50, p90, p99, top = latency_quantiles(latency)
    return LoadSummary(
        sent=int(answered.sum()),
        ok=len(latency),
        failed=dict(sorted(Counter(str(status) for status in result.status[answered & ~result.ok]).items())),
        p50_s=p50,
        p90_s=p90,
        p99_s=p99,
        max_s=top,
        rate_rps=round(float(answered.sum()) / result.took_s, 3) if result.took_s > 0 else 0.0,
    )


def latency_quantiles(latency_s: FloatArray) -> tuple[float, float, float, float]:
    """p50, p90, p99 and maximum, seconds to the microsecond; zeros without data."""
    if not len(latency_s):
        return 0.0, 0.0, 0.0, 0.0
    values = np.quantile(latency_s, (0.5, 0.9, 0.99, 1.0), method="inverted_cdf")
    p50, p90, p99, top = (round(float(value), 6) for value in values)
    return p50, p90, p99, top
