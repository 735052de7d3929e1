"""What one pod's own timeline says: how far it is, how long each part of its start took, whether it ever comes. PURE.

Objects are as the API gives them, as JSON. Kubernetes' times are whole seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

Object = Mapping[str, Any]

STUCK_WAITING = {
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
}
"""Reasons of a waiting container that go away only when somebody mends something."""


class PodPhase(StrEnum):
    """Where a pod stands as capacity."""

    COMING = "coming"
    READY = "ready"
    STUCK = "stuck"
    GOING = "going"


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod. Times are epoch seconds, None for what has not happened; `why` says why one is stuck."""

    name: str
    phase: PodPhase
    created_at_s: float
    scheduled_at_s: float | None = None
    started_at_s: float | None = None
    ready_at_s: float | None = None
    restarts: int = 0
    why: str = ""
    ip: str = ""
    node: str = ""

    @property
    def lead_s(self) -> float | None:
        """Created to ready. Not known once a container was started again: that readiness is not the first."""
        if self.ready_at_s is None or self.restarts:
            return None
        return max(0.0, self.ready_at_s - self.created_at_s)

    @property
    def stages_s(self) -> dict[str, float]:
        """The parts of the start that are over: scheduling, starting (image, volumes, containers) and warming."""
        marks = [
            ("scheduling", self.created_at_s, self.scheduled_at_s),
            ("starting", self.scheduled_at_s, self.started_at_s),
            ("warming", self.started_at_s, self.ready_at_s),
        ]
        if self.restarts:
            return {}
        return {name: max(0.0, end - begin) for name, begin, end in marks if begin is not None and end is not None}


def pod(thing: Object) -> Pod:
    """A pod of the API."""
    meta, status = thing["metadata"], thing.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    containers = status.get("containerStatuses") or ()
    starts = [_epoch_s(one.get("state", {}).get("running", {}).get("startedAt")) for one in containers]
    known = [start for start in starts if start is not None]
    why = _stuck(status, conditions)
    ready = _since(conditions.get("Ready"))
    return Pod(
        name=meta["name"],
        phase=_phase(meta, status, ready is not None, why),
        created_at_s=_epoch_s(meta["creationTimestamp"]) or 0.0,
        scheduled_at_s=_since(conditions.get("PodScheduled")),
        started_at_s=max(known) if known and len(known) == len(starts) else None,
        ready_at_s=ready,
        restarts=sum(one.get("restartCount", 0) for one in containers),
        why=why,
        ip=status.get("podIP", ""),
        node=(thing.get("spec") or {}).get("nodeName", ""),
    )


def quantiles_s(values: Sequence[float], levels: Sequence[float]) -> list[float]:
    """Quantiles that were really seen: the smallest value that this share of them does not exceed."""
    ordered = sorted(values)
    return [
        ordered[min(len(ordered) - 1, max(0, -(-round(level * 1000) * len(ordered) // 1000) - 1))] for level in levels
    ]


def stuck_words(pods: Iterable[Pod]) -> str:
    """What keeps pods from coming, each reason once, with how many it holds: for people."""
    held: dict[str, int] = {}
    for one in pods:
        if one.phase is PodPhase.STUCK:
            held[one.why] = held.get(one.why, 0) + 1
    return "; ".join(f"{count} × {why}" for why, count in sorted(held.items()))


def _phase(meta: Object, status: Object, ready: bool, why: str) -> PodPhase:
    if meta.get("deletionTimestamp") or status.get("phase") in ("Succeeded", "Failed"):
        return PodPhase.GOING
    if ready:
        return PodPhase.READY
    return PodPhase.STUCK if why else PodPhase.COMING


def _stuck(status: Object, conditions: Mapping[str, Object]) -> str:
    scheduled = conditions.get("PodScheduled", {})
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return f"Unschedulable: {scheduled.get('message', 'no node takes it')}"
    for one in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        waiting = one.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in STUCK_WAITING:
            message = waiting.get("message")
            return f"{waiting['reason']}: {message}" if message else str(waiting["reason"])
    return ""


def _since(condition: Object | None) -> float | None:
    """When a condition that is true became so."""
    if condition is None or condition.get("status") != "True":
        return None
    return _epoch_s(condition.get("lastTransitionTime"))


def _epoch_s(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
