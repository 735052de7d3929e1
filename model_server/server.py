"""The model server's process: start, serve, stop in order."""

import asyncio
import contextlib
import os
import time
import uuid

import grpc
import structlog
from prometheus_client import CollectorRegistry

from model_server import runners
from model_server.batcher import Rehearsal
from model_server.cpus import usable_cpus
from model_server.devices import count_gpus, resolve
from model_server.inference import Inference
from model_server.metrics import ModelServerMetrics
from model_server.models import Models
from model_server.registration import Registration
from model_server.repository import Repository
from model_server.servable import Loader
from model_server.servicer import InferenceServicer
from model_server.settings import ModelServerSettings
from model_server.startup import process_age_s
from model_server.statistics import BusyMeter
from protos import inference_pb2, inference_pb2_grpc
from tidegate.shared.errors import TidegateError
from tidegate.shared.grpc_errors import Decoding
from tidegate.shared.grpc_server import listen, new_server, serve_metrics, stop_signal
from tidegate.shared.health import Health

SERVICE = inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name

_log = structlog.get_logger(__name__)


async def serve(settings: ModelServerSettings) -> None:
    """Serve until SIGTERM or SIGINT, then stop in order.

    It listens and registers at once, and says SERVING when all models are loaded and warmed; with a model that can't
    be loaded it stays NOT_SERVING, and says why in the log and the repository index. Raises InvalidSetting.
    """
    process_started_s = time.monotonic() - process_age_s()
    startup_s: dict[str, float] = {}
    repository = Repository(settings.models)
    repository.check()
    gpus = count_gpus()
    resolve(settings.device, gpus)  # a GPU that isn't there is an error of the settings, not of each model
    not_before_s = process_started_s + settings.rehearse_startup_s
    threads = settings.threads or usable_cpus()
    models = Models(repository, Loader(settings.device, gpus, threads, _rehearsal(settings), not_before_s))
    server, health = new_server((SERVICE,))
    servicer = InferenceServicer(models, Inference(models))
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, Decoding(server))
    address = listen(server, settings.listen)
    metrics = CollectorRegistry()
    metrics.register(ModelServerMetrics(models, startup_s))
    serve_metrics(settings.metrics_listen, metrics)
    async with stop_signal() as stop:
        await server.start()
        _log.info("listening", listen=address, models=str(settings.models), threads=threads, gpus=gpus)
        registrations = _register(settings, address)
        starting = _start(repository, models, health, registrations, process_started_s, startup_s)
        start = asyncio.create_task(starting)
        try:
            if await _first(start, stop):
                _log.info("ready", listen=address, **{f"{name}_s": round(s, 3) for name, s in startup_s.items()})
                await stop.wait()
        finally:
            await _stop(settings, server, models, health, registrations)
            start.cancel()
    if models.at_work:
        _log.warning("stopped before everything had ended", drain_s=settings.drain_s)
        os._exit(0)  # the interpreter would wait for the threads, however long
    await models.close()


def _rehearsal(settings: ModelServerSettings) -> Rehearsal | None:
    if settings.rehearse_batch_s == 0.0:
        return None
    _log.info("rehearsing one accelerator", batch_s=settings.rehearse_batch_s)
    return Rehearsal(asyncio.Lock(), settings.rehearse_batch_s, BusyMeter(1, time.monotonic()))


def _register(settings: ModelServerSettings, address: str) -> list[Registration]:
    advertised = settings.advertise or address
    replica_id = settings.replica_id or f"replica-{uuid.uuid4().hex[:12]}"
    return [Registration(router, advertised, replica_id, settings.pool) for router in settings.routers]


async def _start(
    repository: Repository,
    models: Models,
    health: Health,
    registrations: list[Registration],
    process_started_s: float,
    startup_s: dict[str, float],
) -> None:
    """Import, load and warm, noting the seconds of each; say SERVING when all models are ready."""
    await asyncio.to_thread(_import_runtimes, repository)
    startup_s["import"] = time.monotonic() - process_started_s
    await models.load_all()
    startup_s["load"] = sum(servable.load_s for servable in models.servables())
    startup_s["warm"] = sum(servable.warm_s for servable in models.servables())
    await models.wait_until_ready()
    startup_s["total"] = time.monotonic() - process_started_s
    for registration in registrations:
        registration.warmed()
    await health.set(serving=True)


def _import_runtimes(repository: Repository) -> None:
    """Import what the models need, so that it is not counted as their loading. What fails here fails there again."""
    for name in repository.names():
        with contextlib.suppress(TidegateError):
            for file in repository.read(name).versions.values():
                runners.import_runtime(file)


async def _first(start: asyncio.Task[None], stop: asyncio.Event) -> bool:
    """Wait until the start has ended (True; raises what it raised) or the stop has come (False)."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({start, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if stop.is_set():
        return False
    start.result()
    return True


async def _stop(
    settings: ModelServerSettings,
    server: grpc.aio.Server,
    models: Models,
    health: Health,
    registrations: list[Registration],
) -> None:
    """NOT_SERVING, leave the routers, serve on for the lame-duck time, GOAWAY, end what is in flight.

    Each step alone would lose requests: a router that has not noticed yet still sends, and GOAWAY makes it retry.
    """
    was_ready = models.ready
    models.retire()
    await health.set(serving=False)
    _log.info("stopping", lame_duck_s=settings.lame_duck_s, drain_s=settings.drain_s)
    await asyncio.gather(*(registration.leave() for registration in registrations))
    if was_ready:  # before that nobody sends anything
        await asyncio.sleep(settings.lame_duck_s)
    health.close()
    await server.stop(settings.drain_s)
    _log.info("stopped")
