"""Who else writes the target's replicas: another autoscaler, another PredictiveScaler, a person. PURE."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scaler.kubernetes.wishes import Target, Wish

FIRST_BACK_OFF_S = 60.0
LONGEST_BACK_OFF_S = 3600.0
FORGET_S = 2 * LONGEST_BACK_OFF_S
"""A writer that was quiet for so long is a stranger again."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """What is known of the target's number: ours, or somebody else's. Start with an empty one."""

    replicas: int | None = None
    strikes: int = 0
    struck_at_s: float = 0.0

    @property
    def hands_off_until_s(self) -> float:
        """Nothing is written before this time."""
        if self.strikes == 0:
            return 0.0
        wait_s = min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * 2.0 ** (self.strikes - 1))
        return self.struck_at_s + wait_s

    def wrote(self, replicas: int) -> "Ownership":
        """We set the number."""
        return Ownership(replicas, self.strikes, self.struck_at_s)

    def saw(self, now_s: float, replicas: int) -> "Ownership":
        """The number as it is found. One that we did not set is left alone for a while, longer each time."""
        if self.replicas is None or replicas == self.replicas:
            forgiven = now_s - self.struck_at_s > FORGET_S
            return Ownership(replicas, 0 if forgiven else self.strikes, self.struck_at_s)
        return Ownership(replicas, min(self.strikes + 1, 20), now_s)


def other_autoscaler(target: Target, autoscalers: Iterable[Mapping[str, Any]]) -> str:
    """The HorizontalPodAutoscaler (KEDA makes one too) that scales the same target; empty for none."""
    for one in autoscalers:
        reference = one["spec"]["scaleTargetRef"]
        group = reference.get("apiVersion", "").rpartition("/")[0]
        if (group, reference["kind"], reference["name"]) == (target.group, target.kind, target.name):
            return str(one["metadata"]["name"])
    return ""


def rival(wish: Wish, wishes: Iterable[Wish]) -> str:
    """The older PredictiveScaler with the same target; empty for none. (Of two of one age the name decides.)"""
    mine = (wish.target.group, wish.target.kind, wish.target.name)
    older = [
        one
        for one in wishes
        if (one.target.group, one.target.kind, one.target.name) == mine
        and (one.created_at_s, one.name) < (wish.created_at_s, wish.name)
    ]
    return min(older, key=lambda one: (one.created_at_s, one.name)).name if older else ""
