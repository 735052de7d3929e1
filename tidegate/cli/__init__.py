"""The command line. Each module holds one group of commands and imports what is heavy inside its functions."""

import sys

import typer

from tidegate.cli import forecast, scale, services, simulate
from tidegate.cli.demo import demo
from tidegate.cli.infer import infer
from tidegate.cli.load import load
from tidegate.cli.status import status
from tidegate.cli.up import up
from tidegate.shared.errors import InvalidRequest, TidegateError

app = typer.Typer(
    name="tidegate",
    help="gRPC model serving that has its capacity there before the traffic is.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for _command in (services.router, services.model_server, services.forecaster, services.scaler, up):
    app.command(rich_help_panel="Services")(_command)
for _command in (infer, load, status, simulate.simulate, demo):
    app.command(rich_help_panel="Tools")(_command)
app.add_typer(forecast.app, name="forecast", rich_help_panel="Tools")
app.add_typer(scale.app, name="scale", rich_help_panel="Tools")


def main() -> None:
    """Run the command line. Exit 0 done, 1 what was asked for failed, 2 bad usage or input."""
    try:
        app()
    except TidegateError as error:
        print(f"tidegate: {error}", file=sys.stderr)  # noqa: T201 - the last word to a person, not a log line
        sys.exit(2 if isinstance(error, InvalidRequest) else 1)
