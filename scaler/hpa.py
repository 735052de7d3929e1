"""The documented Horizontal Pod Autoscaler. PURE.

Both the baseline that every plan is compared with (and that decides in `shadow` mode) and the formula of our reactive
term. Sources: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ ("Algorithm details" and
"Default Behavior") and, where the page is silent, kubernetes/pkg/controller/podautoscaler.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

SCALE_UP_PERCENT = 100
"""Default scale-up policy: this much more in one policy period …"""
SCALE_UP_REPLICAS = 4
"""… or this many more, whichever is more. (Scale-down's default policy, 100 % in a period, never binds.)"""


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """What the HPA is set to. The defaults are Kubernetes', the target excepted: there is none."""

    target: float = 0.8
    tolerance: float = 0.1
    sync_period_s: float = 15.0
    downscale_stabilization_s: float = 300.0
    policy_period_s: float = 15.0


@dataclass(frozen=True, slots=True)
class HpaMemory:
    """What the HPA remembers between syncs; start with an empty one."""

    synced_at_s: float | None = None
    answer: int | None = None
    reason: str = ""
    readings: tuple[Mapping[str, float], ...] = ()
    """Each metric's ratios since the last sync; the next sync sees their mean, as a metrics pipeline averages."""
    recommendations: tuple[tuple[float, int], ...] = ()
    """(when, replicas) within the stabilisation window, before stabilisation."""
    asked: int | None = None
    changes: tuple[tuple[float, int], ...] = ()
    """(when, replicas added or, negative, removed) within the policy period."""


def proportional(ready: int, starting: int, ratio: float, tolerance: float = 0.1) -> int:
    """Replicas that bring the metric to its target; `ratio` is the mean over *ready* replicas divided by the target.

    desired = ceil(current · ratio), nothing within the tolerance. Replicas that aren't ready are left out when
    scaling in, and count as idle when scaling out; that may damp the change but never turn its direction.
    Worked: 2 ready at ratio 3 and 2 starting: 6 replicas' worth of work over 4 is a ratio of 1.5, so ceil(1.5·4) = 6.
    """
    asked = ready + starting
    if ready == 0:
        return asked
    if ratio <= 1.0 or starting == 0:
        return asked if _close(ratio, tolerance) else _ceil(ratio * ready)
    damped = ratio * ready / asked
    if damped < 1.0 or _close(damped, tolerance):
        return asked
    return max(asked, _ceil(damped * asked))


def decide(
    spec: HpaSpec,
    memory: HpaMemory,
    now_s: float,
    ready: int,
    starting: int,
    ratios: Mapping[str, float],
    bounds: tuple[int, int],
) -> tuple[int | None, str, HpaMemory]:
    """What the HPA asks for now: (replicas or None without data, why, what to remember).

    `ratios` has each metric's mean over ready replicas divided by its target (none: no reading); the metric that asks
    for the most replicas wins. `bounds` are (least, most) replicas. Between two syncs the last answer stands.
    """
    asked = ready + starting
    changes = _changes(spec, memory, now_s, asked)
    readings = (*memory.readings, ratios) if ratios else memory.readings
    due = memory.synced_at_s is None or now_s - memory.synced_at_s >= spec.sync_period_s - 1e-6
    if not due:
        return memory.answer, memory.reason, replace(memory, readings=readings, asked=asked, changes=changes)
    # A fresh controller takes what is there as its first recommendation, so that a restart is no reason to scale in.
    recent = memory.recommendations or ((now_s, asked),)
    recent = tuple(entry for entry in recent if entry[0] > now_s - spec.downscale_stabilization_s)
    if not readings:
        reason = "no reading of any metric: the HPA leaves things as they are"
        return None, reason, HpaMemory(now_s, None, reason, (), recent, asked, changes)
    metric, mean = _largest(readings)
    wanted = proportional(ready, starting, mean, spec.tolerance)
    recent = (*recent, (now_s, wanted))
    stable = wanted if wanted > asked else min(asked, max(count for _, count in recent))
    limit = _scale_up_limit(asked, changes)
    answer = min(max(min(stable, limit), bounds[0]), bounds[1])
    reason = f"{metric} {mean:.2f} times its target on {ready} ready asks for {wanted}"
    if stable != wanted:
        reason += f"; highest of the last {spec.downscale_stabilization_s:g} s keeps {stable}"
    elif limit < stable:
        reason += f"; at most {limit} in {spec.policy_period_s:g} s"
    return answer, reason, HpaMemory(now_s, answer, reason, (), recent, asked, changes)


def _largest(readings: tuple[Mapping[str, float], ...]) -> tuple[str, float]:
    """The metric with the largest mean ratio, and that ratio: it asks for the most replicas."""
    names = sorted({name for reading in readings for name in reading})
    seen = {name: [reading[name] for reading in readings if name in reading] for name in names}
    return max(((name, sum(values) / len(values)) for name, values in seen.items()), key=lambda mean: mean[1])


def _changes(spec: HpaSpec, memory: HpaMemory, now_s: float, asked: int) -> tuple[tuple[float, int], ...]:
    recent = tuple(entry for entry in memory.changes if entry[0] > now_s - spec.policy_period_s)
    if memory.asked is None or memory.asked == asked:
        return recent
    return (*recent, (now_s, asked - memory.asked))


def _scale_up_limit(asked: int, changes: tuple[tuple[float, int], ...]) -> int:
    at_period_start = asked - sum(count for _, count in changes)
    most = max(at_period_start + SCALE_UP_REPLICAS, _ceil(at_period_start * (1 + SCALE_UP_PERCENT / 100)))
    return max(asked, most)


def _close(ratio: float, tolerance: float) -> bool:
    return abs(ratio - 1.0) <= tolerance + 1e-9


def _ceil(value: float) -> int:
    """Rounded up; 3.0000000001 from a division is 3."""
    return math.ceil(value - 1e-9)
