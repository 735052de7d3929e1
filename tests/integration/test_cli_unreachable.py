"""Commands whose service is not running say so, all in the same words."""

from pathlib import Path

import pytest

from tests.support.processes import free_address
from tidegate.cli import main


@pytest.mark.parametrize(
    ("command", "who", "option"),
    [
        (("forecast", "list", "--forecaster"), "forecaster", "--forecaster"),
        (("forecast", "show", "m", "--forecaster"), "forecaster", "--forecaster"),
        (("forecast", "explain", "m", "--forecaster"), "forecaster", "--forecaster"),
        (("forecast", "import", "trace.csv", "--model", "m", "--forecaster"), "forecaster", "--forecaster"),
        (("scale", "status", "--scaler"), "scaler", "--scaler"),
        (("infer", "m", "--input", "1", "--target"), "router or model server", "--target"),
        (("load", "--model", "m", "--rate", "1"), "router or model server", "TARGET"),
    ],
)
def test_nobody_there(
    command: tuple[str, ...],
    who: str,
    option: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trace.csv").write_text("timestamp,value\n0,1\n60,2\n120,3\n")
    address = free_address()
    monkeypatch.setattr("sys.argv", ["tidegate", *command, address])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.endswith(f"tidegate: no {who} answers at {address}: is it running? ({option})\n")
