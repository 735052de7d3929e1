"""Finds the spikes in a run, and how long before each the replicas that it needs were ready. PURE."""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import FloatArray
from tidegate.simulate.policies import Terms

GRAIN_S = 60
STEEP = 1.5
"""A spike needs so many times the replicas that were needed one start-up before …"""
AT_LEAST = 2
"""… and so many more."""
LONGEST_S = 3600
"""Earlier than this is as good as always."""


@dataclass(frozen=True, slots=True)
class Spike:
    """A rise that no reaction to it could meet: it begins in second `at`, lasts until `end`, needs `replicas`."""

    at: int
    end: int
    replicas: int


def find(arrived: FloatArray, terms: Terms) -> list[Spike]:
    """Spikes in arrivals per second, shape (seconds,), by minutes.

    A minute is steep when it needs STEEP times (and AT_LEAST more than) the replicas of the least busy minute of the
    start-up before it; steep minutes in a row are one spike, which needs what its busiest minute does.
    """
    minutes = len(arrived) // GRAIN_S
    rate = arrived[: minutes * GRAIN_S].reshape(minutes, GRAIN_S).mean(axis=1)
    needed = np.ceil(rate / terms.capacity_rps - 1e-9)
    reach = max(1, round(terms.startup_s / GRAIN_S))
    if minutes <= reach:
        return []
    before = np.lib.stride_tricks.sliding_window_view(needed, reach).min(axis=1)[: minutes - reach]
    after = needed[reach:]
    steep = np.concatenate([np.zeros(reach, dtype=bool), (after >= STEEP * before) & (after >= before + AT_LEAST)])
    edges = np.flatnonzero(np.diff(steep.astype(np.int8), prepend=0, append=0))
    return [
        Spike(int(first) * GRAIN_S, int(last) * GRAIN_S, int(needed[first:last].max()))
        for first, last in zip(edges[::2], edges[1::2], strict=True)
    ]


def ready_ahead_s(spike: Spike, ready: FloatArray) -> float | None:
    """How long before the spike its replicas were ready without a break, LONGEST_S at most.

    Negative: so long after it began. None: not while it lasted.
    """
    if ready[spike.at] >= spike.replicas:
        first = max(0, spike.at - LONGEST_S)
        short = np.flatnonzero(ready[first : spike.at] < spike.replicas)
        return float(spike.at - first - (short[-1] + 1 if len(short) else 0))
    late = np.flatnonzero(ready[spike.at : spike.end] >= spike.replicas)
    return -float(late[0]) if len(late) else None
