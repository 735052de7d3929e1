"""A step down that is ended in the middle of it."""

import asyncio
from collections.abc import Sequence
from typing import Any

from scaler.kubernetes.pods import Pod, PodPhase
from scaler.kubernetes.retirement import Retirement
from scaler.kubernetes.scaling import Step


class Target:
    """Two pods; nobody stops them when the number is lowered."""

    target = "Deployment digits"

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []

    def pods(self) -> list[Pod]:
        return [Pod(name, PodPhase.READY, 0.0) for name in ("a", "b")]

    async def set_costs(self, pods: Sequence[str], cost: str | None) -> None:
        self.done.append(("cost", cost))

    async def set_replicas(self, replicas: int) -> None:
        self.done.append(("replicas", replicas))


class Routers:
    """Drain and resume at once."""

    def __init__(self) -> None:
        self.resumed: list[str] = []

    async def drain(self, address: str) -> bool:
        return True

    async def resume(self, address: str) -> None:
        self.resumed.append(address)

    async def outstanding(self, address: str) -> int:
        return 0


async def test_a_scaler_that_stops_leaves_no_victim_drained_that_still_lives() -> None:
    target, routers = Target(), Routers()
    step = Retirement(target, routers, Step(1, ("a",)), {"a": "a:1"}, 5.0, lambda: True)
    for _ in range(20):
        await asyncio.sleep(0)
    assert step.lowered
    await step.give_up()
    assert not step.over, "too far to be taken back while the scaler goes on"
    await step.close()
    assert step.over
    assert target.done == [("cost", "-1000"), ("replicas", 1), ("cost", None)]
    assert routers.resumed == ["a:1"]
