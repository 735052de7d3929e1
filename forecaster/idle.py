"""Whether seasons help at all: against the recent level, carried on. PURE.

Where they don't, the weights move to the members without a season by themselves; this is what says so, and since when.
"""

from dataclasses import dataclass

import numpy as np

from forecaster.spread import FEW
from tidegate.shared.values import FloatArray, IntArray

HELP = 0.02
"""Seasons help if they take at least this share off the error of the recent level carried on."""


@dataclass(frozen=True, slots=True)
class Idle:
    """The seasons have not helped for the latest `steps` (0: they do); `ratio` is the error then, over the level's."""

    steps: int = 0
    ratio: float = 0.0


def idle(errors: FloatArray, level_errors: FloatArray, back: IntArray, period: int) -> Idle:
    """The stretch up to now in which the seasons have helped least, if it is a whole season long.

    `errors` and `level_errors` are absolute, shape (origins, horizon), the latest origin last, gaps NaN; `back` is how
    many steps ago each origin was. A stretch of less than a season says nothing: a level is right every night.
    """
    known = np.isfinite(errors).any(axis=1)
    if not period or known.sum() < FEW:
        return Idle()
    own, level = (np.nanmean(table[known], axis=1) for table in (errors, level_errors))
    missing = np.cumsum((own - (1.0 - HELP) * level)[::-1])[::-1]
    first = int(np.argmax(missing))
    long_enough = len(own) - first >= FEW and back[known][first] - back[known][-1] >= period
    if not long_enough or missing[first] < 0.0 or level[first:].sum() <= 0.0:
        return Idle()
    return Idle(int(back[known][first]), float(own[first:].sum() / level[first:].sum()))
