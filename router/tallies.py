"""How requests ended, counted per model and per backend. PURE."""

from collections import Counter
from enum import StrEnum


class Outcome(StrEnum):
    """How a request ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # answered by an error that is not the client's
    REJECTED = "rejected"  # answered by an error that is the client's
    REFUSED = "refused"  # not sent to any backend: hold full, deadline, no such model
    CANCELLED = "cancelled"  # the client went away


class Tallies:
    """Counts since the router started."""

    def __init__(self) -> None:
        self.arrived: Counter[str] = Counter()
        self.retried: Counter[str] = Counter()
        self.of_model: Counter[tuple[str, Outcome]] = Counter()
        self.of_backend: Counter[tuple[str, Outcome]] = Counter()

    def answered(self, backend: str, outcome: Outcome) -> None:
        """A backend answered, or failed to."""
        self.of_backend[backend, outcome] += 1

    def ended(self, label: str, outcome: Outcome) -> None:
        """The client has its answer."""
        self.of_model[label, outcome] += 1

    def keep_only(self, backends: frozenset[str]) -> None:
        """Forget the counts of backends that are gone."""
        for key in [key for key in self.of_backend if key[0] not in backends]:
            del self.of_backend[key]
