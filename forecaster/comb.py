"""Sharp recurring spikes, taken out before the members see the series and put back where they are due. PURE.

A spike of one minute each hour is nothing that a smooth member can say, and where most members are smooth they outvote
those that know it. So spikes have a place of their own: steps that stand out from their neighbours, at the same phase
of a cycle in most of the last cycles, are teeth of a comb, each with its own mean height. The longest cycle that was
seen often enough decides: a spike on weekdays belongs to the week, and Saturday has none.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.smoothing import cycle_means, fill_gaps, robust_scale
from tidegate.shared.values import FloatArray, IntArray

CYCLES = 3
"""Cycles after which a period's teeth are believed, and its silence too."""

HALF_LIFE_CYCLES = 4.0
OFTEN = 0.5
"""Share of the last cycles (recent ones weigh more) in which a tooth has come."""

MOST_STEPS = 7
AROUND = 2 * MOST_STEPS + 1
"""A step stands out from the median of so many steps around it: a spike of MOST_STEPS doesn't move that."""

AT_ONCE = 0.4
"""Share of a spike's height that its first step rises, and its last one falls …"""

FLAT = 0.8
LEAST_FLAT = 2
"""… or the share of it that each step between them has, of which there are so many at least: a spike of some minutes
that begins ten seconds before a minute is over has but a sixth of it there. (A shorter peak could be a tide's.)"""

LEAST_PERIOD = 3 * AROUND
MOST_APART = 8
"""Spikes in a cycle at most for their own distance to be looked for."""

MOSTLY = 0.65
"""Share of the spikes that must have another one at a distance for it to be theirs …"""

AS_GOOD = 0.9
"""… and of the best distance's share: each day fits most spikes of weekdays, the week fits all."""

SURE = 6.0
"""Standard deviations of the noise from which on a step stands out …"""

LEAST_SHARE = 0.3
"""… if it is also at least this share above its neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class Comb:
    """Heights in requests/s by phase, from the longest period on, and the phases that each decides, shape (period,)."""

    teeth: tuple[tuple[FloatArray, FloatArray], ...] = ()

    def at(self, places: IntArray) -> FloatArray:
        """What is due at places of the grid, requests/s over what is usual around them."""
        due, open_ = np.zeros(len(places)), np.ones(len(places), dtype=bool)
        for heights, decided in self.teeth:
            phases = places % len(heights)
            due = np.where(open_, heights[phases], due)
            open_ = open_ & (decided[phases] == 0.0)
        return due


def without(rates_rps: FloatArray, due_rps: FloatArray, around_rps: FloatArray) -> FloatArray:
    """Rates without the spikes that were due; one that did not come is not taken away."""
    came = np.abs(rates_rps - due_rps - around_rps) < np.abs(rates_rps - around_rps)
    return np.where(came, np.maximum(rates_rps - due_rps, 0.0), rates_rps)


def learn(rates_rps: FloatArray, periods: tuple[int, ...]) -> tuple[FloatArray, Comb]:
    """The rates without the spikes that the cycles before had announced, shape (n,), and the comb for what comes."""
    if len(rates_rps) < CYCLES * LEAST_PERIOD:
        return rates_rps, Comb()
    from scipy.ndimage import median_filter  # takes 0.2 s: a process that only answers does without

    around = median_filter(fill_gaps(rates_rps), AROUND, mode="nearest")
    excess = rates_rps - around
    noise = excess / np.sqrt(np.maximum(around, 1e-9))
    out = _sharp((noise > SURE * robust_scale(noise)) & (excess > LEAST_SHARE * around), excess)
    usable = _usable(periods, np.flatnonzero(np.diff(out.astype(int), prepend=0) == 1), len(rates_rps))
    if not usable:
        return rates_rps, Comb()
    due, open_ = np.zeros(len(rates_rps)), np.ones(len(rates_rps), dtype=bool)
    teeth = []
    for period in usable:
        heights, decided = _running(excess, out, period)
        due = np.where(open_, heights[: len(due)], due)
        open_ &= decided[: len(due)] == 0.0
        coming = len(due) + (np.arange(period) - len(due)) % period  # the next place of each phase
        teeth.append((heights[coming], decided[coming]))
    return without(rates_rps, due, around), Comb(tuple(teeth))


def _usable(periods: tuple[int, ...], starts: IntArray, steps: int) -> list[int]:
    """The periods that may say when spikes come, the longest first.

    Spikes are a sharper ruler than the tide under them: where they keep a distance of their own, it is a period, and a
    season that goes not into it, nor it into the season, has nothing to say of them.
    """
    own = _distance(starts, steps)
    told = {period for period in periods if not own or period % own == 0 or own % period == 0} | {own}
    return sorted((one for one in told if one >= LEAST_PERIOD and CYCLES * one <= steps), reverse=True)


def _distance(starts: IntArray, steps: int) -> int:
    """The smallest distance at which the most spikes have another; 0 where there is none."""
    apart = range(1, min(MOST_APART, len(starts) - 1) + 1)
    among = np.concatenate([np.zeros(0, dtype=np.int64), *(starts[k:] - starts[:-k] for k in apart)])
    distances, counts = np.unique(among, return_counts=True)
    likely = distances[(counts >= CYCLES) & (CYCLES * distances <= steps)]
    shares = np.array([np.isin(starts[starts + one < steps] + one, starts).mean() for one in likely])
    good = likely[shares >= max(MOSTLY, AS_GOOD * shares.max(initial=0.0))]
    # Of spikes that come too soon after each other, twice their distance is no better: they are the members' business.
    return int(good[0]) if len(good) and good[0] >= LEAST_PERIOD else 0


def _sharp(out: NDArray[np.bool_], excess: FloatArray) -> NDArray[np.bool_]:
    """Those runs of steps that begin and end at once: a tide's peak stands out, too, but rises over hours."""
    edges = np.diff(np.concatenate(([0], out.astype(int), [0])))
    first, last = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    if not len(first):
        return out
    known = np.concatenate(([0.0], np.nan_to_num(excess), [0.0]))
    highest = np.array([known[a + 1 : b + 2].max() for a, b in zip(first, last, strict=True)])
    between = zip(first + 1, last, strict=True)
    flat = np.array([known[a + 1 : b + 1].min() if b - a >= LEAST_FLAT else 0.0 for a, b in between])
    rise, fall = known[first + 1] - known[first], known[last + 1] - known[last + 2]
    steep = (np.minimum(rise, fall) >= AT_ONCE * highest) | (flat >= FLAT * highest)
    sharp = (last - first < MOST_STEPS) & steep
    kept = np.zeros(len(out) + 1)
    np.add.at(kept, first[sharp], 1.0)
    np.add.at(kept, last[sharp] + 1, -1.0)
    return np.cumsum(kept)[:-1] > 0.5


def _running(excess: FloatArray, out: NDArray[np.bool_], period: int) -> tuple[FloatArray, FloatArray]:
    """What the cycles before each step say of it, one period past the end: heights due, and 1 where it is decided."""
    rows = -(-len(excess) // period)
    known = np.isfinite(excess)
    often, weight = cycle_means(np.where(known, out, np.nan), period, HALF_LIFE_CYCLES, rows + 1)
    height, _ = cycle_means(np.where(known & out, excess, np.nan), period, HALF_LIFE_CYCLES, rows + 1)
    keep = 0.5 ** (1.0 / HALF_LIFE_CYCLES)
    decided = weight >= (1.0 - keep**CYCLES) / (1.0 - keep) * 0.99
    due = np.where(decided & (np.nan_to_num(often) >= OFTEN), np.nan_to_num(height), 0.0)
    before = np.zeros((1, period))
    return np.vstack((before, due)).ravel(), np.vstack((before, decided.astype(float))).ravel()
