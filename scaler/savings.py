"""What the documented HPA would have had in our place: its replicas, and its users' late requests. PURE.

Two small worlds (`scaler.counterfactual`) are offered the demand that really came. One has the replicas that there
really were. In the other an HPA has been at work all along, on the utilisation and the outstanding work of its own
world. Both queues are kept by one model, so that what it leaves out is left out of both.
"""

from dataclasses import dataclass, field, replace

from scaler import hpa
from scaler.counterfactual import HALF_LIFE_S, World
from scaler.hpa import HpaMemory
from scaler.observation import Observation, PoolSpec
from scaler.terms import target_rows
from tidegate.shared.values import Mode


@dataclass(frozen=True, slots=True)
class Savings:
    """Sums fade with HALF_LIFE_S; `seconds` is the time that they speak for, `rows` what was offered in it."""

    ours: World | None = None
    theirs: World | None = None
    memory: HpaMemory = field(default_factory=HpaMemory)
    at_s: float = 0.0
    seconds: float = 0.0
    rows: float = 0.0


def lived(before: Savings, spec: PoolSpec, observation: Observation) -> Savings:
    """After one more tick. One without a reading of demand is left out of both worlds."""
    now_s, demand = observation.now_s, observation.demand_rows_per_s
    if before.ours is None or before.theirs is None:
        # In shadow's kind of world nothing waits beside what its own policy says.
        begin = World(Mode.SHADOW, 0.0, max(1, observation.asked), queue_rows=observation.outstanding_rows or 0.0)
        return Savings(_as_it_is(begin, observation), begin, at_s=now_s)
    passed_s = min(now_s - before.at_s, 2 * observation.tick_s)
    if demand is None or passed_s <= 0.0:
        return replace(before, at_s=now_s)
    ours = before.ours.lived(spec, observation, demand, passed_s)
    theirs = before.theirs.lived(spec, observation, demand, passed_s)
    theirs, memory = _scaled(theirs, before.memory, spec, observation, demand)
    fade = 0.5 ** (passed_s / HALF_LIFE_S)
    seconds, rows = fade * before.seconds + passed_s, fade * before.rows + demand * passed_s
    return Savings(_as_it_is(ours, observation), theirs, memory, now_s, seconds, rows)


def _as_it_is(world: World, observation: Observation) -> World:
    starting = sorted(observation.now_s + one for one in observation.starting_ready_in_s)
    return replace(world, ready=observation.ready, starting=tuple((at, 1) for at in starting))


def _scaled(
    world: World, memory: HpaMemory, spec: PoolSpec, observation: Observation, demand: float
) -> tuple[World, HpaMemory]:
    """The HPA's world after its controller has looked."""
    can = world.ready * observation.capacity.rows_per_s
    ratios = {}
    if can > 0.0:
        busy = min(1.0, (demand + world.queue_rows / observation.tick_s) / can)
        outstanding = world.queue_rows + busy * world.ready  # one row in service in each busy replica
        ratios["utilisation"] = busy / spec.hpa.target
        ratios["outstanding work"] = outstanding / world.ready / target_rows(spec, observation)
    bounds = (max(1, spec.min_replicas), spec.max_replicas)
    starting = world.asked - world.ready
    answer, _, after = hpa.decide(spec.hpa, memory, observation.now_s, world.ready, starting, ratios, bounds)
    if answer is None:
        return world, after
    return world.asking(answer, observation.now_s, observation.lead.seconds), after
