"""What a run did to users and to the bill, in figures. PURE."""

from itertools import pairwise
from typing import Any

from tidegate.shared.values import FloatArray
from tidegate.simulate.clairvoyant import fewest_ready, replica_seconds
from tidegate.simulate.policies import Terms
from tidegate.simulate.replay import Run


def clairvoyant_replica_seconds(counts: FloatArray, terms: Terms) -> float:
    """The cost of the prophet on the whole ticks of the run."""
    whole = len(counts) // terms.tick_s * terms.tick_s
    bounds = (terms.min_replicas, terms.max_replicas)
    ready = fewest_ready(counts[:whole], terms.capacity_rps, terms.slo_wait_s, terms.tick_s, bounds)
    return replica_seconds(ready, terms.tick_s, terms.startup_s)


def figures(run: Run, terms: Terms, clairvoyant_s: float) -> dict[str, Any]:
    """One policy's figures; a wait without end is None."""
    late = run.waits.late(terms.slo_wait_s)
    wanted = [desired for _, desired in run.decisions]
    moves = [after - before for before, after in pairwise(wanted) if after != before]
    turns = sum((a > 0) != (b > 0) for a, b in pairwise(moves))
    return {
        "requests": run.waits.requests,
        "misses": late,
        "miss_share": late / run.waits.requests if run.waits.requests else 0.0,
        "p50_wait_s": _finite(run.waits.quantile(0.5)),
        "p99_wait_s": _finite(run.waits.quantile(0.99)),
        "max_wait_s": _finite(run.waits.quantile(1.0)),
        "replica_seconds": run.replica_seconds,
        "replica_hours": run.replica_seconds / 3600,
        "cost_over_clairvoyant": run.replica_seconds / clairvoyant_s if clairvoyant_s else None,
        "mean_replicas": run.replica_seconds / len(run.paid),
        "changes": len(moves),
        "turns": turns,
    }


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
