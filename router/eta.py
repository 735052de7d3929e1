"""When the next replica of a model will be ready, as far as that is known. PURE: sightings in, times out.

Two sources. A replica that has registered and is not ready yet: when it was first seen, and how long starts of its
pool took. And what the scaler says is coming, before anything of it can register.

An estimate only ever serves to refuse what can't be saved, so it errs to the early side: a quarter of the starts
were quicker than it says. Whatever may come at any moment (a start that is overdue, a replica that was ready before,
a pool that was never seen starting) makes the time unknown, and requests are held.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from router.backends import Backend, Snapshot
from tidegate.shared.values import BackendStatus

QUICK_QUANTILE = 0.25
KEPT_STARTS = 20
"""Of each pool; images, nodes and models change."""


class StartTimes:
    """Seconds from registration to ready, by pool."""

    def __init__(self) -> None:
        self._starts_s: dict[str, deque[float]] = {}

    def observe(self, pool: str, seconds: float) -> None:
        """One replica became ready."""
        self._starts_s.setdefault(pool, deque(maxlen=KEPT_STARTS)).append(seconds)

    def quick_s(self, pool: str) -> float | None:
        """The time that three of four starts took at least; None before the first.

        Example: of the starts 8, 9, 10 and 30 s it is 8 s (never between two).
        """
        starts_s = sorted(self._starts_s.get(pool, ()))
        return starts_s[int(QUICK_QUANTILE * (len(starts_s) - 1))] if starts_s else None


@dataclass(frozen=True, slots=True)
class Expected:
    """What the scaler said of one pool: its models, and when the next replica should be ready (epoch seconds)."""

    models: frozenset[str]
    ready_at_s: float | None
    until_s: float


class Arrivals:
    """Replicas on their way. `follow` sees every snapshot; times are epoch seconds."""

    def __init__(self) -> None:
        self._starts = StartTimes()
        self._first_seen_s: dict[tuple[str, str], float] = {}
        self._pool_models: dict[str, frozenset[str]] = {}
        self._expected: dict[str, Expected] = {}

    def follow(self, snapshot: Snapshot, now_s: float) -> None:
        """Take in which replicas start, and which have become ready."""
        present = {(backend.address, backend.replica_id): backend for backend in snapshot.backends}
        for key in self._first_seen_s.keys() - present.keys():
            del self._first_seen_s[key]
        for key, backend in present.items():
            if backend.status is BackendStatus.STARTING and backend.seen_starting:
                self._first_seen_s.setdefault(key, now_s)
            elif backend.status is BackendStatus.READY:
                first_seen_s = self._first_seen_s.pop(key, None)
                if first_seen_s is not None:
                    self.observe_start(backend.pool, now_s - first_seen_s)
                self._pool_models[backend.pool] = backend.models or frozenset()

    def observe_start(self, pool: str, seconds: float) -> None:
        """A replica of the pool took so long from its registration to ready."""
        self._starts.observe(pool, seconds)

    def expect(self, pool: str, models: Iterable[str], ready_at_s: float | None, until_s: float) -> None:
        """The scaler's word on one pool, in place of its last one; it counts until `until_s`."""
        self._expected[pool] = Expected(frozenset(models), ready_at_s, until_s)

    def lapse(self, now_s: float) -> bool:
        """Forget what the scaler said too long ago; whether there was any."""
        lapsed = [pool for pool, one in self._expected.items() if one.until_s <= now_s]
        for pool in lapsed:
            del self._expected[pool]
        return bool(lapsed)

    def expected_models(self, now_s: float) -> frozenset[str]:
        """Models that a replica is coming for."""
        coming = (one.models for one in self._expected.values() if one.until_s > now_s and one.ready_at_s is not None)
        return frozenset().union(*coming)

    def next_ready_at_s(self, model: str, snapshot: Snapshot, now_s: float) -> float | None:
        """When the next replica of the model is expected; None: at any moment, or nobody knows."""
        coming_s: list[float] = []
        for backend in snapshot.backends:
            if backend.status is BackendStatus.UNHEALTHY and (backend.models is None or model in backend.models):
                return None
            if backend.status is BackendStatus.STARTING and self._may_have(backend, model):
                ready_at_s = self._start_ends_at_s(backend)
                if ready_at_s is None or ready_at_s <= now_s:
                    return None
                coming_s.append(ready_at_s)
        for one in self._expected.values():
            if one.until_s > now_s and one.ready_at_s is not None and model in one.models:
                if one.ready_at_s <= now_s:
                    return None
                coming_s.append(one.ready_at_s)
        return min(coming_s, default=None)

    def _may_have(self, backend: Backend, model: str) -> bool:
        models = self._pool_models.get(backend.pool)
        return not models or model in models

    def _start_ends_at_s(self, backend: Backend) -> float | None:
        first_seen_s = self._first_seen_s.get((backend.address, backend.replica_id))
        quick_s = self._starts.quick_s(backend.pool)
        return None if first_seen_s is None or quick_s is None else first_seen_s + quick_s
