import pytest

from model_server.repository import ModelConfig, TensorConfig, WarmUp
from model_server.runners.naming import signature_of
from model_server.signature import Signature, TensorSpec
from model_server.warmup import MEASURE_S, MOST_RUNS, measured_s, warm_up_rows, zeros
from tidegate.shared.errors import ModelLoadFailed

SIGNATURE = Signature((TensorSpec("x", "FP16", (-1, -1, 3)), TensorSpec("t", "BYTES", (-1, 1))), ())


def test_one_row_and_a_full_batch_run_unless_told_otherwise() -> None:
    assert warm_up_rows(WarmUp(), 32) == (1, 32)
    assert warm_up_rows(WarmUp(), 1) == (1,)
    assert warm_up_rows(WarmUp(rows=()), 32) == ()
    assert warm_up_rows(WarmUp(rows=(2, 8)), 8) == (2, 8)
    with pytest.raises(ModelLoadFailed, match=r"9.*max_batch_rows = 8"):
        warm_up_rows(WarmUp(rows=(9,)), 8)


def test_zeros_have_the_signatures_shapes_and_types() -> None:
    tensors = zeros(SIGNATURE, WarmUp(shapes={"x": (5, 3)}), 4, batched=True)
    assert (tensors["x"].shape, str(tensors["x"].dtype)) == ((4, 5, 3), "float16")
    assert tensors["t"].tolist() == [[b""]] * 4
    assert zeros(SIGNATURE, WarmUp(), 4, batched=True)["x"].shape == (4, 1, 3)
    assert zeros(SIGNATURE, WarmUp(), 1, batched=False)["x"].shape == (1, 1, 3)


@pytest.mark.parametrize(("shapes", "words"), [({"y": (1,)}, "'y'"), ({"x": (5,)}, r"x = \[5\]"), ({"x": (5, 4)}, "x")])
def test_shapes_that_do_not_fit_are_named(shapes: dict[str, tuple[int, ...]], words: str) -> None:
    with pytest.raises(ModelLoadFailed, match=words):
        zeros(SIGNATURE, WarmUp(shapes=shapes), 1, batched=True)


def test_a_config_may_say_dims_more_exactly_but_not_otherwise() -> None:
    found = [TensorSpec("x", "FP32", (-1, -1), "batch"), TensorSpec("z", "INT64", (-1,))]
    said = ModelConfig(inputs=(TensorConfig(name="x", datatype="FP32", dims=(-1, 16)),))
    assert [spec.dims for spec in signature_of(found, [], said).inputs] == [(-1, 16), (-1,)]
    for name, datatype in (("x", "FP64"), ("w", "FP32")):
        wrong = ModelConfig(inputs=(TensorConfig(name=name, datatype=datatype, dims=(-1,)),))
        with pytest.raises(ModelLoadFailed, match=name):
            signature_of(found, [], wrong)


def test_quick_runs_are_repeated_and_their_median_counts() -> None:
    quick = [5.0, 0.001, 0.016, 0.001]  # the first is not measured; one met a busy machine
    assert measured_s([], 3) is None
    assert measured_s(quick, 3) is None
    assert measured_s([*quick, *[0.001] * (MOST_RUNS - 3)], 3) == 0.001
    assert measured_s([5.0, 0.001, 0.016, MEASURE_S], 3) == 0.016


def test_slow_runs_are_not_repeated_beyond_the_count() -> None:
    assert measured_s([9.0, 2.0], 3) is None
    assert measured_s([9.0, 2.0, 4.0], 3) == 3.0
    assert measured_s([9.0], 1) == 9.0, "the only one"
