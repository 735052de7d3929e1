"""Demand that fell where nobody foresaw it: an outage upstream, a deployment, a broken client. PURE.

Such demand is often back before a replica could be. It isn't in a season, and a forecast that follows the level takes
the fall for the new level at once; so what the forecast said a lead ago, the last time to do something about it, is
kept and compared.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scaler.observation import Observation, PoolForecast

LOW = 0.05
"""The quantile of the forecast that demand is compared with …"""
FALLEN = 0.3
"""… and the share of it below which it fell: further than a slow decline that a forecast leaves out."""
ENOUGH_ROWS = 20.0
"""So many rows must be missing: a tick of a slow load may bring none by chance."""


@dataclass(frozen=True, slots=True)
class Falls:
    """What is foreseen, and when demand was far below what had been (epoch seconds)."""

    foreseen: tuple[tuple[float, float], ...] = ()
    """(for when, the least rows/s expected from then on of what there was), up to a lead ahead."""
    began_at_s: float | None = None
    """When demand fell …"""
    below_at_s: float | None = None
    """… and when it last was far below what was foreseen before."""
    missing_rows: float = 0.0
    """What has not come since demand last was not far below."""


def watched(falls: Falls, observation: Observation) -> Falls:
    """After one more tick: whether demand fell, and what is foreseen one lead from now."""
    now_s, demand, lead_s = observation.now_s, observation.demand_rows_per_s, observation.lead.seconds
    if demand is None:
        return falls
    stale_s = now_s - 2.0 * max(lead_s, observation.tick_s)  # what was said before a gap says nothing of now
    due = [low for for_s, low in falls.foreseen if stale_s < for_s <= now_s]
    ahead = tuple(one for one in falls.foreseen if one[0] > now_s)
    began_at_s, below_at_s = falls.began_at_s, falls.below_at_s
    far = bool(due) and demand < FALLEN * due[-1]
    missing = falls.missing_rows + (due[-1] - demand) * observation.tick_s if far else 0.0
    if missing >= ENOUGH_ROWS:
        if below_at_s is None or now_s - below_at_s > lead_s:
            began_at_s = now_s
        below_at_s = now_s
    return Falls((*ahead, (now_s + lead_s, _least(observation, demand))), began_at_s, below_at_s, missing)


def _least(observation: Observation, demand_rows_per_s: float) -> float:
    """What is expected at least, of what there is now, from one lead to two from now.

    What is yet to come can't fall; and what is foreseen to end within a lead of then, as a spike is, may end early.
    """
    forecast = observation.forecast
    if forecast is None:
        return demand_rows_per_s
    first = min(int(observation.lead.seconds / forecast.step_s), forecast.paths_rows_per_s.shape[1] - 1)
    return min(demand_rows_per_s, _low(forecast, first))


@lru_cache(maxsize=1)  # planners that share a forecast, as a sweep's do, ask one after the other
def _low(forecast: PoolForecast, first: int) -> float:
    """The least of what is expected in each step from there on, rows/s."""
    place = int(LOW * len(forecast.paths_rows_per_s))
    return float(np.partition(forecast.paths_rows_per_s[:, first:], place, axis=0)[place].min())
