"""What the router knows, beside what the data plane counts."""

from collections import Counter
from dataclasses import dataclass, field

import dataplane
from router import policy
from router.backends import BackendTable, Snapshot
from router.demand import Demand
from router.endpoints import Sightings
from router.eta import Arrivals
from router.settings import RouterSettings
from router.weights import Report, Weights
from tidegate.shared.errors import InvalidSetting, NotReady


@dataclass(frozen=True, slots=True)
class Core:
    """The router's state. Everything but the data plane's own threads lives on one event loop; nothing here waits."""

    router_id: str
    table: BackendTable
    arrivals: Arrivals
    demand: Demand
    plane: dataplane.DataPlane
    targets: dict[str, str] = field(default_factory=dict)
    """By backend address, the `ip:port` under which the data plane knows it."""
    weights: Weights = field(default_factory=Weights)
    """By target."""
    sightings: Sightings | None = None
    """What the cluster's EndpointSlices said last; None when no cluster is asked."""
    ejections: Counter[str] = field(default_factory=Counter)
    """By target, for as long as the table knows its backend."""

    def drain(self, address: str) -> None:
        """Nothing new is sent to the backend once the data plane follows. Raises BackendNotFound, NotReady.

        A router that has not heard of its cluster yet can't say that it does not know a backend: it may in a moment.
        """
        if self.sightings is not None and self.sightings.heard_at_s is None:
            raise NotReady("this router has not heard of its cluster yet: ask it again")
        self.table.drain(address)

    def follow(self, snapshot: Snapshot, now_s: float) -> None:
        """Take a new state of the table in."""
        self.arrivals.follow(snapshot, now_s)
        known = {self.targets.get(backend.address) for backend in snapshot.backends}
        for target in self.ejections.keys() - known:
            del self.ejections[target]

    def policy(self, settings: RouterSettings, local_address: str, now_s: float) -> dataplane.Policy:
        """What the data plane should follow now."""
        snapshot = self.table.snapshot
        return policy.policy(
            snapshot,
            self.targets,
            self.arrivals,
            self.weights,
            settings,
            local_address=local_address,
            now_s=now_s,
        )

    def weigh(self, counts: dataplane.Counts, now_s: float) -> bool:
        """Take the replicas' load reports in; whether a weight has changed."""
        outstanding = {state.address: state.outstanding for state in self.plane.backends()}
        reports = {
            target: Report(sum(one.ended.values()), outstanding.get(target, 0), one.capacity_rows_per_s)
            for target, one in counts.backends.items()
        }
        return self.weights.observe(reports, now_s)

    def sweep(self, now_s: float) -> None:
        """Let go of backends that have left."""
        outstanding = self.outstanding()
        self.table.sweep(now_s, lambda address: outstanding.get(address, 0))

    def outstanding(self) -> dict[str, int]:
        """Requests that each backend works on, by address."""
        of_target = {state.address: state.outstanding for state in self.plane.backends()}
        addresses = (backend.address for backend in self.table.snapshot.backends)
        return {address: of_target.get(self.targets.get(address, ""), 0) for address in addresses}


def new_plane(settings: RouterSettings) -> dataplane.DataPlane:
    """A data plane that listens, and serves when it is started. Raises InvalidSetting."""
    try:
        return dataplane.DataPlane(
            settings.listen,
            threads=settings.threads,
            client_limits=policy.client_limits(settings),
            upstream_limits=policy.backend_limits(settings),
        )
    except ValueError as error:
        raise InvalidSetting(str(error)) from None
    except RuntimeError as error:
        raise InvalidSetting(
            f"cannot listen on {settings.listen}: is the port taken, or the host not one of this machine's? ({error})"
        ) from None
