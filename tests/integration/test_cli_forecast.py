"""`tidegate forecast …` as people and scripts run it."""

import csv
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.processes import TIDEGATE, free_address, started, wait_until_serving
from tests.support.tides import counted, tide_rates
from tests.support.traces import trace

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


@pytest.mark.parametrize("command", ["list", "show", "explain", "import", "backtest"])
def test_every_help_has_an_example(command: str):
    assert f"Example: tidegate forecast {command}" in " ".join(tidegate("forecast", command, "--help").stdout.split())


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
