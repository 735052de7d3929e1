"""What a model version has done so far, and how busy it is. PURE: `now` in seconds is passed in."""

import math
from bisect import bisect_left
from dataclasses import dataclass, field

from tidegate.shared.values import DURATION_BOUNDS_S

BUSY_WINDOW_S = 5.0
"""Time constant of the busy share: steady over a few batches, and a load report is never older than seconds."""


@dataclass(slots=True)
class Total:
    """A count and the seconds that belong to it."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Add `count` things that took `seconds` altogether."""
        self.count += count
        self.seconds += seconds


@dataclass(slots=True)
class Statistics:
    """Cumulative figures of one version of a model."""

    success: Total = field(default_factory=Total)
    fail: Total = field(default_factory=Total)
    queue: Total = field(default_factory=Total)
    infer: Total = field(default_factory=Total)
    rows: int = 0
    batches: dict[int, Total] = field(default_factory=dict)
    """Batches by their number of rows."""
    last_inference_s: float = 0.0
    durations: list[int] = field(default_factory=lambda: [0] * (len(DURATION_BOUNDS_S) + 1))
    """Answered requests per bucket of DURATION_BOUNDS_S, the last above all bounds; not cumulative."""
    outstanding: int = 0

    @property
    def batch_count(self) -> int:
        """Batches run."""
        return sum(total.count for total in list(self.batches.values()))

    def batch_done(self, waits_s: list[float], rows: int, infer_s: float, now: float) -> None:
        """A batch of requests that had waited `waits_s` has run; `now` is epoch seconds."""
        self.queue.add(sum(waits_s), len(waits_s))
        self.infer.add(infer_s * len(waits_s), len(waits_s))
        self.rows += rows
        if rows not in self.batches:
            self.batches[rows] = Total()
        self.batches[rows].add(infer_s)
        self.last_inference_s = now

    def request_done(self, seconds: float, *, succeeded: bool) -> None:
        """A request was answered, well or not, after `seconds` in the server."""
        if succeeded:
            self.success.add(seconds)
            self.durations[bisect_left(DURATION_BOUNDS_S, seconds)] += 1
        else:
            self.fail.add(seconds)


class BusyMeter:
    """Share of its `slots` that were busy lately: exponentially weighted over continuous time, 0 to 1."""

    def __init__(self, slots: int, now: float) -> None:
        self._slots = slots
        self._busy = 0
        self._share = 0.0
        self._at = now

    def begin(self, now: float) -> None:
        """A slot starts to work."""
        self._share = self.share(now)
        self._at = now
        self._busy += 1

    def end(self, now: float) -> None:
        """A slot is free again."""
        self._share = self.share(now)
        self._at = now
        self._busy -= 1

    def share(self, now: float) -> float:
        """The share at `now`."""
        level = self._busy / self._slots
        return level + (self._share - level) * math.exp(-max(0.0, now - self._at) / BUSY_WINDOW_S)
