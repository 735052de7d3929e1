"""What a dry run would do, told in the log."""

import structlog

_log = structlog.get_logger(__name__)


class Rehearsal:
    """Says of each pool what would be done, each time that it is something else."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def say(self, pool: str, would: str, because: str) -> None:
        """One decision: what would be done, and why the plan is what it is."""
        if self._said.get(pool) != would:
            self._said[pool] = would
            _log.info("dry run", pool=pool, would=would, because=because)
