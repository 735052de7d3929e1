"""Predictive scaling of EC2 Auto Scaling: an hourly forecast as a floor under a reactive policy. PURE.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/predictive-scaling-policy-overview.html: up to 14 days of
hourly load are read, 24 hours at least; every six hours the load of the coming hours is forecast; at the start of each
hour, or `SchedulingBufferTime` before it (300 s by default; a start-up here where that is longer), the capacity that
the hour's load asks for at the target becomes a floor; only the reactive policy scales in. AWS doesn't publish its
model: ours forecasts the hours for it. The reactive policy is the HPA, at the same target.
"""

import math

import numpy as np

from forecaster import model as forecaster
from forecaster.series import resample
from tidegate.shared.errors import NoData
from tidegate.shared.values import DemandSeries
from tidegate.simulate.arrivals import Arrivals
from tidegate.simulate.policies import Terms, View
from tidegate.simulate.rivals.hpa import HpaPolicy

HOUR_S = 3600
HISTORY_S = 14 * 86400
NEEDED_S = 86400
FORECAST_EVERY_S = 6 * HOUR_S
BUFFER_S = 300.0


class HourlyPolicy:
    """The HPA, never below the forecast hour's capacity."""

    def __init__(self, terms: Terms, history: Arrivals, target: float = 0.8) -> None:
        self._terms = terms
        self._per_replica_rps = target * terms.capacity_rps
        self._reactive = HpaPolicy(terms, target)
        self._buffer_s = max(BUFFER_S, terms.startup_s)
        self._start_s, hours = resample(history.end_s - len(history.counts), 1.0, history.counts, float(HOUR_S))
        whole = int((history.end_s - self._start_s) // HOUR_S)
        self._hours: list[float] = hours[:whole].tolist()
        rest = round(history.end_s - self._start_s) - whole * HOUR_S
        self._sum, self._seconds = float(history.counts[len(history.counts) - rest :].sum()), rest
        self._floors: dict[int, int] = {}
        self._due_s = -math.inf

    def decide(self, view: View) -> int:
        """The higher of the reactive answer and the floor of this hour, or of the next one once its time has come."""
        if self._due_s > -math.inf:
            self._learn(view)
        if view.now_s >= self._due_s:
            self._due_s = view.now_s + FORECAST_EVERY_S
            self._forecast()
        hours = {int(at // HOUR_S) for at in (view.now_s, view.now_s + self._buffer_s)}
        floor = max(self._floors.get(hour, 0) for hour in hours)
        return self._terms.bounded(max(self._reactive.decide(view), floor))

    def _learn(self, view: View) -> None:
        """Add the last tick to the hour that it lies in; a tick over the hour's end counts to the one it began in."""
        self._sum += float(view.arrived.sum())
        self._seconds += len(view.arrived)
        if self._seconds >= HOUR_S:
            self._hours.append(self._sum / self._seconds)
            self._sum, self._seconds = 0.0, self._seconds - HOUR_S

    def _forecast(self) -> None:
        if len(self._hours) * HOUR_S < NEEDED_S:
            return
        kept = self._hours[-HISTORY_S // HOUR_S :]
        start_s = self._start_s + (len(self._hours) - len(kept)) * HOUR_S
        horizon_s = FORECAST_EVERY_S + 2.0 * HOUR_S
        series = DemandSeries("hourly", start_s, float(HOUR_S), np.array(kept))
        try:
            ahead = forecaster.fit(series, horizon_s=horizon_s).forecast(horizon_s, quantiles=(0.5,))
        except NoData:
            return
        self._floors = {
            int(at // HOUR_S): math.ceil(load / self._per_replica_rps - 1e-9)
            for at, load in zip(ahead.times_s(), ahead.values_rps[0], strict=True)
        }
