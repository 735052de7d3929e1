"""From a plan to what is done to the target. PURE."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scaler.kubernetes.pods import Pod, PodPhase
from scaler.readings import BackendReading
from tidegate.shared.values import Plan


@dataclass(frozen=True, slots=True)
class Step:
    """`replicas` to set (None: leave it), after draining `victims`; `give_up`: first end the drain under way."""

    replicas: int | None = None
    victims: tuple[str, ...] = ()
    give_up: bool = False


def held(plan: Plan) -> bool:
    """True when the plan is to hold because data is missing."""
    return any(one.name == "hold" for one in plan.adjustments)


def step(plan: Plan, replicas: int, pods: Sequence[Pod], outstanding: Mapping[str, int], *, retiring: bool) -> Step:
    """What brings the target, which asks for `replicas` now, to the plan. `outstanding` is by pod.

    The plan's number is set as such, never added to what is there: stuck pods are part of the target's number, and a
    planner that misses them must not ask for more each time. A plan to hold lowers nothing, stuck pods included.
    """
    if plan.desired > replicas:
        return Step(plan.desired, give_up=retiring)
    if retiring:
        return Step(give_up=plan.desired > plan.asked)
    if plan.desired == replicas or held(plan):
        return Step()
    there = [one for one in pods if one.phase is not PodPhase.GOING]
    count = len(there) - plan.desired
    chosen = sorted(there, key=lambda one: _order(one, outstanding))[: max(0, count)]
    return Step(plan.desired, tuple(one.name for one in chosen))


def backends_of(pods: Iterable[Pod], backends: Mapping[str, BackendReading]) -> dict[str, BackendReading]:
    """Each pod's backend at the routers: by its name, which is its replica id, else by its address."""
    by_host = {one.address.rpartition(":")[0]: one for one in backends.values()}
    found = {one.name: backends.get(one.name) or by_host.get(one.ip) for one in pods}
    return {name: backend for name, backend in found.items() if backend is not None}


def _order(pod: Pod, outstanding: Mapping[str, int]) -> tuple[int, float]:
    """Whom nobody misses first: stuck, then the youngest that only starts, then the ready one with the least to do."""
    if pod.phase is PodPhase.STUCK:
        return 0, -pod.created_at_s
    if pod.phase is PodPhase.COMING:
        return 1, -pod.created_at_s
    return 2, outstanding.get(pod.name, 0)
