"""Tensors of the Open Inference Protocol and their numpy arrays. PURE.

Datatypes, shapes and byte forms: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/
inference_grpc.md (section "Tensor Data"). BF16, which numpy lacks, is held as its 16 bits in a uint16 array; BYTES
as an object array of `bytes`.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.shared.errors import InvalidTensor

Array = NDArray[Any]
Tensors = dict[str, Array]
Shape = tuple[int, ...]

DATATYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
    "BYTES": np.dtype(np.object_),
}

RAW_ONLY = frozenset({"FP16", "BF16"})
"""Datatypes that have no typed field."""

_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model. A dimension of -1 takes any size.

    `batch_symbol` is the model's own name for a dynamic first dimension ("" when it has none): two inputs whose first
    dimensions have unlike names do not share a batch.
    """

    name: str
    datatype: str
    dims: Shape
    batch_symbol: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives. `max_rows` is the largest batch that the model itself allows (None: any)."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_rows: int | None = None

    def unbatched_reason(self) -> str:
        """Why rows of several requests can't be run together; empty when they can."""
        symbols = set()
        for spec in self.inputs + self.outputs:
            if not spec.dims or spec.dims[0] != -1:
                return f"tensor '{spec.name}' with dims {list(spec.dims)} has no dynamic first dimension"
        for spec in self.inputs:
            symbols.add(spec.batch_symbol)
        if len(symbols - {""}) > 1:
            return f"the inputs' first dimensions have unlike names: {', '.join(sorted(symbols - {''}))}"
        return ""


def check_datatype(name: str, datatype: str) -> np.dtype[Any]:
    """The numpy dtype of a datatype. Raises InvalidTensor when there is no such datatype."""
    dtype = DATATYPES.get(datatype)
    if dtype is None:
        raise InvalidTensor(f"input '{name}': unknown datatype '{datatype}'; known: {', '.join(DATATYPES)}")
    return dtype


def check_against(spec: TensorSpec, datatype: str, shape: Shape) -> None:
    """Raise InvalidTensor unless a tensor of this datatype and shape is one that `spec` takes."""
    if datatype != spec.datatype:
        raise InvalidTensor(f"input '{spec.name}': datatype is {datatype}, the model takes {spec.datatype}")
    if len(shape) != len(spec.dims) or any(
        size < 0 or dim not in (-1, size) for size, dim in zip(shape, spec.dims, strict=True)
    ):
        raise InvalidTensor(f"input '{spec.name}': shape is {list(shape)}, the model takes {list(spec.dims)}")


def from_raw(name: str, datatype: str, shape: Shape, data: bytes) -> Array:
    """The array of little-endian row-major bytes: a read-only view of `data`, except for BYTES.

    Raises InvalidTensor when the number of bytes does not fit shape and datatype.
    """
    dtype = check_datatype(name, datatype)
    elements = _elements(name, shape)
    if datatype == "BYTES":
        return _objects(_split_lengths(name, elements, data), shape)
    wanted = elements * dtype.itemsize
    if len(data) != wanted:
        raise InvalidTensor(
            f"input '{name}': {len(data)} bytes of raw content; shape {list(shape)} of {datatype} takes {wanted}"
        )
    if datatype == "BOOL":  # any other byte than 0 is true; a view would let the model see 2 as a bool
        return np.frombuffer(data, np.uint8).reshape(shape).astype(np.bool_)
    return np.frombuffer(data, dtype).reshape(shape)


def from_typed(name: str, datatype: str, shape: Shape, values: Sequence[Any]) -> Array:
    """The array of a typed field's flattened elements.

    Raises InvalidTensor when their number does not fit the shape, when one is out of its datatype's range, or when
    the datatype travels raw only.
    """
    dtype = check_datatype(name, datatype)
    if datatype in RAW_ONLY:
        raise InvalidTensor(f"input '{name}': {datatype} has no typed field; send it in raw_input_contents")
    elements = _elements(name, shape)
    if len(values) != elements:
        raise InvalidTensor(f"input '{name}': {len(values)} elements; shape {list(shape)} takes {elements}")
    if datatype == "BYTES":
        return _objects(values, shape)
    try:
        return np.array(values, dtype).reshape(shape)
    except OverflowError:  # INT8 and the like travel in 32-bit fields
        bad = next(value for value in values if not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)
        raise InvalidTensor(f"input '{name}': element {bad} is out of the range of {datatype}") from None


def to_raw(datatype: str, array: Array) -> bytes:
    """Little-endian row-major bytes; BYTES elements each after its 4-byte length."""
    if datatype != "BYTES":
        return np.asarray(array, DATATYPES[datatype]).tobytes()
    parts: list[bytes] = []
    for element in array.ravel():
        parts += (_LENGTH.pack(len(element)), element)
    return b"".join(parts)


def _elements(name: str, shape: Shape) -> int:
    elements = 1
    for size in shape:
        if size < 0:
            raise InvalidTensor(f"input '{name}': shape {list(shape)} has a negative size")
        elements *= size
    return elements


def _split_lengths(name: str, elements: int, data: bytes) -> list[bytes]:
    values: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(data, at)[0] if start <= len(data) else start
        if end > len(data):
            raise InvalidTensor(
                f"input '{name}': BYTES element {len(values)} at byte {at} runs past the end of the {len(data)} bytes"
            )
        values.append(data[start:end])
        at = end
    if len(values) != elements:
        raise InvalidTensor(f"input '{name}': {len(values)} BYTES elements; the shape takes {elements}")
    return values


def _objects(values: Sequence[bytes], shape: Shape) -> Array:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array.reshape(shape)
