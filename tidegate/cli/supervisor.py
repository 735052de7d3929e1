"""Runs our services as child processes: starts them, watches them, stops them in order."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from tidegate.shared import child_processes
from tidegate.shared.errors import TidegateError

_log = structlog.get_logger(__name__)


class ChildEnded(TidegateError):
    """A service ended that should have gone on."""


@dataclass(frozen=True, slots=True)
class Child:
    """One service: its name, the arguments of `tidegate`, and how long its orderly stop may take."""

    name: str
    arguments: tuple[str, ...]
    stop_s: float


@dataclass(frozen=True, slots=True)
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    output: asyncio.Task[None] | None


async def supervise(children: Sequence[Child], stop: asyncio.Event, logs: Path | None) -> None:
    """Run the children until `stop` is set or one of them ends; then stop the others, the last of the list first.

    Each child's output goes to `logs`/NAME.log, or with None to stderr, each line after the child's name. Raises
    ChildEnded naming who ended and how.
    """
    running: list[_Running] = []
    try:
        for child in children:
            running.append(await _start(child, logs))  # noqa: PERF401 - who has started must be known if one fails to
        ended = await _first_end(running, stop)
    finally:
        for one in reversed(running):
            await _stop(one)
    if ended is not None:
        child, code = ended
        where = f"; its log: {logs / child.name}.log" if logs else ""
        raise ChildEnded(f"{child.name} ended ({_how(code)}){where}")


async def _start(child: Child, logs: Path | None) -> _Running:
    with child_processes.log_file(logs, child.name) as log:
        process = await asyncio.create_subprocess_exec(
            *child_processes.leashed((*child_processes.TIDEGATE, *child.arguments)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log or asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only us, so that we can stop the children in order
        )
    _log.info("started", child=child.name, pid=process.pid)
    return _Running(child, process, None if log else asyncio.create_task(_prefix_lines(child.name, process)))


async def _prefix_lines(name: str, process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        sys.stderr.write(f"{name:>10} | {line.decode(errors='replace')}")


async def _first_end(running: Sequence[_Running], stop: asyncio.Event) -> tuple[Child, int] | None:
    """The first child to end and its code; None when `stop` came first."""
    waits = {asyncio.create_task(one.process.wait()): one.child for one in running}
    stopped = asyncio.create_task(stop.wait())
    done, pending = await asyncio.wait({stopped, *waits}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if stopped in done:
        return None
    first = next(task for task in waits if task in done)
    return waits[first], first.result()


async def _stop(one: _Running) -> None:
    if one.process.returncode is None:
        _log.info("stopping", child=one.child.name)
        if not await child_processes.stop(one.process, one.child.stop_s):
            _log.warning("killed: it did not stop in time", child=one.child.name, after_s=one.child.stop_s)
    if one.output is not None:
        await one.output


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
