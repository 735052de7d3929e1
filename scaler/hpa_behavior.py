"""The HPA's `behavior`: stabilisation windows and scaling policies, in either direction. PURE.

Sources: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ ("Configurable scaling behavior")
and, where the page is silent, `kubernetes/pkg/controller/podautoscaler/horizontal.go`.
"""

import math
from dataclasses import dataclass
from typing import Literal

Events = tuple[tuple[float, int], ...]
"""(when, replicas): recommendations, or changes (added; negative: removed)."""


@dataclass(frozen=True, slots=True)
class ScalingPolicy:
    """At most `value` pods, or percent of the replicas at the period's start, are added or removed in `period_s`."""

    kind: Literal["pods", "percent"]
    value: float
    period_s: float = 15.0

    def most(self, at_start: int) -> int:
        """The highest count that may be reached from so many at the period's start."""
        more = self.value if self.kind == "pods" else at_start * self.value / 100
        return ceil(at_start + more)

    def least(self, at_start: int) -> int:
        """The lowest count. Worked example of the page: 10 % of 72 are 7.2, so 8 may go and 64 stay."""
        fewer = self.value if self.kind == "pods" else at_start * self.value / 100
        return max(0, math.floor(at_start - fewer + 1e-9))


@dataclass(frozen=True, slots=True)
class Behavior:
    """One direction: the safest recommendation of `stabilization_s` counts, `select` one of the policies' limits.

    `max` takes the policy that allows the largest change, `min` the smallest; `disabled`: no change this way at all.
    """

    stabilization_s: float = 0.0
    policies: tuple[ScalingPolicy, ...] = ()
    select: Literal["max", "min", "disabled"] = "max"

    @property
    def longest_s(self) -> float:
        """How far back changes matter."""
        return max((policy.period_s for policy in self.policies), default=0.0)


def scale_up_default(period_s: float = 15.0) -> Behavior:
    """Kubernetes' default: at once, doubling or four more in 15 s, whichever is more."""
    return Behavior(0.0, (ScalingPolicy("percent", 100, period_s), ScalingPolicy("pods", 4, period_s)))


def scale_down_default(stabilization_s: float = 300.0, period_s: float = 15.0) -> Behavior:
    """Kubernetes' default: to the highest of the last five minutes, all of them in 15 s if need be."""
    return Behavior(stabilization_s, (ScalingPolicy("percent", 100, period_s),))


def stabilized(asked: int, now_s: float, recommendations: Events, up: Behavior, down: Behavior) -> int:
    """Out no further than the lowest recommendation of the up window, in no further than the highest of the down one.

    `recommendations` end with the one of now.
    """
    rising = min(count for _, count in within(recommendations, now_s, up.stabilization_s))
    falling = max(count for _, count in within(recommendations, now_s, down.stabilization_s))
    return rising if asked < rising else min(asked, falling)


def limited(wanted: int, asked: int, now_s: float, changes: Events, up: Behavior, down: Behavior) -> int:
    """`wanted`, but no further from `asked` than the policies allow after the changes so far."""
    one_way = up if wanted > asked else down
    if wanted == asked or one_way.select == "disabled":
        return asked
    if not one_way.policies:
        return wanted
    starts = [
        (policy, asked - sum(count for at, count in changes if at > now_s - policy.period_s))
        for policy in one_way.policies
    ]
    if wanted > asked:
        limits = [policy.most(start) for policy, start in starts]
        limit = min(limits) if one_way.select == "min" else max(limits)
        return min(wanted, max(asked, limit))
    limits = [policy.least(start) for policy, start in starts]
    limit = max(limits) if one_way.select == "min" else min(limits)
    return max(wanted, min(asked, limit))


def within(events: Events, now_s: float, window_s: float) -> Events:
    """Those of the window that ends now; the last one always."""
    return (*(event for event in events[:-1] if event[0] > now_s - window_s), *events[-1:])


def ceil(value: float) -> int:
    """Rounded up; 3.0000000001 from a division is 3."""
    return math.ceil(value - 1e-9)
