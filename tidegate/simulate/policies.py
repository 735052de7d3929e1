"""What decides in the simulated world. PURE. A policy sees the past only: `View` is all that it is given."""

from dataclasses import dataclass
from typing import Protocol

from tidegate.shared.values import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The world as a policy sees it at `now_s`.

    `arrived`, `served` and `waiting` are the last tick's seconds, shape (seconds,): requests that came, that left, and
    that still waited at the second's end.
    """

    now_s: float
    ready: int
    starting_ready_in_s: tuple[float, ...]
    arrived: FloatArray
    served: FloatArray
    waiting: FloatArray

    @property
    def starting(self) -> int:
        """Replicas on their way."""
        return len(self.starting_ready_in_s)

    @property
    def asked(self) -> int:
        """Replicas ready or on their way."""
        return self.ready + len(self.starting_ready_in_s)

    @property
    def backlog(self) -> float:
        """Requests that wait now."""
        return float(self.waiting[-1]) if len(self.waiting) else 0.0

    @property
    def in_flight(self) -> FloatArray:
        """Requests in the system in each of the last tick's seconds: those that wait and those in hand."""
        return self.waiting + self.served * SERVICE_S

    @property
    def served_rps(self) -> float:
        """Mean over the last tick."""
        return float(self.served.mean()) if len(self.served) else 0.0


SERVICE_S = 1.0
"""What a request takes once its turn has come. The queue is a fluid and doesn't need it; policies that count requests
in flight do: a busy replica has `capacity_rps` times it in hand at once."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of the simulated world that every policy knows."""

    capacity_rps: float
    startup_s: float
    slo_wait_s: float
    tick_s: int
    min_replicas: int
    max_replicas: int

    @property
    def concurrency(self) -> float:
        """Requests that a busy replica has in hand at once."""
        return self.capacity_rps * SERVICE_S

    def bounded(self, replicas: int) -> int:
        """Within the least and the most."""
        return min(max(replicas, self.min_replicas), self.max_replicas)


class Policy(Protocol):
    """Decides how many replicas there shall be."""

    def decide(self, view: View) -> int:
        """Replicas wanted from now on."""
