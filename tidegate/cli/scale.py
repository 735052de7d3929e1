"""Placeholder of the commands."""

import typer

app = typer.Typer(help="Not there yet.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Not there yet."""
