"""What a model takes and gives, and numpy arrays to and from the raw tensors of the Open Inference Protocol. PURE.

Source: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/open_inference_grpc.md
(raw tensor contents: little-endian, row-major; BYTES elements each after a 4-byte little-endian length).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.shared.errors import InvalidTensor

Array = NDArray[Any]

NUMPY_OF: dict[str, str] = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
"""Numpy's type of each datatype of fixed width that numpy knows; BYTES are object arrays of `bytes`."""

_DATATYPE_OF = {np.dtype(code): name for name, code in NUMPY_OF.items()}
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
        raise InvalidTensor(f"numpy type {array.dtype} has no datatype in the protocol; known: {', '.join(NUMPY_OF)}")
    return name


def as_datatype(value: object, datatype: str) -> Array:
    """Nested lists, a scalar or an array as the numpy array that `datatype` wants. Raises InvalidTensor.

    Whole numbers go into floating datatypes; a value that the datatype can't hold is an error, never cut off.
    """
    if datatype == "BYTES":
        return np.asarray(value, dtype=object)
    if datatype not in NUMPY_OF:
        raise InvalidTensor(f"datatype {datatype} is not one that this client can send")
    wanted = np.dtype(NUMPY_OF[datatype])
    try:
        given = np.asarray(value)
        if given.dtype != wanted and wanted.kind in "iu" and given.dtype.kind == "f":
            raise InvalidTensor(f"{datatype} takes whole numbers, not {given.dtype} such as {given.flat[0]}")
        # From a list numpy checks each element's range itself; from an array it would wrap around in silence.
        if wanted.kind in "iu" and given.dtype.kind in "iu" and given.size:
            limits = np.iinfo(wanted)
            if given.min() < limits.min or given.max() > limits.max:
                raise InvalidTensor(
                    f"{datatype} holds {limits.min} to {limits.max}, not {given.min()} to {given.max()}"
                )
        return given.astype(wanted)
    except (TypeError, ValueError) as error:
        raise InvalidTensor(f"not an array of {datatype}: {error}") from None


def to_raw(array: Array) -> bytes:
    """The array's elements as raw tensor contents."""
    if array.dtype.kind not in _TEXT_KINDS:
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    elements = (item if isinstance(item, bytes) else str(item).encode() for item in array.ravel())
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


def from_raw(raw: bytes, datatype: str, shape: Sequence[int]) -> Array:
    """The array of raw tensor contents; BF16 as uint16 bit patterns. Raises InvalidTensor when the length is wrong."""
    if datatype == "BYTES":
        elements = np.empty(int(np.prod(shape)), dtype=object)
        elements[:] = _split(raw, len(elements))
        return elements.reshape(shape)
    dtype = np.dtype("<u2") if datatype == "BF16" else np.dtype(NUMPY_OF[datatype])
    expected = int(np.prod(shape)) * dtype.itemsize
    if len(raw) != expected:
        raise InvalidTensor(f"{len(raw)} bytes of {datatype} where shape {list(shape)} has {expected}")
    return np.frombuffer(raw, dtype=dtype).reshape(shape)


def _split(raw: bytes, count: int) -> list[bytes]:
    elements, at = [], 0
    while at + 4 <= len(raw):
        (length,) = struct.unpack_from("<I", raw, at)
        elements.append(raw[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(raw) or len(elements) != count:
        raise InvalidTensor(f"{len(raw)} bytes of BYTES hold {len(elements)} elements, the shape has {count}")
    return elements
