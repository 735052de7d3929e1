"""Plans for replicas that somebody else starts and stops."""

from scaler.fleet import Replica


class DryRun:
    """Starts and stops nothing; what the routers show is what is there."""

    acts = False

    def replicas(self, pool: str) -> tuple[Replica, ...]:  # noqa: ARG002 - the protocol's signature
        """None are ours."""
        return ()

    async def start(self, pool: str, count: int, now_s: float) -> tuple[Replica, ...]:  # noqa: ARG002 - as above
        """Nothing happens."""
        return ()

    async def stop(self, pool: str, replica_id: str) -> None:
        """Nothing happens."""

    async def close(self) -> None:
        """Nothing is ours."""
