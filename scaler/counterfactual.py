"""What a pool would have cost in each mode: imagined pools that live beside the real one. PURE.

Each is offered the demand that really came, and gets what its mode would have asked for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from scaler.imagined import HALF_LIFE_S, Imagined, begin
from scaler.observation import Observation, PoolSpec
from scaler.risk import clearing, planning_rate
from tidegate.shared.values import FloatArray, IntArray, Mode

COMPARED = (Mode.SHADOW, Mode.FLOOR, Mode.FULL)
HEADROOMS = (0.0, 0.05, 0.1, 0.2, 0.35)
"""Shares that are added to what a mode asks for: what the forecast, or a target, doesn't know of its own errors."""
RELAXED = (-0.05, -0.1, -0.15, -0.2)
"""Shares that may be taken off again in shadow, whose target is a guess: nobody said how level the load is."""
LATELY_LEADS = 20.0
"""What was so many leads ago counts half in what was spent lately: there a season that breaks shows soon."""


class Kind(NamedTuple):
    """What tells one of the worlds from the others."""

    mode: Mode
    headroom: float

    def keep_s(self, lead_s: float) -> float:
        """How long what it wanted stays. As in the real one a lead, but in shadow, whose target tracking waits."""
        return 0.0 if self.mode is Mode.SHADOW else lead_s


KINDS = (
    *(Kind(mode, headroom) for mode in COMPARED for headroom in HEADROOMS),
    *(Kind(Mode.SHADOW, headroom) for headroom in RELAXED),
)
"""The first is what costs are compared with."""


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

    def saved(self, miss_price: float) -> dict[Kind, float]:
        """What each would have saved against the first, as a share of that one's replica-seconds."""
        replica_s, late_rows = self.pools.replica_s, self.pools.late_rows
        scale = max(replica_s[0], 1e-9)
        cost_s = replica_s[0] + miss_price * late_rows[0]
        return {
            kind: (cost_s - paid_s - miss_price * late) / scale
            for kind, paid_s, late in zip(self.kinds, replica_s, late_rows, strict=True)
        }

    def lost_lately(self, lead_s: float) -> dict[Kind, float]:
        """What each has lately cost more than the first, as a share of what that one pays for in so long on average.

        On average, so that an hour with hardly a replica, of which one more is twice as many, is no emergency.
        """
        mean = self.pools.replica_s[0] / max(self.seconds, 1e-9)
        usual_s = max(mean * LATELY_LEADS * lead_s / math.log(2.0), 1e-9)
        return {
            kind: (cost_s - self.lately_s[0]) / usual_s for kind, cost_s in zip(self.kinds, self.lately_s, strict=True)
        }


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
    return Worlds(KINDS, pools, fade * worlds.seconds + passed_s, now_s, tuple(lately.tolist()))


def _cost_s(pools: Imagined, miss_price: float) -> FloatArray:
    """What each has cost, late rows at their price, in replica-seconds."""
    cost_s: FloatArray = np.array(pools.replica_s) + miss_price * np.array(pools.late_rows)
    return cost_s


def asked(worlds: Worlds, spec: PoolSpec, observation: Observation, wishes: Mapping[Mode, int]) -> Worlds:
    """Each world gets what its mode wants with its headroom, and what clears its own queue within a lead."""
    rate, lead_s = planning_rate(spec, observation), observation.lead.seconds
    demand, pools = observation.demand_rows_per_s or 0.0, worlds.pools
    wanted: IntArray = np.array([with_headroom(wishes[kind.mode], kind.headroom) for kind in worlds.kinds])
    excess = np.array(pools.queue_rows) - spec.slo_wait_s * rate * np.array(pools.ready)
    for at in np.flatnonzero(excess > 0.0):
        more = clearing(spec, rate, max(lead_s, spec.slo_wait_s), demand, float(excess[at]))
        wanted[at] = max(wanted[at], math.ceil((demand + more) / rate - 1e-9))
    wanted = np.clip(wanted, spec.min_replicas, spec.max_replicas)
    keep_s = np.array([kind.keep_s(lead_s) for kind in worlds.kinds])
    return replace(worlds, pools=pools.asking(wanted, observation.now_s, lead_s, keep_s))
