"""What commands share: one JSON object on stdout, progress and tables for people, calls run to their end."""

import asyncio
import json
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

import grpc
import typer
from rich.console import Console

from tidegate.shared.grpc_errors import error_of

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]


def progress_console() -> Console:
    """A console on stderr; rich honours NO_COLOR and takes the width of the terminal."""
    return Console(stderr=True)


def print_json(value: dict[str, Any]) -> None:
    """Print the command's one JSON object; not-a-number becomes null, as JSON has no word for it."""
    sys.stdout.write(json.dumps(_finite(value), indent=2 if sys.stdout.isatty() else None) + "\n")


def run(work: Coroutine[Any, Any, T], peer: str) -> T:
    """Run a command's calls; a gRPC failure becomes the error of our tree that names the peer."""
    try:
        return asyncio.run(work)
    except grpc.aio.AioRpcError as error:
        raise error_of(error, peer) from None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value != value else value
