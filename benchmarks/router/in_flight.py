"""100 000 requests in flight over 1 000 connections: what each costs in memory, and that none is lost."""

import socket
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from rich.table import Table

from benchmarks.router.load import Load, h2load
from benchmarks.router.programs import OURS, Proxy, echoes, proxies

CONNECTIONS, STREAMS = 1_000, 100
REQUESTS = CONNECTIONS * STREAMS
BACKENDS = 8  # 16 connections each with 1 000 streams: room for 128 000
DELAY_MS = 20_000  # longer than it takes to send them all, so that they are all in flight at once
SMALL = Load(256)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"  # and empty SETTINGS


def measure(native: Path, folder: Path) -> dict[str, object]:
    with (
        echoes(native, BACKENDS, "--delay-ms", str(DELAY_MS)) as backends,
        proxies(folder, backends, (OURS,)) as (proxy,),
    ):
        empty_bytes = _settled_bytes(proxy)
        with _idle_connections(proxy.address):
            idle_bytes = _settled_bytes(proxy)
        before_bytes = _settled_bytes(proxy)
        with _Peak(proxy) as peak:
            h2load(proxy.address, folder, SMALL, "-n", str(REQUESTS), "-c", str(CONNECTIONS), "-m", str(STREAMS))
    return {
        "connections": CONNECTIONS,
        "requests": REQUESTS,
        "lost": 0,  # h2load() raises otherwise
        "bytes_per_idle_connection": round((idle_bytes - empty_bytes) / CONNECTIONS),
        "bytes_per_request": round((peak.bytes - before_bytes) / REQUESTS),
        "peak_mb": round(peak.bytes / 1e6, 1),
    }


def _settled_bytes(proxy: Proxy) -> int:
    time.sleep(1.0)
    return proxy.memory_bytes()


def _idle_connections(address: str) -> ExitStack:
    host, port = address.split(":")
    stack = ExitStack()
    for _ in range(CONNECTIONS):
        connection = stack.enter_context(socket.create_connection((host, int(port))))
        connection.sendall(PREFACE)
    return stack


class _Peak:
    """The largest resident memory of a proxy during the block."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.bytes = 0

    def __enter__(self) -> "_Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.bytes = max(self.bytes, self._proxy.memory_bytes())


def table(result: Mapping[str, object]) -> Table:
    table = Table("what", "value", title=f"{REQUESTS:,} requests in flight over {CONNECTIONS:,} connections")
    for key in ("lost", "bytes_per_idle_connection", "bytes_per_request", "peak_mb"):
        table.add_row(key, str(result[key]))
    return table
