"""Offered load per model and second, counted where requests arrive. PURE.

Counted before anything is held, refused or sent, so that too few replicas can't hide demand from the forecaster
(ai-dynamo/dynamo#12230).
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OTHER = "(other)"
"""Stands for all model names beyond the limit, so that a client that invents names can't fill our memory."""

NAME_LIMIT = 256
"""Longest model name (characters) that is counted under itself."""

MAX_STALL_S = 10
"""A clock that jumps by more than this means that we slept, not that nobody asked: a gap, not zeros."""


class ModelNames:
    """The model names that are counted under themselves: all that backends serve, and the first `limit` asked for."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._asked = 0
        self.known: dict[str, None] = {}

    def serve(self, models: Iterable[str]) -> None:
        """Backends have these ready: they are counted whatever clients have asked for."""
        self.known.update(dict.fromkeys(models))

    def label(self, model: str) -> str:
        """The name to count a request for the model under."""
        if model in self.known:
            return model
        if self._asked >= self._limit or len(model) > NAME_LIMIT:
            model = OTHER
        else:
            self._asked += 1
        self.known[model] = None
        return model


@dataclass(frozen=True, slots=True)
class DemandSecond:
    """Arrivals in [second, second + 1) by model; a model that nobody asked for stands there with 0."""

    second: int
    arrivals: Mapping[str, int]


class Demand:
    """Arrivals of the last `keep_s` whole seconds. Times are epoch seconds.

    Only whole seconds are readings: the one in which the router started is left out, like those before it.
    """

    def __init__(self, names: ModelNames, keep_s: int, now_s: float) -> None:
        self._names = names
        self._open = int(now_s)
        self._open_is_whole = False
        self._counts: Counter[str] = Counter()
        self._kept: deque[DemandSecond] = deque(maxlen=keep_s)

    def arrive(self, label: str, now_s: float) -> None:
        """Count one request under a label of ModelNames."""
        if now_s >= self._open + 1:
            self.close(now_s)
        self._counts[label] += 1

    def close(self, now_s: float) -> None:
        """Close the seconds that are over. A clock that steps back leaves the open second open."""
        current = int(now_s)
        if current <= self._open:
            return
        asleep = current - self._open > MAX_STALL_S
        self._close_open()
        if not asleep:
            while self._open < current:
                self._close_open()
        self._open, self._open_is_whole = current, not asleep

    def since(self, second: int) -> list[DemandSecond]:
        """The kept seconds from `second` on, oldest first."""
        newest: list[DemandSecond] = []
        for kept in reversed(self._kept):
            if kept.second < second:
                break
            newest.append(kept)
        return newest[::-1]

    @property
    def open_second(self) -> int:
        """The second that is being counted."""
        return self._open

    def _close_open(self) -> None:
        if self._open_is_whole:
            arrivals = {model: self._counts[model] for model in self._names.known}
            self._kept.append(DemandSecond(self._open, arrivals))
        self._counts.clear()
        self._open, self._open_is_whole = self._open + 1, True
