"""`tidegate infer`: one inference from the command line."""

from typing import Annotated

import typer

from tidegate.cli import output
from tidegate.client.infer import InferClient
from tidegate.client.inputs import as_lists, parse_inputs
from tidegate.client.tensors import ModelInfo
from tidegate.shared.errors import InvalidTensor
from tidegate.shared.tensors import Array, Tensors

Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input", metavar="[NAME=]JSON|@FILE", help="An input: JSON, or @file.npy. One may go without its name."
    ),
]


def infer(
    model: Annotated[str, typer.Argument(help="The model's name.")],
    inputs: Inputs = None,
    target: Annotated[str, typer.Option(metavar="HOST:PORT", help="Router or model server.")] = "127.0.0.1:8001",
    version: Annotated[str, typer.Option(help="Version of the model; the newest by default.")] = "",
    timeout_s: Annotated[float, typer.Option(help="Give up after this many seconds.")] = 30.0,
    as_json: output.Json = False,
) -> None:
    """Run a model once and print what it answers."""
    work = _infer(target, model, inputs or [], version, timeout_s)
    info, answer = output.run(work, target, "router or model server", "--target")
    if as_json:
        output.print_json({"model": info.name, "outputs": as_lists(answer)})
        return
    for name, array in answer.items():
        typer.echo(f"{name} {list(array.shape)}")
        typer.echo(str(as_lists({name: array})[name]))


async def _infer(
    target: str, model: str, texts: list[str], version: str, timeout_s: float
) -> tuple[ModelInfo, Tensors]:
    async with InferClient(target) as client:
        info = await client.metadata(model, version=version, timeout_s=timeout_s)
        inputs = parse_inputs(texts, info, load_npy)
        return info, await client.infer(model, inputs, version=version, timeout_s=timeout_s)


def load_npy(path: str) -> Array:
    """An array from a .npy file. Raises InvalidTensor naming the file."""
    import numpy as np

    try:
        array: Array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InvalidTensor(f"{path}: {error}") from None
    return array
