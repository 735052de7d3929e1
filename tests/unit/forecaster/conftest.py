"""For the tests of the forecaster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engines import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """An engine with a history of its own."""
    made = Rig(tmp_path, slow_cpu_share=0)
    yield made
    made.database.close()
