import numpy as np
import pytest

from forecaster.observations import checked
from tidegate.shared.errors import InvalidSeries


def test_gaps_are_welcome():
    one = checked("digits", "r1", 120.0, 60.0, [1.0, float("nan")])
    np.testing.assert_array_equal(one.rate_rps, [1.0, np.nan])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": ""}, "model is empty"),
        ({"source": ""}, "source is empty"),
        ({"step_s": 0.0}, "step_s is 0"),
        ({"step_s": float("nan")}, "step_s is nan"),
        ({"step_s": 1e-9}, "step_s is 1e-09"),
        ({"start_s": -60.0}, "start_s is -60"),
        ({"start_s": 1.7e15}, "start_s is 1.7e"),
        ({"start_s": 130.0}, "start_s is 130.000: it must be a multiple of step_s, 60"),
        ({"rate_rps": [1.0, -2.0]}, r"rate_rps\[1\] is -2"),
        ({"rate_rps": [float("inf")]}, r"rate_rps\[0\] is inf"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_value(change: dict, said: str):
    sound = {"model": "digits", "source": "r1", "start_s": 120.0, "step_s": 60.0, "rate_rps": [1.0]}
    with pytest.raises(InvalidSeries, match=said):
        checked(**(sound | change))
