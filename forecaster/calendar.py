"""What the calendar says of a series: local time, holidays, planned events. PURE: plain numbers, resolved outside.

`forecaster.calendars.build` makes one from a zone's name, a country and the users' events.

Daylight saving is a matter of the grid, not of the members: where days or weeks repeat, a series is modelled on the
grid of local clock time, in which 09:00 is the same phase on every day of the year. The hour that spring leaves out is
a gap there; of the hour that autumn repeats, the later pass is kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecaster.series import MAX_RATE_RPS
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import FloatArray, IntArray

MAX_FACTOR = 1e6
"""An event that multiplies demand by more is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Event:
    """Demand that somebody knows of: over [start_s, end_s) the usual rate times `factor` plus `added_rps`.

    With a factor of 0 the rate is `added_rps`, whatever is usual; and what was usual then, nobody will know.
    """

    name: str
    start_s: float
    end_s: float
    factor: float = 1.0
    added_rps: float = 0.0

    def __post_init__(self) -> None:
        """Raises InvalidRequest naming each field that is wrong, and its value."""
        wrong = []
        if not self.name:
            wrong.append("name is empty: an event needs one, to be removed by")
        if not 0.0 <= self.start_s < self.end_s < np.inf:
            wrong.append(f"end_s is {self.end_s:.0f}: it must be after start_s, {self.start_s:.0f}")
        if not 0.0 <= self.factor <= MAX_FACTOR:
            wrong.append(
                f"factor is {self.factor:g}: it must lie within 0 and {MAX_FACTOR:g} (2 doubles the usual demand)"
            )
        if not 0.0 <= self.added_rps <= MAX_RATE_RPS:
            wrong.append(f"added_rps is {self.added_rps:g}: it must lie within 0 and {MAX_RATE_RPS:g}")
        if wrong:
            raise InvalidRequest("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class Holiday:
    """A local day, [start_s, end_s), on which people do as on a day of rest."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Calendar:
    """`offsets` are (from epoch seconds, seconds east of UTC), rising; the first holds for all time before it, too.

    What holidays do is learned (`rest_days`); what events do is told.
    """

    zone: str = "UTC"
    offsets: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    holidays: tuple[Holiday, ...] = ()
    events: tuple[Event, ...] = ()

    def offset_steps(self, times_s: FloatArray, step_s: float) -> IntArray:
        """How many steps local time is ahead of UTC at each time."""
        from_s, east_s = np.array(self.offsets, dtype=float).T
        place = np.maximum(np.searchsorted(from_s, times_s, side="right") - 1, 0)
        steps: IntArray = np.round(east_s[place] / step_s).astype(np.int64)
        return steps

    def with_other_events(self, events: Sequence[Event]) -> "Calendar":
        """The same with these events alone."""
        return replace(self, events=tuple(sorted(events, key=lambda event: event.start_s)))

    def without_zone(self) -> "Calendar":
        """The same without local time, for series that repeat no days."""
        return replace(self, zone="UTC", offsets=((0.0, 0.0),))

    def usual(self, rates_rps: FloatArray, start_s: float, step_s: float) -> FloatArray:
        """What the rates would have been without the events: the inverse of `with_events`, where they overlap too.

        A gap where an event's factor is 0.
        """
        result = rates_rps.copy()
        for event, inside, share in reversed(tuple(self._inside(start_s, step_s, len(rates_rps)))):
            factors = 1.0 + (event.factor - 1.0) * share if event.factor else np.nan
            result[inside] = np.maximum(result[inside] - event.added_rps * share, 0.0) / factors
        return result

    def with_events(self, rates_rps: FloatArray, start_s: float, step_s: float) -> FloatArray:
        """Usual rates, shape (…, steps), with the events put in: where one fills a part of a step, so much of it."""
        result = rates_rps.copy()
        for event, inside, share in self._inside(start_s, step_s, rates_rps.shape[-1]):
            result[..., inside] = result[..., inside] * (1.0 + (event.factor - 1.0) * share) + event.added_rps * share
        return result

    def _inside(self, start_s: float, step_s: float, steps: int) -> Iterator[tuple[Event, slice, FloatArray]]:
        """Each event that touches these steps, which of them, and the share of each that it fills."""
        for event in self.events:
            edges = (round((edge - start_s) / step_s, 9) for edge in (event.start_s, event.end_s))
            begin, end = (min(max(edge, 0.0), float(steps)) for edge in edges)
            first, last = int(begin), int(np.ceil(end))
            if first < last:
                places = np.arange(first, last)
                yield event, slice(first, last), np.minimum(places + 1.0, end) - np.maximum(places, begin)


UTC = Calendar()
"""No local time, no holidays, no events."""


def extended(values: FloatArray, end_s: float, new: FloatArray, step_s: float, calendar: Calendar) -> FloatArray:
    """Values on the local grid, followed by new ones that came from `end_s` on, one a step (the input is kept)."""
    if len(calendar.offsets) == 1:
        return np.concatenate((values, new))
    offsets = calendar.offset_steps(end_s + step_s * np.arange(-1.0, len(new)), step_s)
    changes = np.flatnonzero(np.diff(offsets))
    pieces = np.split(new, changes)
    result = np.concatenate((values, pieces[0]))
    for piece, change in zip(pieces[1:], changes, strict=True):
        jump = int(offsets[change + 1] - offsets[change])
        skipped = np.full(max(jump, 0), np.nan)
        result = np.concatenate((result[: len(result) + min(jump, 0)], skipped, piece))
    return result


def ahead(end_s: float, steps: int, step_s: float, calendar: Calendar) -> IntArray:
    """Steps ahead on the local grid (1 is the next) of the next `steps` steps in time."""
    offsets = calendar.offset_steps(end_s + step_s * np.arange(-1.0, steps), step_s)
    places: IntArray = np.maximum(np.arange(1, steps + 1) + offsets[1:] - offsets[0], 1)
    return places
