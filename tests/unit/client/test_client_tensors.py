import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tidegate.client.tensors import NUMPY_OF, as_datatype, datatype_of, from_raw, to_raw
from tidegate.shared.errors import InvalidTensor


@given(data=st.data(), name=st.sampled_from(sorted(NUMPY_OF)))
def test_what_is_sent_is_what_is_read(data: st.DataObject, name: str) -> None:
    array = data.draw(hnp.arrays(np.dtype(NUMPY_OF[name]), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
    assert datatype_of(array) == name
    np.testing.assert_array_equal(from_raw(to_raw(array), name, array.shape), array)


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_bytes_elements_keep_their_bounds(elements: list[bytes]) -> None:
    array = np.empty(len(elements), dtype=object)
    array[:] = elements
    assert from_raw(to_raw(array), "BYTES", array.shape).tolist() == elements


def test_big_endian_arrays_travel_little_endian() -> None:
    assert to_raw(np.array([1], dtype=">i4")) == b"\x01\x00\x00\x00"


def test_text_is_sent_as_utf8() -> None:
    assert to_raw(np.array(["né"])) == b"\x03\x00\x00\x00n\xc3\xa9"


@pytest.mark.parametrize(
    ("raw", "datatype", "shape", "said"),
    [
        (b"\x00" * 5, "FP32", [1], "5 bytes of FP32"),
        (b"\x02\x00\x00\x00a", "BYTES", [1], "5 bytes of BYTES"),
        (b"\x01\x00\x00\x00a", "BYTES", [2], "1 elements"),
    ],
)
def test_a_wrong_length_is_named(raw: bytes, datatype: str, shape: list[int], said: str) -> None:
    with pytest.raises(InvalidTensor, match=said):
        from_raw(raw, datatype, shape)


@pytest.mark.parametrize(
    ("value", "datatype", "said"),
    [
        ([1.5], "INT64", "whole numbers"),
        ([300], "UINT8", "holds 0 to 255, not 300"),
        ([[1, 2], [3]], "FP32", "not an array of FP32"),
        (["a"], "FP32", "not an array of FP32"),
        ([1], "FP8", "FP8"),
    ],
)
def test_a_value_that_does_not_fit_is_named(value: object, datatype: str, said: str) -> None:
    with pytest.raises(InvalidTensor, match=said):
        as_datatype(value, datatype)


def test_a_type_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidTensor, match="complex128"):
        datatype_of(np.array([1j]))
