"""A target's pods as the planner counts replicas. PURE."""

from collections import deque
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field

from scaler.fleet import FleetView, Start
from scaler.kubernetes.pods import Pod, PodPhase
from scaler.lead import KEPT_STARTS

CREATED_WITHIN_S = 30.0
"""A replica that was asked for and has no pod after this time isn't coming: a quota or an admission check stops it."""


@dataclass(slots=True)
class PodBook:
    """What is remembered of one target's pods from look to look."""

    asked_at_s: float = 0.0
    """When the number asked for last grew."""
    leads_s: dict[str, deque[float]] = field(default_factory=dict)
    """The latest starts by node pool, oldest first; "" where it isn't known."""
    _asked: int | None = None
    _waiting: set[str] = field(default_factory=set)
    """Pods seen before they were ready: only theirs is a start that this scaler watched."""

    def observe(
        self,
        now_s: float,
        asked: int,
        pods: Iterable[Pod],
        retiring: Set[str],
        node_pool_of: Callable[[str], str] = lambda _node: "",
    ) -> FleetView:
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
        starts = tuple(
            Start(one.lead_s, node_pool_of(one.node), tuple(one.stages_s.items()))
            for one in self._started(there)
            if one.lead_s is not None
        )
        for start in starts:
            self.leads_s.setdefault(start.node_pool, deque(maxlen=KEPT_STARTS)).append(start.lead_s)
        return FleetView(
            ready=sum(one.phase is PodPhase.READY for one in counted),
            starting_asked_at_s=(*(one.created_at_s for one in coming), *[self.asked_at_s] * uncreated),
            stopping=len(there) - len(counted),
            leads_s=tuple(one.lead_s for one in starts),
            failed_starts=sum(one.phase is PodPhase.STUCK for one in counted),
            starts=starts,
        )

    def _started(self, pods: list[Pod]) -> list[Pod]:
        """Those that became ready since the last look."""
        started = [one for one in pods if one.phase is PodPhase.READY and one.name in self._waiting]
        self._waiting = {one.name for one in pods if one.phase is not PodPhase.READY}
        return started
