"""When, within the forecaster's steps, its paths rise and fall. PURE.

A step's mean doesn't say when in it a spike began, and capacity must be there by then. Two things are known of it.
Where a step lies between its neighbours, and these differ by a jump, the mean itself tells the moment: the step is the
level before for as long as leaves the level after with the rest (subcell resolution; Harten, Journal of Computational
Physics 83, 1989). Worked: 60, 180, 300 rows/s are a jump from 60 to 300 in the middle of the second step. And no moment
is known to better than a part of a step, nor are spikes as punctual as clocks, so each path comes a little early or
late, as a whole: what the price of a miss then makes of it is to be ready for those that come early. Where no jump is
announced all of that changes nothing, and is left out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.shared.values import FloatArray, Forecast

PLAY = 0.5
"""Paths come early or late by at most this share of a step, evenly spread."""
GOLDEN = (5.0**0.5 - 1.0) / 2.0
"""Multiples of it spread over [0, 1) with no period, unlike every second or every tenth path."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Paths that are `before` up to the share `at` of each step and `after` from there on; all (paths, steps)."""

    before: FloatArray
    after: FloatArray
    at: FloatArray


def mean_between(forecast: Forecast, edges: FloatArray) -> FloatArray:
    """Mean of each path between neighbouring times, shape (paths, edges - 1).

    Before its first and after its last step a path stays level.
    """
    paths = forecast.paths_rps
    steps = paths.shape[1]
    jumps = announced(paths)
    moved = play(len(paths)) if jumps.any() else np.zeros(len(paths))
    position = (edges - forecast.start_s) / forecast.step_s + moved[:, None]
    whole = np.clip(np.floor(position), 0, steps - 1).astype(np.intp)
    share = position - whole
    total = np.concatenate([np.zeros((len(paths), 1)), np.cumsum(paths, axis=1)], axis=1)
    within = placed(paths, jumps)
    before, after, at = (np.take_along_axis(one, whole, axis=1) for one in (within.before, within.after, within.at))
    inside = before * np.minimum(share, at) + after * np.maximum(share - at, 0.0)
    level = np.take_along_axis(paths, whole, axis=1) * share
    begun = np.take_along_axis(total, whole, axis=1)
    integral: FloatArray = begun + np.where((share < 0.0) | (share > 1.0), level, inside)
    mean: FloatArray = np.diff(integral, axis=1) / np.diff(position, axis=1)
    return mean


def play(count: int) -> FloatArray:
    """How much too early each path comes, in steps, shape (count,); below 0 too late, the first path in time."""
    turns: FloatArray = (0.5 + GOLDEN * np.arange(count, dtype=np.float64)) % 1.0
    return PLAY * (2.0 * turns - 1.0)


def announced(paths: FloatArray) -> NDArray[np.bool_]:
    """Which steps hold a jump that the paths agree on, or begin with one, shape (steps,).

    There the paths' mean moves by more in two steps than in the one before and the one after these together, by more
    than a step earlier or later, and by more than the paths differ in it: tides and noise stay level within a step.
    Beyond both ends the mean is taken to go on as it does there.
    """
    found = np.zeros(paths.shape[1], dtype=np.bool_)
    if len(found) >= 3:
        mean = paths.mean(axis=0)
        moves = np.abs(np.diff(mean))
        moves = np.concatenate([moves[:1], moves, moves[-1:]])
        size = np.abs(mean[2:] - mean[:-2])
        around = np.concatenate([[0.0], size, [0.0]])
        highest = (size >= around[:-2]) & (size > around[2:])
        spread = (paths[:, 2:] - paths[:, :-2]).std(axis=0)
        found[1:-1] = highest & (size > moves[:-3] + moves[3:]) & (size > spread)
    return found


def placed(paths: FloatArray, jumps: NDArray[np.bool_]) -> Placed:
    """Each path's jumps, in these steps, at the moment that its mean of the step tells; the means are kept."""
    before, after = paths.copy(), paths.copy()
    at: FloatArray = np.zeros(paths.shape)
    if jumps.any():
        left, here, right = paths[:, :-2], paths[:, 1:-1], paths[:, 2:]
        between = jumps[1:-1] & ((here - left) * (right - here) > 0.0)
        np.divide(right - here, right - left, out=at[:, 1:-1], where=between)
        before[:, 1:-1] = np.where(between, left, here)
        after[:, 1:-1] = np.where(between, right, here)
    return Placed(before, after, at)
