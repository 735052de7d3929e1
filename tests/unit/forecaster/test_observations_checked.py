"""What may be observed, and what makes no sense."""

import numpy as np
import pytest

from forecaster.observations import checked
from tidegate.shared.errors import InvalidSeries


def test_gaps_are_welcome():
    one = checked("digits", "r1", 120.0, 60.0, [1.0, float("nan")], now_s=240.0)
    np.testing.assert_array_equal(one.rate_rps, [1.0, np.nan])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": ""}, "model is empty"),
        ({"source": ""}, "source is empty"),
        ({"model": "m" * 251}, "model is 'mmmmmmmmmmmmmmmmmmmm'…: .* 250 characters long at most"),
        ({"model": "a\x1b[2J"}, r"model is 'a\\x1b\[2J': it must be printable"),
        ({"source": "r\n1"}, r"source is 'r\\n1': it must be printable"),
        ({"step_s": 0.0}, "step_s is 0"),
        ({"step_s": 90_000.0}, "step_s is 90000"),
        ({"step_s": float("nan")}, "step_s is nan"),
        ({"step_s": 1e-9}, "step_s is 1e-09"),
        ({"start_s": -60.0}, "start_s is -60"),
        ({"start_s": 1.7e15}, "start_s is 1.7e"),
        ({"start_s": 130.0}, "start_s is 130.000: it must be a multiple of step_s, 60"),
        ({"start_s": 7200.0}, r"start_s is 7200.000: with its 1 values of rate_rps the series ends 7021 s after now"),
        ({"rate_rps": [1.0] * 4}, r"start_s is 120.000: with its 4 values of rate_rps the series ends 121 s after now"),
        ({"rate_rps": [1.0, -2.0]}, r"rate_rps\[1\] is -2"),
        ({"rate_rps": [float("inf")]}, r"rate_rps\[0\] is inf"),
        ({"rate_rps": [1e39]}, r"rate_rps\[0\] is 1e\+39"),  # 32-bit floats keep it as infinite, which is missing
    ],
)
def test_what_makes_no_sense_is_named_with_its_value(change: dict, said: str):
    sound = {"model": "digits", "source": "r1", "start_s": 120.0, "step_s": 60.0, "rate_rps": [1.0], "now_s": 239.0}
    with pytest.raises(InvalidSeries, match=said):
        checked(**(sound | change))


def test_a_clock_that_is_a_little_ahead_is_no_harm():
    assert checked("digits", "r1", 120.0, 60.0, [1.0] * 4, now_s=240.0).start_s == 120.0
