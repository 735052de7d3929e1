"""Knative's pod autoscaler (KPA) on concurrency, at its defaults. PURE.

Sources: https://knative.dev/docs/serving/autoscaling/kpa-specific/ (windows, panic mode, scale rates),
https://knative.dev/docs/serving/autoscaling/concurrency/ (target utilisation of 70 %), and, where the pages are
silent, `knative/serving/pkg/autoscaler/scaling/autoscaler.go`. Requests that wait count as concurrency, as Knative's
activator reports them; `containerConcurrency` is what a busy replica has in hand at once. Scaling to zero is left out:
`min_replicas` is the revision's minimum scale.
"""

import math

import numpy as np

from tidegate.shared.values import FloatArray
from tidegate.simulate.policies import Terms, View

TICK_S = 2
"""Knative looks every two seconds; what it says last stands until our next tick."""
STABLE_WINDOW_S = 60
PANIC_WINDOW_S = 6
"""`panic-window-percentage` 10 of the stable window."""
PANIC_THRESHOLD = 2.0
"""`panic-threshold-percentage` 200: panic when twice what is ready is wanted."""
MAX_SCALE_UP_RATE = 1000.0
MAX_SCALE_DOWN_RATE = 2.0


class KpaPolicy:
    """Stable window of a minute; panic on six seconds at twice the load, and then no scaling in for a minute."""

    def __init__(self, terms: Terms, target_utilization: float = 0.7) -> None:
        self._terms = terms
        self._target = target_utilization * terms.concurrency
        self._concurrency: FloatArray = np.zeros(0)
        self._panic_since_s: float | None = None
        self._panic_pods = 0
        self._started = False

    def decide(self, view: View) -> int:
        """What it said at the last of its own ticks."""
        if not self._started:
            # A fresh autoscaler over more than one pod starts in panic, so as not to scale in on an empty window.
            self._started = True
            self._panic_since_s = view.now_s if view.ready > 1 else None
            self._panic_pods = view.ready
        fresh = view.in_flight
        kept = len(self._concurrency)
        seen = np.concatenate([self._concurrency, fresh])
        self._concurrency = seen[-STABLE_WINDOW_S:]
        total = np.concatenate([[0.0], np.cumsum(seen)])
        desired = view.asked
        for end in range(kept + 1 + (len(fresh) - 1) % TICK_S, len(seen) + 1, TICK_S):
            stable, panic = (self._mean(total, end, window) for window in (STABLE_WINDOW_S, PANIC_WINDOW_S))
            desired = self._scale(view.now_s - (len(seen) - end), view.ready, stable, panic)
        return self._terms.bounded(desired)

    @staticmethod
    def _mean(total: FloatArray, end: int, window: int) -> float:
        start = max(0, end - window)
        return float(total[end] - total[start]) / (end - start)

    def _scale(self, now_s: float, ready: int, stable: float, panic: float) -> int:
        """One look of the autoscaler at the mean concurrency of both windows."""
        pods = max(1, ready)
        most, least = math.ceil(MAX_SCALE_UP_RATE * pods), math.floor(pods / MAX_SCALE_DOWN_RATE)
        wanted, wanted_in_panic = (math.ceil(value / self._target - 1e-9) for value in (stable, panic))
        if wanted_in_panic / pods >= PANIC_THRESHOLD:
            self._panic_since_s = now_s
        elif self._panic_since_s is not None and self._panic_since_s + STABLE_WINDOW_S < now_s:
            self._panic_since_s, self._panic_pods = None, 0
        desired = min(max(wanted, least), most)
        if self._panic_since_s is None:
            return desired
        self._panic_pods = max(self._panic_pods, desired, min(max(wanted_in_panic, least), most))
        return self._panic_pods
