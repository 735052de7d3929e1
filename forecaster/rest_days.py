"""Public holidays: what a day off does to demand, taken out of the past and put where it is due. PURE.

A holiday is forecast as a day of its own. Until one was seen that day is the Sunday before (a usual day, where there
is no week); each one that was seen then says how its demand differed from that, and is believed n / (n + 1) after n of
them. The effect is what that day has over the usual one of its weekday, on the modelled scale, so that members see a
series without holidays and the present level is carried into one as into any other day.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from forecaster.calendar import Calendar
from forecaster.smoothing import circular_mean
from tidegate.shared.values import FloatArray, IntArray

DAY_S, WEEK_S = 86_400.0, 604_800.0
SUNDAY = 3
"""Days from the epoch's weekday, a Thursday, to a Sunday."""

CYCLES = 4
"""Weeks (days, where there is no week) before a holiday that say what is usual."""

SMOOTH = 24
"""What was learned of holidays is averaged over 1/24 of a day around each time of it."""


@dataclass(frozen=True, slots=True, eq=False)
class RestDays:
    """`days` are numbers of local days from the epoch, `first_step` the local step of place 0.

    `usual` (week or day,) and `rest` (day,) are what is usual by phase and what a holiday has, on the modelled scale.
    """

    first_step: int
    days: tuple[int, ...]
    usual: FloatArray
    rest: FloatArray

    def at(self, places: IntArray) -> FloatArray:
        """What holidays add at places of the grid, on the modelled scale; 0 on every other day."""
        if not self.days:
            return np.zeros(len(places))
        steps = self.first_step + places
        off = np.isin(steps // len(self.rest), self.days)
        return np.where(off, self.rest[steps % len(self.rest)] - self.usual[steps % len(self.usual)], 0.0)


def none() -> RestDays:
    """No holiday has an effect."""
    return RestDays(0, (), np.zeros(1), np.zeros(1))


def local_days(calendar: Calendar, step_s: float) -> tuple[int, ...]:
    """The holidays' numbers, in local days from the epoch."""
    if not calendar.holidays:
        return ()
    starts_s = np.array([holiday.start_s for holiday in calendar.holidays])
    local = np.round(starts_s / step_s) + calendar.offset_steps(starts_s, step_s)
    return tuple(int(day) for day in np.unique(np.round(local * step_s / DAY_S)))


def learn(
    values: FloatArray, days: Iterable[int], periods: tuple[int, ...], first_step: int, step_s: float
) -> tuple[FloatArray, RestDays]:
    """The values without what holidays did to them, shape (n,), and what they will do.

    What is taken out of a holiday is what the days before it said alone. Series that repeat no days have none.
    """
    day, week = round(DAY_S / step_s), round(WEEK_S / step_s)
    season = week if week in periods else day
    wanted = tuple(sorted(days))
    if not wanted or DAY_S % step_s or not any(period in (day, week) for period in periods):
        return values, none()
    result, seen = values.copy(), np.zeros((0, day))
    for number in wanted:
        start = number * day - first_step
        places = np.arange(max(start, 0), min(start + day, len(values)))
        if start < season or not len(places):
            continue  # nothing is known yet of what is usual, or it is still to come
        usual, sunday = _usual(result[:start], first_step, season, day)
        known = RestDays(first_step, (number,), usual, sunday + _learned(seen))
        result[places] = values[places] - known.at(places)
        if len(places) == day:
            seen = np.vstack((seen, values[places] - sunday))
    usual, sunday = _usual(result, first_step, season, day)
    return result, RestDays(first_step, wanted, usual, sunday + _learned(seen))


def _usual(values: FloatArray, first_step: int, season: int, day: int) -> tuple[FloatArray, FloatArray]:
    """What the last cycles have at each phase of the season from the epoch, and at each of their day of rest."""
    table = np.full(CYCLES * season, np.nan)
    latest = values[-CYCLES * season :]
    table[len(table) - len(latest) :] = latest
    cycles = table.reshape(CYCLES, season)
    counts = np.isfinite(cycles).sum(axis=0)
    means = np.where(counts, np.nansum(cycles, axis=0) / np.maximum(counts, 1), float(np.nanmean(values)))
    usual = np.roll(means, (first_step + len(values)) % season)
    return usual, usual[SUNDAY * day : (SUNDAY + 1) * day] if season > day else usual


def _learned(seen: FloatArray) -> FloatArray:
    """How holidays (n, day) differed from the days of rest before them, as far as so many are believed."""
    total = circular_mean(np.nan_to_num(seen).sum(axis=0)[None], seen.shape[1] // SMOOTH)[0]
    result: FloatArray = total / (len(seen) + 1.0)
    return result
