"""How much work one replica of a pool can do, from what the replicas report. PURE."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scaler.observation import Capacity

SMOOTHING = 0.1
"""Weight of the newest tick in the running mean: about the last ten ticks count."""
ENOUGH_READINGS = 5
"""With fewer, the spread of a measured capacity says nothing, and the prior decides."""


@dataclass(frozen=True, slots=True)
class ModelCapacity:
    """Running mean and variance of one model's reported rows/s per replica."""

    mean: float
    variance: float
    readings: int

    def updated(self, rows_per_s: float) -> "ModelCapacity":
        """With one more reading, exponentially weighted (West 1979's recursion for mean and variance)."""
        weight = max(SMOOTHING, 1.0 / (self.readings + 1))
        change = rows_per_s - self.mean
        variance = (1 - weight) * (self.variance + weight * change * change)
        return ModelCapacity(self.mean + weight * change, variance, self.readings + 1)


def update(
    known: Mapping[str, ModelCapacity], reports: Iterable[Mapping[str, float]], models: Iterable[str]
) -> dict[str, ModelCapacity]:
    """One tick's reports, one mapping of model to rows/s per ready replica, taken in; others' models are ignored."""
    after = dict(known)
    seen = list(reports)
    for model in models:
        values = [report[model] for report in seen if report.get(model, 0.0) > 0.0 and math.isfinite(report[model])]
        if values:
            mean = sum(values) / len(values)
            after[model] = after[model].updated(mean) if model in after else ModelCapacity(mean, 0.0, 1)
    return after


def pool_capacity(known: Mapping[str, ModelCapacity], work: Mapping[str, float], prior_rows_per_s: float) -> Capacity:
    """Rows/s of one replica under the models' present mix; `work` is rows/s offered per model.

    A replica that spends share w_m of its rows on model m needs Σ w_m / c_m seconds per row: the harmonic mean weighted
    by work. Worked: half the rows at 40/s and half at 10/s take 0.5/40 + 0.5/10 = 0.0625 s each, so 16 rows/s.
    A model without enough readings counts with the prior.
    """
    total = sum(work.values())
    if total <= 0.0:  # idle: every measured model counts alike
        work = dict.fromkeys(work, 1.0)
        total = float(len(work))
    measured = {model: known[model] for model in work if model in known and known[model].readings >= ENOUGH_READINGS}
    if not measured:
        return Capacity(prior_rows_per_s, "prior")
    seconds = variance = 0.0
    for model, rows in work.items():
        share = rows / total
        mean = measured[model].mean if model in measured else prior_rows_per_s
        seconds += share / mean
        if model in measured:
            effective = min(measured[model].readings, 1.0 / SMOOTHING)
            variance += (share / mean) ** 2 * measured[model].variance / effective / mean**2
    unmeasured = sorted(model for model in work if model not in measured and work[model] > 0.0)
    source = f"measured ({min(one.readings for one in measured.values())} readings)"
    if unmeasured:
        source += f", prior for {', '.join(unmeasured)}"
    return Capacity(1.0 / seconds, source, math.sqrt(variance) / seconds)
