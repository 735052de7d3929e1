"""What an executor is."""

from collections.abc import Sequence
from typing import Protocol

from scaler.fleet import Replica


class Executor(Protocol):
    """Starts and stops replicas of pools. Draining at the routers is the controller's, before `stop`."""

    @property
    def acts(self) -> bool:
        """False when plans are only made, never carried out."""

    def replicas(self, pool: str) -> Sequence[Replica]:
        """The replicas of the pool that live now, ready or not."""

    async def start(self, pool: str, count: int, now_s: float) -> Sequence[Replica]:
        """Ask for `count` more and return those that have a name already, before they are ready.

        Raises NotReady when it can't be asked for.
        """

    async def stop(self, pool: str, replica_id: str) -> None:
        """Tell one replica to stop, and return when it is gone. One that is gone already is no error."""

    async def close(self) -> None:
        """Stop what would not outlive the scaler."""
