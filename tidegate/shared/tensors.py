"""Tensors of the Open Inference Protocol and their numpy arrays: the one table of datatypes, the one codec. PURE.

Datatypes, shapes and byte forms: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/
inference_grpc.md (section "Tensor Data"). BF16, which numpy lacks, is held as its 16 bits in a uint16 array; BYTES
as an object array of `bytes`. `where` names a tensor in errors, such as "input 'pixels'".
"""

import struct
from collections.abc import Sequence
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

TYPED_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""The field of InferTensorContents that each datatype travels in."""

RAW_ONLY = DATATYPES.keys() - TYPED_FIELDS.keys()
"""Datatypes that have no typed field."""

_LENGTH = struct.Struct("<I")


def check_datatype(where: str, datatype: str) -> np.dtype[Any]:
    """The numpy dtype of a datatype. Raises InvalidTensor when there is no such datatype."""
    dtype = DATATYPES.get(datatype)
    if dtype is None:
        raise InvalidTensor(f"{where}: unknown datatype '{datatype}'; known: {', '.join(DATATYPES)}")
    return dtype


def from_raw(where: str, datatype: str, shape: Shape, data: bytes) -> Array:
    """The array of little-endian row-major bytes: a read-only view of `data`, except for BOOL and BYTES.

    Raises InvalidTensor when the number of bytes does not fit shape and datatype.
    """
    dtype = check_datatype(where, datatype)
    elements = _elements(where, shape)
    if datatype == "BYTES":
        return _objects(_split_lengths(where, elements, data), shape)
    wanted = elements * dtype.itemsize
    if len(data) != wanted:
        raise InvalidTensor(
            f"{where}: {len(data)} bytes of raw content; shape {list(shape)} of {datatype} takes {wanted}"
        )
    if datatype == "BOOL":  # any other byte than 0 is true; a view would let the model see 2 as a bool
        return np.frombuffer(data, np.uint8).reshape(shape).astype(np.bool_)
    return np.frombuffer(data, dtype).reshape(shape)


def from_typed(where: str, datatype: str, shape: Shape, values: Sequence[Any]) -> Array:
    """The array of a typed field's flattened elements.

    Raises InvalidTensor when their number does not fit the shape, when one is out of its datatype's range, or when
    the datatype travels raw only.
    """
    dtype = check_datatype(where, datatype)
    if datatype in RAW_ONLY:
        raise InvalidTensor(f"{where}: {datatype} has no typed field; it travels in raw contents")
    elements = _elements(where, shape)
    if len(values) != elements:
        raise InvalidTensor(f"{where}: {len(values)} elements; shape {list(shape)} takes {elements}")
    if datatype == "BYTES":
        return _objects(values, shape)
    try:
        return np.array(values, dtype).reshape(shape)
    except OverflowError:  # INT8 and the like travel in 32-bit fields
        bad = next(value for value in values if not np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)
        raise InvalidTensor(f"{where}: element {bad} is out of the range of {datatype}") from None


def to_raw(datatype: str, array: Array) -> bytes:
    """Little-endian row-major bytes; BYTES elements each after its 4-byte length, text as UTF-8."""
    if datatype != "BYTES":
        return np.asarray(array, DATATYPES[datatype]).tobytes()
    parts: list[bytes] = []
    for item in array.ravel():
        element = item if isinstance(item, bytes) else str(item).encode()
        parts += (_LENGTH.pack(len(element)), element)
    return b"".join(parts)


def _elements(where: str, shape: Shape) -> int:
    elements = 1
    for size in shape:
        if size < 0:
            raise InvalidTensor(f"{where}: shape {list(shape)} has a negative size")
        elements *= size
    return elements


def _split_lengths(where: str, elements: int, data: bytes) -> list[bytes]:
    values: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(data, at)[0] if start <= len(data) else start
        if end > len(data):
            raise InvalidTensor(
                f"{where}: BYTES element {len(values)} at byte {at} runs past the end of the {len(data)} bytes"
            )
        values.append(data[start:end])
        at = end
    if len(values) != elements:
        raise InvalidTensor(f"{where}: {len(values)} BYTES elements; the shape takes {elements}")
    return values


def _objects(values: Sequence[bytes], shape: Shape) -> Array:
    array = np.empty(len(values), np.object_)
    array[:] = values
    return array.reshape(shape)
