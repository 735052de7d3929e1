"""What a model takes and gives, and numpy arrays in its datatypes. PURE."""

from dataclasses import dataclass

import numpy as np

from tidegate.shared.errors import InvalidTensor
from tidegate.shared.tensors import DATATYPES, Array

# BF16 is left out: its array is a UINT16 to numpy, and a client's own numbers can't be put into it.
_SENDABLE = {name: dtype for name, dtype in DATATYPES.items() if name != "BF16"}
_DATATYPE_OF = {dtype: name for name, dtype in _SENDABLE.items()}
_TEXT_KINDS = "OSU"


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output of a model; -1 in `shape` is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model takes and gives."""

    name: str
    versions: tuple[str, ...]
    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]


def datatype_of(array: Array) -> str:
    """The protocol's name of the array's type. Raises InvalidTensor for a type it has no name for."""
    if array.dtype.kind in _TEXT_KINDS:
        return "BYTES"
    name = _DATATYPE_OF.get(array.dtype.newbyteorder("<"))
    if name is None:
        raise InvalidTensor(f"numpy type {array.dtype} has no datatype in the protocol; known: {', '.join(_SENDABLE)}")
    return name


def as_datatype(value: object, datatype: str) -> Array:
    """Nested lists, a scalar or an array as the numpy array that `datatype` wants. Raises InvalidTensor.

    Whole numbers go into floating datatypes; a value that the datatype can't hold is an error, never cut off.
    """
    if datatype == "BYTES":
        return np.asarray(value, dtype=object)
    if datatype not in _SENDABLE:
        raise InvalidTensor(f"datatype {datatype} is not one that this client can send")
    wanted = _SENDABLE[datatype]
    try:
        given = np.asarray(value)
        if not given.size:  # nothing in it, so nothing that doesn't fit: numpy calls an empty list float
            return given.astype(wanted)
        if given.dtype != wanted and wanted.kind in "iu" and given.dtype.kind == "f":
            raise InvalidTensor(f"{datatype} takes whole numbers, not {given.dtype} such as {given.flat[0]}")
        # From a list numpy checks each element's range itself; from an array it would wrap around in silence.
        if wanted.kind in "iu" and given.dtype.kind in "iu":
            limits = np.iinfo(wanted)
            if given.min() < limits.min or given.max() > limits.max:
                raise InvalidTensor(
                    f"{datatype} holds {limits.min} to {limits.max}, not {given.min()} to {given.max()}"
                )
        return given.astype(wanted)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidTensor(f"not an array of {datatype}: {error}") from None
