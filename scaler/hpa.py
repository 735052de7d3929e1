"""The documented Horizontal Pod Autoscaler. PURE.

Both the baseline that every plan is compared with (and that decides in mode `hpa`) and the formula of our reactive
term; the simulator's rivals that rest on an HPA use it too. Sources:
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ ("Algorithm details" and "Configurable
scaling behavior") and, where the page is silent, kubernetes/pkg/controller/podautoscaler.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from scaler.hpa_behavior import (
    Behavior,
    Events,
    ceil,
    limited,
    scale_down_default,
    scale_up_default,
    stabilized,
    within,
)


@dataclass(frozen=True, slots=True)
class HpaSpec:
    """What the HPA is set to. The defaults are Kubernetes' (the target is what it takes when no metric is named)."""

    target: float = 0.8
    tolerance: float = 0.1
    sync_period_s: float = 15.0
    up: Behavior = field(default_factory=scale_up_default)
    down: Behavior = field(default_factory=scale_down_default)


@dataclass(frozen=True, slots=True)
class HpaMemory:
    """What the HPA remembers between syncs; start with an empty one."""

    synced_at_s: float | None = None
    answer: int | None = None
    reason: str = ""
    readings: tuple[Mapping[str, float | None], ...] = ()
    """Each metric's ratios since the last sync; the next sync sees their mean, as a metrics pipeline averages."""
    recommendations: Events = ()
    """(when, replicas) within the longer stabilisation window, before stabilisation."""
    asked: int | None = None
    changes: Events = ()
    """(when, replicas added or, negative, removed) within the longest policy period."""


def proportional(ready: int, starting: int, ratio: float, tolerance: float = 0.1, missing: int = 0) -> int:
    """Replicas that bring the metric to its target; `ratio` is the mean over replicas with a reading, over the target.

    desired = ceil(current · ratio), nothing within the tolerance. Replicas that aren't ready are left out when
    scaling in, and count as idle when scaling out; of those `ready` that have no reading, `missing`, the same is
    assumed when scaling out, and that they are exactly at the target when scaling in. That may damp the change but
    never turn its direction.
    Worked: 2 ready at ratio 3 and 2 starting: 6 replicas' worth of work over 4 is a ratio of 1.5, so ceil(1.5·4) = 6.
    """
    asked, read = ready + starting, ready - missing
    if read <= 0:
        return asked
    rising = ratio > 1.0
    if missing == 0 and not (rising and starting):
        return asked if _close(ratio, tolerance) else ceil(ratio * ready)
    counted = ready + (starting if rising else 0)
    damped = (ratio * read + (0 if rising else missing)) / counted
    if _close(damped, tolerance) or (damped > 1.0) != rising:
        return asked
    wanted = ceil(damped * counted)
    return max(asked, wanted) if rising else min(asked, wanted)


def decide(
    spec: HpaSpec,
    memory: HpaMemory,
    now_s: float,
    ready: int,
    starting: int,
    ratios: Mapping[str, float | None],
    bounds: tuple[int, int],
) -> tuple[int | None, str, HpaMemory]:
    """What the HPA asks for now: (replicas or None without data, why, what to remember).

    `ratios` has each metric's mean over ready replicas divided by its target (none: no reading); the metric that asks
    for the most replicas wins. While one can't be read (None), the others may scale out but not in. `bounds` are
    (least, most) replicas. Between two syncs the last answer stands.
    """
    asked = ready + starting
    if memory.synced_at_s is not None and now_s < memory.synced_at_s:
        memory = HpaMemory(asked=memory.asked)  # the clock was set back: what is remembered lies ahead
    changes = _changes(spec, memory, now_s, asked)
    readings = (*memory.readings, ratios) if ratios else memory.readings
    due = memory.synced_at_s is None or now_s - memory.synced_at_s >= spec.sync_period_s - 1e-6
    if not due:
        return memory.answer, memory.reason, replace(memory, readings=readings, asked=asked, changes=changes)
    # A fresh controller takes what is there as its first recommendation, so that a restart is no reason to scale in.
    recent = memory.recommendations or ((now_s, asked),)
    found = _largest(readings)
    if found is None:
        reason = "no reading of any metric: the HPA leaves things as they are"
        return None, reason, HpaMemory(now_s, None, reason, (), recent, asked, changes)
    metric, mean, unread = found
    wanted = proportional(ready, starting, mean, spec.tolerance)
    if unread and wanted < asked:
        reason = f"{unread} can't be read, and {metric} alone would scale in: the HPA leaves things as they are"
        return None, reason, HpaMemory(now_s, None, reason, (), recent, asked, changes)
    recent = within((*recent, (now_s, wanted)), now_s, max(spec.up.stabilization_s, spec.down.stabilization_s))
    stable = stabilized(asked, now_s, recent, spec.up, spec.down)
    allowed = limited(stable, asked, now_s, changes, spec.up, spec.down)
    answer = min(max(allowed, bounds[0]), bounds[1])
    reason = f"{metric} {mean:.2f} times its target on {ready} ready asks for {wanted}"
    if stable != wanted:
        window_s = (spec.down if wanted < stable else spec.up).stabilization_s
        reason += f"; {'highest' if wanted < stable else 'lowest'} of the last {window_s:g} s keeps {stable}"
    elif allowed < stable:
        reason += f"; at most {allowed} in {spec.up.longest_s:g} s"
    elif allowed > stable:
        reason += f"; at least {allowed} in {spec.down.longest_s:g} s"
    return answer, reason, HpaMemory(now_s, answer, reason, (), recent, asked, changes)


def _largest(readings: tuple[Mapping[str, float | None], ...]) -> tuple[str, float, str] | None:
    """The metric with the largest mean ratio (it asks for the most replicas), that ratio, and a metric without one."""
    means: dict[str, float] = {}
    unread = ""
    for name in sorted({name for reading in readings for name in reading}):
        seen = [ratio for reading in readings if (ratio := reading.get(name)) is not None]
        if seen:
            means[name] = sum(seen) / len(seen)
        else:
            unread = name
    if not means:
        return None
    metric = max(means, key=means.__getitem__)
    return metric, means[metric], unread


def _changes(spec: HpaSpec, memory: HpaMemory, now_s: float, asked: int) -> Events:
    longest_s = max(spec.up.longest_s, spec.down.longest_s)
    recent = tuple(entry for entry in memory.changes if entry[0] > now_s - longest_s)
    if memory.asked is None or memory.asked == asked:
        return recent
    return (*recent, (now_s, asked - memory.asked))


def _close(ratio: float, tolerance: float) -> bool:
    return abs(ratio - 1.0) <= tolerance + 1e-9
