"""Starting the programs of a measurement: the proxies on one core, the load and the backends on the other."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.router import peers
from tidegate.shared.child_processes import TIDEGATE

PROXY_CORE, LOAD_CORE = "0", "1"
OURS = "tidegate"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy. `process` is the one that carries: for nginx the worker, not the master."""

    name: str
    address: str
    process: int

    def cpu_s(self) -> float:
        """CPU seconds of the carrying process so far."""
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Resident memory of the carrying process now."""
        pages = int(Path(f"/proc/{self.process}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def free_address() -> str:
    """A loopback host:port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@contextmanager
def running(command: Sequence[str], address: str, core: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program on one core, its output dropped, from when it listens on `address` until the end of the block."""
    silent = subprocess.DEVNULL
    with subprocess.Popen(["taskset", "-c", core, *command], stdout=silent, stderr=silent) as process:
        try:
            _wait_until_listening(address, process)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_listening(address: str, process: subprocess.Popen[bytes]) -> None:
    host, _, port = address.rpartition(":")
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen on {address}")


@contextmanager
def echoes(native: Path, count: int, *options: str) -> Iterator[list[str]]:
    """Addresses of `count` echo backends: one process, so that the core they share with the load switches less."""
    addresses = [free_address() for _ in range(count)]
    listen = [part for address in addresses for part in ("--listen", address)]
    with running([str(native / "echo"), *listen, *options], addresses[-1], LOAD_CORE):
        yield addresses


def ours(address: str, backends: Sequence[str], threads: int = 1) -> list[str]:
    """The command that starts our router with its control plane: metrics, leases, deadlines and ejection are on."""
    choice = [part for backend in backends for part in ("--backend", backend)]
    own = ["--admin", free_address(), "--metrics", free_address(), "--threads", str(threads), "--no-health-checks"]
    return [*TIDEGATE, "router", "--listen", address, *choice, *own]


def data_plane(native: Path, address: str, backends: Sequence[str], threads: int) -> list[str]:
    """The command that starts the data plane without Python, for callgrind."""
    choice = [part for backend in backends for part in ("--backend", backend)]
    return [str(native / "proxy"), "--listen", address, "--threads", str(threads), *choice]


@contextmanager
def proxies(folder: Path, backends: Sequence[str], names: Sequence[str]) -> Iterator[list[Proxy]]:
    """Those of `names` that are installed, running side by side; ours first."""
    with ExitStack() as stack:
        started = []
        for name in names:
            address = free_address()
            command = ours(address, backends) if name == OURS else peers.commands(folder, address, backends).get(name)
            if not command:
                continue
            parent = stack.enter_context(running(command, address, PROXY_CORE))
            children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
            started.append(Proxy(name, address, int(children[0]) if name == "nginx" and children else parent.pid))
        yield started
