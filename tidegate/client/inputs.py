"""A request's inputs from what a person typed, or made up from what the model says that it takes. PURE."""

import json
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tidegate.client.tensors import ModelInfo, TensorInfo, as_datatype
from tidegate.shared.errors import InvalidTensor
from tidegate.shared.tensors import Array, Tensors

_NAMED = re.compile(r"([A-Za-z_][^=\[\]{}\"\s]*)=(.*)", re.DOTALL)


def parse_inputs(texts: Sequence[str], model: ModelInfo, load: Callable[[str], Array]) -> Tensors:
    """Arrays by input name from `NAME=JSON`, `NAME=@file.npy`, or for one input the same without a name.

    An array with every dimension of the model's but a leading -1 is taken as one row. `load` reads a .npy file.
    Raises InvalidTensor naming the input, and what the model takes.
    """
    inputs: Tensors = {}
    unnamed = []
    for text in texts:
        named = _NAMED.fullmatch(text)
        if named is None:
            unnamed.append(text)
        elif named[1] in inputs:
            raise InvalidTensor(f"input {named[1]!r} is given twice")
        else:
            inputs[named[1]] = _array(named[2], _info(model, named[1]), load)
    left = [info for info in model.inputs if info.name not in inputs]
    if len(unnamed) > 1 or (unnamed and len(left) != 1):
        raise InvalidTensor(f"one input may go without its name; {model.name} takes {_takes(model.inputs)}")
    if unnamed:
        inputs[left[0].name] = _array(unnamed[0], left[0], load)
    elif left:
        raise InvalidTensor(f"input {left[0].name!r} is missing; {model.name} takes {_takes(model.inputs)}")
    return inputs


def random_inputs(model: ModelInfo, rng: np.random.Generator) -> Tensors:
    """One row of made-up values for every input: 1 for each free dimension, floats in [0, 1), small whole numbers."""
    return {info.name: _random(info, rng) for info in model.inputs}


def _random(info: TensorInfo, rng: np.random.Generator) -> Array:
    shape = [size if size >= 0 else 1 for size in info.shape]
    if info.datatype == "BYTES":
        words = [f"word{value}".encode() for value in rng.integers(0, 1000, size=int(np.prod(shape)))]
        return np.array(words, dtype=object).reshape(shape)
    values = rng.random(shape) if info.datatype.startswith("FP") else rng.integers(0, 2, size=shape)
    return as_datatype(values, info.datatype)


def _info(model: ModelInfo, name: str) -> TensorInfo:
    found = next((info for info in model.inputs if info.name == name), None)
    if found is None:
        raise InvalidTensor(f"{model.name} has no input {name!r}; it takes {_takes(model.inputs)}")
    return found


def _array(text: str, info: TensorInfo, load: Callable[[str], Array]) -> Array:
    if text.startswith("@"):
        value: object = load(text[1:])
    else:
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidTensor(f"input {info.name!r}: not JSON ({error}): {text[:60]!r}") from None
    try:
        array = as_datatype(value, info.datatype)
    except InvalidTensor as error:
        raise InvalidTensor(f"input {info.name!r}: {error}") from None
    if array.ndim == len(info.shape) - 1 and info.shape[:1] == (-1,):
        return array[np.newaxis]
    return array


def _takes(inputs: Sequence[TensorInfo]) -> str:
    return ", ".join(f"{info.name} {info.datatype}{list(info.shape)}" for info in inputs) or "no inputs"


def as_lists(outputs: Mapping[str, Array]) -> dict[str, object]:
    """Arrays as nested lists for JSON; bytes as text."""
    return {name: _plain(array.tolist()) for name, array in outputs.items()}


def _plain(value: object) -> object:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value
