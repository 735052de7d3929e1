"""The recorded traces, where they are: TIDEGATE_TRACES, else shared/traces beside the checkout. Never copied."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "traces"


def trace(name: str) -> Path:
    """The file of a trace; skips the test where it is absent. Use with `@pytest.mark.traces`."""
    folder = Path(os.environ.get("TIDEGATE_TRACES", _BESIDE))
    path = folder / name
    if not path.is_file():
        pytest.skip(f"the recorded trace {name} is not in {folder}: set TIDEGATE_TRACES to the folder that has it")
    return path
