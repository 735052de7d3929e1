"""Offered load per model and second, as the data plane counted it where requests arrive. PURE.

It counts before anything is held, refused or sent, so that too few replicas can't hide demand from the forecaster
(ai-dynamo/dynamo#12230).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

MAX_STALL_S = 10
"""A clock that jumps by more than this means that we slept, not that nobody asked: a gap, not zeros."""

MAX_BACK_S = 64
"""A clock set back by more than this has us count anew. The data plane's ring holds as many seconds: within them it
would count one twice, so we rather wait until they have passed."""


@dataclass(frozen=True, slots=True)
class DemandSecond:
    """Arrivals in [second, second + 1) by model; a model that nobody asked for stands there with 0."""

    second: int
    arrivals: Mapping[str, int]


class Demand:
    """Arrivals of the last `keep_s` whole seconds. Times are epoch seconds.

    Only whole seconds are readings: the one in which the router started is left out, like those before it.
    """

    def __init__(self, keep_s: int, now_s: float) -> None:
        self.next_second = int(now_s) + 1
        self._kept: deque[DemandSecond] = deque(maxlen=keep_s)

    def due(self, now_s: float) -> range:
        """The seconds that are over and not recorded yet. A clock that steps back a little makes none due.

        After a jump of more than MAX_STALL_S ahead or MAX_BACK_S back there are none either: counting begins anew with
        the next whole second, and what is kept of seconds that have not come yet is dropped.
        """
        current = int(now_s)
        if not -MAX_BACK_S <= current - self.next_second <= MAX_STALL_S:
            self.next_second = current + 1
            while self._kept and self._kept[-1].second > current:
                self._kept.pop()
        return range(self.next_second, current)

    def record(self, seconds: range, arrivals: Mapping[int, Mapping[str, int]]) -> None:
        """Keep the seconds that were due, with what was counted in each."""
        for second in seconds:
            self._kept.append(DemandSecond(second, dict(arrivals.get(second, {}))))
            self.next_second = second + 1

    def since(self, second: int) -> list[DemandSecond]:
        """The kept seconds from `second` on, oldest first."""
        newest: list[DemandSecond] = []
        for kept in reversed(self._kept):
            if kept.second < second:
                break
            newest.append(kept)
        return newest[::-1]
