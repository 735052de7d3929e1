"""A timetable: so many replicas from such an hour on, as in KEDA's `cron` scaler. PURE.

Source: https://keda.sh/docs/latest/scalers/cron/ (`start`, `end`, `desiredReplicas`). The timetable is made once, from
up to 14 days of history, as a careful person would: for each hour of the day, working days and weekends apart, what
serves the 95 % minute of those hours at the target, in place one start-up before the hour.
"""

import math

import numpy as np

from tidegate.shared.values import FloatArray
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.policies import Terms, View

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 86400
HISTORY_S = 14 * DAY_S
LEVEL = 0.95


class SchedulePolicy:
    """The timetable, whatever the traffic does."""

    def __init__(self, terms: Terms, history: Arrivals, target: float = 0.8) -> None:
        self._terms = terms
        self._table = _table(history, target * terms.capacity_rps)

    def decide(self, view: View) -> int:
        """The higher of this hour's number and that of the hour that a replica asked for now would be ready in."""
        slots = _slots(np.array([view.now_s, view.now_s + self._terms.startup_s]))
        return self._terms.bounded(max(self._table.get(int(slot), view.asked) for slot in slots))


def _table(history: Arrivals, per_replica_rps: float) -> dict[int, int]:
    """Replicas by slot. A kind of day that the history lacks takes the other's."""
    whole = min(len(history.counts), HISTORY_S) // MINUTE_S
    minutes = history.counts[len(history.counts) - whole * MINUTE_S :].reshape(-1, MINUTE_S).mean(axis=1)
    slots = _slots(history.end_s - MINUTE_S * np.arange(whole, 0, -1, dtype=np.float64))
    table = {
        int(slot): math.ceil(float(np.quantile(minutes[slots == slot], LEVEL)) / per_replica_rps - 1e-9)
        for slot in np.unique(slots)
    }
    return {(slot + 24) % 48: replicas for slot, replicas in table.items()} | table


def _slots(times_s: FloatArray) -> FloatArray:
    """Hour of the day (UTC), 24 more at weekends; the epoch began on a Thursday."""
    weekend = (np.floor(times_s / DAY_S) + 3) % 7 >= 5
    slots: FloatArray = np.floor(times_s % DAY_S / HOUR_S) + 24 * weekend
    return slots
