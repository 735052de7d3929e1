"""What the forecaster's settings refuse."""

import pytest
from pydantic import ValidationError

from forecaster.settings import ForecasterSettings


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"step_s": 1e-9}, "greater than or equal to 0.001"),
        ({"step_s": 1e9}, "less than or equal to 86400"),
        ({"stale_s": float("nan")}, "finite number"),
        ({"keep_s": (10, 5, 20, 30)}, "none smaller than the one before it"),
        ({"time_zone": "Mars"}, "time zone is 'Mars'"),
        ({"holidays_country": "XX"}, "country is 'XX'"),
        ({"slow_cpu_share": 2}, "less than or equal to 1"),
    ],
)
def test_settings_without_sense_are_refused(wrong: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        ForecasterSettings(**wrong)
