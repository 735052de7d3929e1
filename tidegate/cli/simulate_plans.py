"""Plans of a simulation in a file: one JSON object a line, written by `simulate`, read by `scale explain`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from protos import scaling_pb2 as pb
from tidegate.shared.errors import InvalidRequest
from tidegate.shared.values import Plan
from tidegate.shared.wire_scaling import to_proto

if TYPE_CHECKING:
    from tidegate.simulate.replay import Moment
    from tidegate.simulate.study import Explain


@contextmanager
def plans_file(option: str, path: Path) -> Iterator["Explain"]:
    """Writes what it is told to the file that an option names. Raises InvalidRequest when it can't be written."""
    try:
        with path.open("w") as file:

            def write(plan: Plan, rivals: "list[Moment]") -> None:
                line = {
                    "plan": MessageToDict(
                        to_proto(plan), preserving_proto_field_name=True, always_print_fields_with_no_presence=True
                    ),
                    "rivals": [
                        {
                            "policy": one.policy,
                            "desired": one.desired,
                            "ready": one.ready,
                            "starting": one.starting,
                            "waiting": round(one.waiting, 1),
                        }
                        for one in rivals
                    ],
                }
                file.write(json.dumps(line, separators=(",", ":")) + "\n")

            yield write
    except OSError as error:
        raise InvalidRequest(f"{option} {path}: {error.strerror}") from None


def plan_at(option: str, path: Path, policy: str, at_s: float | None) -> tuple[pb.Plan, list[dict[str, Any]]]:
    """The policy's plan that held at a time (None: the last), and what the others asked for at that tick.

    Raises InvalidRequest for a file that can't be read, a policy that isn't in it, a time before its first plan.
    """
    found: dict[str, Any] | None = None
    known: dict[str, float] = {}
    try:
        with path.open() as file:
            for number, text in enumerate(file, 1):
                line = _line(text, f"{option} {path}: line {number}")
                plan = line["plan"]
                known.setdefault(plan["pool"], plan["at_s"])
                if plan["pool"] == policy and (at_s is None or plan["at_s"] <= at_s):
                    found = line
    except OSError as error:
        raise InvalidRequest(f"{option} {path}: {error.strerror}") from None
    if found is None and policy not in known:
        raise InvalidRequest(f"{option} {path} has no plans of {policy!r}; it has: {', '.join(known) or 'none'}")
    if found is None:
        raise InvalidRequest(f"{option} {path}: no plan of {policy} at {at_s:.0f}; its first is of {known[policy]:.0f}")
    return ParseDict(found["plan"], pb.Plan()), found["rivals"]


def _line(text: str, where: str) -> dict[str, Any]:
    try:
        line: dict[str, Any] = json.loads(text)
        ParseDict({key: line["plan"][key] for key in ("pool", "at_s")}, pb.Plan())
        line["rivals"] = list(line["rivals"])
    except (ValueError, KeyError, TypeError, ParseError):
        raise InvalidRequest(f"{where} is no plan that `tidegate simulate --plans` writes") from None
    return line
