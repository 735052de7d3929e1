"""What commands share: one JSON object on stdout, progress for people, times and files of options, calls run."""

import asyncio
import csv
import json
import math
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import grpc
import typer
from rich.console import Console

from tidegate.shared.errors import InvalidRequest, ServiceUnreachable
from tidegate.shared.grpc_errors import error_of
from tidegate.shared.times import parse_time

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")]


def progress_console() -> Console:
    """A console on stderr; rich honours NO_COLOR and takes the width of the terminal."""
    return Console(stderr=True)


def examples(*commands: str) -> str:
    """A command's examples, for the end of its help: one a line."""
    return "\n\n".join(f"Example: {command}" for command in commands)


Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A bar on stderr while something runs; gone when it is done. None where stderr is no terminal."""
    from rich.progress import Progress as Bar

    console = progress_console()
    with Bar(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(what, total=None)
        yield lambda done, of: shown.update(task, completed=done, total=of)


def print_json(value: dict[str, Any]) -> None:
    """Print the command's one JSON object; not-a-number and infinity become null, as JSON has no word for them."""
    sys.stdout.write(json.dumps(_finite(value), indent=2 if sys.stdout.isatty() else None) + "\n")


def run(work: Coroutine[Any, Any, T], address: str, who: str, option: str) -> T:
    """Run a command's calls to `who` at `address`; a gRPC failure becomes the error of our tree that names them.

    Where nobody answers, the `option` that gave the address is told too.
    """
    try:
        return asyncio.run(_named(work, address))
    except ServiceUnreachable:
        raise silent(address, who, option) from None


def silent(address: str, who: str, option: str) -> ServiceUnreachable:
    """The error for a service that does not answer."""
    return ServiceUnreachable(f"no {who} answers at {address}: is it running? ({option})")


async def _named(work: Coroutine[Any, Any, T], address: str) -> T:
    try:
        return await work
    except grpc.aio.AioRpcError as error:
        raise error_of(error, address) from None


def time_s(option: str, text: str) -> float:
    """Epoch seconds of an option's time: epoch seconds, or ISO 8601 with a zone. Raises InvalidRequest naming both."""
    try:
        return parse_time(text)[0]
    except ValueError as error:
        raise InvalidRequest(f"{option} {error}") from None


@contextmanager
def csv_file(option: str, path: Path) -> Iterator[Any]:
    """A `csv.writer` on the file that an option names. Raises InvalidRequest naming both when it can't be written."""
    try:
        with path.open("w", newline="") as file:
            yield csv.writer(file, lineterminator="\n")
    except OSError as error:
        raise InvalidRequest(f"{option} {path}: {error.strerror}") from None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
