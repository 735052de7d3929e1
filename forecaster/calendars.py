"""Calendars made of a zone's name, a country and the users' events: the one place that reads time zones and holidays.

Zones come from the system's database (`zoneinfo`), holidays from the `holidays` package.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from forecaster.calendar import Calendar, Event, Holiday
from tidegate.shared.errors import InvalidRequest

DAY_S = 86_400.0


def build(zone: str, country: str, events: Sequence[Event], since_s: float, until_s: float) -> Calendar:
    """The calendar of [since_s, until_s). `country` is an ISO 3166 code, with a part after a dash (DE-BY), or empty.

    Raises InvalidRequest naming a zone or country that there is not.
    """
    first, last = (int(edge // DAY_S) for edge in (since_s, until_s))
    offsets, holidays = _local(zone, country, first - 1, last + 2)
    return Calendar(zone, offsets, holidays, tuple(sorted(events, key=lambda event: event.start_s)))


@lru_cache(maxsize=64)
def _local(
    zone: str, country: str, first_day: int, last_day: int
) -> tuple[tuple[tuple[float, float], ...], tuple[Holiday, ...]]:
    try:
        clock = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRequest(f"time zone is {zone!r}: there is none of that name (an example: Europe/Berlin)") from None
    return _offsets(clock, first_day * DAY_S, last_day * DAY_S), _holidays(clock, country, first_day, last_day)


def _offsets(clock: ZoneInfo, since_s: float, until_s: float) -> tuple[tuple[float, float], ...]:
    """Where the offset changes, to the second: days are looked at one by one, and one that differs is halved."""
    found = [(since_s, _east_s(clock, since_s))]
    day_s = since_s
    while day_s < until_s:
        low, high = day_s, day_s + DAY_S
        if _east_s(clock, high) != _east_s(clock, low):
            while high - low > 1.0:
                middle = (low + high) // 2
                low, high = (middle, high) if _east_s(clock, middle) == found[-1][1] else (low, middle)
            found.append((high, _east_s(clock, high)))
        day_s += DAY_S
    return tuple(found)


def _east_s(clock: ZoneInfo, at_s: float) -> float:
    offset = datetime.fromtimestamp(at_s, clock).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def _holidays(clock: ZoneInfo, country: str, first_day: int, last_day: int) -> tuple[Holiday, ...]:
    if not country:
        return ()
    from holidays import country_holidays

    first, last = (datetime.fromtimestamp(day * DAY_S, UTC).date() for day in (first_day, last_day))
    land, _, part = country.partition("-")
    try:
        named = country_holidays(land, subdiv=part or None, years=range(first.year, last.year + 1))
    except NotImplementedError:  # what `holidays` says of a country or part that it does not know
        raise InvalidRequest(f"country is {country!r}: no holidays are known of it (examples: US, DE-BY)") from None
    return tuple(
        Holiday(name, _midnight_s(clock, day), _midnight_s(clock, day + timedelta(days=1)))
        for day, name in sorted(named.items())
        if first <= day <= last
    )


def _midnight_s(clock: ZoneInfo, day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=clock).timestamp()
