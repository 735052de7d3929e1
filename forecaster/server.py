"""The forecaster's process: service, followers of the routers, refits, and an orderly stop."""

import asyncio
import time
from contextlib import suppress

import structlog
from prometheus_client import CollectorRegistry

from forecaster.engine import Engine
from forecaster.follow import follow
from forecaster.history import History
from forecaster.metrics import Metrics
from forecaster.servicer import ForecasterServicer
from forecaster.settings import ForecasterSettings
from forecaster.workers import new_worker
from protos import forecast_pb2, forecast_pb2_grpc
from tidegate.shared.grpc_server import listen, new_server, serve_metrics, stop_signal

SERVICE = forecast_pb2.DESCRIPTOR.services_by_name["Forecaster"].full_name
GRACE_S = 1.0

_log = structlog.get_logger(__name__)


async def serve(settings: ForecasterSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises InvalidSetting."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    history = History(settings.history)
    engine = Engine(history, settings, metrics, time.time, new_worker, new_worker)
    server, health = new_server([SERVICE])
    forecast_pb2_grpc.add_ForecasterServicer_to_server(ForecasterServicer(engine, time.time), server)
    address = listen(server, settings.listen)
    serve_metrics(settings.metrics_listen, registry)
    async with stop_signal() as stop:
        await server.start()
        await health.set(serving=True)
        tasks = [asyncio.create_task(engine.run(stop))]
        tasks += [
            asyncio.create_task(follow(router, engine, metrics, time.time, settings.backfill_s))
            for router in settings.routers
        ]
        _log.info("ready", listen=address, history=str(settings.history), routers=list(settings.routers))
        await _until_stopped(stop, tasks)
        await health.set(serving=False)
        await server.stop(GRACE_S)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await engine.close()
        history.close()


async def _until_stopped(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the signal; a task that fails ends the process with its error, rather than go on half."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait((stopped, *tasks), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in done:
        if task is not stopped and task.exception() is not None:
            _log.error("a task failed", exc_info=task.exception())
            stop.set()
