"""The charts of the forecast benchmark are drawn from what is recorded."""

from pathlib import Path

import pytest

from benchmarks.forecast.chart import CHARTS
from benchmarks.recording import FOLDER, recorded


@pytest.mark.parametrize("section", ["accuracy", "calibration"])
def test_what_was_recorded_can_be_drawn_and_was(section: str, tmp_path: Path):
    file = tmp_path / "chart.png"
    CHARTS[section](recorded("forecast")[section], file)
    assert file.read_bytes().startswith(b"\x89PNG")
    assert file.stat().st_size > 10_000
    assert (FOLDER / "forecast" / f"{section}.png").exists()
