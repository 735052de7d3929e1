"""What each of a pool's replicas is worth to its users, for who must choose between pools. PURE."""

import numpy as np

from scaler import risk
from scaler.observation import Observation, PoolForecast, PoolSpec
from tidegate.shared.values import Skill


def worth(spec: PoolSpec, observation: Observation, kept: int, wanted: int) -> tuple[float, ...]:
    """Cost of late rows, in replica-seconds, that each replica after `kept` up to `wanted` avoids by itself.

    Over the forecast's sample paths as far as they reach: for a replica that has to be started first, only what it
    avoids once it is ready. Without a forecast, over a level load as it is now.
    """
    if wanted <= kept:
        return ()
    ahead = observation.forecast or _level(observation)
    steps = ahead.paths_rows_per_s.shape[1]
    available = risk.available(np.arange(kept, wanted + 1), observation, steps, ahead.step_s)
    capacity = risk.planning_rate(spec, observation) * available
    backlog = observation.outstanding_rows or 0.0
    late = np.array([risk.late_rows(ahead, one, backlog, spec.slo_wait_s)[-1] for one in capacity])
    return tuple(float(one) for one in spec.miss_price * np.maximum(0.0, late[:-1] - late[1:]))


def _level(observation: Observation) -> PoolForecast:
    step_s = observation.tick_s
    steps = max(1, round((observation.window_s + observation.lead.seconds) / step_s))
    return PoolForecast(step_s, np.full((1, steps), observation.demand_rows_per_s or 0.0), Skill())
