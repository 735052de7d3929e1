"""The shell that all four services stand in: a grpc.aio server with health, reflection, metrics and an orderly stop."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server

from tidegate.shared.errors import InvalidSetting
from tidegate.shared.health import Health

MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024
"""Largest message taken or sent (grpc's own default of 4 MiB is less than one batch of images)."""

CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
)
SERVER_OPTIONS: tuple[tuple[str, int], ...] = (*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0))

_log = structlog.get_logger(__name__)


def new_server(services: Sequence[str], options: Sequence[tuple[str, Any]] = ()) -> tuple[grpc.aio.Server, Health]:
    """A server with health (NOT_SERVING until said otherwise) and reflection for the full names in `services`."""
    server = grpc.aio.server(options=(*SERVER_OPTIONS, *options))
    state = Health(services)
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    return server, state


def listen(server: grpc.aio.Server, address: str) -> str:
    """Bind the server and return the address with the port that it got. Raises InvalidSetting."""
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        port = 0
    if port == 0:
        raise InvalidSetting(f"cannot listen on {address}: is the port taken, or the host not one of this machine's?")
    return f"{address.rpartition(':')[0]}:{port}"


def serve_metrics(address: str | None, registry: CollectorRegistry) -> None:
    """A registry's metrics, and the process's own, over HTTP at host:port; none with None. Raises InvalidSetting."""
    if address is None:
        return
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    host, _, port = address.rpartition(":")
    try:
        start_http_server(int(port), host.strip("[]"), registry)  # [::1]:9000 names the host ::1
    except OSError as error:
        raise InvalidSetting(f"cannot serve metrics on {address}: {error.strerror}") from None


@asynccontextmanager
async def stop_signal() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set. A second one finds the system's own answer: it ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def stop_listening() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    def on_signal() -> None:
        stop.set()
        stop_listening()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop
    finally:
        stop_listening()


def channel(address: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.aio.Channel:
    """A client channel with our message limit, and no proxy from the environment in between."""
    return grpc.aio.insecure_channel(address, options=(*CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0), *options))
