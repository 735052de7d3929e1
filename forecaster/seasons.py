"""Season lengths, found in the series itself. PURE.

Candidates are the calendar's (hour, day, week: where the history holds two of them) and the peaks of the
autocorrelation. A candidate becomes a season only if a profile of that length, which at every moment knows the past
alone, would have forecast better than the level did.
"""

import numpy as np

from forecaster.smoothing import cycle_means, ewma, fill_gaps, or_zero
from tidegate.shared.values import FloatArray

DAY_S = 86_400.0
CALENDAR_S = (3600.0, DAY_S, 7 * DAY_S)
MIN_CYCLES = 2.0
"""Cycles that the history must hold: the second is what the first is judged by."""

MAX_SEASONS = 3
MAX_PEAKS = 6
PEAK_CORRELATION = 0.1
FIRST_GAIN = 0.05
"""Share of the level's error that the first season must take away."""

NEXT_GAIN = 0.02
"""Share that any further season must take away from what the seasons before it leave."""

AS_GOOD = 0.75
"""The shortest candidate with this share of the best gain is taken: its multiples gain about as much."""

SLACK = 0.02
"""Lengths within this share of each other are one season."""

MAX_SLACK = 8
HARMONICS = 6

HALF_LIFE_CYCLES = 4.0


def find(values: FloatArray, step_s: float) -> tuple[int, ...]:
    """Season lengths in steps, the strongest first; () where there is none.

    `values` has shape (n,) on the modelled scale, gaps NaN.
    """
    if np.isfinite(values).sum() < 8:
        return ()
    candidates = _candidates(values, step_s)
    found: list[int] = []
    rest = values - float(np.nanmean(values))
    while len(found) < MAX_SEASONS:
        lead = max(1, (found[0] if found else 0) // 8)
        gains = {period: _gain(rest, period, lead if found else max(1, period // 8)) for period in candidates}
        needed = NEXT_GAIN if found else FIRST_GAIN
        best = max(gains.values(), default=0.0)
        if best < needed:
            break
        period = min(period for period, gain in gains.items() if gain >= AS_GOOD * best)
        if period * step_s not in CALENDAR_S:
            period = _measured(rest, period)
        found.append(period)
        rest = rest - _before(rest, period)
        rest[:period] = np.nan  # no profile yet: what stays there is the season itself
        candidates = [other for other in candidates if _is_another(other, found)]
    return _with_day(tuple(found), step_s)


def _with_day(found: tuple[int, ...], step_s: float) -> tuple[int, ...]:
    """A week contains its days: where it alone was found, the day is told to the members, too."""
    day, week = round(DAY_S / step_s), round(7 * DAY_S / step_s)
    return (*found, day) if week in found and day not in found and day >= 4 else found


def calendar_steps(step_s: float) -> tuple[int, ...]:
    """Hour, day and week in steps, where they are whole ones."""
    return tuple(round(season / step_s) for season in CALENDAR_S if season % step_s == 0)


def _candidates(values: FloatArray, step_s: float) -> list[int]:
    longest = int(len(values) / MIN_CYCLES)
    known = [period for period in calendar_steps(step_s) if 4 <= period <= longest]
    for peak in _peaks(values, longest):
        if all(abs(peak - period) > max(1, SLACK * period) for period in known):
            known.append(peak)
    return known


def _peaks(values: FloatArray, longest: int) -> list[int]:
    """Lags of the highest local maxima of the autocorrelation, with the slow wander taken out."""
    filled = fill_gaps(values)
    known = np.isfinite(values)
    centred = np.where(known, filled - np.linspace(*_line(filled), len(filled)), 0.0)
    products = _correlated(centred, longest)
    pairs = len(values) - np.arange(longest + 1.0) if known.all() else _correlated(known.astype(float), longest)
    correlation = products / np.maximum(pairs, 1.0)
    if correlation[0] <= 1e-12:
        return []
    correlation = correlation / correlation[0]
    inner = correlation[1:-1]
    tops = 1 + np.flatnonzero((inner > correlation[:-2]) & (inner >= correlation[2:]) & (inner > PEAK_CORRELATION))
    # A wandering level correlates at every short lag: a season begins after the correlation has once been low.
    low = np.flatnonzero(correlation < 0.5 * correlation[tops].max()) if len(tops) else np.array([], dtype=int)
    tops = tops[(tops >= 4) & (tops > (low[0] if len(low) else longest))]
    highest = tops[np.argsort(correlation[tops])[::-1][:MAX_PEAKS]]
    if len(highest):  # the multiples of a sharp season correlate as well as it does: the first of them is it
        first = tops[np.argmax(correlation[tops] >= AS_GOOD * correlation[highest[0]])]
        highest = np.unique(np.append(highest, first))
    return list(dict.fromkeys(_sharpened(correlation, int(lag)) for lag in highest))


def _correlated(series: FloatArray, longest: int) -> FloatArray:
    """Sums of products of the series with itself, 0..longest steps apart."""
    least = len(series) + longest  # more than that, and its end would meet its start
    size = min(odd << max(0, (-(-least // odd) - 1).bit_length()) for odd in (1, 3, 5, 9, 15))
    result: FloatArray = np.fft.irfft(np.abs(np.fft.rfft(series, size)) ** 2, size)[: longest + 1]
    return result


def _sharpened(correlation: FloatArray, lag: int) -> int:
    """The lag near a peak whose multiples correlate best: noise moves a peak, its tenth multiple shows by how much."""
    slack = max(2, round(SLACK * lag))
    near = np.arange(max(2, lag - slack), min(lag + slack, len(correlation) - 1) + 1)
    multiples = near[:, None] * np.arange(1, (len(correlation) - 1) // int(near[0]) + 1)
    inside = multiples < len(correlation)
    sums = np.where(inside, correlation[np.where(inside, multiples, 0)], 0.0).sum(axis=1)
    return int(near[np.argmax(sums / inside.sum(axis=1))])


def _measured(rest: FloatArray, period: int) -> int:
    """The period near this one whose first harmonics fit the most of it: the sharpest ruler there is.

    By least squares, whose error falls as length^-3/2 (Quinn & Hannan, The Estimation and Tracking of Frequency, 2001).
    The periodogram's own peak leans by up to 1 % where few cycles are seen: sine, cosine and mean are not orthogonal
    over a part of a cycle.
    """
    slack = min(MAX_SLACK, max(2, round(SLACK * period)))
    near = range(max(4, period - slack), period + slack + 1)
    known = np.flatnonzero(np.isfinite(rest))

    def explained(candidate: int) -> float:
        phases = known % candidate  # whatever fits is a function of the phase: sums by phase say all of it
        counts = np.bincount(phases, minlength=candidate).astype(float)
        sums = np.bincount(phases, rest[known], candidate)
        turns = np.arange(1, min(HARMONICS, (candidate - 1) // 2) + 1)
        angles = 2.0 * np.pi * np.outer(np.arange(candidate), turns) / candidate
        waves = np.hstack((np.ones((candidate, 1)), np.cos(angles), np.sin(angles)))
        products = waves.T @ (counts[:, None] * waves)
        right = waves.T @ sums
        ridge = 1e-9 * np.trace(products) * np.eye(len(products))
        return float(right @ np.linalg.solve(products + ridge, right))

    return max(near, key=explained)


def _line(filled: FloatArray) -> tuple[float, float]:
    places = np.arange(len(filled))
    slope, start = np.polyfit(places, filled, 1)
    return float(start), float(start + slope * (len(filled) - 1))


def _gain(rest: FloatArray, period: int, lead: int) -> float:
    """Share of the level's absolute error, `lead` steps ahead, that a profile of this length takes away."""
    if MIN_CYCLES * period > len(rest):
        return 0.0
    if not np.isfinite(rest[period + lead :]).any():
        return 0.0
    without = _level_error(rest, period, lead)
    within = _level_error(rest - _before(rest, period), period, lead)
    return 1.0 - within / without if without > 1e-12 else 0.0


def _level_error(rest: FloatArray, period: int, lead: int) -> float:
    """Mean absolute error of the better of a quick and a slow level, `lead` steps ahead, after the first cycle."""
    losses = []
    for half_life in (max(1.0, lead / 2), float(period)):
        errors = np.abs(rest[period + lead :] - or_zero(ewma(rest, half_life)[period:-lead]))
        known = np.isfinite(errors)
        losses.append(float(errors.mean() if known.all() else errors[known].mean()))
    return min(losses)


def _before(rest: FloatArray, period: int) -> FloatArray:
    rows = -(-len(rest) // period)
    means, _ = cycle_means(rest, period, HALF_LIFE_CYCLES, rows)
    before = np.vstack((np.full((1, period), np.nan), means[:-1])).ravel()[: len(rest)]
    return np.where(np.isfinite(before), before, 0.0)


def _is_another(period: int, found: list[int]) -> bool:
    """Not one of those found, nor within 2 % of one."""
    return all(abs(period - other) > max(1, SLACK * other) for other in found)
