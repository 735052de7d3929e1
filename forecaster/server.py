"""The forecaster's process: service, followers of the routers, upkeep, and an orderly stop."""

import asyncio
import socket
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial

import structlog
from prometheus_client import CollectorRegistry

from forecaster.database import Database
from forecaster.engine import Engine
from forecaster.follow import follow
from forecaster.history import History
from forecaster.lease import Lease
from forecaster.metrics import Metrics
from forecaster.refits import Workers
from forecaster.servicer import ForecasterServicer
from forecaster.settings import ForecasterSettings
from forecaster.threads import use_one_thread
from forecaster.upkeep import Upkeep
from forecaster.workers import new_workers
from protos import forecast_pb2, forecast_pb2_grpc
from tidegate.shared.grpc_server import listen, new_server, serve_metrics, stop_signal

SERVICE = forecast_pb2.DESCRIPTOR.services_by_name["Forecaster"].full_name
GRACE_S = 1.0

SWITCH_S = 0.0005
"""Longest that a thread which filters forward keeps the interpreter from one that answers (Python's own: 5 ms)."""

_log = structlog.get_logger(__name__)


async def serve(settings: ForecasterSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises InvalidSetting."""
    sys.setswitchinterval(SWITCH_S)
    use_one_thread()
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    database = Database(settings.history)
    workers = Workers({"fast": partial(new_workers, settings.fit_processes), "slow": partial(new_workers, 1)})
    engine = Engine(database, settings, metrics, time.time, workers)
    metrics.watch(engine.shelf.series)
    server, health = new_server([SERVICE])
    forecast_pb2_grpc.add_ForecasterServicer_to_server(ForecasterServicer(engine, time.time), server)
    address = listen(server, settings.listen)
    lease = Lease(database, f"{socket.gethostname()}/{address}", address)
    upkeep = Upkeep(engine, History(database), lease, settings, metrics, time.time)
    await upkeep.claim()
    serve_metrics(settings.metrics_listen, registry)
    async with stop_signal() as stop:
        await server.start()
        await health.set(serving=True)
        tasks = [asyncio.create_task(upkeep.run(stop))]
        tasks += [asyncio.create_task(one) for one in _followers(settings, engine, History(database), metrics)]
        _log.info("ready", listen=address, history=str(settings.history), routers=list(settings.routers))
        await _until_stopped(stop, tasks)
        await health.set(serving=False)
        await server.stop(GRACE_S)
        for task in tasks[1:]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await tasks[0]
        database.close()


def _followers(
    settings: ForecasterSettings, engine: Engine, history: History, metrics: Metrics
) -> list[Coroutine[None, None, None]]:
    """What brings demand in, for ever."""
    if settings.prometheus is not None:
        from forecaster.tail import Tail  # only here: the HTTP client takes its time to import

        return [Tail(settings.prometheus, engine, history, metrics, time.time).run()]
    return [follow(one, engine, metrics, time.time, settings.backfill_s) for one in settings.routers]


async def _until_stopped(stop: asyncio.Event, tasks: list[asyncio.Task[None]]) -> None:
    """Wait for the signal; a task that fails ends the process with its error, rather than go on half."""
    stopped = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait((stopped, *tasks), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for task in done:
        if task is not stopped and task.exception() is not None:
            _log.error("a task failed", exc_info=task.exception())
            stop.set()
