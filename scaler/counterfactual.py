"""What a pool would have cost in each mode: imagined pools that live beside the real one. PURE.

Each is offered the demand that really came, and gets what its mode would have asked for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from scaler.imagined import HALF_LIFE_S, Imagined, begin
from scaler.observation import Observation, PoolSpec, Wishes, latest
from scaler.risk import clearing, planning_rate
from tidegate.shared.values import FloatArray, IntArray, Mode

COMPARED = (Mode.SHADOW, Mode.FLOOR, Mode.FULL)
HEADROOMS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0)
"""Shares that are added to what a mode asks for: what the forecast, or a target, doesn't know of its own errors."""
RELAXED = (-0.05, -0.1, -0.15, -0.2)
"""Shares that may be taken off again in shadow, whose target is a guess: nobody said how level the load is."""
LATELY_LEADS = 20.0
"""What was so many leads ago counts half in what was spent lately: there a season that breaks shows soon."""
STAYS_LEADS = (6.0, 24.0, 0.0)
"""Times, in leads, for which what was planned stays when demand fell unforeseen (`scaler/falls.py`). The first is what
happens while there is nothing to choose by: a replica that is missing at the return costs its work at the price of a
miss for a lead, commonly that of some tens of leads of idling."""


class Kind(NamedTuple):
    """What tells one of the worlds from the others."""

    mode: Mode
    headroom: float
    stays_leads: float


KINDS = tuple(
    Kind(mode, headroom, stays_leads)
    for mode in COMPARED
    for headroom in (*HEADROOMS, *(RELAXED if mode is Mode.SHADOW else ()))
    for stays_leads in STAYS_LEADS
)
"""The first is what costs are compared with."""
HEADROOM_OF: FloatArray = np.array([kind.headroom for kind in KINDS])
KEPT_OF = np.array([kind.mode is not Mode.SHADOW for kind in KINDS])
"""Where what was wanted stays for a lead, as in the real one; shadow's target tracking waits by itself."""
PLANS = tuple((mode, stays_leads) for mode in COMPARED for stays_leads in STAYS_LEADS)
PLAN_OF = np.array([PLANS.index((kind.mode, kind.stays_leads)) for kind in KINDS])
"""Which of PLANS a world follows."""


def with_headroom(replicas: int, headroom: float) -> int:
    """So many and the headroom (which may be negative), to the nearest whole."""
    return math.ceil(replicas * (1.0 + headroom) - 0.5)


@dataclass(frozen=True, slots=True)
class Worlds:
    """A pool for each kind, in their order; `seconds` is how much time they speak for, fading as their sums do."""

    kinds: tuple[Kind, ...] = ()
    pools: Imagined = field(default_factory=lambda: begin(0, 0, 0.0))
    seconds: float = 0.0
    at_s: float | None = None
    lately_s: tuple[float, ...] = ()
    """What each cost, late rows at their price, in replica-seconds that fade with a half-life of LATELY_LEADS."""
    planned: Mapping[Mode, Wishes] = field(default_factory=dict)
    """What each mode planned since a lead before the last fall, or now; before headroom."""
    fell_at_s: float | None = None
    """When demand last fell unforeseen; None also when a new fall ends the last one's lesson (`planner.plan`)."""

    def falling(self, stays_s: float) -> bool:
        """Whether the last fall of demand was less than that long ago."""
        return self.at_s is not None and self.fell_at_s is not None and self.at_s - self.fell_at_s < stays_s

    def lasting(self, mode: Mode, stays_s: float) -> int:
        """What the mode plans; for so long after a fall, the most that it planned since shortly before."""
        return self.planned[mode][0 if self.falling(stays_s) else -1][1]

    def saved(self, miss_price: float) -> FloatArray:
        """What each would have saved against the first, as a share of that one's replica-seconds."""
        cost_s = _cost_s(self.pools, miss_price)
        saved: FloatArray = (cost_s[0] - cost_s) / max(self.pools.replica_s[0], 1e-9)
        return saved

    def lost_lately(self, lead_s: float) -> FloatArray:
        """What each has lately cost more than the first, as a share of what that one pays for in so long on average.

        On average, so that an hour with hardly a replica, of which one more is twice as many, is no emergency.
        """
        mean = max(1.0, self.pools.replica_s[0] / max(self.seconds, 1e-9))
        usual_s = max(mean * LATELY_LEADS * lead_s / math.log(2.0), 1e-9)
        lost: FloatArray = (np.array(self.lately_s) - self.lately_s[0]) / usual_s
        return lost


def lived(worlds: Worlds, spec: PoolSpec, observation: Observation) -> Worlds:
    """The worlds after the last tick. A tick without a reading of demand is left out of all of them."""
    now_s, demand = observation.now_s, observation.demand_rows_per_s
    if worlds.kinds != KINDS:
        pools = begin(observation.ready, len(KINDS), observation.outstanding_rows or 0.0)
        return Worlds(KINDS, pools, at_s=now_s, lately_s=(0.0,) * len(KINDS))
    passed_s = min(now_s - (now_s if worlds.at_s is None else worlds.at_s), 2 * observation.tick_s)
    if demand is None or passed_s <= 0.0:
        return replace(worlds, at_s=now_s)
    pools = worlds.pools.lived(spec, observation, demand, passed_s)
    fade = 0.5 ** (passed_s / HALF_LIFE_S)
    cost_s = _cost_s(pools, spec.miss_price) - fade * _cost_s(worlds.pools, spec.miss_price)
    half_life_s = LATELY_LEADS * max(observation.lead.seconds, observation.tick_s)
    lately = 0.5 ** (passed_s / half_life_s) * np.array(worlds.lately_s) + cost_s
    return replace(
        worlds,
        pools=pools,
        seconds=fade * worlds.seconds + passed_s,
        at_s=now_s,
        lately_s=tuple(lately.tolist()),
    )


def _cost_s(pools: Imagined, miss_price: float) -> FloatArray:
    """What each has cost, late rows at their price, in replica-seconds."""
    cost_s: FloatArray = np.array(pools.replica_s) + miss_price * np.array(pools.late_rows)
    return cost_s


def asked(
    worlds: Worlds, spec: PoolSpec, observation: Observation, wishes: Mapping[Mode, int], fell_at_s: float | None
) -> Worlds:
    """Each world gets what its mode wants, or wanted before a fall, with its headroom, and what clears its queue."""
    rate, lead_s = planning_rate(spec, observation), observation.lead.seconds
    demand, pools = observation.demand_rows_per_s or 0.0, worlds.pools
    fallen_s = 0.0 if fell_at_s is None else observation.now_s - fell_at_s
    keeps_s = lead_s + (fallen_s if fallen_s < max(STAYS_LEADS) * lead_s else 0.0)
    planned = {
        mode: latest(worlds.planned.get(mode, ()), observation.now_s, keeps_s, wishes[mode]) for mode in COMPARED
    }
    worlds = replace(worlds, planned=planned, fell_at_s=fell_at_s)
    plans = np.array([worlds.lasting(mode, stays_leads * lead_s) for mode, stays_leads in PLANS])
    wanted: IntArray = np.ceil(plans[PLAN_OF] * (1.0 + HEADROOM_OF) - 0.5).astype(np.int64)  # as `with_headroom`
    excess = np.array(pools.queue_rows) - spec.slo_wait_s * rate * np.array(pools.ready)
    for at in np.flatnonzero(excess > 0.0):
        more = clearing(spec, rate, max(lead_s, spec.slo_wait_s), demand, float(excess[at]))
        wanted[at] = max(wanted[at], math.ceil((demand + more) / rate - 1e-9))
    wanted = np.clip(wanted, spec.min_replicas, spec.max_replicas)
    return replace(worlds, pools=pools.asking(wanted, observation.now_s, lead_s, lead_s * KEPT_OF))
