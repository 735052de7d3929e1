import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protos import inference_pb2 as pb
from tidegate.client.infer import outputs_of, request_of
from tidegate.client.tensors import as_datatype, datatype_of
from tidegate.shared.errors import InvalidTensor
from tidegate.shared.tensors import DATATYPES

SENDABLE = sorted(DATATYPES.keys() - {"BF16", "BYTES"})


def echoed(request: pb.ModelInferRequest) -> pb.ModelInferResponse:
    response = pb.ModelInferResponse(raw_output_contents=request.raw_input_contents)
    for tensor in request.inputs:
        response.outputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
    return response


@given(data=st.data(), name=st.sampled_from(SENDABLE))
def test_what_is_sent_is_what_is_read(data: st.DataObject, name: str) -> None:
    array = data.draw(hnp.arrays(DATATYPES[name], hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
    assert datatype_of(array) == name
    np.testing.assert_array_equal(outputs_of(echoed(request_of("m", {"x": array})))["x"], array)


def output(datatype: str, shape: list[int], **contents: list[int]) -> pb.ModelInferResponse:
    response = pb.ModelInferResponse()
    tensor = response.outputs.add(name="y", datatype=datatype, shape=shape)
    tensor.contents.CopyFrom(pb.InferTensorContents(**contents))
    return response


def test_typed_outputs_are_read() -> None:
    assert outputs_of(output("INT8", [2, 1], int_contents=[-1, 5]))["y"].tolist() == [[-1], [5]]


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (output("INT8", [3], int_contents=[1]), "output 'y': 1 elements; shape .3. takes 3"),
        (output("FP16", [1]), "output 'y': FP16 has no typed field"),
        (output("FP8", [1]), "output 'y': unknown datatype 'FP8'"),
    ],
)
def test_an_output_that_can_not_be_read_is_named(response: pb.ModelInferResponse, said: str) -> None:
    with pytest.raises(InvalidTensor, match=said):
        outputs_of(response)


@pytest.mark.parametrize(
    ("value", "datatype", "said"),
    [
        ([1.5], "INT64", "whole numbers"),
        ([300], "UINT8", "holds 0 to 255, not 300"),
        ([2**64], "INT64", "not an array of INT64"),
        ([[1, 2], [3]], "FP32", "not an array of FP32"),
        (["a"], "FP32", "not an array of FP32"),
        ([1], "FP8", "FP8"),
    ],
)
def test_a_value_that_does_not_fit_is_named(value: object, datatype: str, said: str) -> None:
    with pytest.raises(InvalidTensor, match=said):
        as_datatype(value, datatype)


def test_no_values_fit_every_datatype() -> None:
    assert as_datatype([[]], "INT64").shape == (1, 0)


def test_a_type_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidTensor, match="complex128"):
        datatype_of(np.array([1j]))
