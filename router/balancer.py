"""Which ready replica takes the next request: the one with the fewest outstanding. PURE.

A full scan, not two random choices: with work that fills a core or an accelerator per request, the second-best
choice queues behind a whole batch (envoy#4481). A scan of 100 replicas takes microseconds, an inference milliseconds.
"""

from collections.abc import Callable, Collection, Sequence


class Balancer:
    """Least outstanding. `outstanding(address)` counts, `randbelow(n)` draws from 0 to n-1 to break ties.

    Ties are drawn at random because several routers that all took the first would all flood the same replica.
    """

    def __init__(self, outstanding: Callable[[str], int], randbelow: Callable[[int], int]) -> None:
        self._outstanding = outstanding
        self._randbelow = randbelow

    def pick(self, ready: Sequence[str], exclude: Collection[str] = ()) -> str | None:
        """The address with the fewest outstanding requests among `ready` less `exclude`; None when none is left."""
        fewest = 0
        tied: list[str] = []
        for address in ready:
            if address in exclude:
                continue
            count = self._outstanding(address)
            if not tied or count < fewest:
                fewest, tied = count, [address]
            elif count == fewest:
                tied.append(address)
        if not tied:
            return None
        return tied[0] if len(tied) == 1 else tied[self._randbelow(len(tied))]
