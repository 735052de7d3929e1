"""Pools that are only imagined, side by side: each has replicas, starts, and a queue of its own. PURE.

All are kept by one model of the queue, a fluid, so that what it leaves out is left out of all of them: only their
differences are used. There are many, and each tick moves all, so they are computed as vectors; what is kept between
ticks are tuples, which can be compared and written down.
"""

from dataclasses import dataclass

import numpy as np

from scaler.observation import Observation, PoolSpec
from tidegate.shared.values import FloatArray, IntArray

HALF_LIFE_S = 43_200.0
"""What was half a day ago counts half: a whole day is seen, and a forecast that broke is found out within hours."""

Counts = tuple[int, ...]
"""Replicas, one number for each pool."""
Timed = tuple[tuple[float, Counts], ...]
"""(when, how many), the earliest first."""


@dataclass(frozen=True, slots=True)
class Imagined:
    """One number for each pool in every tuple. `replica_s` and `late_rows` are sums that fade with HALF_LIFE_S."""

    ready: Counts
    asked: Counts
    """Replicas that are paid for, ready or not."""
    queue_rows: tuple[float, ...]
    replica_s: tuple[float, ...]
    late_rows: tuple[float, ...]
    starting: Timed = ()
    """(ready at, how many)."""
    recent: Timed = ()
    """What was wanted, for as long as it is kept."""

    def lived(self, spec: PoolSpec, observation: Observation, demand_rows_per_s: float, passed_s: float) -> "Imagined":
        """After the time that has passed since the last tick, which offered so much.

        While more waits than can be served within the SLO everybody is late; below that, those whom random arrivals
        make wait too long (as in `risk.late_rows`).
        """
        now_s, fade = observation.now_s, 0.5 ** (passed_s / HALF_LIFE_S)
        ready, starting = self.ready, self.starting
        helping: FloatArray = np.array(ready, dtype=np.float64)
        due = [one for one in starting if one[0] <= now_s]
        if due:
            ready = tuple(map(sum, zip(ready, *(counts for _, counts in due), strict=True)))
            starting = tuple(one for one in starting if one[0] > now_s)
        for at_s, counts in due:
            helping += np.array(counts) * min(1.0, (now_s - at_s) / passed_s)
        rate = observation.capacity.rows_per_s * helping
        over = demand_rows_per_s - rate
        waiting = np.maximum(0.0, np.array(self.queue_rows) + over * passed_s)
        allowed = spec.slo_wait_s * rate
        tail = np.exp(np.minimum(0.0, over) * (2.0 * allowed / max(demand_rows_per_s, 1e-9)))
        late = demand_rows_per_s * passed_s * np.where(waiting <= allowed, tail, 1.0)
        return Imagined(
            ready,
            self.asked,
            tuple(waiting.tolist()),
            tuple((fade * np.array(self.replica_s) + passed_s * np.array(self.asked)).tolist()),
            tuple((fade * np.array(self.late_rows) + late).tolist()),
            starting,
            self.recent,
        )

    def asking(self, replicas: IntArray, now_s: float, lead_s: float, keep_s: FloatArray) -> "Imagined":
        """With so many asked for from now on, shape (pools,); what was wanted within the last `keep_s` stays.

        Those that become ready last are let go first.
        """
        highest, recent = self._highest(replicas, now_s - keep_s)
        asked: IntArray = np.array(self.asked)
        wanted: IntArray = np.minimum(highest, np.maximum(replicas, asked))
        starting, ready = self.starting, self.ready
        fewer: IntArray = np.maximum(0, asked - wanted)
        if fewer.any():
            starting, fewer = _let_go(starting, fewer)
            ready = tuple((np.array(ready) - fewer).tolist())
        more: IntArray = np.maximum(0, wanted - asked)
        if more.any():
            starting = (*starting, (now_s + lead_s, tuple(more.tolist())))
        recent = (*recent, (now_s, tuple(replicas.tolist())))
        return Imagined(
            ready, tuple(wanted.tolist()), self.queue_rows, self.replica_s, self.late_rows, starting, recent
        )

    def _highest(self, replicas: IntArray, since_s: FloatArray) -> tuple[IntArray, Timed]:
        """The most that each pool wanted since then, now included, and the wishes that may still be somebody's most."""
        if not self.recent:
            return replicas, ()
        at_s = np.array([one for one, _ in self.recent])[:, None]
        counts: IntArray = np.array([one for _, one in self.recent])
        within = at_s > since_s
        highest: IntArray = np.maximum(replicas, np.where(within, counts, 0).max(axis=0))
        useful = np.flatnonzero((within & (counts > replicas)).any(axis=1))
        return highest, tuple(self.recent[at] for at in useful)


def begin(ready: int, pools: int, queue_rows: float) -> Imagined:
    """So many pools alike, with the replicas and the queue that there are, and nothing paid yet."""
    nothing = (0.0,) * pools
    return Imagined((ready,) * pools, (ready,) * pools, (queue_rows,) * pools, nothing, nothing)


def _let_go(starting: Timed, fewer: IntArray) -> tuple[Timed, IntArray]:
    """The starts that stay, and how many of each pool must go beyond them."""
    kept = []
    for at_s, counts in reversed(starting):
        gone = np.minimum(fewer, counts)
        stay = counts - gone
        fewer = fewer - gone
        if stay.any():
            kept.append((at_s, tuple(stay.tolist())))
    return tuple(reversed(kept)), fewer
