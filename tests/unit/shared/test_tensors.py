import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tidegate.shared.errors import InvalidTensor
from tidegate.shared.tensors import DATATYPES, from_raw, from_typed, to_raw

NUMERIC = [name for name in DATATYPES if name != "BYTES"]


@given(datatype=st.sampled_from(NUMERIC), shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0), data=st.data())
def test_raw_numbers_survive_the_way_there_and_back(datatype: str, shape: tuple[int, ...], data: st.DataObject) -> None:
    array = data.draw(hnp.arrays(DATATYPES[datatype], shape))
    back = from_raw("input 'x'", datatype, shape, to_raw(datatype, array))
    assert back.shape == shape
    assert back.tobytes() == array.tobytes()


@given(words=st.lists(st.binary(max_size=20), max_size=6))
def test_raw_bytes_survive_the_way_there_and_back(words: list[bytes]) -> None:
    array = np.empty(len(words), object)
    array[:] = words
    back = from_raw("input 'x'", "BYTES", (len(words), 1), to_raw("BYTES", array))
    assert back.shape == (len(words), 1)
    assert back.ravel().tolist() == words


def test_raw_numbers_are_not_copied_and_bools_are_only_0_and_1() -> None:
    data = np.arange(3, dtype=np.float32).tobytes()
    assert from_raw("input 'x'", "FP32", (3,), data).base is not None
    assert from_raw("input 'x'", "BOOL", (3,), b"\x00\x02\x01").tobytes() == b"\x00\x01\x01"


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "words"),
    [
        ("FP32", (2,), b"\x00" * 7, ["'x'", "7 bytes", "takes 8"]),
        ("FP8", (2,), b"", ["'x'", "FP8", "FP16"]),
        ("INT8", (-1,), b"", ["'x'", "[-1]"]),
        ("BYTES", (1,), b"\x05\x00\x00\x00abc", ["'x'", "element 0", "7 bytes"]),
        ("BYTES", (1,), b"\x05\x00", ["'x'", "element 0", "2 bytes"]),
        ("BYTES", (2,), b"\x01\x00\x00\x00a", ["'x'", "1 BYTES elements", "takes 2"]),
        ("BYTES", (1,), b"\x00\x00\x00\x00" * 2, ["'x'", "2 BYTES elements", "takes 1"]),
    ],
)
def test_raw_content_that_does_not_fit_is_refused(
    datatype: str, shape: tuple[int, ...], data: bytes, words: list[str]
) -> None:
    with pytest.raises(InvalidTensor) as caught:
        from_raw("input 'x'", datatype, shape, data)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("datatype", "values", "words"),
    [
        ("INT8", [1, 300], ["'x'", "300", "INT8"]),
        ("UINT16", [1, 70000], ["'x'", "70000", "UINT16"]),
        ("FP32", [1.0], ["'x'", "1 elements", "takes 2"]),
        ("FP16", [], ["'x'", "FP16", "raw"]),
        ("BF16", [], ["'x'", "BF16", "raw"]),
    ],
)
def test_typed_content_that_does_not_fit_is_refused(datatype: str, values: list[float], words: list[str]) -> None:
    with pytest.raises(InvalidTensor) as caught:
        from_typed("input 'x'", datatype, (2,), values)
    for word in words:
        assert word in str(caught.value)


def test_typed_content_becomes_an_array_of_its_datatype() -> None:
    assert from_typed("input 'x'", "INT8", (2, 1), [-128, 127]).tolist() == [[-128], [127]]
    assert from_typed("input 'x'", "BYTES", (2,), [b"a", b""]).tolist() == [b"a", b""]
    assert from_typed("input 'x'", "BOOL", (2,), [True, False]).dtype == np.bool_


def test_big_endian_arrays_travel_little_endian() -> None:
    assert to_raw("INT32", np.array([1], dtype=">i4")) == b"\x01\x00\x00\x00"


def test_text_is_sent_as_utf8() -> None:
    assert to_raw("BYTES", np.array(["né"])) == b"\x03\x00\x00\x00n\xc3\xa9"
