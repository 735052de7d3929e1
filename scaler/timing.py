"""When, within the forecaster's steps, its paths rise and fall. PURE.

A step's mean doesn't say when in it a spike began, and capacity must be there by then. Two things are known of it.
Where a step lies between its neighbours, and these differ by a jump, the mean itself tells the moment: the step is the
level before for as long as leaves the level after with the rest (subcell resolution; Harten, Journal of Computational
Physics 83, 1989). Worked: 60, 180, 300 rows/s are a jump from 60 to 300 in the middle of the second step. And no moment
is known to better than a part of a step, nor are spikes as punctual as clocks, so each path comes a little early or
late, as a whole: what the price of a miss then makes of it is to be ready for those that come early. Where no jump is
announced all of that changes nothing, and is left out.
"""

import numpy as np
from numpy.typing import NDArray

from tidegate.shared.values import FloatArray, Forecast

PLAY = 1.0
"""Paths come early or late by at most so many steps, evenly spread."""
GOLDEN = (5.0**0.5 - 1.0) / 2.0
"""Multiples of it spread over [0, 1) with no period, unlike every second or every tenth path."""


def mean_between(forecast: Forecast, edges: FloatArray) -> FloatArray:
    """Mean of each path between neighbouring times, shape (paths, edges - 1).

    Before its first and after its last step a path stays level.
    """
    paths = forecast.paths_rps
    position = (edges - forecast.start_s) / forecast.step_s
    width = np.diff(position)
    jumps = announced(paths)
    if len(jumps):
        position = position + play(len(paths))[:, None]
    integral = _level(paths, position)
    for step in jumps:
        integral += placed(paths, step, np.clip(position - step, 0.0, 1.0))
    mean: FloatArray = np.diff(integral, axis=1) / width
    return mean


def play(count: int) -> FloatArray:
    """How much too early each path comes, in steps, shape (count,); below 0 too late, the first path in time."""
    turns: FloatArray = (0.5 + GOLDEN * np.arange(count, dtype=np.float64)) % 1.0
    return PLAY * (2.0 * turns - 1.0)


def announced(paths: FloatArray) -> NDArray[np.intp]:
    """Which steps hold a jump that the paths agree on, or begin with one, shape (jumps,).

    There the paths' mean moves by more in two steps than in the one before and the one after these together, by more
    than a step earlier or later, and by more than the paths differ in it: tides and noise stay level within a step.
    Beyond both ends the mean is taken to go on as it does there.
    """
    if paths.shape[1] < 3:
        return np.zeros(0, dtype=np.intp)
    mean = paths.mean(axis=0)
    moves = np.abs(np.diff(mean))
    moves = np.concatenate([moves[:1], moves, moves[-1:]])
    size = np.abs(mean[2:] - mean[:-2])
    around = np.concatenate([[0.0], size, [0.0]])
    highest = (size >= around[:-2]) & (size > around[2:])
    steep = np.flatnonzero(highest & (size > moves[:-3] + moves[3:]))
    spread = (paths[:, steep + 2] - paths[:, steep]).std(axis=0)
    result: NDArray[np.intp] = steep[size[steep] > spread] + 1
    return result


def placed(paths: FloatArray, step: int, share: FloatArray) -> FloatArray:
    """What a path brings over the first `share` (paths, n) of a step beyond a level one, when it jumps within it.

    Each jumps at the moment that its mean of the step tells; nothing is left of it at the end of the step.
    """
    before, here, after = paths[:, step - 1 : step + 2].T[:, :, None]
    between = (here - before) * (after - here) > 0.0
    at = np.divide(after - here, after - before, out=np.zeros(here.shape), where=between)
    beyond: FloatArray = (before - here) * share + (after - before) * np.maximum(share - at, 0.0)
    return np.where(between, beyond, 0.0)


def _level(paths: FloatArray, position: FloatArray) -> FloatArray:
    """Integral of each path, level within its steps, up to these positions, (n,) or (paths, n); in units of a step."""
    count, steps = paths.shape
    whole = np.clip(np.floor(position), 0, steps - 1).astype(np.intp)
    total = np.zeros((count, steps))
    np.cumsum(paths[:, :-1], axis=1, out=total[:, 1:])
    places = steps * np.arange(count)[:, None] + whole
    result: FloatArray = total.ravel()[places] + paths.ravel()[places] * (position - whole)
    return result
