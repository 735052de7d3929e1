"""The recorded traces, for the tests that need them."""

from pathlib import Path

import pytest

from benchmarks.traces import path_of
from tidegate.shared.errors import InvalidSeries


def trace(name: str) -> Path:
    """The file of a trace; skips the test where it is absent. Use with `@pytest.mark.traces`."""
    try:
        return path_of(name)
    except InvalidSeries as absent:
        pytest.skip(str(absent))
