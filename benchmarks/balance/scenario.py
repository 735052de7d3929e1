"""What happens to whom, and when. PURE.

    replica   service   what happens
    slow      5 x       nothing; it is slow all the time, as an older device is
    flaky     1 x       answers UNAVAILABLE at once during `failing`, health checks pass; well again from `mended` on
    leaving   1 x       gets SIGTERM as `draining` begins
    joining   1 x       its process starts as `joining` begins, and is ready some seconds later

Whatever is away, the others can do 2.2 times the work of one healthy replica: that is the capacity that a load is a
share of, so that nobody *has* to be late or to fail in any phase.
"""

from dataclasses import dataclass
from itertools import accumulate

ROLES = ("slow", "flaky", "leaving", "joining")
SERVICE_S = 0.020
"""A healthy replica runs one request at a time, each this long (rehearsed: see docs/decisions/0014)."""
SLOW_TIMES = 5
STARTUP_S = 2.0
"""Rehearsed start of the joining replica, from its process' start until it is ready."""
CAPACITY_RPS = (1 + 1 + 1 / SLOW_TIMES) / SERVICE_S
LOADS = (0.65, 0.85)
DEADLINE_S = 2.0
"""Deadline of every request. One that fails counts as this late."""

_LENGTHS_S = (("steady", 2.0), ("joining", 3.5), ("failing", 3.0), ("mended", 3.0), ("draining", 2.5))


@dataclass(frozen=True, slots=True)
class Phase:
    """Requests belong to the phase in which they were to be sent."""

    name: str
    start_s: float
    end_s: float


def phases(stretch: float) -> tuple[Phase, ...]:
    """The phases of a run, in order; `stretch` makes each that much longer (rates and services stay)."""
    ends_s = list(accumulate(length_s * stretch for _, length_s in _LENGTHS_S))
    starts_s = [0.0, *ends_s[:-1]]
    names = [name for name, _ in _LENGTHS_S]
    return tuple(Phase(*each) for each in zip(names, starts_s, ends_s, strict=True))


def service_s(role: str) -> float:
    """Seconds that a replica of this role takes for a request."""
    return SERVICE_S * (SLOW_TIMES if role == "slow" else 1)
