import numpy as np
import pytest

from tidegate.client.inputs import as_lists, parse_inputs, random_inputs
from tidegate.client.tensors import ModelInfo, TensorInfo
from tidegate.shared.errors import InvalidTensor
from tidegate.shared.tensors import Array

TWO = ModelInfo(
    "two",
    ("1",),
    (TensorInfo("a", "FP32", (-1, 3)), TensorInfo("b", "BYTES", (-1,))),
    (TensorInfo("y", "FP32", (-1,)),),
)
ONE = ModelInfo("one", ("1",), TWO.inputs[:1], TWO.outputs)


def no_file(path: str) -> Array:
    raise AssertionError(path)


def test_inputs_come_by_name_and_get_the_models_datatype() -> None:
    inputs = parse_inputs(["a=[[1, 2, 3]]", 'b=["x=y"]'], TWO, no_file)
    assert inputs["a"].dtype == np.float32
    assert inputs["a"].shape == (1, 3)
    assert inputs["b"].tolist() == ["x=y"]


def test_the_only_input_may_go_without_its_name_and_without_its_row() -> None:
    assert parse_inputs(["[1, 2, 3]"], ONE, no_file)["a"].tolist() == [[1, 2, 3]]


def test_one_of_two_may_go_without_its_name() -> None:
    assert parse_inputs(['b=["x"]', "[[1, 2, 3]]"], TWO, no_file).keys() == {"a", "b"}


def test_a_file_is_loaded() -> None:
    assert parse_inputs(["a=@x.npy"], ONE, lambda path: np.ones((2, 3)) * len(path))["a"].tolist() == [[5.0] * 3] * 2


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([], r"input 'a' is missing; two takes a FP32\[-1, 3\], b BYTES\[-1\]"),
        (["[1]", "[2]"], "one input may go without its name"),
        (["c=[1]"], "two has no input 'c'"),
        (["a=[1]", "a=[2]"], "'a' is given twice"),
        (["a=[1", 'b=["x"]'], "input 'a': not JSON"),
        (['a=["word"]', 'b=["x"]'], "input 'a': not an array of FP32"),
    ],
)
def test_what_is_wrong_is_named(texts: list[str], said: str) -> None:
    with pytest.raises(InvalidTensor, match=said):
        parse_inputs(texts, TWO, no_file)


def test_made_up_inputs_fit_the_model_and_follow_the_seed() -> None:
    first, again = (random_inputs(TWO, np.random.default_rng(3)) for _ in range(2))
    assert first["a"].shape == (1, 3)
    assert first["a"].dtype == np.float32
    assert first["b"].shape == (1,)
    np.testing.assert_array_equal(first["a"], again["a"])


def test_outputs_become_json() -> None:
    outputs = {"y": np.array([[1.5]], dtype=np.float32), "s": np.array([b"a\xff"], dtype=object)}
    assert as_lists(outputs) == {"y": [[1.5]], "s": ["a\\xff"]}
