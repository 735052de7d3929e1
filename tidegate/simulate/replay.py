"""Runs a policy through the world, tick by tick, and adds up what came of it. PURE and deterministic."""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import FloatArray
from tidegate.simulate.policies import Policy, Terms, View
from tidegate.simulate.waits import Waits, waits
from tidegate.simulate.world import World


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One policy's run: its decisions (tick start, replicas), and each second's record, shape (seconds,)."""

    policy: str
    start_s: float
    decisions: tuple[tuple[float, int], ...]
    arrived: FloatArray
    ready: FloatArray
    paid: FloatArray
    waits: Waits

    @property
    def replica_seconds(self) -> float:
        """From asked to dropped, summed."""
        return float(self.paid.sum())


def replay(policy: Policy, terms: Terms, counts: FloatArray, before: FloatArray, start_s: float) -> Run:
    """Ticks from `start_s` on, `counts` arrivals per second ahead, `before` the seconds of the last tick before.

    Every policy begins with the replicas that serve the last tick's load at 80 %, ready: nobody's first minutes count
    for more than its decisions.
    """
    rate = float(before.mean()) if len(before) else 0.0
    first = int(np.ceil(rate / (0.8 * terms.capacity_rps) - 1e-9))
    ready = min(max(first, terms.min_replicas), terms.max_replicas)
    world = World(start_s, terms.capacity_rps, terms.startup_s, ready)
    decisions, arrived, served_rps = [], before, rate
    for at in range(0, len(counts), terms.tick_s):
        in_s = tuple(ready_at - world.now_s for ready_at in world.starting)
        desired = policy.decide(View(world.now_s, world.ready, in_s, world.backlog, arrived, served_rps))
        decisions.append((world.now_s, desired))
        world.ask(desired)
        arrived = counts[at : at + terms.tick_s]
        served_rps = world.advance(arrived) / len(arrived)
    came, capacity = np.concatenate(world.arrived), np.concatenate(world.capacity)
    return Run(
        policy=policy.name,
        start_s=start_s,
        decisions=tuple(decisions),
        arrived=came,
        ready=capacity / terms.capacity_rps,
        paid=np.concatenate(world.paid),
        waits=waits(came, capacity, np.concatenate(world.backlogs)),
    )
