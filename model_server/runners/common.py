"""What the runtimes have in common when something is not as it was asked for."""

from pathlib import Path

import structlog

from model_server.devices import CPU, Device
from tidegate.shared.errors import ModelLoadFailed

LONGEST_MESSAGE = 2000
"""Characters of a runtime's message that are passed on: some print a whole graph."""

_log = structlog.get_logger(__name__)


def fall_back(file: Path, device: Device, problem: str) -> Device:
    """The CPU in place of a device that can't be used. Raises ModelLoadFailed when the user asked for just that one."""
    if device.required:
        raise ModelLoadFailed(f"{file}: {problem}")
    _log.warning("falling back to the CPU", file=str(file), reason=problem)
    return CPU


def one_line(error: Exception) -> str:
    """A runtime's message without its line breaks."""
    return " ".join(str(error).split())[:LONGEST_MESSAGE]
