"""The status of a PredictiveScaler. PURE.

Conditions follow Kubernetes' API conventions: `Active` (plans are carried out), `DataAvailable`, `ReplicasComing` and
`ScalingLimited`; `lastTransitionTime` moves only when a condition's status does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaler.decision import Decision
from scaler.kubernetes.pods import quantiles_s
from scaler.outlook import Slot
from scaler.wording import figure, plan_reason
from tidegate.shared.times import utc
from tidegate.shared.values import Plan


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition as it is now. The message is never empty: 1.20's server-side apply takes that for null."""

    type: str
    true: bool
    reason: str
    message: str


def conditions(decision: Decision | None, active: Condition, stuck: str) -> list[Condition]:
    """All of them; `stuck` says what keeps pods from coming, empty for nothing. Without a decision, what is known."""
    coming = Condition("ReplicasComing", not stuck, "Stuck" if stuck else "AsAsked", stuck or "no pod is stuck")
    if decision is None:
        return [active, coming]
    plan = decision.plan
    hold = next((one.reason for one in plan.adjustments if one.name == "hold"), "")
    limit = next((one.reason for one in plan.adjustments if one.name in ("budget", "bounds", "rate limit")), "")
    return [
        active,
        coming,
        Condition("DataAvailable", not hold, "NoReading" if hold else "Read", hold or "every router answered"),
        Condition("ScalingLimited", bool(limit), "Limited" if limit else "Free", limit or "no limit binds"),
    ]


def status(
    decision: Decision | None,
    generation: int,
    replicas: int | None,
    now: Iterable[Condition],
    before: Mapping[str, Any],
    now_s: float,
    leads_s: Mapping[str, Sequence[float]],
) -> dict[str, Any]:
    """The whole status; `before` is the one that stands, `replicas` what the target asks for, `leads_s` the starts that
    were seen by node pool."""
    known = {one["type"]: one for one in before.get("conditions", ())}
    whole: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": [_written(one, known.get(one.type), generation, now_s) for one in now],
    }
    if replicas is not None:
        whole["replicas"] = replicas
    if decision is not None:
        whole |= _figures(decision, leads_s)
    return whole


def news(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Condition]:
    """The conditions whose status or reason changed: what a human should see as an Event."""
    known = {one["type"]: (one["status"], one["reason"]) for one in before.get("conditions", ())}
    return [
        Condition(one["type"], one["status"] == "True", one["reason"], one["message"])
        for one in after["conditions"]
        if known.get(one["type"], ("", one["reason"])) != (one["status"], one["reason"])
        and (one["type"] in known or _worth_telling(one))
    ]


def worth_writing(before: Mapping[str, Any], after: Mapping[str, Any], age_s: float, period_s: float) -> bool:
    """Never when nothing changed; at once when more than figures did; figures alone once in a period."""
    if {name: value for name, value in before.items() if name != "overrides"} == after:  # those are others' to write
        return False
    return _gist(before) != _gist(after) or age_s >= period_s


def _worth_telling(condition: Mapping[str, Any]) -> bool:
    """Of conditions seen for the first time: only what is not as it should be."""
    good = condition["type"] != "ScalingLimited"
    return (condition["status"] == "True") is not good


def _written(one: Condition, before: Mapping[str, Any] | None, generation: int, now_s: float) -> dict[str, Any]:
    truth = "True" if one.true else "False"
    kept = before is not None and before["status"] == truth
    return {
        "type": one.type,
        "status": truth,
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before and kept else utc(now_s),
        "reason": one.reason,
        "message": one.message[:1024],
    }


def _figures(decision: Decision, leads_s: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    plan, inputs = decision.plan, decision.plan.inputs
    lead: dict[str, Any] = {"p95Seconds": _rounded(inputs.lead_s), "source": inputs.lead_source}
    if decision.leads_s:
        lead["p50Seconds"] = _rounded(quantiles_s(decision.leads_s, [0.5])[0])
    by_node_pool = [_node_pool(name, seconds) for name, seconds in sorted(leads_s.items()) if name]
    if by_node_pool:
        lead["nodePools"] = by_node_pool
    figures = {
        "desiredReplicas": plan.desired,
        "readyReplicas": plan.ready,
        "mode": str(plan.mode),
        "modeReason": plan.mode_reason,
        "reason": plan_reason(plan),
        "lead": lead,
        "capacity": {
            "rowsPerSecond": _rounded(inputs.capacity_rows_per_s),
            "relativeError": _rounded(decision.capacity_relative_error),
            "source": inputs.capacity_source,
        },
    }
    if inputs.quantiles:
        figures["forecast"] = _forecast(plan)
    if decision.outlook:
        figures["outlook"] = [_slot(one) for one in decision.outlook]
    return figures


def _node_pool(name: str, leads_s: Sequence[float]) -> dict[str, Any]:
    p50_s, p95_s = quantiles_s(leads_s, [0.5, 0.95])
    return {"name": name, "p50Seconds": _rounded(p50_s), "p95Seconds": _rounded(p95_s), "starts": len(leads_s)}


def _forecast(plan: Plan) -> dict[str, float]:
    inputs = plan.inputs
    peaks = dict(zip(inputs.quantiles, inputs.window_max_rows_per_s, strict=True))
    found = {
        "windowSeconds": inputs.window_s,
        "peakP50RowsPerSecond": peaks.get(0.5),
        "peakP95RowsPerSecond": peaks.get(0.95),
        "skillVsSeasonalNaive": inputs.skill_vs_seasonal_naive,
        "skillVsLastValue": inputs.skill_vs_last_value,
    }
    return {name: _rounded(value) for name, value in found.items() if value is not None}


def _slot(slot: Slot) -> dict[str, Any]:
    return {
        "from": utc(slot.at_s),
        "replicas": slot.replicas,
        "peakP50RowsPerSecond": _rounded(slot.peak_p50_rows_per_s),
        "peakP95RowsPerSecond": _rounded(slot.peak_p95_rows_per_s),
    }


def _gist(whole: Mapping[str, Any]) -> tuple[object, ...]:
    """What matters at once: replicas, mode, and the conditions without their messages (figures stand in them)."""
    plain: Sequence[str] = ("observedGeneration", "replicas", "desiredReplicas", "readyReplicas", "mode")
    met = [(one["type"], one["status"], one["reason"]) for one in whole.get("conditions", ())]
    return (*(whole.get(name) for name in plain), *met)


def _rounded(value: float) -> float:
    return float(figure(value))
