"""Which backends there are and what each serves. PURE: events in, an immutable versioned snapshot out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from router.endpoints import Endpoint
from tidegate.shared.errors import BackendNotFound
from tidegate.shared.values import BackendStatus


@dataclass(frozen=True, slots=True)
class Backend:
    """One replica as this router sees it. `models` is None when it is taken to serve every model.

    `serving` and `terminating` are the cluster's word on a replica that it discovered. `seen_starting` says that its
    start was watched from its begin; `warm_up_s` is how long its models took to warm up, None until it has said so.
    """

    address: str
    replica_id: str = ""
    pool: str = ""
    static: bool = False
    discovered: bool = False
    serving: bool = True
    terminating: bool = False
    seen_starting: bool = False
    healthy: bool = False
    was_ready: bool = False
    draining: bool = False
    leaving: bool = False
    models: frozenset[str] | None = frozenset()
    warm_up_s: float | None = None

    @property
    def status(self) -> BackendStatus:
        """A drain outweighs health: nothing new is sent, whatever the health check says."""
        if self.draining or self.leaving or self.terminating:
            return BackendStatus.DRAINING
        if self.healthy and self.serving:
            return BackendStatus.READY
        return BackendStatus.UNHEALTHY if self.was_ready else BackendStatus.STARTING

    @property
    def source(self) -> str:
        """Who says that it is there: of several the one whose word counts most."""
        if self.static:
            return "settings"
        return "cluster" if self.discovered else "registration"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All backends at one version of the table, ordered by address, with the lookups that each request needs."""

    version: int = 0
    backends: tuple[Backend, ...] = ()
    seen_models: frozenset[str] = frozenset()
    _by_model: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _any_model: tuple[str, ...] = ()

    def ready(self, model: str) -> tuple[str, ...]:
        """Addresses that may be sent a request for the model now."""
        return self._by_model.get(model, self._any_model)

    @property
    def may_learn_models(self) -> bool:
        """Whether a model that was never seen may be served later: who could say no is not up yet."""
        statuses = {backend.status for backend in self.backends}
        return BackendStatus.READY not in statuses or BackendStatus.STARTING in statuses


class BackendTable:
    """The one place where backends are known. Every change makes a new snapshot and tells the subscribers.

    With `health_checks` off each backend is ready from the start and serves every model.
    """

    def __init__(self, *, health_checks: bool = True) -> None:
        self._health_checks = health_checks
        self._backends: dict[str, Backend] = {}
        self._expires_at_s: dict[str, float] = {}
        self._seen_models: set[str] = set()
        self._subscribers: list[Callable[[Snapshot], None]] = []
        self.snapshot = Snapshot()

    def subscribe(self, subscriber: Callable[[Snapshot], None]) -> None:
        """Call the subscriber with each new snapshot, from within the event that made it."""
        self._subscribers.append(subscriber)

    def add_static(self, address: str) -> None:
        """A backend from the settings: it stays whatever its health."""
        self._put(self._new(address, static=True))

    def register(self, address: str, replica_id: str, pool: str, expires_at_s: float, *, warm: bool = False) -> None:
        """A replica says that it is there, until `expires_at_s` unless it says so again; `warm`: its start is over.

        A replica that was drained or has left stays so when it registers again (its last heartbeat may arrive late);
        another replica at the same address starts afresh.
        """
        self._expires_at_s[address] = expires_at_s
        self._put(replace(self._replica_at(address, replica_id, warm=warm), pool=pool))

    def discover(self, found: Mapping[str, Endpoint]) -> None:
        """All that the cluster says is there, by address; it takes the place of what it said before.

        Who is terminating, or there no more, gets nothing new from now on, and goes once it is idle.
        """
        before = self._backends.copy()
        for address, known in before.items():
            one = found.get(address)
            same = one is not None and one.replica_id == known.replica_id
            if (known.discovered and not same) or (one is not None and one.terminating and same):
                self._set(replace(known, terminating=True))
        for one in found.values():
            if not one.terminating:
                known = self._replica_at(one.address, one.replica_id, warm=one.serving)
                self._set(replace(known, pool=one.pool, discovered=True, serving=one.serving, terminating=False))
        if self._backends != before:
            self._publish()

    def deregister(self, address: str) -> None:
        """A replica leaves: nothing new is sent to it from now on. An unknown one has left already."""
        if address in self._backends:
            self._put(replace(self._backends[address], leaving=True))

    def set_healthy(self, address: str, models: frozenset[str] | None, warm_up_s: float | None = None) -> None:
        """The health check passes and the backend has these models ready (None: every model)."""
        known = self._backends.get(address)
        if known is not None:
            self._put(replace(known, healthy=True, models=models, warm_up_s=warm_up_s))

    def set_unhealthy(self, address: str) -> None:
        """The health check fails. A static backend that had left may come back after this: its process has ended."""
        known = self._backends.get(address)
        if known is not None:
            self._put(replace(known, healthy=False, leaving=known.leaving and not known.static))

    def drain(self, address: str) -> None:
        """Nothing new is sent to the backend once this returns. Raises BackendNotFound."""
        self._put(replace(self._known(address), draining=True))

    def resume(self, address: str) -> None:
        """Takes a drain back. Raises BackendNotFound."""
        self._put(replace(self._known(address), draining=False))

    def forget_model(self, model: str) -> None:
        """The model was unloaded on purpose: requests for it no longer wait."""
        if model in self._seen_models:
            self._seen_models.discard(model)
            self._publish()

    def sweep(self, now_s: float, outstanding: Callable[[str], int]) -> None:
        """Let go of backends that left, or whose registration lapsed and whose health fails, once they are idle.

        A lapsed registration alone never removes a backend: the router may be what is cut off. What the cluster says
        is there stays, whatever its health.
        """
        for address, backend in list(self._backends.items()):
            lapsed = self._expires_at_s.get(address, now_s) < now_s
            failing = not backend.healthy or not self._health_checks
            left = backend.leaving or backend.terminating
            gone = not backend.static and (left or (lapsed and failing and not backend.discovered))
            if gone and outstanding(address) == 0:
                del self._backends[address]
                self._expires_at_s.pop(address, None)
                self._publish()

    def _new(self, address: str, *, static: bool = False) -> Backend:
        backend = Backend(address, static=static)
        return backend if self._health_checks else replace(backend, healthy=True, was_ready=True, models=None)

    def _known(self, address: str) -> Backend:
        if address not in self._backends:
            raise BackendNotFound(f"no backend {address} here; known: {', '.join(self._backends) or 'none'}")
        return self._backends[address]

    def _replica_at(self, address: str, replica_id: str, *, warm: bool) -> Backend:
        """What is known of the replica at an address. Another one than before starts afresh."""
        known = self._backends.get(address) or self._new(address)
        if known.replica_id == replica_id:
            return known
        if known.replica_id:
            known = replace(known, draining=False, leaving=False, serving=True, terminating=False, was_ready=False)
        return replace(known, replica_id=replica_id, seen_starting=not warm, warm_up_s=None)

    def _put(self, backend: Backend) -> None:
        if self._set(backend):
            self._publish()

    def _set(self, backend: Backend) -> bool:
        """Take a backend in, without telling; whether that changes anything."""
        ready = backend.was_ready or (backend.healthy and backend.serving)
        backend = replace(backend, was_ready=ready)
        changed = self._backends.get(backend.address) != backend
        self._backends[backend.address] = backend
        return changed

    def _publish(self) -> None:
        backends = tuple(sorted(self._backends.values(), key=lambda backend: backend.address))
        ready = [backend for backend in backends if backend.status is BackendStatus.READY]
        any_model = tuple(backend.address for backend in ready if backend.models is None)
        models = frozenset().union(*(backend.models for backend in ready if backend.models is not None))
        self._seen_models |= models
        by_model = {
            model: tuple(backend.address for backend in ready if backend.models is None or model in backend.models)
            for model in models
        }
        version = self.snapshot.version + 1
        self.snapshot = Snapshot(version, backends, frozenset(self._seen_models), by_model, any_model)
        for subscriber in self._subscribers:
            subscriber(self.snapshot)
