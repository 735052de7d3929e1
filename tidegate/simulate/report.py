"""What a run did to users and to the bill, in figures. PURE."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from tidegate.shared.values import FloatArray
from tidegate.simulate.catalogue import POLICIES, Choice
from tidegate.simulate.clairvoyant import fewest_ready, replica_seconds
from tidegate.simulate.frontier import SHARES, Point, cost_at
from tidegate.simulate.policies import Terms
from tidegate.simulate.replay import Run
from tidegate.simulate.spikes import Spike, ready_ahead_s


def clairvoyant_replica_seconds(counts: FloatArray, terms: Terms) -> float:
    """The cost of the prophet on the whole ticks of the run."""
    whole = len(counts) // terms.tick_s * terms.tick_s
    bounds = (terms.min_replicas, terms.max_replicas)
    ready = fewest_ready(counts[:whole], terms.capacity_rps, terms.slo_wait_s, terms.tick_s, bounds)
    return replica_seconds(ready, terms.tick_s, terms.startup_s)


def figures(run: Run, terms: Terms, clairvoyant_s: float, spikes: Sequence[Spike] = ()) -> dict[str, Any]:
    """One policy's figures; a wait without end is None, and so is `ready_ahead_s` of a spike that wasn't met at all.

    `changes` are decisions that differ from the one before, `turns` those of them that take back the last one's
    direction: that is oscillation.
    """
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
        "turns_per_hour": turns / (len(run.paid) / 3600),
        "spikes": [
            {"at": run.start_s + spike.at, "replicas": spike.replicas, "ready_ahead_s": ready_ahead_s(spike, run.ready)}
            for spike in spikes
        ],
    }


def points(runs: Mapping[str, dict[str, Any]], swept: Sequence[Choice]) -> list[Point]:
    """The outcomes of one policy's sweep."""
    return [
        Point(choice.number or 0.0, runs[choice.label]["miss_share"], runs[choice.label]["cost_over_clairvoyant"])
        for choice in swept
        if runs[choice.label]["cost_over_clairvoyant"] is not None
    ]


def frontier_figures(name: str, found: Sequence[Point]) -> dict[str, Any]:
    """One policy's frontier: its points, and what the compared shares of misses cost (None: it can't be so safe)."""
    return {
        "number": POLICIES[name].number,
        "points": [
            {"number": point.setting, "miss_share": point.miss_share, "cost_over_clairvoyant": point.cost}
            for point in found
        ],
        "cost_at": {f"{share:g}": cost_at(found, share) for share in SHARES},
    }


def _finite(value: float) -> float | None:
    return value if value < float("inf") else None
