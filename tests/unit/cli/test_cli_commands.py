import json
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from click import Command, Group
from typer.main import get_command
from typer.testing import CliRunner

from tidegate.cli import app, main, output
from tidegate.cli.status import render
from tidegate.shared.errors import InvalidRequest


def commands(group: Group, name: str = "tidegate") -> Iterator[tuple[str, Command]]:
    for key, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {key}")  # type: ignore[arg-type]
        else:
            yield f"{name} {key}", command


COMMANDS = dict(commands(get_command(app)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split()[1:], "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert shown.exit_code == 0
    assert f"Example: {name}" in shown.stdout
    assert COMMANDS[name].help


def run_main(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    monkeypatch.setattr("sys.argv", ["tidegate", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["load", "127.0.0.1:1", "--model", "m"], "give either --rate or --trace"),
        (["load", "127.0.0.1:1", "--model", "m", "--rate", "0"], "the rate is 0"),
        (["load", "127.0.0.1:1", "--model", "m", "--trace", "nosuch.csv"], "nosuch.csv"),
        (["load", "127.0.0.1:1", "--model", "m", "--rate", "1", "--deadline-s", "0"], "--deadline-s is 0"),
        (["load", "127.0.0.1:1", "--model", "m", "--rate", "1", "--deadline-s", "-2"], "--deadline-s is -2"),
        (["up"], "give either --config FILE, or --models DIR"),
        (["up", "--config", "nosuch.toml"], "nosuch.toml"),
        (["router", "--listen", "nowhere"], "'nowhere' is not host:port"),
        (["demo", "--trace", "nosuch.csv"], "nosuch.csv"),
    ],
)
def test_bad_usage_is_named_and_exits_by_two(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, err = run_main(arguments, monkeypatch, capsys)
    assert code == 2
    assert said in err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "router.server", None)
    code, err = run_main(["router"], monkeypatch, capsys)
    assert code == 1
    assert "tidegate: router.server is not installed: pip install 'tidegate[all]'" in err


def test_json_is_one_object_without_what_json_has_no_word_for(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": float("nan"), "b": [1.5, {"c": float("-inf")}]})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5, {"c": None}]}


def test_a_file_that_can_not_be_written_is_named_with_its_option(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidRequest, match=r"--predictions .*nosuch"),
        output.csv_file("--predictions", tmp_path / "nosuch" / "out.csv") as rows,
    ):
        rows.writerow(("never",))


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00Z", "2026-03-01T14:00:00+02:00", "1772366400"])
def test_a_time_is_read_in_every_form(text: str) -> None:
    assert output.time_s("--at", text) == 1_772_366_400.0


@pytest.mark.parametrize("text", ["noon", "2026-03-01T12:00:00", "nan"])
def test_what_is_no_time_is_named_with_its_option(text: str) -> None:
    with pytest.raises(InvalidRequest, match=f"--at '{text}'"):
        output.time_s("--at", text)


def test_status_shows_what_answers_and_says_what_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    model = {
        "model": "digits",
        "ready_backends": 2,
        "outstanding": 3,
        "held": 0,
        "arrived": 70,
        "failed": 0,
        "refused": 0,
    }
    counts = {"outstanding": 1, "utilization": 0.5, "succeeded": 9, "failed": 0}
    state = {"status": "ready", "ejected": False, "weight": 1.0}
    backend = {"address": "10.0.0.1:8011", "pool": "digits", "source": "cluster", **state, **counts}
    seen = {
        "routers": {
            "r1": {"backends": [], "models": [model], "discovery": None},
            "r2": {
                "backends": [backend],
                "models": [],
                "discovery": {"endpoints": 1, "ignored": 0, "heard_s_ago": 90.0, "frozen": True},
            },
        },
        "pools": [],
        "forecasts": {"digits": {"max_median_rps": 12.0, "max_95_rps": 15.5}},
        "unreachable": {"scaler 127.0.0.1:8004": "[Errno 111] connection refused"},
    }
    Console(width=80, no_color=True).print(render(seen))
    assert "10.0.0.1:8011" in capsys.readouterr().out, "what it is must not be cut at 80 columns"
    Console(width=120, no_color=True).print(render(seen))
    shown = capsys.readouterr().out
    assert "router r1" in shown
    assert "router r2, backends frozen: cluster not heard of for 90 s" in shown
    assert "cluster" in next(line for line in shown.splitlines() if "10.0.0.1:8011" in line)
    assert "12.0 to 15.5/s" in shown
    assert "scaler 127.0.0.1:8004 does not answer: [Errno 111] connection refused" in shown


def test_print_config_prints_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "models" / "one").mkdir(parents=True)
    state = tmp_path / "state"
    shown = CliRunner().invoke(
        app, ["up", "--models", str(tmp_path / "models"), "--state", str(state), "--print-config"]
    )
    assert shown.exit_code == 0
    assert "[scaler]" in shown.stdout
    assert not state.exists()


def test_version_is_that_of_the_installed_package() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert shown.exit_code == 0
    assert shown.stdout == f"tidegate {metadata.version('tidegate')}\n"
