"""The comparison of the policies: the form of `demo-report.json`, and who won. PURE."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.client.results import summarize
from tidegate.demo.pace import REPLICA_ROWS_PER_S, SLO_LATENCY_S
from tidegate.demo.records import PolicyRun, Sample
from tidegate.demo.scenario import Peak

MOST_COST = 1.2
"""Predictive may use so many times the replica-seconds of hpa; beyond, being better is being bigger."""


def policy_report(run: PolicyRun) -> dict[str, Any]:
    """One policy's entry of the report. A request without a right answer counts as outside the SLO."""
    summary = summarize(run.load)
    total = len(run.load.due_s)
    late = run.load.latency_s > SLO_LATENCY_S
    return {
        "requests": total,
        "failed": total - summary.ok,
        "accuracy": round(float(run.right.mean()), 4) if total else 0.0,
        "within_slo": round(float((run.load.ok & ~late).mean()), 4) if total else 0.0,
        "p50_s": summary.p50_s,
        "p99_s": summary.p99_s,
        "max_s": summary.max_s,
        "replica_seconds": round(replica_seconds(run.samples, run.scenario.live_s), 1),
        "spikes": [{"at": peak.at_s, "ready_ahead_s": ready_ahead_s(peak, run.ready())} for peak in run.scenario.peaks],
    }


def replica_seconds(samples: Sequence[Sample], until_s: float) -> float:
    """Replicas from asked to dropped, summed over [0, until]: each sample holds until the next.

    Worked example: 1 replica asked from 0 s, 3 from 10 s, until 15 s: 10 + 15 = 25.
    """
    inside = [sample for sample in samples if sample.at_s < until_s]
    times = [*(max(0.0, sample.at_s) for sample in inside), until_s]
    return sum(sample.asked * (times[i + 1] - times[i]) for i, sample in enumerate(inside))


def ready_ahead_s(peak: Peak, ready: Sequence[tuple[float, int]]) -> float | None:
    """How long before the peak's start the replicas that it needs were ready; negative: after; None: never.

    Needed are enough for its highest rate. "Before" is the time since when they were there without a break.
    """
    needed = math.ceil(peak.rate_rps / REPLICA_ROWS_PER_S)
    before = [(at, count) for at, count in ready if at <= peak.at_s]
    if before and before[-1][1] >= needed:
        since = before[-1][0]
        for at, count in reversed(before):
            if count < needed:
                break
            since = at
        return round(peak.at_s - since, 2)
    end = peak.at_s + peak.width_s
    after = next((at for at, count in ready if peak.at_s < at <= end and count >= needed), None)
    return None if after is None else round(peak.at_s - after, 2)


def verdict(policies: Mapping[str, Mapping[str, Any]], recorded: bool) -> tuple[bool, str]:
    """Did the demo show what it is there to show, and the sentence that says so.

    A lost or wrong answer fails always; on the made-up traffic predictive must also beat hpa on the share within
    the SLO for at most MOST_COST of its replica-seconds. On a recorded trace, where there may be nothing to foresee,
    a tie is told and is no failure.
    """
    failed = {name: entry["failed"] for name, entry in policies.items() if entry["failed"]}
    if failed:
        return False, "requests failed: " + ", ".join(f"{count} under {name}" for name, count in failed.items())
    hpa, predictive = policies["hpa"], policies["predictive"]
    gain = predictive["within_slo"] - hpa["within_slo"]
    cost = predictive["replica_seconds"] / hpa["replica_seconds"] if hpa["replica_seconds"] else math.inf
    figures = (
        f"{predictive['within_slo']:.1%} of the requests within {SLO_LATENCY_S:g} s against {hpa['within_slo']:.1%}, "
        f"for {cost:.2f} times the replica-seconds; no request failed"
    )
    if gain > 0 and cost <= MOST_COST:
        return True, f"predictive beats hpa: {figures}"
    if recorded:
        word = "ties with" if abs(gain) < 0.005 else "serves better, and costs more, than" if gain > 0 else "loses to"
        return True, f"predictive {word} hpa on this trace: {figures}"
    return False, f"predictive did not beat hpa: {figures} (at most {MOST_COST:g} times counts)"
