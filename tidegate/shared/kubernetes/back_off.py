"""When an object that failed is tried again. PURE."""

from dataclasses import dataclass, field

FIRST_S = 1.0
LONGEST_S = 60.0


@dataclass(slots=True)
class BackOff:
    """Each object by itself: one that fails waits 1, 2, 4 … 60 s, and the others don't wait with it."""

    _failures: dict[str, tuple[int, float]] = field(default_factory=dict)

    def due(self, key: str, now_s: float) -> bool:
        """True when the object may be tried."""
        return now_s >= self._failures.get(key, (0, 0.0))[1]

    def failed(self, key: str, now_s: float) -> float:
        """It failed (again); the answer is how long it waits."""
        count = self._failures.get(key, (0, 0.0))[0] + 1
        wait_s = min(LONGEST_S, FIRST_S * 2.0 ** min(count - 1, 10))
        self._failures[key] = (count, now_s + wait_s)
        return wait_s

    def done(self, key: str) -> None:
        """It went well, or is gone."""
        self._failures.pop(key, None)
