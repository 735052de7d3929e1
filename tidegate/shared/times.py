"""Times as people and files write them: epoch seconds, or ISO 8601 with a zone. PURE."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

LATEST_S = 253_402_300_800.0
"""The year 10000: a time beyond it is not in seconds."""


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How times are written; `write` gives any other time in the same form."""

    iso: bool
    zone_s: int = 0
    zulu: bool = True

    def write(self, time_s: float) -> str:
        """A time in this form."""
        if not self.iso:
            return str(int(time_s)) if float(time_s).is_integer() else repr(round(float(time_s), 6))
        moment = datetime.fromtimestamp(round(time_s, 6), timezone(timedelta(seconds=self.zone_s)))
        return moment.isoformat().replace("+00:00", "Z") if self.zulu else moment.isoformat()


def parse_time(text: str) -> tuple[float, TimeForm]:
    """Epoch seconds and the form of a time: a number, or ISO 8601 with a zone. Raises ValueError."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    else:
        if not math.isfinite(number):
            raise ValueError(f"{text!r} is not a time")
        if not 0.0 <= number < LATEST_S:
            milliseconds = "; milliseconds?" if number > 0 else ""
            raise ValueError(f"{text!r} is not epoch seconds{milliseconds}")
        return number, TimeForm(iso=False)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither epoch seconds nor ISO 8601 like 2025-01-01T00:00:00Z") from None
    offset = moment.utcoffset()
    if offset is None:
        raise ValueError(f"{text!r} has no time zone: write 2025-01-01T00:00:00Z or …+02:00")
    return moment.astimezone(UTC).timestamp(), TimeForm(True, int(offset.total_seconds()), text[-1:] in "Zz")


_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def parse_duration_s(text: str) -> float:
    """Seconds of a length of time over 0 with its unit, such as 90s, 30m, 2h, 1.5d. Raises ValueError."""
    try:
        seconds = float(text[:-1]) * _UNITS_S[text[-1:]]
    except (ValueError, KeyError):
        raise ValueError(f"{text!r} is no length of time: write 90s, 30m, 2h or 1d") from None
    if not 0.0 < seconds < LATEST_S:
        raise ValueError(f"{text!r} is no length of time that lies ahead: write 90s, 30m, 2h or 1d")
    return seconds


def utc(time_s: float) -> str:
    """ISO 8601 in UTC, to the second; `parse_time` reads it."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
