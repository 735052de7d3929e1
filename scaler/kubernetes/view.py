"""A target's pods as the planner counts replicas. PURE."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field

from scaler.fleet import FleetView
from scaler.kubernetes.pods import Pod, PodPhase

CREATED_WITHIN_S = 30.0
"""A replica that was asked for and has no pod after this time isn't coming: a quota or an admission check stops it."""


@dataclass(slots=True)
class PodBook:
    """What is remembered of one target's pods from look to look."""

    asked_at_s: float = 0.0
    """When the number asked for last grew."""
    _asked: int | None = None
    _waiting: set[str] = field(default_factory=set)
    """Pods seen before they were ready: only theirs is a start that this scaler watched."""

    def observe(self, now_s: float, asked: int, pods: Iterable[Pod], retiring: Set[str]) -> FleetView:
        """The pool as it stands: `asked` is the target's spec.replicas, `retiring` the pods that are being drained.

        Stuck pods are neither ready nor starting. Replicas without a pod yet are starting, for a while.
        """
        if self._asked is None or asked > self._asked:
            self.asked_at_s = now_s
        self._asked = asked
        there = [one for one in pods if one.phase is not PodPhase.GOING]
        uncreated = max(0, asked - len(there)) if now_s - self.asked_at_s <= CREATED_WITHIN_S else 0
        counted = [one for one in there if one.name not in retiring]
        coming = [one for one in counted if one.phase is PodPhase.COMING]
        started = self._started(there)
        return FleetView(
            ready=sum(one.phase is PodPhase.READY for one in counted),
            starting_asked_at_s=(*(one.created_at_s for one in coming), *[self.asked_at_s] * uncreated),
            stopping=len(there) - len(counted),
            leads_s=tuple(one.lead_s for one in started if one.lead_s is not None),
            failed_starts=sum(one.phase is PodPhase.STUCK for one in counted),
            stages_s=tuple(stage for one in started for stage in one.stages_s.items()),
        )

    def _started(self, pods: list[Pod]) -> list[Pod]:
        """Those that became ready since the last look."""
        started = [one for one in pods if one.phase is PodPhase.READY and one.name in self._waiting]
        self._waiting = {one.name for one in pods if one.phase is not PodPhase.READY}
        return started
