"""Runs policies through the world, tick by tick, and adds up what came of it. PURE and deterministic."""

from collections.abc import Callable, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Moment:
    """One policy's decision at one tick, and the state of its world that it was made in."""

    policy: str
    desired: int
    ready: int
    starting: int
    waiting: float


Watch = Callable[[list[Moment]], None]
"""Told each tick's decisions, one moment for each policy, before the next tick's are made."""


def replay(
    policies: Mapping[str, Policy],
    terms: Terms,
    counts: FloatArray,
    before: FloatArray,
    start_s: float,
    watches: Sequence[Watch] = (),
) -> list[Run]:
    """Ticks from `start_s` on, `counts` arrivals per second ahead, `before` the seconds of the last tick before.

    Each policy has a world of its own; they take each tick one after the other, so that policies may share what
    doesn't depend on their decisions (a forecast). Every policy begins with the replicas that serve the last tick's
    load at 80 %, ready: nobody's first minutes count for more than its decisions.
    """
    rate = float(before.mean()) if len(before) else 0.0
    ready = terms.bounded(int(np.ceil(rate / (0.8 * terms.capacity_rps) - 1e-9)))
    first = View(start_s, ready, (), before, before, np.zeros(len(before)))
    worlds = {name: World(start_s, terms.capacity_rps, terms.startup_s, ready) for name in policies}
    decisions: dict[str, list[tuple[float, int]]] = {name: [] for name in policies}
    for at in range(0, len(counts), terms.tick_s):
        arriving = counts[at : at + terms.tick_s]
        moments = []
        for name, policy in policies.items():
            world = worlds[name]
            view = world.view() if at else first
            desired = policy.decide(view)
            decisions[name].append((world.now_s, desired))
            moments.append(Moment(name, desired, view.ready, view.starting, view.backlog))
            world.ask(desired)
            world.advance(arriving)
        for watch in watches:
            watch(moments)
    return [_run(name, start_s, decisions[name], world) for name, world in worlds.items()]


def _run(name: str, start_s: float, decisions: list[tuple[float, int]], world: World) -> Run:
    came, capacity = np.concatenate(world.arrived), np.concatenate(world.capacity)
    return Run(
        policy=name,
        start_s=start_s,
        decisions=tuple(decisions),
        arrived=came,
        ready=capacity / world.capacity_rps,
        paid=np.concatenate(world.paid),
        waits=waits(came, capacity, np.concatenate(world.backlogs)),
    )
