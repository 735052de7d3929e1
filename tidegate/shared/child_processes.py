"""Child processes that end in an orderly way, and never outlive their parent."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from tidegate.shared import leash

TIDEGATE = (sys.executable, "-m", "tidegate.cli")
"""The command line, by the interpreter that runs now."""


def leashed(command: Sequence[str]) -> list[str]:
    """The command, run so that it gets SIGTERM when this process is gone, even by kill -9."""
    return [sys.executable, leash.__file__, str(os.getpid()), *command]


def log_file(folder: Path | None, name: str) -> AbstractContextManager[BinaryIO | None]:
    """FOLDER/NAME.log, opened to be appended to; nothing without a folder, which is made when it is not there."""
    if folder is None:
        return nullcontext()
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / f"{name}.log").open("ab")


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
