"""Regular grids: summing sources, changing the step, choosing the step that is modelled. PURE.

Gaps stay gaps (NaN): an outage of the counting is not zero traffic.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import DemandSeries, FloatArray

STEPS_S = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 300.0, 600.0, 1800.0, 3600.0)
"""Steps that are modelled when nobody says which."""

MAX_POINTS = 20_160
"""The finest of STEPS_S that needs no more points than this (two weeks of minutes) is modelled."""

FINEST_STEP_S = 0.001
"""The finest grid: an hour of a finer one would be more than memory holds, for nothing but noise."""

MAX_RATE_RPS = 1e15
"""The highest rate that is taken: far over any demand, and far from where sums of squares overflow."""

HALF = 0.5
"""A coarse step is known when at least this share of it is."""

SILENCE_S = 15.0
"""A source silent for longer has left; until then it may only be late, and the sum is not known."""

SETTLED_S = 4 * SILENCE_S
"""What is older than this is taken in for good; what is younger may still be corrected, and is read again."""

IMPORTED = "import"
"""The source of history that was brought in: it counts only where no router was counting."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceSeries:
    """What one source (a router, an import) observed: rates with shape (n,), gaps NaN."""

    source: str
    start_s: float
    step_s: float
    rate_rps: FloatArray

    @property
    def end_s(self) -> float:
        """End of the last step."""
        return self.start_s + self.step_s * len(self.rate_rps)


def check_step(step_s: float) -> None:
    """Raises InvalidRequest for a step that no grid can have."""
    if not FINEST_STEP_S <= step_s < np.inf:
        raise InvalidRequest(f"step_s is {step_s:g}: it must be {FINEST_STEP_S:g} at least, or 0 for the series' own")


def divides(fine_s: float, coarse_s: float) -> bool:
    """Whether the coarse step is a whole number of fine ones, one at least."""
    ratio = coarse_s / fine_s
    return ratio > HALF and abs(ratio - round(ratio)) <= 1e-6


def choose_step_s(span_s: float, coarsest_source_s: float) -> float:
    """The step to model a history of `span_s` at: as fine as MAX_POINTS allows, never finer than its sources.

    It is one of STEPS_S where the sources' step divides one; another (7 s, 7 min) is taken as often as is needed.
    """
    for step_s in STEPS_S:
        if divides(coarsest_source_s, step_s) and span_s <= step_s * MAX_POINTS:
            return step_s
    if divides(coarsest_source_s, STEPS_S[-1]):
        return STEPS_S[-1]
    return coarsest_source_s * max(1.0, float(np.ceil(span_s / (coarsest_source_s * MAX_POINTS))))


def resample(start_s: float, step_s: float, rates: FloatArray, to_step_s: float) -> tuple[float, FloatArray]:
    """Means over steps of `to_step_s` (on the absolute grid of its multiples); returns the new start and rates.

    A coarse step of which less than half is known is NaN. A finer `to_step_s` repeats. Raises InvalidRequest unless
    one step is a multiple of the other.
    """
    if to_step_s == step_s:
        return start_s, rates
    if to_step_s < step_s:
        return start_s, np.repeat(rates, _ratio(step_s, to_step_s))
    ratio = _ratio(to_step_s, step_s)
    first_s = np.floor(start_s / to_step_s + 1e-9) * to_step_s
    before = round((start_s - first_s) / step_s)
    total = -(-(before + len(rates)) // ratio) * ratio
    table = np.full(total, np.nan)
    table[before : before + len(rates)] = rates
    return float(first_s), _means(table.reshape(-1, ratio))


def regrid_paths(paths: FloatArray, step_s: float, to_step_s: float) -> FloatArray:
    """Paths (n, steps) at another step: means of a coarser one (a ragged end is dropped), repeats of a finer one."""
    if to_step_s < step_s:
        return np.repeat(paths, _ratio(step_s, to_step_s), axis=1)
    ratio = _ratio(to_step_s, step_s)
    whole = paths.shape[1] // ratio
    if whole == 0:
        raise InvalidRequest(f"step_s is {to_step_s:g}: the horizon is shorter than one such step")
    result: FloatArray = paths[:, : whole * ratio].reshape(len(paths), whole, ratio).mean(axis=2)
    return result


def total_demand(model: str, sources: Sequence[SourceSeries], step_s: float, until_s: float) -> DemandSeries:
    """The model's demand: the sum over its sources, on the absolute grid of `step_s`, up to `until_s`.

    A router counts from its first value to SILENCE_S after its last; in between, what it has not reported is
    missing, and so is the sum. After a longer silence it is taken as gone. An import counts where no router does.
    """
    start_s = np.floor(min(source.start_s for source in sources) / step_s + 1e-9) * step_s
    length = max(0, int(np.floor((until_s - start_s) / step_s + 1e-9)))
    if len(sources) == 1:
        return DemandSeries(model, float(start_s), step_s, _placed(sources[0], start_s, step_s, length))
    live = [_placed(source, start_s, step_s, length) for source in sources if source.source != IMPORTED]
    brought = [_placed(source, start_s, step_s, length) for source in sources if source.source == IMPORTED]
    total = _sum_of_active(live, step_s, length)
    for rates in brought:
        total = np.where(np.isfinite(total), total, rates)
    return DemandSeries(model, float(start_s), step_s, total)


def _sum_of_active(live: list[FloatArray], step_s: float, length: int) -> FloatArray:
    total, active = np.zeros(length), np.zeros(length, dtype=bool)
    patience = int(np.ceil(SILENCE_S / step_s))
    for rates in live:
        known = np.isfinite(rates)
        last_seen = np.maximum.accumulate(np.where(known, np.arange(length), -length - patience))
        silent = np.arange(length) - last_seen
        returns = np.minimum.accumulate(np.where(known, np.arange(length), 3 * length + patience)[::-1])[::-1]
        # Late (reports again, or may still) is missing; a silence longer than the patience was an absence.
        gap = returns - last_seen
        present = known | ((silent <= patience) & ((gap <= patience) | (returns >= length)))
        total = total + np.where(present, rates, 0.0)
        active |= present
    return np.where(active, total, np.nan)


def _placed(source: SourceSeries, start_s: float, step_s: float, length: int) -> FloatArray:
    first_s, rates = resample(source.start_s, source.step_s, source.rate_rps, step_s)
    offset = round((first_s - start_s) / step_s)
    placed = np.full(length, np.nan)
    whole = rates[: max(0, length - offset)]
    placed[offset : offset + len(whole)] = whole
    return placed


def _means(table: FloatArray) -> FloatArray:
    known = np.isfinite(table)
    counts = known.sum(axis=1)
    sums = np.where(known, table, 0.0).sum(axis=1)
    return np.where(counts >= HALF * table.shape[1], sums / np.maximum(counts, 1), np.nan)


def _ratio(coarse_s: float, fine_s: float) -> int:
    if not divides(fine_s, coarse_s):
        raise InvalidRequest(f"a step of {coarse_s:g} s is no multiple of {fine_s:g} s")
    return round(coarse_s / fine_s)
