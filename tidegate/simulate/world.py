"""The simulated world: replicas that take a while to start, and one first-in-first-out queue. PURE.

A replica costs from asked to dropped, is ready `startup` after it was asked for (at the next whole second), and drops
at once. All ready replicas serve the one queue at `capacity` requests per second each, as a fluid.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from tidegate.shared.values import FloatArray
from tidegate.simulate.policies import View


@dataclass(slots=True)
class World:
    """The state, and the record of each second: arrivals, capacity, backlog at its start, replicas paid for."""

    now_s: float
    capacity_rps: float
    startup_s: float
    ready: int
    starting: list[float] = field(default_factory=list)
    """Times at which the starting replicas become ready, rising."""
    backlog: float = 0.0
    arrived: list[FloatArray] = field(default_factory=list)
    capacity: list[FloatArray] = field(default_factory=list)
    backlogs: list[FloatArray] = field(default_factory=list)
    paid: list[FloatArray] = field(default_factory=list)
    waiting: FloatArray = field(default_factory=lambda: np.zeros(0))
    """The backlog at the end of each second of the last `advance`."""

    @property
    def asked(self) -> int:
        """Replicas that are paid for."""
        return self.ready + len(self.starting)

    def ask(self, desired: int) -> None:
        """Start or drop replicas until `desired` are paid for; the youngest that only start are dropped first."""
        for _ in range(desired - self.asked):
            self.starting.append(self.now_s + self.startup_s)
        surplus = max(0, self.asked - desired)
        kept = max(0, len(self.starting) - surplus)
        self.ready -= surplus - (len(self.starting) - kept)
        del self.starting[kept:]

    def advance(self, counts: FloatArray) -> None:
        """Let `len(counts)` seconds pass with that many arrivals in each."""
        capacity = self._capacity(len(counts))
        if self.backlog == 0.0 and (counts <= capacity).all():
            backlog: FloatArray = np.zeros(len(counts) + 1)  # most ticks: nobody waits
        else:
            net = np.concatenate([[0.0], np.cumsum(counts - capacity)])
            # Lindley's recursion in closed form: the queue is what came less what was served since it was last empty.
            backlog = net + np.maximum(self.backlog, -np.minimum.accumulate(net))
        self.arrived.append(counts)
        self.capacity.append(capacity)
        self.backlogs.append(backlog[:-1])
        self.paid.append(np.full(len(counts), float(self.asked)))
        self.waiting = backlog[1:]
        self.backlog = float(backlog[-1])
        self.now_s += len(counts)
        done = bisect_left(self.starting, self.now_s + 1e-9)
        self.ready += done
        del self.starting[:done]

    def _capacity(self, seconds: int) -> FloatArray:
        """Requests per second that the replicas do which are ready by each of the next seconds."""
        if not self.starting:
            return np.full(seconds, self.capacity_rps * self.ready)
        times = self.now_s + np.arange(seconds)
        ready = self.ready + np.searchsorted(self.starting, times + 1e-9)
        result: FloatArray = self.capacity_rps * ready.astype(np.float64)
        return result

    def view(self) -> View:
        """What a policy may see now: the state, and the last `advance`."""
        return View(
            now_s=self.now_s,
            ready=self.ready,
            starting_ready_in_s=tuple(ready_at - self.now_s for ready_at in self.starting),
            arrived=self.arrived[-1],
            served=self.arrived[-1] + self.backlogs[-1] - self.waiting,
            waiting=self.waiting,
        )
