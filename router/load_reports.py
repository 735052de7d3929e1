"""What replicas report about their load, and the mean cost of a model's requests. PURE."""

from dataclasses import dataclass, field

COST_MEMORY = 100
"""Requests that the mean cost looks back on, roughly: each new one weighs 1/COST_MEMORY (the first ones evenly)."""


@dataclass(slots=True)
class BackendLoad:
    """A backend's last word: busy share (0 to 1, above 1 with a queue) and capacity by model (rows per second)."""

    utilization: float = 0.0
    capacity_rows_per_s: dict[str, float] = field(default_factory=dict)


class LoadReports:
    """Load reports of all backends, and cost in rows per request of all models."""

    def __init__(self) -> None:
        self._loads: dict[str, BackendLoad] = {}
        self._costs: dict[str, tuple[int, float]] = {}

    def observe(
        self,
        backend: str,
        model: str,
        *,
        rows: float | None,
        utilization: float,
        capacity_rows_per_s: float | None,
    ) -> None:
        """Take in one report; what it does not say (None) leaves the last word standing."""
        load = self._loads.setdefault(backend, BackendLoad())
        load.utilization = utilization
        if capacity_rows_per_s is not None:
            load.capacity_rows_per_s[model] = capacity_rows_per_s
        if rows is not None:
            count, mean = self._costs.get(model, (0, 0.0))
            count = min(count + 1, COST_MEMORY)
            self._costs[model] = (count, mean + (rows - mean) / count)

    def keep_only(self, backends: frozenset[str]) -> None:
        """Forget the reports of backends that are gone (the cost of a model stays true without them)."""
        for address in self._loads.keys() - backends:
            del self._loads[address]

    def of(self, backend: str) -> BackendLoad:
        """The backend's last word; zeros when it never reported."""
        return self._loads.get(backend, BackendLoad())

    def cost_rows(self, model: str) -> float:
        """Mean rows of a request; 1 until one was reported."""
        return self._costs.get(model, (0, 1.0))[1]
