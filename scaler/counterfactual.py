"""What a pool would have cost in each mode: small worlds that live beside the real one. PURE.

Each world has replicas, starts and a queue of its own, as a fluid, is offered the demand that really came, and gets
what its mode would have asked for. All are kept by one model, so that what it leaves out is left out of all of them:
only their differences are used.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from scaler.observation import Observation, PoolSpec, Wishes, latest
from scaler.risk import clearing, planning_rate
from tidegate.shared.values import Mode

HALF_LIFE_S = 43_200.0
"""What was half a day ago counts half: a whole day is seen, and a forecast that broke is found out within hours."""

COMPARED = (Mode.SHADOW, Mode.FLOOR, Mode.FULL)
HEADROOMS = (0.0, 0.05, 0.1, 0.2, 0.35)
"""Shares that are added to what a mode asks for: what the forecast, or a target, doesn't know of its own errors."""


def with_headroom(replicas: int, headroom: float) -> int:
    """So many and the headroom, to the nearest whole."""
    return math.ceil(replicas * (1.0 + headroom) - 0.5)


@dataclass(frozen=True, slots=True)
class World:
    """The pool of one mode with one headroom. `replica_s` and `late_rows` are sums that fade with HALF_LIFE_S."""

    mode: Mode
    headroom: float
    ready: int
    starting: tuple[tuple[float, int], ...] = ()
    """(ready at, how many), the next first."""
    queue_rows: float = 0.0
    recent: Wishes = ()
    replica_s: float = 0.0
    late_rows: float = 0.0

    @property
    def asked(self) -> int:
        """Replicas that are paid for."""
        return self.ready + sum(count for _, count in self.starting)

    def lived(self, spec: PoolSpec, observation: Observation, demand_rows_per_s: float, passed_s: float) -> "World":
        """After the time that has passed since the last tick, which offered so much.

        While more waits than can be served within the SLO everybody is late; below that, those whom random arrivals
        make wait too long (as in `risk.late_rows`).
        """
        now_s, fade = observation.now_s, 0.5 ** (passed_s / HALF_LIFE_S)
        ready, helped, done = self.ready, 0.0, 0
        for at, count in self.starting:
            if at > now_s:
                break
            ready, helped, done = ready + count, helped + count * min(1.0, (now_s - at) / passed_s), done + 1
        rate = observation.capacity.rows_per_s * (self.ready + helped)
        waiting = max(0.0, self.queue_rows + (demand_rows_per_s - rate) * passed_s)
        allowed = spec.slo_wait_s * rate
        late = demand_rows_per_s * passed_s
        if waiting <= allowed and demand_rows_per_s > 0.0:
            late *= math.exp(2.0 * min(0.0, demand_rows_per_s - rate) * allowed / demand_rows_per_s)
        return World(
            self.mode,
            self.headroom,
            ready,
            self.starting[done:],
            waiting,
            self.recent,
            fade * self.replica_s + passed_s * self.asked,
            fade * self.late_rows + late,
        )

    def asking(self, replicas: int, now_s: float, lead_s: float) -> "World":
        """With so many asked for from now on. As in the real one, what was wanted within a lead stays, but in shadow,
        whose target tracking waits by itself.
        """
        recent = latest(self.recent, now_s, 0.0 if self.mode is Mode.SHADOW else lead_s, replicas)
        asked, starting = self.asked, self.starting
        wanted = min(max(replicas, recent[0][1]), max(replicas, asked))
        fewer = max(0, asked - wanted)
        while fewer and starting:
            at, count = starting[-1]
            starting = (*starting[:-1], (at, count - fewer)) if count > fewer else starting[:-1]
            fewer -= min(count, fewer)
        if wanted > asked:
            starting = (*starting, (now_s + lead_s, wanted - asked))
        return World(
            self.mode,
            self.headroom,
            self.ready - fewer,
            starting,
            self.queue_rows,
            recent,
            self.replica_s,
            self.late_rows,
        )


@dataclass(frozen=True, slots=True)
class Worlds:
    """One for each mode and headroom; `seconds` is how much time they speak for, fading as they do."""

    each: tuple[World, ...] = ()
    seconds: float = 0.0
    at_s: float | None = None

    def saved(self, miss_price: float) -> dict[tuple[Mode, float], float]:
        """What each would have saved against shadow without headroom, as a share of that one's replica-seconds."""
        shadow = self.each[0]
        scale = max(shadow.replica_s, 1e-9)
        cost_s = shadow.replica_s + miss_price * shadow.late_rows
        return {
            (one.mode, one.headroom): (cost_s - one.replica_s - miss_price * one.late_rows) / scale for one in self.each
        }


def lived(worlds: Worlds, spec: PoolSpec, observation: Observation) -> Worlds:
    """The worlds after the last tick. A tick without a reading of demand is left out of all of them."""
    now_s, demand = observation.now_s, observation.demand_rows_per_s
    if not worlds.each:
        queue = observation.outstanding_rows or 0.0
        each = tuple(World(mode, more, observation.ready, queue_rows=queue) for mode in COMPARED for more in HEADROOMS)
        return Worlds(each, 0.0, now_s)
    passed_s = min(now_s - (now_s if worlds.at_s is None else worlds.at_s), 2 * observation.tick_s)
    if demand is None or passed_s <= 0.0:
        return replace(worlds, at_s=now_s)
    each = tuple(world.lived(spec, observation, demand, passed_s) for world in worlds.each)
    return Worlds(each, 0.5 ** (passed_s / HALF_LIFE_S) * worlds.seconds + passed_s, now_s)


def asked(worlds: Worlds, spec: PoolSpec, observation: Observation, wishes: Mapping[Mode, int]) -> Worlds:
    """Each world gets what its mode wants with its headroom, and what clears its own queue within a lead."""
    rate, lead_s = planning_rate(spec, observation), observation.lead.seconds
    demand = observation.demand_rows_per_s or 0.0
    each = []
    for world in worlds.each:
        wanted = with_headroom(wishes[world.mode], world.headroom)
        excess = world.queue_rows - spec.slo_wait_s * rate * world.ready
        if excess > 0.0:
            more = clearing(spec, rate, max(lead_s, spec.slo_wait_s), demand, excess)
            wanted = max(wanted, math.ceil((demand + more) / rate - 1e-9))
        wanted = min(max(wanted, spec.min_replicas), spec.max_replicas)
        each.append(world.asking(wanted, observation.now_s, lead_s))
    return replace(worlds, each=tuple(each))
