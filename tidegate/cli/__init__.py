"""The command line. Each module holds one group of commands and imports what is heavy inside its functions."""

import sys
from collections.abc import Callable
from importlib import metadata
from typing import Annotated

import typer

from tidegate.cli import demo, forecast, infer, load, scale, services, simulate, status, up
from tidegate.shared.errors import InvalidRequest, TidegateError

app = typer.Typer(
    name="tidegate",
    help="gRPC model serving that has its capacity there before the traffic is.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
_SERVICES: tuple[tuple[Callable[..., None], str], ...] = (
    (services.router, "tidegate router --listen 127.0.0.1:8001 --backend 127.0.0.1:8011"),
    (services.model_server, "tidegate model-server --listen 127.0.0.1:8011 --models ./models --router 127.0.0.1:8002"),
    (services.forecaster, "tidegate forecaster --router 127.0.0.1:8002 --history history.sqlite"),
    (services.scaler, "tidegate scaler --config tidegate.toml"),
    (up.up, "tidegate up --models ./models"),
)
_TOOLS: tuple[tuple[Callable[..., None], str], ...] = (
    (infer.infer, "tidegate infer digits-onnx --input image=@digit.npy --target 127.0.0.1:8001"),
    (load.load, "tidegate load 127.0.0.1:8001 --model digits-onnx --rate 200 --duration-s 30"),
    (status.status, "tidegate status --once"),
    (simulate.simulate, "tidegate simulate arrivals.csv --evaluate-from 2025-01-12T00:00:00Z --policy predictive,hpa"),
    (demo.demo, "tidegate demo --trace requests.csv"),
)
for _panel, _commands in (("Services", _SERVICES), ("Tools", _TOOLS)):
    for _command, _example in _commands:
        app.command(rich_help_panel=_panel, epilog=f"Example: {_example}")(_command)
app.add_typer(forecast.app, name="forecast", rich_help_panel="Tools")
app.add_typer(scale.app, name="scale", rich_help_panel="Tools")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tidegate {metadata.version('tidegate')}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What the command line takes before a command."""


def main() -> None:
    """Run the command line. Exit 0 done, 1 what was asked for failed, 2 bad usage or input."""
    try:
        app()
    except TidegateError as error:
        print(f"tidegate: {error}", file=sys.stderr)  # noqa: T201 - the last word to a person, not a log line
        sys.exit(2 if isinstance(error, InvalidRequest) else 1)
    except ModuleNotFoundError as error:
        print(f"tidegate: {error.name} is not installed: pip install 'tidegate[all]'", file=sys.stderr)  # noqa: T201 - as above
        sys.exit(1)
