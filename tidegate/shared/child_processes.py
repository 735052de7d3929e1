"""Child processes that end in an orderly way, and never outlive their parent."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

from tidegate.shared import leash


def die_with_parent() -> None:
    """For a child that runs our code anyway, such as a worker of a process pool: SIGTERM when this process is gone."""
    leash.die_with_parent()


def leashed(command: Sequence[str]) -> list[str]:
    """The command, run so that it gets SIGTERM when this process is gone, even by kill -9."""
    return [sys.executable, leash.__file__, str(os.getpid()), *command]


async def stop(process: asyncio.subprocess.Process, patience_s: float) -> bool:
    """SIGTERM, wait, and SIGKILL after `patience_s`; True when the process ended without the last."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), patience_s)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return True
