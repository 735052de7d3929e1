"""Golden traces of the balancer: what happens, then what the router does about it, as text.

A trace (`balancer/*.txt`) is blocks of lines: events, a line `----`, and what they lead to (the form of etcd/raft's
testdata). After a wished change, `TIDEGATE_REWRITE=1 pytest tests/golden` writes them anew: read the difference.

The backend table is Python's; every pick is made by the data plane's own C++ code.

Events: `backend A` (from the settings) · `register A [REPLICA]` · `warmed A S` (its warm-up took S seconds) ·
`healthy A MODEL…` · `unhealthy A` · `drain A` · `resume A` · `deregister A` · `unload MODEL` ·
`send MODEL [×N] [not A…]` (one line per pick, `not`: tried already) · `done A [×N]` (the oldest end) ·
`fail A [×N]` (they end in failure) · `time T` (it is second T) · `sweep T` (at second T) · `show`.
"""

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplane import Balancer
from router.backends import BackendTable, Snapshot
from tests.support.recorded import assert_recorded
from tidegate.shared.values import BackendStatus

TRACES = sorted((Path(__file__).parent / "balancer").glob("*.txt"))


class World:
    """The backend table and the native balancer, told what happens in words."""

    def __init__(self) -> None:
        self.now_s = 1.0
        self.table = BackendTable()
        self.balancer = Balancer(random.Random(0).randrange)
        self.balancer.tick(self.now_s)
        self.known: set[str] = set()
        self.warm_up_s: dict[str, float] = {}
        self.outstanding: Counter[str] = Counter()
        self.table.subscribe(self.follow)
        self.events: dict[str, Callable[..., object]] = {
            "backend": self.table.add_static,
            "register": lambda address, replica="r1": self.table.register(address, replica, "", expires_at_s=15),
            "warmed": lambda address, s: self.warm_up_s.__setitem__(address, float(s)),
            "healthy": lambda address, *models: self.table.set_healthy(
                address, frozenset(models), self.warm_up_s.get(address)
            ),
            "unhealthy": self.table.set_unhealthy,
            "drain": self.table.drain,
            "resume": self.table.resume,
            "deregister": self.table.deregister,
            "unload": self.table.forget_model,
            "sweep": lambda at_s: self.table.sweep(float(at_s), self.outstanding.__getitem__),
            "send": self.send,
            "done": self.done,
            "fail": self.fail,
            "time": self.time,
            "show": self.show,
        }

    def follow(self, snapshot: Snapshot) -> None:
        """As the data plane does with each policy."""
        ready = {one.address: one for one in snapshot.backends if one.status is BackendStatus.READY}
        for address, backend in ready.items():
            self.balancer.ready(address, slow_start_s=backend.warm_up_s or 0.0, now_s=self.now_s)
        for address in self.known - ready.keys():
            self.balancer.not_ready(address)
        self.known |= ready.keys()

    def tell(self, line: str) -> list[str]:
        name, *arguments = line.split()
        outcome = self.events[name](*arguments)
        said = outcome if isinstance(outcome, list) else []
        return said + [f"{address} {what}" for address, what in self.balancer.reports()]

    def time(self, at_s: str) -> None:
        self.now_s = float(at_s)
        self.balancer.tick(self.now_s)

    def send(self, model: str, *how: str) -> list[str]:
        count = int(how[0][1:]) if how and how[0].startswith("×") else 1
        tried = how[how.index("not") + 1 :] if "not" in how else ()
        return [self.send_one(model, tried) for _ in range(count)]

    def send_one(self, model: str, tried: tuple[str, ...]) -> str:
        snapshot = self.table.snapshot
        ready = snapshot.ready(model)
        counts = " ".join(f"{address}:{self.outstanding[address]}" for address in ready if address not in tried)
        address = self.balancer.pick(ready, [one for one in tried if one in self.known])
        if address is None:
            waits = model in snapshot.seen_models or snapshot.may_learn_models
            return f"{model}: " + ("waits" if waits else "no such model")
        self.balancer.take(address)
        self.outstanding[address] += 1
        return f"{model} → {address}  ({counts})"

    def end(self, address: str, how: str) -> int:
        count = min(int(how[1:]), self.outstanding[address])
        self.outstanding[address] -= count
        for _ in range(count):
            self.balancer.release(address)
        return count

    def done(self, address: str, how: str = "×1") -> None:
        for _ in range(self.end(address, how)):
            self.balancer.succeeded(address)

    def fail(self, address: str, how: str = "×1") -> None:
        for _ in range(self.end(address, how)):
            self.balancer.failed(address, now_s=self.now_s)

    def show(self) -> list[str]:
        lines = []
        for backend in self.table.snapshot.backends:
            models = ",".join(sorted(backend.models or ())) or "-"
            ejected = " ejected" if backend.address in self.known and self.balancer.ejected(backend.address) else ""
            state = f"{backend.status}{ejected}"
            lines.append(f"{backend.address} {state} models={models} outstanding={self.outstanding[backend.address]}")
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
    assert_recorded(trace, play(trace.read_text()))


def test_there_are_traces() -> None:
    assert TRACES
