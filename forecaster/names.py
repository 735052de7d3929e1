"""Which of the names that routers are asked for become series. PURE.

A router counts every name that a client asks for, a misspelt one too, and from then on reports it with zeros. Such a
name shall not become a series, to be fitted for ever: a name is kept from its tenth second with a request on (with
what came before), unless it is a series already.
"""

from dataclasses import dataclass, field

ASKED_SECONDS = 10
"""Seconds with at least one request that make a name a series: more than one client's mistake and its retries."""

WITHIN_S = 600
"""They must lie within this: what is asked for less often than that needs no forecast."""

MAX_NAMES = 200
"""Names that are waited for at most; a client that invents names can't fill our memory."""

LONGEST_NAME = 250
"""Characters of a model's or a source's name."""


def is_name(name: str) -> bool:
    """Whether people could read it in a list or a log: no line's end, no escape that a terminal would obey."""
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


@dataclass(slots=True)
class _Waiting:
    first: int
    counts: list[tuple[int, int]] = field(default_factory=list)
    asked: int = 0


class NewNames:
    """The names that are not series yet, of one router."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}

    def tell(self, model: str, second: int, arrivals: int, known: bool) -> list[tuple[int, int]]:
        """The (second, arrivals) of a name that shall be kept now.

        Of a name that is `known` as a series this very one; of another none until it shall be one, then all so far.
        """
        if known:  # perhaps since a moment ago, by what another router told: what waited here counts, too
            earlier = self._waiting.pop(model, None)
            return [*(earlier.counts if earlier else ()), (second, arrivals)]
        waiting = self._waiting.get(model)
        if waiting is None or second - waiting.first > WITHIN_S:
            self._waiting.pop(model, None)
            if not arrivals or len(self._waiting) >= MAX_NAMES or not is_name(model):
                return []
            waiting = self._waiting[model] = _Waiting(second)
        waiting.counts.append((second, arrivals))
        waiting.asked += arrivals > 0
        if waiting.asked < ASKED_SECONDS:
            return []
        return self._waiting.pop(model).counts
