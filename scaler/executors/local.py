"""Replicas as model server processes on this machine."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from scaler.fleet import Replica
from tidegate.shared import child_processes
from tidegate.shared.errors import NotReady

MODEL_SERVER = (*child_processes.TIDEGATE, "model-server")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Process:
    pool: str
    asked_at_s: float
    process: asyncio.subprocess.Process


class Local:
    """Starts model servers that register with the routers themselves, and ends with all of them ended.

    Each is in a session of its own, so that Ctrl-C reaches the scaler alone, which then drains them; and on a leash,
    so that they end (by SIGTERM) even when the scaler is killed.
    """

    acts = True

    def __init__(
        self,
        routers: Sequence[str],
        *,
        config: Path | None = None,
        logs: Path | None = None,
        stop_s: float = 45.0,
        command: Sequence[str] = MODEL_SERVER,
    ) -> None:
        self._routers = routers
        self._config = config
        self._logs = logs
        self._stop_s = stop_s
        self._command = command
        self._processes: dict[str, _Process] = {}

    def replicas(self, pool: str) -> tuple[Replica, ...]:
        """Processes that live; one that has ended is told of in the log, once."""
        for id_, one in list(self._processes.items()):
            if one.process.returncode is not None:
                _log.warning("replica ended", pool=one.pool, replica=id_, status=one.process.returncode)
                del self._processes[id_]
        return tuple(Replica(id_, one.asked_at_s) for id_, one in self._processes.items() if one.pool == pool)

    async def start(self, pool: str, count: int, now_s: float) -> list[Replica]:
        """Start `count` processes. Raises NotReady naming the command or the log file."""
        started = []
        for _ in range(count):
            id_ = f"{pool}-{uuid.uuid4().hex[:8]}"
            command = child_processes.leashed(self._arguments(pool, id_))
            try:
                with child_processes.log_file(self._logs, id_) as log:
                    process = await asyncio.create_subprocess_exec(
                        *command, stdout=log, stderr=log, start_new_session=True
                    )
            except OSError as error:
                raise NotReady(f"cannot start a replica of pool {pool!r} by {command[0]}: {error}") from error
            self._processes[id_] = _Process(pool, now_s, process)
            started.append(Replica(id_, now_s))
            _log.info("replica asked for", pool=pool, replica=id_, pid=process.pid)
        return started

    async def stop(self, pool: str, replica_id: str) -> None:
        """SIGTERM, wait, and kill what doesn't end in time."""
        one = self._processes.get(replica_id)
        if one is None:
            return
        if not await child_processes.stop(one.process, self._stop_s):
            _log.error("replica killed", pool=pool, replica=replica_id, after_s=self._stop_s)
        self._processes.pop(replica_id, None)

    async def close(self) -> None:
        """Stop every process, all at once."""
        await asyncio.gather(*(self.stop(one.pool, id_) for id_, one in list(self._processes.items())))

    def _arguments(self, pool: str, id_: str) -> list[str]:
        config = ["--config", str(self._config)] if self._config else []
        routers = [part for address in self._routers for part in ("--router", address)]
        own = ["--listen", "127.0.0.1:0", "--pool", pool, "--replica-id", id_]
        return [*self._command, *config, *own, *routers]
