"""`tidegate forecast …` as people and scripts run it."""

import csv
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest

from tests.support.processes import TIDEGATE, free_address, started, wait_until_serving
from tests.support.tides import counted, tide_rates
from tests.support.traces import trace
from tidegate.shared.times import parse_time

RATES = counted(tide_rates(700, 60, 40)).rate_rps


def tidegate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1"}
    return subprocess.run([*TIDEGATE, *map(str, arguments)], capture_output=True, text=True, timeout=120, env=env)


def written(path: Path, rates: np.ndarray, start_s: int, step_s: int = 1) -> Path:
    rows = (f"{start_s + i * step_s},{rate}" for i, rate in enumerate(rates))
    path.write_text("\n".join(("timestamp,value", *rows)) + "\n")
    return path


@pytest.fixture(scope="module")
def forecaster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, address = tmp_path_factory.mktemp("forecaster"), free_address()
    flags = ["forecaster", "--listen", address, "--history", str(folder / "history.sqlite")]
    with started(flags, folder / "log") as process:
        wait_until_serving(address, process, folder / "log")
        file = written(folder / "tide.csv", RATES, int(time.time()) - len(RATES))
        done = tidegate("forecast", "import", file, "--model", "digits", "--unit", "count", "--forecaster", address)
        assert done.returncode == 0, done.stderr
        assert "700 values" in done.stderr
        yield address


def test_show_draws_the_past_and_the_fan_in_80_columns_without_colour(forecaster: str):
    shown = tidegate("forecast", "show", "digits", "--horizon-s", "60", "--forecaster", forecaster)
    assert shown.returncode == 0, shown.stderr
    assert "median" in shown.stdout
    assert "highest" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (("list",), {"series"}),
        (("show", "digits", "--horizon-s", "60"), {"rate_rps", "window_max_rps", "skill", "seasons_s", "start_s"}),
        (("explain", "digits", "--horizon-s", "60"), {"components", "members", "summary", "skill"}),
    ],
)
def test_json_is_one_object_and_nothing_else(forecaster: str, command: tuple[str, ...], keys: set[str]):
    answer = tidegate("forecast", *command, "--json", "--forecaster", forecaster)
    assert answer.returncode == 0, answer.stderr
    assert keys <= set(json.loads(answer.stdout))


def test_explain_speaks_in_words_and_numbers(forecaster: str):
    said = tidegate("forecast", "explain", "digits", "--horizon-s", "60", "--forecaster", forecaster).stdout
    for word in ("requests/s are expected", "profile", "harmonic", "repeats every 1 min"):
        assert word in " ".join(said.split())


def test_what_was_asked_for_and_failed_is_1_and_bad_input_2(forecaster: str, tmp_path: Path):
    unknown = tidegate("forecast", "show", "nothing", "--forecaster", forecaster)
    assert unknown.returncode == 1
    assert "known models: digits" in unknown.stderr
    refused = tidegate("forecast", "show", "digits", "--horizon-s", "0", "--forecaster", forecaster)
    assert refused.returncode == 2
    assert "horizon_s is 0" in refused.stderr
    nobody = tidegate("forecast", "list", "--forecaster", free_address())
    assert nobody.returncode == 1
    broken = tmp_path / "broken.csv"
    broken.write_text("timestamp,value\n0,1\n60,2\n100,3\n")
    irregular = tidegate("forecast", "backtest", broken, "--horizon-s", "60")
    assert irregular.returncode == 2
    assert "line 4: 40 s after the line before" in irregular.stderr


@pytest.mark.parametrize("step_s", ["nan", "inf", "-60", "7e-9"])
def test_a_step_that_no_grid_can_have_is_refused_before_anything_is_printed(
    forecaster: str, tmp_path: Path, step_s: str
):
    exported = tidegate("forecast", "export", "digits", "--step-s", step_s, "--forecaster", forecaster)
    file = written(tmp_path / "tide.csv", RATES, 0)
    judged = tidegate("forecast", "backtest", file, "--horizon-s", "60", "--step-s", step_s)
    for done in (exported, judged):
        assert (done.returncode, done.stdout) == (2, "")
        assert f"step-s is {float(step_s):g}" in done.stderr.replace("_", "-")


def test_an_import_that_breaks_says_why_and_nothing_else(forecaster: str, tmp_path: Path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for arguments, said in (
        ((tmp_path / "missing.csv", "--model", "x"), "No such file or directory"),
        ((tmp_path / "other.csv", "--model", "x"), "the header is 'a,b'"),
        ((tmp_path / "other.csv",), "--model is missing"),
        (("--prometheus", f"http://{free_address()}", "--query", "up", "--model", "x"), "tidegate: "),
    ):
        broken = tidegate("forecast", "import", *arguments, "--forecaster", forecaster)
        assert broken.returncode in (1, 2)
        assert said in broken.stderr
        assert "Traceback" not in broken.stderr
    assert tidegate("forecast", "show", "x", "--forecaster", forecaster).returncode == 1


def test_a_backtests_rows_are_the_same_when_the_file_ends_at_the_origin(tmp_path: Path):
    whole = written(tmp_path / "whole.csv", RATES, 1_000_000)
    cut = written(tmp_path / "cut.csv", RATES[:451], 1_000_000)
    rows = []
    for file in (whole, cut):
        out = tmp_path / f"{file.stem}-out.csv"
        arguments = ("--horizon-s", "20", "--origin", "1000450", "--predictions", out, "--json")
        done = tidegate("forecast", "backtest", file, *arguments)
        assert done.returncode == 0, done.stderr
        json.loads(done.stdout)
        rows.append(out.read_text())
    assert rows[0] == rows[1]
    table = list(csv.DictReader(rows[0].splitlines()))
    assert {row["quantile"] for row in table} == {"0.5", "0.8", "0.9", "0.95", "0.99"}
    assert [row["timestamp"] for row in table[:20]] == [str(1_000_451 + step) for step in range(20)]
    assert sum(row["timestamp"] == "max" for row in table) == 5
    assert {row["origin"] for row in table} == {"1000450"}


def test_a_backtest_prints_its_measures(tmp_path: Path):
    file = written(tmp_path / "tide.csv", RATES, 0, 60)
    done = tidegate("forecast", "backtest", file, "--horizon-s", "1200", "--origins", "4", "--json")
    measures = json.loads(done.stdout)
    assert measures["origins"] == 4
    assert measures["mase"] < 1.0
    assert set(measures["coverage"]) == {"0.5", "0.8", "0.9", "0.95", "0.99"}
    coarse = tidegate(
        "forecast", "backtest", file, "--horizon-s", "1200", "--origins", "3", "--step-s", "300", "--json"
    )
    assert json.loads(coarse.stdout)["step_s"] == 300.0


@pytest.mark.parametrize("command", ["list", "show", "explain", "import", "export", "backtest", "event add"])
def test_every_help_has_an_example(command: str):
    help_ = tidegate("forecast", *command.split(), "--help").stdout
    assert f"Example: tidegate forecast {command}" in " ".join(help_.split())


def test_what_was_imported_is_exported_as_it_was_and_read_again(forecaster: str, tmp_path: Path):
    exported = tidegate("forecast", "export", "digits", "--step-s", "1", "--form", "epoch", "--forecaster", forecaster)
    assert exported.returncode == 0, exported.stderr
    rows = list(csv.DictReader(exported.stdout.splitlines()))
    np.testing.assert_allclose([float(row["value"]) for row in rows], RATES, rtol=1e-5)
    (tmp_path / "again.csv").write_text(exported.stdout)
    back = ("--model", "copied", "--forecaster", forecaster, "--json")
    done = tidegate("forecast", "import", tmp_path / "again.csv", *back)
    assert json.loads(done.stdout) == {"models": {"copied": 700}, "values": 700}


def test_a_forecast_as_csv_and_as_an_image(forecaster: str, tmp_path: Path):
    asked = ("forecast", "show", "digits", "--horizon-s", "30", "--forecaster", forecaster)
    rows = list(csv.DictReader(tidegate(*asked, "--csv").stdout.splitlines()))
    assert len(rows) == 5 * 31
    assert [row["quantile"] for row in rows if row["timestamp"] == "max"] == ["0.5", "0.8", "0.9", "0.95", "0.99"]
    drawn = tidegate(*asked, "--png", tmp_path / "digits.png")
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
    both = tidegate(*asked, "--csv", "--json")
    assert both.returncode == 2
    assert "exclude each other" in both.stderr


def test_watching_draws_one_after_the_other_until_it_is_interrupted(forecaster: str):
    asked = [*TIDEGATE, "forecast", "show", "digits", "--horizon-s", "30", "--watch", "--forecaster", forecaster]
    env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True, env=env) as watching:
        assert watching.stdout is not None
        titles = 0
        while titles < 2:
            titles += watching.stdout.readline().startswith("digits: requests/s")
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
    assert watching.returncode == 0


def test_watching_goes_on_when_the_forecaster_is_started_again(tmp_path: Path):
    address = free_address()
    flags = ["forecaster", "--listen", address, "--history", str(tmp_path / "history.sqlite")]
    asked = [*TIDEGATE, "forecast", "show", "digits", "--horizon-s", "30", "--watch", "--forecaster", address]
    env = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with started(flags, tmp_path / "log") as process:
        wait_until_serving(address, process, tmp_path / "log")
        file = written(tmp_path / "tide.csv", RATES, int(time.time()) - len(RATES))
        tidegate("forecast", "import", file, "--model", "digits", "--forecaster", address)
        watching = subprocess.Popen(asked, stdout=subprocess.PIPE, text=True, env=env)
        assert watching.stdout is not None
        next(drawings(watching.stdout))
        process.kill()
        process.wait()
    again_s = time.time()
    with started(flags, tmp_path / "log"):
        # What was drawn before may still lie in the pipe.
        assert any(at_s >= again_s for at_s in drawings(watching.stdout)), "the command has ended"
        watching.send_signal(signal.SIGINT)
        watching.stdout.read()
        assert watching.wait() == 0
        watching.stdout.close()


def drawings(lines: TextIO) -> Iterator[float]:
    """The first time in the table of each drawing, as it comes."""
    return (parse_time(line.split("│")[2].strip())[0] for line in lines if line.startswith("│ 0 s"))


def test_an_event_is_planned_listed_explained_and_removed(forecaster: str):
    whose = ("--model", "digits", "--forecaster", forecaster)
    now = int(time.time())
    window = ("--from", str(now + 600), "--to", str(now + 1200))
    assert tidegate("forecast", "event", "add", "sale", *window, "--factor", "3", *whose).returncode == 0
    listed = tidegate("forecast", "event", "list", "--json", *whose)
    assert json.loads(listed.stdout)["events"][0]["factor"] == 3.0
    explained = tidegate("forecast", "explain", "digits", "--horizon-s", "3600", "--forecaster", forecaster)
    assert "sale" in explained.stdout
    assert tidegate("forecast", "event", "remove", "sale", *whose).returncode == 0
    nothing = tidegate("forecast", "event", "add", "sale", *window, *whose)
    assert nothing.returncode == 2
    assert "changes nothing" in nothing.stderr
    again = tidegate("forecast", "event", "remove", "sale", *whose)
    assert again.returncode == 1
    assert "there is: none" in again.stderr


def test_a_peer_that_there_is_not_is_refused_before_anything_is_fitted(tmp_path: Path):
    file = written(tmp_path / "tide.csv", RATES, 0, 60)
    done = tidegate("forecast", "backtest", file, "--horizon-s", "1200", "--against", "oracle")
    assert done.returncode == 2
    assert "--against is 'oracle': it is one of auto-ets, mstl, prophet" in done.stderr


@pytest.mark.traces
@pytest.mark.parametrize(
    ("name", "horizon_s", "step_s", "mase"),
    [("nab_nyctaxi_30min.csv", 14_400, 1800, 1.2), ("nasa_http_1min.csv", 3600, 300, 0.9)],
)
def test_real_tides_are_forecast_better_than_by_repeating_them(name: str, horizon_s: int, step_s: int, mase: float):
    arguments = ("--horizon-s", str(horizon_s), "--origins", "15", "--step-s", str(step_s), "--json")
    done = tidegate("forecast", "backtest", trace(name), *arguments)
    measures = json.loads(done.stdout)
    assert measures["skill"]["vs_seasonal_naive"] > 0.1
    assert measures["mase"] < mase
    assert measures["coverage"]["0.95"] > 0.8
