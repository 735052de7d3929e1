"""The recorded traces, where they are: TIDEGATE_TRACES, else shared/traces beside the checkout. Never copied."""

import os
from pathlib import Path

from tidegate.shared.errors import InvalidSeries

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "traces"


def path_of(name: str) -> Path:
    """The file of a trace. Raises InvalidSeries where it is absent."""
    folder = Path(os.environ.get("TIDEGATE_TRACES", _BESIDE))
    path = folder / name
    if not path.is_file():
        raise InvalidSeries(
            f"the recorded trace {name} is not in {folder}: set TIDEGATE_TRACES to the folder that has it"
        )
    return path
