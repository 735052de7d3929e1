"""Times and lengths of time as people write them."""

import pytest

from tidegate.shared.times import parse_duration_s


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5d", 129_600)])
def test_a_length_of_time_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "2 weeks", "h", "-5m", "0s", "nans", "1e999d"])
def test_what_is_no_length_of_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="write 90s, 30m, 2h or 1d"):
        parse_duration_s(text)
