"""How much work one replica of a pool can do, from what the replicas report. PURE."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scaler.observation import Capacity

SMOOTHING = 0.1
"""Weight of the newest tick in the running mean: about the last ten ticks count."""
ENOUGH_READINGS = 5
"""With fewer, the spread of a measured capacity says nothing, and the prior decides."""
CHANGED = 0.25
"""A report this far off, and further than is usual, is another model version, or other devices: it begins anew."""
LIVE = ""
"""Stands in a model's place for what the pool as a whole did under load, to what its replicas report."""
STRAINED = 0.95
"""Busy share from which, with a wait that the SLO only just allows, what is answered is all that can be."""


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
        if not values:
            continue
        mean = sum(values) / len(values)
        if model not in after:
            after[model] = ModelCapacity(mean, 0.0, 1)
        elif _is_another(after[model], mean):  # a new version's prior is what it measured at its warm-up
            after[model] = ModelCapacity(mean, (CHANGED * mean) ** 2, ENOUGH_READINGS)
            after[LIVE] = ModelCapacity(1.0, 0.0, 0)
        else:
            after[model] = after[model].updated(mean)
    return after


def _is_another(known: ModelCapacity, rows_per_s: float) -> bool:
    """True for a report that is further off than what was known ever scattered."""
    usual = max(CHANGED * known.mean, 3.0 * math.sqrt(known.variance))
    return known.readings >= ENOUGH_READINGS and abs(rows_per_s - known.mean) > usual


def under_load(
    known: Mapping[str, ModelCapacity], served_rows_per_s: float, ready: int, work: Mapping[str, float], prior: float
) -> dict[str, ModelCapacity]:
    """With one tick in which all `ready` replicas had more to do than they could: what they did is what they can.

    Replicas measure batches, one instance at a time; what slows them down together (shared cores or memory, the wire)
    shows only here. Kept as a ratio to what they report, so that it holds for any mix of models.
    """
    reported = pool_capacity({model: one for model, one in known.items() if model != LIVE}, work, prior).rows_per_s
    ratio = min(2.0, max(0.25, served_rows_per_s / ready / reported))
    return {**known, LIVE: known[LIVE].updated(ratio) if LIVE in known else ModelCapacity(ratio, 0.0, 1)}


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
    relative_error = math.sqrt(variance) / seconds
    live = known.get(LIVE, ModelCapacity(1.0, 0.0, 0))
    if live.readings >= ENOUGH_READINGS:
        seconds /= live.mean
        effective = min(live.readings, 1.0 / SMOOTHING)
        relative_error = math.hypot(relative_error, math.sqrt(live.variance / effective) / live.mean)
    unmeasured = sorted(model for model in work if model not in measured and work[model] > 0.0)
    source = f"measured ({min(one.readings for one in measured.values())} readings)"
    if unmeasured:
        source += f", prior for {', '.join(unmeasured)}"
    if live.readings >= ENOUGH_READINGS:
        source += f", times {live.mean:.2f} as under full load"
    return Capacity(1.0 / seconds, source, relative_error)
