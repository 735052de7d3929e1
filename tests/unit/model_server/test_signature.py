import pytest

from model_server.signature import Signature, TensorSpec, check_against
from tidegate.shared.errors import InvalidTensor


@pytest.mark.parametrize("shape", [(2, 3), (0, 3), (99, 3)])
def test_a_free_dimension_takes_any_size(shape: tuple[int, ...]) -> None:
    check_against(TensorSpec("x", "FP32", (-1, 3)), "FP32", shape)


@pytest.mark.parametrize("shape", [(2, 4), (3,), (1, 2, 3), (-1, 3), ()])
def test_a_shape_that_the_model_does_not_take_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidTensor, match=r"'x'.*\[-1, 3\]"):
        check_against(TensorSpec("x", "FP32", (-1, 3)), "FP32", shape)


def spec(name: str, *dims: int, symbol: str = "") -> TensorSpec:
    return TensorSpec(name, "FP32", dims, symbol)


@pytest.mark.parametrize(
    ("inputs", "outputs", "why"),
    [
        ([spec("a", -1, 3, symbol="n"), spec("b", -1, symbol="n")], [spec("y", -1)], ""),
        ([spec("a", -1, 3, symbol="n"), spec("b", -1)], [spec("y", -1, symbol="m")], ""),
        ([spec("a", -1, 3, symbol="n"), spec("b", -1, symbol="m")], [spec("y", -1)], "m, n"),
        ([spec("a", 1, 3)], [spec("y", -1)], "'a'"),
        ([spec("a", -1)], [spec("y")], "'y'"),
    ],
)
def test_rows_share_batches_only_where_every_tensor_has_them(
    inputs: list[TensorSpec], outputs: list[TensorSpec], why: str
) -> None:
    reason = Signature(tuple(inputs), tuple(outputs)).unbatched_reason()
    assert bool(reason) == bool(why)
    assert why in reason
