"""jthomperoo's Predictive Horizontal Pod Autoscaler: an HPA, and Holt-Winters on its own past answers. PURE.

Sources: https://predictive-horizontal-pod-autoscaler.readthedocs.io/ (user guide: models, decision type) and
`internal/prediction/holtwinters` of jthomperoo/predictive-horizontal-pod-autoscaler: at each interval the HPA's count
goes into a history, an additive Holt-Winters with given coefficients says the next value, rounded up, and the higher
of the two (`decisionType: maximum`) counts; the answer is the highest of the last five minutes. `storedSeasons` 4 as
in its examples. Its examples' coefficients of 0.9 chase noise (the guide says that they "require tweaking"); given here
are gentler ones that serve it better on our traces.
The interval is set for it: five minutes, or the start-up where that is longer, so that one value ahead is far enough
ahead to start a replica; the season is a day of them.
"""

import math

import numpy as np

from scaler import hpa, hpa_behavior
from tidegate.shared.values import FloatArray
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.policies import Terms, View
from tidegate.simulate.rivals.holt_winters import Smoothing, one_ahead

DAY_S = 86400
SHORTEST_INTERVAL_S = 300
STORED_SEASONS = 4
STABILIZATION_S = 300.0
SMOOTHING = Smoothing(alpha=0.3, beta=0.01, gamma=0.3)


class PhpaPolicy:
    """The HPA's count or tomorrow's version of yesterday's, whichever is higher."""

    def __init__(self, terms: Terms, history: Arrivals, target: float = 0.8) -> None:
        self._terms = terms
        self._spec = hpa.HpaSpec(target=target)
        self._interval_s = _interval_s(terms.startup_s)
        self._period = DAY_S // self._interval_s
        self._counts = self._past(history)
        self._recent: hpa_behavior.Events = ()
        self._due_s = history.end_s

    def decide(self, view: View) -> int:
        """The highest of the last five minutes' answers."""
        capacity_rps = view.ready * self._terms.capacity_rps
        counted = view.asked
        if view.ready:
            ratio = view.served_rps / capacity_rps / self._spec.target
            counted = hpa.proportional(view.ready, view.starting, ratio, self._spec.tolerance)
        wanted = counted
        if view.now_s >= self._due_s - 1e-6:
            self._due_s += self._interval_s
            self._counts = [*self._counts, float(counted)][-self._period * (STORED_SEASONS + 1) + 1 :]
            if len(self._counts) >= 2 * self._period:
                wanted = max(wanted, math.ceil(one_ahead(self._counts, self._period, SMOOTHING) - 1e-9))
        self._recent = hpa_behavior.within((*self._recent, (view.now_s, wanted)), view.now_s, STABILIZATION_S)
        return self._terms.bounded(max(count for _, count in self._recent))

    def _past(self, history: Arrivals) -> list[float]:
        """What its HPA would have counted before: the history's load at the target."""
        counts = history.counts[-self._period * STORED_SEASONS * self._interval_s :]
        whole = len(counts) // self._interval_s * self._interval_s
        loads: FloatArray = counts[len(counts) - whole :].reshape(-1, self._interval_s).mean(axis=1)
        return [
            float(self._terms.bounded(math.ceil(load / (self._spec.target * self._terms.capacity_rps) - 1e-9)))
            for load in loads
        ]


def _interval_s(startup_s: float) -> int:
    """The shortest that divides the day and is no shorter than a start-up."""
    lengths = np.arange(SHORTEST_INTERVAL_S, DAY_S // 2, 60)
    fitting = lengths[(DAY_S % lengths == 0) & (lengths >= startup_s)]
    return int(fitting[0])
