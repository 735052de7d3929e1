"""What the documented HPA would have had in our place: its replicas, and its users' late requests. PURE.

Two imagined pools (`scaler.imagined`) are offered the demand that really came. One has the replicas that there really
were. In the other an HPA has been at work all along, on the utilisation and the outstanding work of its
own. Both queues are kept by one model, so that what it leaves out is left out of both.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from scaler import hpa
from scaler.hpa import HpaMemory
from scaler.imagined import HALF_LIFE_S, Imagined, begin
from scaler.observation import Observation, PoolSpec
from scaler.terms import target_rows


@dataclass(frozen=True, slots=True)
class Savings:
    """Each is one pool. Sums fade with HALF_LIFE_S; `seconds` is the time that they speak for, `rows` what was offered
    in it."""

    ours: Imagined | None = None
    theirs: Imagined | None = None
    memory: HpaMemory = field(default_factory=HpaMemory)
    at_s: float = 0.0
    seconds: float = 0.0
    rows: float = 0.0


def lived(before: Savings, spec: PoolSpec, observation: Observation) -> Savings:
    """After one more tick. One without a reading of demand is left out of both worlds."""
    now_s, demand = observation.now_s, observation.demand_rows_per_s
    if before.ours is None or before.theirs is None:
        pool = begin(max(1, observation.asked), 1, observation.outstanding_rows or 0.0)
        return Savings(_as_it_is(pool, observation), pool, at_s=now_s)
    passed_s = min(now_s - before.at_s, 2 * observation.tick_s)
    if demand is None or passed_s <= 0.0:
        return replace(before, at_s=now_s)
    ours = before.ours.lived(spec, observation, demand, passed_s)
    theirs = before.theirs.lived(spec, observation, demand, passed_s)
    theirs, memory = _scaled(theirs, before.memory, spec, observation, demand)
    fade = 0.5 ** (passed_s / HALF_LIFE_S)
    seconds, rows = fade * before.seconds + passed_s, fade * before.rows + demand * passed_s
    return Savings(_as_it_is(ours, observation), theirs, memory, now_s, seconds, rows)


def _as_it_is(pool: Imagined, observation: Observation) -> Imagined:
    starting = sorted(observation.now_s + one for one in observation.starting_ready_in_s)
    return replace(
        pool, ready=(observation.ready,), asked=(observation.asked,), starting=tuple((at_s, (1,)) for at_s in starting)
    )


def _scaled(
    pool: Imagined, memory: HpaMemory, spec: PoolSpec, observation: Observation, demand: float
) -> tuple[Imagined, HpaMemory]:
    """The HPA's pool after its controller has looked."""
    (ready,), (asked,), (queue_rows,) = pool.ready, pool.asked, pool.queue_rows
    can = ready * observation.capacity.rows_per_s
    ratios = {}
    if can > 0.0:
        busy = min(1.0, (demand + queue_rows / observation.tick_s) / can)
        outstanding = queue_rows + busy * ready  # one row in service in each busy replica
        ratios["utilisation"] = busy / spec.hpa.target
        ratios["outstanding work"] = outstanding / ready / target_rows(spec, observation)
    bounds = (max(1, spec.min_replicas), spec.max_replicas)
    answer, _, after = hpa.decide(spec.hpa, memory, observation.now_s, ready, asked - ready, ratios, bounds)
    if answer is None:
        return pool, after
    # It keeps nothing longer than its own stabilisation says.
    return pool.asking(np.array([answer]), observation.now_s, observation.lead.seconds, np.zeros(1)), after
