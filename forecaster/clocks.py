"""How far a router's clock is from ours, and which of our seconds its seconds are. PURE.

A router dates what it counts by its own clock. Dated in our future, demand would hide what comes until then, and keep
a silent router looking alive; dated in our past, it would be missing now and change what was learned already. Counts
are right whatever the clock says, so they are kept, at our time: an hour of a router's demand left out is an hour of
forecasts that are too low.
"""

from collections import deque
from dataclasses import dataclass, field

TOLERANCE_S = 5.0
"""Clocks that are kept by NTP are milliseconds apart, and an answer may wait for a second or two. More is no delay."""

LIVE_S = 3.0
"""A second told so soon after its end by the router's own clock is told live; an older one may have waited anywhere."""

SAMPLES = 60
"""Live seconds by which the clocks are compared: a minute, so that a stall of ours moves nothing."""


@dataclass(slots=True)
class RouterClock:
    """The clock of one router, as its stream of seconds shows it.

    `shift_s` is added to its seconds to have ours, 0 while the clocks agree within TOLERANCE_S.
    """

    shift_s: int = 0
    _ahead_s: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    _next: int = -1

    @property
    def ahead_s(self) -> float:
        """Seconds that the router's clock is ahead of ours; 0 until something was told.

        A message may be late, never early: of the last differences the largest is the nearest to the truth (the clock
        filter of NTP, RFC 5905 section 10, takes the sample of the shortest delay for the same reason).
        """
        return max(self._ahead_s, default=0.0)

    def told(self, second: int, sent_at_s: float, now_s: float) -> bool:
        """Take in that the router sent `second` when its clock said `sent_at_s`; whether `shift_s` is another now.

        It tells no second before that is over. Of a router that does not say `sent_at_s` (0) only this is known: it
        is believed to be right unless it is ahead.
        """
        theirs_s = max(sent_at_s or now_s, second + 1.0)
        if second != self._next:  # the first of a stream, or the clock was set
            self._ahead_s.clear()
        self._next = second + 1
        if not self._ahead_s or theirs_s - self._next < LIVE_S:
            self._ahead_s.append(theirs_s - now_s)
        if abs(self.ahead_s + self.shift_s) <= TOLERANCE_S:
            return False
        before, self.shift_s = self.shift_s, -round(self.ahead_s) if abs(self.ahead_s) > TOLERANCE_S else 0
        return self.shift_s != before
