"""The router's process: a data port and an admin port, the health of its backends, and the seconds of demand."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import time

import structlog
from prometheus_client import CollectorRegistry

from protos import router_pb2, router_pb2_grpc
from router.carrier import Road
from router.channels import Channels
from router.core import Core, new_core
from router.data_port import SERVICE, DataPort
from router.health import HealthMonitor
from router.metrics import CoreCollector, RequestTimes
from router.own_rpcs import OwnRpcs
from router.servicer import RouterAdminServicer, Ticks
from router.settings import RouterSettings
from router.waiting import Hold
from tidegate.shared.grpc_server import listen, new_server, serve_metrics, stop_signal

ADMIN_SERVICE = router_pb2.DESCRIPTOR.services_by_name["RouterAdmin"].full_name
_ADMIN_GRACE_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """A router that serves: the addresses that it got, and what it knows."""

    listen: str
    admin: str
    core: Core


async def serve(settings: RouterSettings) -> None:
    """Serve until SIGTERM or SIGINT, then let what is in flight end. Raises InvalidSetting."""
    registry = CollectorRegistry()
    async with stop_signal() as stop, running(settings, registry) as router:
        serve_metrics(settings.metrics_listen, registry)
        _log.info("ready", listen=router.listen, admin=router.admin, router_id=router.core.router_id)
        await stop.wait()
        in_flight = sum(router.core.leases.by_backend().values())
        _log.info("stopping", outstanding=in_flight, held=len(router.core.room))


@asynccontextmanager
async def running(settings: RouterSettings, registry: CollectorRegistry) -> AsyncIterator[Running]:
    """A router as long as the block lasts; on leaving it what is in flight gets `drain_s` to end."""
    data, data_health = new_server([SERVICE.full_name])
    admin, admin_health = new_server([ADMIN_SERVICE])
    data_address, admin_address = listen(data, settings.listen), listen(admin, settings.admin)
    router_id = settings.router_id or f"{socket.gethostname()}:{data_address.rpartition(':')[2]}"

    core = new_core(settings, router_id, random.Random(), time())  # noqa: S311 - spreads load, keeps no secret
    channels, ticks, hold = Channels(), Ticks(), Hold(core.room, core.table)
    health = _watch_backends(core, channels, settings)
    registry.register(CoreCollector(core))
    road = Road(core, channels, hold, settings, RequestTimes(registry))
    own = OwnRpcs(core, channels, health, settings.health_timeout_s)
    data.add_generic_rpc_handlers((DataPort(road, own),))
    router_pb2_grpc.add_RouterAdminServicer_to_server(
        RouterAdminServicer(core, ticks, settings.registration_ttl_s), admin
    )
    await data.start()
    await admin.start()
    seconds = asyncio.create_task(_close_seconds(core, ticks))
    try:
        # The router serves from the start: without a ready replica it holds requests.
        await data_health.set(serving=True)
        await admin_health.set(serving=True)
        yield Running(data_address, admin_address, core)
    finally:
        await data_health.set(serving=False)
        await admin_health.set(serving=False)
        hold.close()
        await data.stop(settings.drain_s)
        await admin.stop(_ADMIN_GRACE_S)
        seconds.cancel()
        if health is not None:
            await health.close()
        await asyncio.gather(seconds, channels.close(), return_exceptions=True)


def _watch_backends(core: Core, channels: Channels, settings: RouterSettings) -> HealthMonitor | None:
    core.table.subscribe(channels.follow)
    if not settings.health_checks:
        return None
    health = HealthMonitor(core.table, channels, settings.health_interval_s, settings.health_timeout_s)
    core.table.subscribe(health.follow)
    health.follow(core.table.snapshot)
    return health


async def _close_seconds(core: Core, ticks: Ticks) -> None:
    """At each full second: close the demand of the one that is over, and let go of backends that left."""
    while True:
        await asyncio.sleep(1.001 - time() % 1)
        now_s = time()
        core.demand.close(now_s)
        core.sweep(now_s)
        ticks.tick()
