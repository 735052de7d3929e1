"""What carries plans out."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from scaler.decision import Decision
from scaler.fleet import FleetView, Replica
from scaler.overrides import Override
from scaler.readings import BackendReading
from scaler.settings import PoolSettings


class Executor(Protocol):
    """Knows the pools that are wished for and their replicas, and brings these to the plans."""

    @property
    def acts(self) -> bool:
        """False when plans are only made, never carried out."""

    @property
    def leads(self) -> bool:
        """False for one of several scalers while another speaks for all."""

    def pools(self) -> Mapping[str, PoolSettings]:
        """The pools as they are wished for now, by name."""

    def overrides(self, pool: str) -> Sequence[Override]:
        """The last override of each kind, also those that no longer count: wishes of people, for a while."""

    async def override(self, pool: str, override: Override) -> None:
        """Keep an override in the place of the last one of its kind. Raises NotReady."""

    async def refresh(self, now_s: float) -> None:
        """Look at what is there, before `view`. Raises nothing: what can't be seen stays as it was seen last."""

    def view(self, pool: str, now_s: float, backends: Mapping[str, BackendReading] | None) -> FleetView:
        """The pool's replicas; `backends` is what the routers say of them, None when no router spoke."""

    async def apply(self, decision: Decision, now_s: float) -> None:
        """Carry a decision out as far as it can be without waiting. Raises nothing: what fails is tried again."""

    async def close(self) -> None:
        """Stop what would not outlive the scaler."""


class Launcher(Protocol):
    """Starts and stops single replicas. Draining them at the routers, before `stop`, is its caller's."""

    @property
    def acts(self) -> bool:
        """False when it starts and stops nothing."""

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
