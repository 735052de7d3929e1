"""Child processes that end in an orderly way, and never outlive their parent."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence

from tidegate.shared import leash

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent() -> None:
    """For `preexec_fn`: the kernel sends the child SIGTERM when its parent is gone, even by kill -9 (prctl(2)).

    Nothing is done where the kernel has no such thing (it is Linux's).
    """
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def leashed(command: Sequence[str]) -> list[str]:
    """The command, run so that it gets SIGTERM when this process is gone; for parents that have threads."""
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
