"""Which address the data plane is given for a backend's name."""

import asyncio
import socket

import pytest

from router.backends import BackendTable
from router.targets import RETRY_S, Targets

V4, V6 = ("10.0.0.9", 1), ("fd00::9", 1, 0, 0)


class World:
    """Names as a resolver has them; what is missing raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, list[tuple[int, tuple[object, ...]]]] = {}
        self.error: Exception = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self.found: dict[str, str] = {}
        self.changes = 0
        self.table = BackendTable(health_checks=False)
        self.targets = Targets(self.found, self._changed)
        self.table.subscribe(self.targets.follow)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", self._getaddrinfo)

    def _changed(self) -> None:
        self.changes += 1

    async def _getaddrinfo(self, host: str, port: int, *, type: int) -> list[tuple[object, ...]]:  # noqa: A002 - its name
        if host not in self.names:
            raise self.error
        return [(family, type, 0, "", where) for family, where in self.names[host]]


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch):
    made = World(monkeypatch)
    yield made
    made.targets.close()


@pytest.mark.parametrize("address", ["10.0.0.1:1", "[::1]:1"])
async def test_an_address_is_taken_as_it_is(world, address):
    world.table.add_static(address)
    assert world.found == {address: address}


@pytest.mark.parametrize(
    ("answers", "target"),
    [
        ([(socket.AF_INET6, V6), (socket.AF_INET, V4)], "10.0.0.9:1"),
        ([(socket.AF_INET6, V6)], "[fd00::9]:1"),
    ],
    ids=["IPv4 first", "IPv6 alone"],
)
@pytest.mark.looptime
async def test_a_name_is_looked_up(world, answers, target):
    world.names["a"] = answers
    world.table.add_static("a:1")
    assert world.found == {}, "not yet"
    await asyncio.sleep(0.1)
    assert (world.found, world.changes) == ({"a:1": target}, 1)
    world.table.deregister("a:1")
    world.table.set_unhealthy("a:1")
    assert world.found == {"a:1": target}, "what is in flight there is still counted under it"


@pytest.mark.looptime
@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_NONAME, "not known"), UnicodeError("label empty or too long")], ids=type
)
@pytest.mark.parametrize("host", ["a", "fe80::1%eth9"], ids=["name", "zone that is not there"])
async def test_what_is_not_found_is_asked_for_again_and_holds_nobody_else_up(world, error, host):
    world.error = error
    world.table.add_static(f"{host}:1")
    world.table.add_static("10.0.0.1:1")
    await asyncio.sleep(RETRY_S / 2)
    assert world.found == {"10.0.0.1:1": "10.0.0.1:1"}
    world.names[host] = [(socket.AF_INET, V4)]
    await asyncio.sleep(RETRY_S)
    assert world.found[f"{host}:1"] == "10.0.0.9:1"
