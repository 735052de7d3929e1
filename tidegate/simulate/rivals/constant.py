"""Always the same number: what capacity planning without an autoscaler buys. PURE."""

import math

import numpy as np

from tidegate.shared.values import FloatArray
from tidegate.simulate.arrivals import PEAK_QUANTILE, PEAK_UTILIZATION
from tidegate.simulate.policies import Terms, View

MINUTE_S = 60


class ConstantPolicy:
    """`replicas`, come what may."""

    def __init__(self, terms: Terms, replicas: int) -> None:
        self._replicas = terms.bounded(replicas)

    def decide(self, view: View) -> int:
        """The number."""
        del view
        return self._replicas


def enough(terms: Terms, counts: FloatArray, level: float = PEAK_QUANTILE) -> int:
    """What serves so high a quantile of the minutes' rates at 80 %; the least allowed where there is no minute."""
    whole = len(counts) // MINUTE_S
    if not whole:
        return terms.min_replicas
    minutes = counts[len(counts) - whole * MINUTE_S :].reshape(-1, MINUTE_S).mean(axis=1)
    peak_rps = float(np.quantile(minutes, level))
    return math.ceil(peak_rps / (PEAK_UTILIZATION * terms.capacity_rps) - 1e-9)
