"""The named steps from the combined terms to the decision. PURE.

Each takes the number so far and answers the number after it and, when it changed something, why. Their order is that
of `planner._steps`.
"""

from scaler.observation import Observation, PoolSpec, Wishes
from scaler.wording import figure
from tidegate.shared.values import Mode

Step = tuple[int, str]


def awake(wanted: int, observation: Observation) -> Step:
    """Never none while there is work, whatever the terms say."""
    demand, outstanding = observation.demand_rows_per_s or 0.0, observation.outstanding_rows or 0.0
    if wanted == 0 and (demand > 0.0 or outstanding > 0.0):
        return 1, f"{figure(demand)} rows/s are offered and {figure(outstanding)} rows are outstanding"
    return wanted, ""


def fall(wanted: int, lasting: int, stays_s: float) -> Step:
    """What fell unforeseen may be back before a replica is."""
    why = f"demand fell far below what was foreseen: {lasting} were planned before, and stay {figure(stays_s)} s"
    return max(wanted, lasting), why


def headroom(with_room: int, share: float) -> Step:
    """What the forecast, or a target, has cost by not knowing its own errors, or by fearing too many."""
    return with_room, f"{abs(share):.0%} {'less' if share < 0.0 else 'more'} than planned would have cost the least"


def settle(wanted: int, recent: Wishes, observation: Observation, mode: Mode) -> Step:
    """Not to let go for a moment: what was wanted within one lead is kept.

    Idling for as long as a start-up costs and then letting go is never worse than twice the best that could have been
    done in hindsight (ski rental; Karlin et al. 1988).
    """
    highest = max((count for _, count in recent), default=wanted)
    if wanted >= observation.asked or highest <= wanted or mode in (Mode.SHADOW, Mode.HPA):
        return wanted, ""
    kept = min(highest, observation.asked)
    if kept <= wanted:
        return wanted, ""
    return kept, f"{kept} were wanted within the last {figure(observation.lead.seconds)} s, the price of a start-up"


def rate_limit(wanted: int, spec: PoolSpec, observation: Observation) -> Step:
    """At most so many more, and so many fewer, in one tick."""
    if spec.max_added_per_tick is not None and wanted > observation.asked + spec.max_added_per_tick:
        return observation.asked + spec.max_added_per_tick, f"at most {spec.max_added_per_tick} more in one tick"
    if spec.max_removed_per_tick is not None and wanted < observation.asked - spec.max_removed_per_tick:
        return observation.asked - spec.max_removed_per_tick, f"at most {spec.max_removed_per_tick} fewer in one tick"
    return wanted, ""


def bounds(wanted: int, spec: PoolSpec) -> Step:
    """The pool's least and most replicas."""
    if wanted < spec.min_replicas:
        return spec.min_replicas, f"min_replicas is {spec.min_replicas}"
    if wanted > spec.max_replicas:
        return spec.max_replicas, f"max_replicas is {spec.max_replicas}"
    return wanted, ""
