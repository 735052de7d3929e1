"""Shares, latencies and failures of runs. PURE."""

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.balance.scenario import DEADLINE_S, ROLES, Phase
from tidegate.client.results import LoadResult
from tidegate.shared.values import FloatArray

NOBODY = -1
"""In place of a replica's number: the request got no right answer."""
QUANTILES = {"p50_s": 0.5, "p99_s": 0.99, "p999_s": 0.999}
BIN_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run of one policy: what became of each request, (n,) each; `replica` is an index into ROLES, or NOBODY.

    `refused` is how often the flaky replica refused while it failed: tries, of which a request may have several.
    """

    load: LoadResult
    replica: NDArray[np.int64]
    refused: int


def quantiles(latency_s: FloatArray) -> dict[str, float | None]:
    """p50, p99 and p99.9 (nearest rank above, so that each was seen); None without data."""
    if not len(latency_s):
        return dict.fromkeys(QUANTILES)
    values = np.quantile(latency_s, list(QUANTILES.values()), method="inverted_cdf")
    return {name: round(float(value), 6) for name, value in zip(QUANTILES, values, strict=True)}


def shares(replica: NDArray[np.int64]) -> dict[str, float]:
    """Each replica's share of the right answers; all 0 when there is none."""
    counts = [int((replica == number).sum()) for number in range(len(ROLES))]
    total = sum(counts) or 1
    return {role: round(count / total, 4) for role, count in zip(ROLES, counts, strict=True)}


def summarize(runs: Sequence[Run], phases: Sequence[Phase]) -> dict[str, Any]:
    """One policy's row: medians of its rounds for the whole run; phases and the timeline from all rounds together.

    Latencies run from the intended send time. A failed request counts as DEADLINE_S, however fast it failed: otherwise
    who refuses the hard ones would look quick. `answered_p99_s` leaves failures out.
    """
    rounds = [quantiles(_latency_s(run)) for run in runs]
    due_s = np.concatenate([run.load.due_s for run in runs])
    latency_s = np.concatenate([_latency_s(run) for run in runs])
    ok = np.concatenate([run.load.ok for run in runs])
    replica = np.concatenate([run.replica for run in runs])
    statuses = Counter(str(status) for run in runs for status in run.load.status[~run.load.ok])
    parts = {phase.name: (due_s >= phase.start_s) & (due_s < phase.end_s) for phase in phases}
    return {
        "sent": len(due_s),
        "failed": dict(sorted(statuses.items())),
        **{name: _median([one[name] for one in rounds]) for name in QUANTILES},
        "answered_p99_s": _median([quantiles(run.load.latency_s[run.load.ok])["p99_s"] for run in runs]),
        "rounds_p99_s": [one["p99_s"] for one in rounds],
        "tries_refused_by_flaky": [run.refused for run in runs],
        "shares": shares(replica),
        "phases": {name: _part(latency_s[part], ok[part], replica[part]) for name, part in parts.items()},
        "timeline": _timeline(due_s, latency_s, phases[-1].end_s),
    }


def _latency_s(run: Run) -> FloatArray:
    return np.where(run.load.ok, run.load.latency_s, DEADLINE_S)


def _part(latency_s: FloatArray, ok: NDArray[np.bool_], replica: NDArray[np.int64]) -> dict[str, Any]:
    return {"sent": len(ok), "failed": int((~ok).sum()), **quantiles(latency_s), "shares": shares(replica)}


def _timeline(due_s: FloatArray, latency_s: FloatArray, end_s: float) -> list[dict[str, float | None]]:
    """p99 of each BIN_S, by intended send time."""
    starts_s = np.arange(0.0, end_s, BIN_S)
    bins = [latency_s[(due_s >= start_s) & (due_s < start_s + BIN_S)] for start_s in starts_s]
    return [
        {"at_s": float(start_s), "p99_s": quantiles(one)["p99_s"]} for start_s, one in zip(starts_s, bins, strict=True)
    ]


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 6) if known else None
