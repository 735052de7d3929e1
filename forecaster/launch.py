"""A launch: a model with next to no history borrows the shape of another's. PURE.

What the other model saw is put in front of the new one's own history, scaled to its level. The members then learn
from it as from their own, and as own history grows it takes over by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.shared.values import DemandSeries, FloatArray

OWN_CYCLES = 2.0
"""Cycles of the other's first season after which a series stands on its own."""

LEAST_OVERLAP = 8
"""Steps in common from which on the choice among several is by likeness; before, the first named is taken."""


LONGEST_S = 86_400.0
"""Two days are enough to stand on: nobody borrows for two weeks because others know theirs."""


@dataclass(frozen=True, slots=True)
class Lender:
    """A model whose shape may be borrowed, the season that it has to lend, and the step that it is modelled at."""

    model: str
    season_s: float
    step_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """What can be borrowed: another model's demand, and the season in it."""

    demand: DemandSeries
    season_s: float


def season_to_lend(seasons_s: Sequence[float]) -> float:
    """The longest of a model's seasons up to a day; the shortest where all are longer."""
    return max((one for one in seasons_s if one <= LONGEST_S), default=min(seasons_s))


def borrowed(own: DemandSeries, shapes: Sequence[Shape]) -> tuple[DemandSeries, str]:
    """The series with another's history before its own, and whose; the series itself and "" where none fits.

    One fits that has the same step, was observed at the time of the launch, and knows a season that this series has
    not seen twice. Of several the one most like it so far is taken.
    """
    best, name, least = own, "", np.inf
    length_s = own.step_s * len(own.rate_rps)
    for shape in shapes:
        if shape.demand.step_s != own.step_s or length_s >= OWN_CYCLES * shape.season_s:
            continue
        first = round((own.start_s - shape.demand.start_s) / own.step_s)
        before, beside = shape.demand.rate_rps[: max(first, 0)], shape.demand.rate_rps[max(first, 0) :]
        ratio, unlike, overlap = _likeness(own.rate_rps, beside)
        if len(before) < shape.season_s / own.step_s or not np.isfinite(ratio):
            continue
        unlike = unlike if overlap >= LEAST_OVERLAP else np.finfo(float).max
        if unlike < least:
            rates = np.concatenate((before * ratio, own.rate_rps))
            best = DemandSeries(own.model, own.start_s - own.step_s * len(before), own.step_s, rates)
            name, least = shape.demand.model, unlike
    return best, name


def _likeness(own: FloatArray, other: FloatArray) -> tuple[float, float, int]:
    """(own level over the other's, how unlike they are, steps in common); NaN where nothing is in common."""
    steps = min(len(own), len(other))
    mine, theirs = own[:steps], other[:steps]
    known = np.isfinite(mine) & np.isfinite(theirs)
    if not known.any() or theirs[known].sum() <= 0.0:
        return float("nan"), np.inf, 0
    ratio = float(mine[known].sum() / theirs[known].sum())
    unlike = float(np.abs(mine[known] - ratio * theirs[known]).sum() / max(mine[known].sum(), 1e-12))
    return ratio, unlike, int(known.sum())
