"""`tidegate forecast list` at 80 columns."""

import pytest

from protos import forecast_pb2 as pb
from tidegate.cli import forecast_view as view

NAME = "recommendation-ranker-v12-fp16-large"


def test_names_are_whole_and_what_there_is_to_say_stands_below(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COLUMNS", "80")
    told = pb.SeriesInfo(model=NAME, step_s=60.0, last_s=86_400.0, last_rate_rps=51.53, seasons_s=[86_400.0, 604_800.0])
    told.basis = "too new for seasons of its own: the shape of web at its own level"
    view.print_series(pb.ListSeriesResponse(series=[told]))
    table, _, below = capsys.readouterr().out.partition("└")
    assert "…" not in table
    cells = [line.split("│")[1].strip() for line in table.splitlines() if line.startswith("│")]
    assert "".join(cells) == NAME
    assert f"{NAME}: too new for seasons of its own" in " ".join(below.split())
    assert max(map(len, (table + below).splitlines())) <= 80
