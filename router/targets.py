"""Where backends are: host names looked up off the data plane, which is given addresses only."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable

import structlog

from router.backends import Snapshot

RETRY_S = 1.0
"""Before a name that was not found is looked up again."""

_log = structlog.get_logger(__name__)


class Targets:
    """Keeps `targets`: `ip:port` by backend address.

    A name is looked up whenever its backend becomes healthy: a replica that comes back under its name (a StatefulSet's
    pod) may be elsewhere. Before the first look-up has found something, nothing is sent there.
    """

    def __init__(self, targets: dict[str, str], changed: Callable[[], None]) -> None:
        self._targets = targets
        self._changed = changed
        self._healthy: set[str] = set()
        self._lookups: dict[str, asyncio.Task[None]] = {}

    def follow(self, snapshot: Snapshot) -> None:
        """Look up what has become healthy, forget what is gone."""
        known = {backend.address for backend in snapshot.backends}
        healthy = {backend.address for backend in snapshot.backends if backend.healthy}
        for address in self._targets.keys() - known:
            del self._targets[address]
        for address in self._lookups.keys() - healthy:
            self._lookups.pop(address).cancel()
        for address in healthy - self._healthy:
            if _is_literal(address):
                self._targets[address] = address
            else:
                self._lookups[address] = asyncio.get_running_loop().create_task(self._look_up(address))
        self._healthy = healthy

    def close(self) -> None:
        """End all look-ups."""
        for task in self._lookups.values():
            task.cancel()

    async def _look_up(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        while True:
            try:
                found = await asyncio.get_running_loop().getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
                break
            except (OSError, UnicodeError) as error:  # UnicodeError: no name that could be asked for, like "a..b"
                _log.warning("backend's name not found", backend=address, why=str(error))
                await asyncio.sleep(RETRY_S)
        # IPv4 first: "localhost" has both, and servers tell others their IPv4 address more often than not.
        family, *_, where = min(found, key=lambda one: one[0] != socket.AF_INET)
        self._targets[address] = f"[{where[0]}]:{port}" if family == socket.AF_INET6 else f"{where[0]}:{port}"
        del self._lookups[address]
        self._changed()


def _is_literal(address: str) -> bool:
    """Whether there is nothing to look up; the zone of a link-local address ("%eth0") may not be there."""
    if "%" in address:
        return False
    try:
        ipaddress.ip_address(address.rpartition(":")[0].strip("[]"))
    except ValueError:
        return False
    return True
