"""The router's pure parts, put together."""

import random
from dataclasses import dataclass

from router.backends import BackendTable, Snapshot
from router.balancer import Balancer
from router.demand import Demand, ModelNames
from router.holding import WaitingRoom
from router.leases import Leases
from router.load_reports import LoadReports
from router.settings import RouterSettings
from router.tallies import Tallies


@dataclass(frozen=True, slots=True)
class Core:
    """What this router knows and decides with. Everything lives on one event loop; nothing here waits."""

    router_id: str
    table: BackendTable
    leases: Leases
    balancer: Balancer
    names: ModelNames
    demand: Demand
    reports: LoadReports
    tallies: Tallies
    room: WaitingRoom

    def sweep(self, now_s: float) -> None:
        """Let go of backends that have left."""
        self.table.sweep(now_s, self.leases.on_backend)


def new_core(settings: RouterSettings, router_id: str, rng: random.Random, now_s: float) -> Core:
    """A router that knows its static backends and has seen nothing yet. `now_s` is epoch seconds."""
    leases, names = Leases(), ModelNames(settings.max_models)
    core = Core(
        router_id=router_id,
        table=BackendTable(health_checks=settings.health_checks),
        leases=leases,
        balancer=Balancer(leases.on_backend, rng.randrange),
        names=names,
        demand=Demand(names, settings.demand_keep_s, now_s),
        reports=LoadReports(),
        tallies=Tallies(),
        room=WaitingRoom(settings.hold_requests, settings.hold_bytes, pushback_s=settings.health_interval_s),
    )

    def follow(snapshot: Snapshot) -> None:
        addresses = frozenset(backend.address for backend in snapshot.backends)
        names.serve(snapshot.seen_models)
        core.reports.keep_only(addresses)
        core.tallies.keep_only(addresses)

    core.table.subscribe(follow)
    for address in settings.backends:
        core.table.add_static(address)
    return core
