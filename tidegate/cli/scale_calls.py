"""How the `scale` commands call the scaler."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from protos.scaling_pb2_grpc import ScalerStub
from tidegate.cli import output
from tidegate.shared.errors import DeadlinePassed
from tidegate.shared.grpc_server import channel

Scaler = Annotated[str, typer.Option("--scaler", metavar="HOST:PORT", help="Address of the scaler.")]
DEFAULT_SCALER = "127.0.0.1:8004"
TIMEOUT_S = 5.0


def ask(address: str, question: Callable[[ScalerStub], Awaitable[Any]]) -> Any:
    """The scaler's answer; a silent one is told by the option that names it."""

    async def asked() -> Any:
        async with channel(address) as connection:
            return await question(ScalerStub(connection))

    try:
        return output.run(asked(), address, "scaler", "--scaler")
    except DeadlinePassed:  # it has nothing to compute: one that is late is not there
        raise output.silent(address, "scaler", "--scaler") from None


def print_message(message: Message, **beside: Any) -> None:
    """A message as the command's JSON object, with what else is given beside its fields."""
    fields = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    output.print_json({**fields, **beside})
