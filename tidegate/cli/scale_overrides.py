"""`tidegate scale pin | pause | mode | audit`: people decide over the planner's head, for a while and with a reason."""

import getpass
import os
import socket
from typing import Annotated

import typer

from protos import scaling_pb2 as pb
from tidegate.cli import output
from tidegate.cli.output import Json
from tidegate.cli.scale_calls import DEFAULT_SCALER, TIMEOUT_S, Scaler, ask, print_message
from tidegate.cli.scale_view import audit_table, overrides_line
from tidegate.cli.tables import stdout_console
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.times import parse_duration_s

Pool = Annotated[str, typer.Argument(help="The pool.")]
Reason = Annotated[str, typer.Option(help="Why: it stands in every explanation until it is over.")]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="For how long, such as 90s, 30m, 2h or 1d.")]
Clear = Annotated[bool, typer.Option("--clear", help="Take it back before its time is up.")]

PIN_EXAMPLES = output.examples(
    "tidegate scale pin digits 12 --reason 'launch on stage' --for 2h", "tidegate scale pin digits --clear"
)
MODE_EXAMPLES = output.examples(
    "tidegate scale mode digits shadow --reason 'forecast under review' --for 1d", "tidegate scale mode digits --clear"
)


def pin(
    pool: Pool,
    replicas: Annotated[int | None, typer.Argument(min=0, help="How many it shall have, within its bounds.")] = None,
    reason: Reason = "",
    length: For = "",
    clear: Clear = False,
    scaler: Scaler = DEFAULT_SCALER,
    as_json: Json = False,
) -> None:
    """Keep a pool at a number of replicas, whatever is forecast and whatever is asked of it."""
    _override(scaler, pool, "pin", None if replicas is None else str(replicas), (reason, length, clear), as_json)


def pause(
    pool: Pool,
    reason: Reason = "",
    length: For = "",
    clear: Clear = False,
    scaler: Scaler = DEFAULT_SCALER,
    as_json: Json = False,
) -> None:
    """Leave a pool as it is: plans are made and shown, and nothing is started or stopped."""
    _override(scaler, pool, "pause", None if clear else "on", (reason, length, clear), as_json)


def mode(
    pool: Pool,
    name: Annotated[str | None, typer.Argument(metavar="[MODE]", help="shadow, floor, full, auto or hpa.")] = None,
    reason: Reason = "",
    length: For = "",
    clear: Clear = False,
    scaler: Scaler = DEFAULT_SCALER,
    as_json: Json = False,
) -> None:
    """Set how far a pool's forecasts may act; what they have earned is kept meanwhile."""
    _override(scaler, pool, "mode", name, (reason, length, clear), as_json)


def audit(
    pool: Annotated[str, typer.Argument(help="Only this pool.")] = "",
    since: Annotated[str, typer.Option(metavar="TIME", help="From here on; the beginning unless given.")] = "",
    last: Annotated[int, typer.Option(min=1, help="So many, newest first.")] = 20,
    scaler: Scaler = DEFAULT_SCALER,
    as_json: Json = False,
) -> None:
    """Who changed what, when and why: pins, pauses, modes, and what forecasts earned or lost by themselves.

    People are named as their own commands named them; nothing checks it.
    """
    request = pb.ListAuditRequest(pool=pool, since_s=output.time_s("--since", since) if since else 0.0, limit=last)
    answer = ask(scaler, lambda stub: stub.ListAudit(request, timeout=TIMEOUT_S))
    if as_json:
        print_message(answer)
    else:
        stdout_console().print(audit_table(answer.entries))


def _override(scaler: str, pool: str, kind: str, value: str | None, how: tuple[str, str, bool], as_json: bool) -> None:
    reason, length, clear = how
    if clear == (value is not None):
        raise InvalidRequest(f"give either what to set the {kind} to, or --clear")
    if not clear and not (reason and length):
        raise InvalidRequest(f"a {kind} needs a --reason, and an end: --for 2h")
    try:
        for_s = 0.0 if clear else parse_duration_s(length)
    except ValueError as error:
        raise InvalidRequest(f"--for {error}") from None
    request = pb.SetOverrideRequest(pool=pool, kind=kind, value=value or "", reason=reason, by=_author(), for_s=for_s)
    answer = ask(scaler, lambda stub: stub.SetOverride(request, timeout=TIMEOUT_S))
    if as_json:
        print_message(answer)
    else:
        output.progress_console().print(f"{pool}: {overrides_line(answer)}")


def _author() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
