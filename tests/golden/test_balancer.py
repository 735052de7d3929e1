"""Golden traces of the balancer: what happens, then what the router does about it, as text.

A trace (`balancer/*.txt`) is blocks of lines: events, a line `----`, and what they lead to (the form of etcd/raft's
testdata). After a wished change, `TIDEGATE_REWRITE=1 pytest tests/golden` writes them anew: read the difference.

Events: `backend A` (from the settings) · `register A [REPLICA]` · `healthy A MODEL…` · `unhealthy A` · `drain A` ·
`resume A` · `deregister A` · `unload MODEL` · `send MODEL [×N] [not A…]` (one line per pick, `not`: tried already) ·
`done A [×N]` (the oldest end) · `sweep T` (at second T) · `show`.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from router.backends import BackendTable
from router.balancer import Balancer
from router.leases import Lease, Leases

TRACES = sorted((Path(__file__).parent / "balancer").glob("*.txt"))


class World:
    """The router's cores, told what happens in words."""

    def __init__(self) -> None:
        self.table = BackendTable()
        self.leases = Leases()
        self.balancer = Balancer(self.leases.on_backend, random.Random(0).randrange)
        self.in_flight: list[Lease] = []
        self.events: dict[str, Callable[..., object]] = {
            "backend": self.table.add_static,
            "register": lambda address, replica="r1": self.table.register(address, replica, "", expires_at_s=15),
            "healthy": lambda address, *models: self.table.set_healthy(address, frozenset(models)),
            "unhealthy": self.table.set_unhealthy,
            "drain": self.table.drain,
            "resume": self.table.resume,
            "deregister": self.table.deregister,
            "unload": self.table.forget_model,
            "sweep": lambda at_s: self.table.sweep(float(at_s), self.leases.on_backend),
            "send": self.send,
            "done": self.done,
            "show": self.show,
        }

    def tell(self, line: str) -> list[str]:
        name, *arguments = line.split()
        outcome = self.events[name](*arguments)
        return outcome if isinstance(outcome, list) else []

    def send(self, model: str, *how: str) -> list[str]:
        count = int(how[0][1:]) if how and how[0].startswith("×") else 1
        tried = how[how.index("not") + 1 :] if "not" in how else ()
        return [self.send_one(model, tried) for _ in range(count)]

    def send_one(self, model: str, tried: tuple[str, ...]) -> str:
        snapshot = self.table.snapshot
        counts = self.counts(snapshot.ready(model), tried)
        address = self.balancer.pick(snapshot.ready(model), tried)
        if address is None:
            return f"{model}: " + ("waits" if snapshot.may_serve_later(model) else "no such model")
        self.in_flight.append(self.leases.take(address, model))
        return f"{model} → {address}  ({counts})"

    def counts(self, ready: tuple[str, ...], tried: tuple[str, ...]) -> str:
        return " ".join(f"{address}:{self.leases.on_backend(address)}" for address in ready if address not in tried)

    def done(self, address: str, how: str = "×1") -> None:
        for lease in [lease for lease in self.in_flight if lease.backend == address][: int(how[1:])]:
            lease.release()
            self.in_flight.remove(lease)

    def show(self) -> list[str]:
        lines = []
        for backend in self.table.snapshot.backends:
            outstanding = self.leases.on_backend(backend.address)
            models = ",".join(sorted(backend.models or ())) or "-"
            lines.append(f"{backend.address} {backend.status} models={models} outstanding={outstanding}")
        return lines or ["no backends"]


def play(text: str) -> str:
    world, blocks = World(), []
    for block in text.strip().split("\n\n"):
        events = block.split("\n----")[0]
        told = [line for line in events.splitlines() if line and not line.startswith("#")]
        said = [answer for line in told for answer in world.tell(line)]
        blocks.append("\n".join([events, "----", *said]) if told else events)
    return "\n\n".join(blocks) + "\n"


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.stem)
def test_trace(trace: Path) -> None:
    recorded = trace.read_text()
    played = play(recorded)
    if os.environ.get("TIDEGATE_REWRITE"):
        trace.write_text(played)
    assert played == recorded


def test_there_are_traces() -> None:
    assert TRACES
