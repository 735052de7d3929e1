"""The router's process: the data plane and what drives it, the admin port, health of backends, seconds of demand."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from time import time
from typing import TYPE_CHECKING

import grpc
import structlog
from prometheus_client import CollectorRegistry

from protos import inference_pb2, inference_pb2_grpc, router_pb2, router_pb2_grpc
from router.backends import BackendTable
from router.channels import Channels
from router.core import Core, new_plane
from router.demand import Demand
from router.driver import Driver, log_event
from router.endpoints import Sightings
from router.eta import Arrivals
from router.health import HealthMonitor
from router.metrics import CoreCollector
from router.own_rpcs import OwnRpcs
from router.servicer import RouterAdminServicer, Ticks
from router.settings import RouterSettings
from router.targets import Targets
from tidegate.shared.grpc_errors import Decoding
from tidegate.shared.grpc_server import listen, new_server, serve_metrics, stop_signal
from tidegate.shared.health import Health

if TYPE_CHECKING:
    from router.discovery import Discovery

SERVICE = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
ADMIN_SERVICE = router_pb2.DESCRIPTOR.services_by_name["RouterAdmin"].full_name
_ADMIN_GRACE_S = 1.0
_DRAIN_POLL_S = 0.02
_SECOND_OVER_S = 0.05
"""A worker stamps arrivals with the time at which its turn began: it is this late at most."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A router that serves: the addresses that it got, what it knows, and what drives its data plane."""

    listen: str
    admin: str
    core: Core
    driver: Driver


async def serve(settings: RouterSettings) -> None:
    """Serve until SIGTERM or SIGINT, then let what is in flight end. Raises InvalidSetting."""
    registry = CollectorRegistry()
    async with stop_signal() as stop, running(settings, registry) as router:
        serve_metrics(settings.metrics_listen, registry)
        _log.info("ready", listen=router.listen, admin=router.admin, router_id=router.core.router_id)
        await stop.wait()
        in_flight = sum(router.core.outstanding().values())
        _log.info("stopping", outstanding=in_flight, held=router.core.plane.held)


@asynccontextmanager
async def running(settings: RouterSettings, registry: CollectorRegistry) -> AsyncIterator[Running]:
    """A router as long as the block lasts; on leaving it what is in flight gets `drain_s` to end."""
    with TemporaryDirectory(prefix="tidegate-router-") as private:  # only its owner may enter
        own, own_health = new_server([SERVICE])
        admin, admin_health = new_server([ADMIN_SERVICE])
        own_address = f"unix:{private}/own.sock"
        listen(own, own_address)
        admin_address = listen(admin, settings.admin)
        core = _new_core(settings)
        driver = Driver(core.plane, lambda: core.policy(settings, own_address, time()))
        channels, ticks = Channels(), Ticks()
        targets = Targets(core.targets, driver.change)
        health = _follow_table(core, driver, channels, targets, settings)
        rpcs = OwnRpcs(core.table, channels, health, driver.settled, settings.health_timeout_s)
        inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(rpcs, Decoding(own))
        servicer = RouterAdminServicer(core, driver, ticks, settings.registration_ttl_s)
        router_pb2_grpc.add_RouterAdminServicer_to_server(servicer, admin)
        registry.register(CoreCollector(core))
        discovery = await _discover(settings, core)
        await own.start()
        tasks = [asyncio.create_task(driver.run()), asyncio.create_task(_each_second(core, driver, ticks))]
        try:
            driver.change()
            await driver.settled()
            core.plane.start()
            await admin.start()
            tasks.append(asyncio.create_task(_serve_when_informed(own_health, discovery)))
            await admin_health.set(serving=True)
            yield Running(core.plane.address, admin_address, core, driver)
        finally:
            await admin_health.set(serving=False)
            await _drain(core, driver, own_health, settings.drain_s)
            await _stop(core, driver, tasks, (own, admin))
            targets.close()
            if discovery is not None:
                await discovery.close()
            if health is not None:
                await health.close()
            await channels.close()


def _new_core(settings: RouterSettings) -> Core:
    plane = new_plane(settings)
    core = Core(
        router_id=settings.router_id or f"{socket.gethostname()}:{plane.address.rpartition(':')[2]}",
        table=BackendTable(health_checks=settings.health_checks),
        arrivals=Arrivals(),
        demand=Demand(settings.demand_keep_s, time()),
        plane=plane,
        sightings=None if settings.discovery is None else Sightings(settings.discovery.stale_s),
    )
    for address in settings.backends:
        core.table.add_static(address)
    return core


async def _serve_when_informed(own_health: Health, discovery: "Discovery | None") -> None:
    """A router serves from the start: without a ready replica it holds requests.

    But one that has never heard of its cluster is not ready: another one may have.
    """
    if discovery is not None:
        await discovery.heard.wait()
    await own_health.set(serving=True)


async def _discover(settings: RouterSettings, core: Core) -> "Discovery | None":
    """Begin to find replicas where the settings say so. Raises InvalidSetting for a cluster that can't be asked."""
    if settings.discovery is None or core.sightings is None:
        return None
    # Only here: the client takes a second to import.
    from router.discovery import Discovery

    discovery = Discovery(settings.discovery, core.table, core.sightings)
    await discovery.start()
    return discovery


def _follow_table(
    core: Core, driver: Driver, channels: Channels, targets: Targets, settings: RouterSettings
) -> HealthMonitor | None:
    """Let everything that depends on the backends hear of their changes, and the loop of the data plane's events."""
    core.table.subscribe(targets.follow)
    core.table.subscribe(lambda snapshot: core.follow(snapshot, time()))
    core.table.subscribe(lambda _: driver.change())
    core.table.subscribe(channels.follow)

    def on_events() -> None:
        for event in core.plane.events():
            core.ejections[event.backend] += event.kind == "ejected"
            log_event(event)

    asyncio.get_running_loop().add_reader(core.plane.event_fd(), on_events)
    targets.follow(core.table.snapshot)
    if not settings.health_checks:
        return None
    health = HealthMonitor(core.table, channels, settings.health_interval_s, settings.health_timeout_s)
    core.table.subscribe(health.follow)
    health.follow(core.table.snapshot)
    return health


async def _each_second(core: Core, driver: Driver, ticks: Ticks) -> None:
    """When a second is over: keep its demand, let go of what has left or is expected no more, weigh the backends."""
    while True:
        await asyncio.sleep(1 + _SECOND_OVER_S - time() % 1)
        now_s = time()
        due = core.demand.due(now_s - _SECOND_OVER_S)
        core.demand.record(due, await driver.ask(lambda due=due: core.plane.demand(due.start, due.stop)))  # type: ignore[misc]
        core.sweep(now_s)
        lapsed = core.arrivals.lapse(now_s)
        if core.weigh(await driver.ask(core.plane.counts), now_s) or lapsed:
            driver.change()
        ticks.tick()


async def _drain(core: Core, driver: Driver, own_health: Health, drain_s: float) -> None:
    """GOAWAY to the clients, then wait until the last of them has its answers and is gone, or `drain_s` is over."""
    await own_health.set(serving=False)
    await driver.ask(core.plane.drain)
    own_health.close()  # a health watch is a request that would never end
    loop = asyncio.get_running_loop()
    until_s = loop.time() + drain_s
    while await driver.ask(lambda: core.plane.clients) > 0:
        if loop.time() >= until_s:
            return
        await asyncio.sleep(_DRAIN_POLL_S)


async def _stop(
    core: Core, driver: Driver, tasks: list[asyncio.Task[None]], servers: tuple[grpc.aio.Server, ...]
) -> None:
    asyncio.get_running_loop().remove_reader(core.plane.event_fd())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await driver.ask(core.plane.stop)
    driver.close()
    await asyncio.gather(*(server.stop(_ADMIN_GRACE_S) for server in servers))
