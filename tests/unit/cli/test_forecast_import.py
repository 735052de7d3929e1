"""What `tidegate forecast import` makes of a file."""

from pathlib import Path

import numpy as np
import pytest

from tidegate.cli import forecast_data


@pytest.mark.parametrize(("first_s", "said"), [(600, ""), (840, "moved by +60 s"), (660, "moved by -60 s")])
def test_rows_are_put_on_the_nearest_multiples_of_their_step_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first_s: int, said: str
):
    file = tmp_path / "counts.csv"
    file.write_text(f"timestamp,value\n{first_s},300\n{first_s + 300},600\n{first_s + 600},\n")
    (piece,) = forecast_data._of_file(file, "digits", "count", lambda *_: None)
    assert piece.start_s == round(first_s / 300) * 300
    np.testing.assert_array_equal(piece.rate_rps, [1.0, 2.0, np.nan])
    told = " ".join(capsys.readouterr().err.split())
    assert said in told
    assert bool(told) == bool(said)
