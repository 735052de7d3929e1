"""Replicas on their way out, with routers and an executor that do what a test says."""

from scaler.executors.dry_run import DryRun
from scaler.fleet import Fleet, Replica
from scaler.readings import BackendReading
from scaler.retiring import Retiring
from tidegate.shared.values import BackendStatus

ALIVE = [Replica("a", 0.0)]
SEEN = {"a": BackendReading("a:1", "a", "p", BackendStatus.READY, 0)}


class Routers:
    """Acknowledges everything, and remembers what is drained."""

    def __init__(self) -> None:
        self.drained: set[str] = set()

    async def drain(self, address: str) -> bool:
        self.drained.add(address)
        return True

    async def resume(self, address: str) -> None:
        self.drained.discard(address)

    async def outstanding(self, address: str) -> int:
        return 0


class FailsOnce(DryRun):
    """Can't stop a replica the first time."""

    def __init__(self) -> None:
        self.stopped: list[str] = []
        self.asked = 0

    async def stop(self, pool: str, replica_id: str) -> None:
        self.asked += 1
        if self.asked == 1:
            raise OSError("no permission")
        self.stopped.append(replica_id)


async def test_a_replica_that_can_not_be_stopped_serves_on_and_is_tried_again() -> None:
    routers, executor, fleet = Routers(), FailsOnce(), Fleet()
    retiring = Retiring(routers, executor, drain_s=1.0)
    fleet.observe(1.0, ALIVE, SEEN)
    ((id_, address),) = fleet.stop(1)
    retiring.start("p", fleet, id_, address, must=False)
    await retiring.finish()
    view = fleet.observe(2.0, ALIVE, SEEN)
    assert (view.ready, view.stopping, routers.drained) == (1, 0, set())
    ((id_, address),) = fleet.stop(1)
    retiring.start("p", fleet, id_, address, must=False)
    await retiring.finish()
    assert executor.stopped == ["a"]
