"""The named steps from the combined terms to the decision. PURE.

Each takes the number so far and answers the number after it and, when it changed something, why. Their order is that
of `planner.plan`.
"""

import math

import numpy as np

from scaler.observation import Observation, PoolSpec, Wishes
from scaler.risk import planning_rate
from scaler.wording import figure
from tidegate.shared.values import Mode

Step = tuple[int, str]


def awake(wanted: int, observation: Observation) -> Step:
    """Never none while there is work, whatever the terms say."""
    demand, outstanding = observation.demand_rows_per_s or 0.0, observation.outstanding_rows or 0.0
    if wanted == 0 and (demand > 0.0 or outstanding > 0.0):
        return 1, f"{figure(demand)} rows/s are offered and {figure(outstanding)} rows are outstanding"
    return wanted, ""


def hold_down(wanted: int, spec: PoolSpec, observation: Observation, mode: Mode) -> Step:
    """Not to pay a start-up twice: keep what the median path needs again soon.

    A replica dropped now and needed again g seconds later saves g replica-seconds and costs a start-up of `lead`
    replica-seconds, so dropping pays only when it isn't needed within the window and another lead.
    """
    forecast = observation.forecast
    if wanted >= observation.asked or forecast is None or mode is Mode.SHADOW:
        return wanted, ""
    steps = math.ceil((observation.window_s + observation.lead.seconds) / forecast.step_s - 1e-9)
    peak = float(np.median(forecast.paths_rows_per_s[:, :steps].max(axis=1, initial=0.0)))
    needed = min(observation.asked, math.ceil(peak / planning_rate(spec, observation) - 1e-9))
    if needed <= wanted:
        return wanted, ""
    reach = observation.window_s + observation.lead.seconds
    return (
        needed,
        f"the median path reaches {figure(peak)} rows/s within {figure(reach)} s: needed again before it pays",
    )


def settle(wanted: int, recent: Wishes, observation: Observation, mode: Mode) -> Step:
    """Not to let go for a moment: what was wanted within one lead is kept.

    Idling for as long as a start-up costs and then letting go is never worse than twice the best that could have been
    done in hindsight (ski rental; Karlin et al. 1988).
    """
    highest = max((count for _, count in recent), default=wanted)
    if wanted >= observation.asked or highest <= wanted or mode is Mode.SHADOW:
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
