"""The least that a perfect prophet would have paid, as the figure that costs are compared with. PURE.

The fewest ready replicas, tick by tick, that keep every wait within the SLO given the queue carried over; each is asked
for one start-up ahead, paid from then, and dropped at once. What is asked for at any time is so the most that is needed
from then to one start-up later: a replica that is needed again sooner than it could be started again is kept.
"""

import math

import numpy as np

from tidegate.shared.values import FloatArray
from tidegate.simulate.policies import Terms, View


def fewest_ready(
    counts: FloatArray, capacity_rps: float, slo_wait_s: float, tick_s: int, bounds: tuple[int, int]
) -> list[int]:
    """Ready replicas of each tick; `counts` per second, a whole number of ticks, `bounds` (least, most)."""
    backlog, chosen = 0.0, []
    later, earlier = np.tril_indices(tick_s + 1, -1)
    for start in range(0, len(counts), tick_s):
        came = np.concatenate([[0.0], np.cumsum(counts[start : start + tick_s])])
        # The queue at i that began to fill at j is A(i) - A(j) - c·(i - j) <= slo·c; likewise the one carried over.
        since_empty = (came[later] - came[earlier]) / (later - earlier + slo_wait_s)
        carried = (backlog + came) / (np.arange(len(came)) + slo_wait_s)
        needed = max(float(since_empty.max()), float(carried.max()) if backlog > 0 else 0.0)
        ready = min(max(int(np.ceil(needed / capacity_rps - 1e-9)), bounds[0]), bounds[1])
        net = came - ready * capacity_rps * np.arange(len(came))
        backlog = float(net[-1] + max(backlog, -net.min()))
        chosen.append(ready)
    return chosen


def replica_seconds(ready: list[int], tick_s: int, startup_s: float) -> float:
    """What it costs: every ready tick, and for the first of each run of ticks a start-up, or the gap if that is less.

    (Level k of the staircase is needed or not in each tick; a prophet keeps the replica over a gap that is shorter than
    a start-up.) The replicas of the first tick are there already.
    """
    needed = np.asarray(ready)
    total = float(needed.sum()) * tick_s
    for level in range(1, int(needed.max(initial=0)) + 1):
        at = np.flatnonzero(needed >= level)
        total += float(np.minimum((np.diff(at) - 1) * tick_s, startup_s).sum())
        total += 0.0 if at[0] == 0 else startup_s
    return total


class ClairvoyantPolicy:
    """The prophet in the simulated world: its first start-up is as blind as everybody's."""

    def __init__(self, terms: Terms, ahead: FloatArray, start_s: float) -> None:
        bounds = (terms.min_replicas, terms.max_replicas)
        padded = np.pad(ahead, (0, -len(ahead) % terms.tick_s))
        needed = np.array(fewest_ready(padded, terms.capacity_rps, terms.slo_wait_s, terms.tick_s, bounds))
        reach = math.ceil(terms.startup_s / terms.tick_s - 1e-9)
        later = np.pad(needed, (0, reach))
        self._asked = np.lib.stride_tricks.sliding_window_view(later, reach + 1).max(axis=1)
        self._start_s, self._tick_s = start_s, terms.tick_s

    def decide(self, view: View) -> int:
        """The most that is needed from now to one start-up later."""
        return int(self._asked[round((view.now_s - self._start_s) / self._tick_s)])
