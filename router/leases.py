"""Outstanding requests as leases that are released exactly once. PURE.

The counts stand apart from the backend table, so that no change of membership can lose or reset them
(after tower's load/completion.rs and grpc-go's leastrequest).
"""

from collections import Counter
from types import TracebackType


class Lease:
    """One outstanding request on one backend. Released on leaving its `with` block, or by `release`."""

    __slots__ = ("_leases", "backend", "model", "released")

    def __init__(self, leases: "Leases", backend: str, model: str) -> None:
        self._leases = leases
        self.backend = backend
        self.model = model
        self.released = False

    def release(self) -> None:
        """Count the request as no longer outstanding; a second release changes nothing."""
        if not self.released:
            self.released = True
            self._leases.give_back(self.backend, self.model)

    def __enter__(self) -> "Lease":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


class Leases:
    """How many requests are outstanding, per backend and per model."""

    def __init__(self) -> None:
        self._of_backend: Counter[str] = Counter()
        self._of_model: Counter[str] = Counter()

    def take(self, backend: str, model: str) -> Lease:
        """One more request is outstanding."""
        self._of_backend[backend] += 1
        self._of_model[model] += 1
        return Lease(self, backend, model)

    def give_back(self, backend: str, model: str) -> None:
        """One less is outstanding; for `Lease.release` only. At zero the name is forgotten."""
        for counts, name in ((self._of_backend, backend), (self._of_model, model)):
            counts[name] -= 1
            if counts[name] == 0:
                del counts[name]

    def on_backend(self, address: str) -> int:
        """Requests that the backend works on."""
        return self._of_backend[address]

    def of_model(self, model: str) -> int:
        """Requests of the model that were sent and not yet answered."""
        return self._of_model[model]

    def by_backend(self) -> dict[str, int]:
        """Every backend that has work."""
        return dict(self._of_backend)

    def by_model(self) -> dict[str, int]:
        """Every model that has work."""
        return dict(self._of_model)
