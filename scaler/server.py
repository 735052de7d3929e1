"""The scaler's process: service, loop, executor, and an orderly stop."""

import time

import structlog
from prometheus_client import CollectorRegistry

from protos import externalscaler_pb2_grpc, scaling_pb2, scaling_pb2_grpc
from scaler import keda
from scaler.controller import Controller
from scaler.executors.base import Executor, Launcher
from scaler.executors.dry_run import DryRun
from scaler.executors.local import Local
from scaler.executors.owned import Owned
from scaler.metrics import Metrics
from scaler.servicer import ScalerServicer
from scaler.settings import ScalerSettings
from scaler.sources import Forecasts, Routers
from scaler.store import Store
from tidegate.shared.grpc_server import listen, new_server, serve_metrics, stop_signal

SERVICE = scaling_pb2.DESCRIPTOR.services_by_name["Scaler"].full_name

_log = structlog.get_logger(__name__)


async def serve(settings: ScalerSettings) -> None:
    """Plan and act until SIGTERM or SIGINT; then drain and stop the local replicas, and return."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    store = Store(settings.store, metrics.lost_write)
    routers = Routers(settings.routers, settings.read_timeout_s, time.time)
    forecasts = Forecasts(settings.forecaster, settings.read_timeout_s)
    executor = await _new_executor(settings, routers, store)
    controller = Controller(settings, routers, forecasts, executor, store, metrics, time.time)
    server, health = new_server((SERVICE, keda.SERVICE))
    servicer = ScalerServicer(controller.pools, store, executor, time.time)
    scaling_pb2_grpc.add_ScalerServicer_to_server(servicer, server)
    external = keda.ExternalScaler(controller.pools, settings.tick_s, time.time)
    externalscaler_pb2_grpc.add_ExternalScalerServicer_to_server(external, server)
    address = listen(server, settings.listen)
    serve_metrics(settings.metrics_listen, registry)
    await server.start()
    async with stop_signal() as stop:
        await health.set(serving=True)
        _log.info("ready", listen=address, pools=list(controller.pools), executor=settings.executor)
        try:
            await controller.run(stop)
        finally:
            await health.set(serving=False)
            await server.stop(grace=1.0)
            await routers.close()
            await forecasts.close()
            store.close()


async def _new_executor(settings: ScalerSettings, routers: Routers, store: Store) -> Executor:
    """The executor that the settings name. Raises InvalidSetting for a cluster that can't be asked."""
    if settings.executor == "kubernetes":
        # Only here: the client is an extra of its own, and takes a second to import.
        from scaler.kubernetes.start import kubernetes

        return await kubernetes(settings.kubernetes, routers, time.time, time.monotonic, dry_run=settings.dry_run)
    launcher: Launcher = DryRun()
    if not settings.dry_run:
        launcher = Local(settings.routers, config=settings.config, logs=settings.logs, stop_s=settings.stop_s)
    return Owned(launcher, routers, settings.pools, settings.drain_s, store)
