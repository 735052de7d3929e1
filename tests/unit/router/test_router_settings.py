"""Settings that can't be used are refused with their value."""

import pytest

from router.settings import RouterSettings
from tidegate.shared.errors import InvalidSetting
from tidegate.shared.settings import load


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"threads": 0}, "threads = 0"),
        ({"retry": {"max_lost": 0}}, "retry.max_lost = 0"),
        ({"client_limits": {"max_stream": 5}}, "unknown key 'client_limits.max_stream'"),
        ({"ejection": {"base_ejection_s": float("inf")}}, "ejection.base_ejection_s = inf"),
        ({"listen": "nowhere"}, "nowhere"),
        ({"backends": ("a:1", "b")}, "'b' is not host:port"),
        ({"hold_s": -1}, "hold_s = -1"),
        ({"hold_bytes": 2**64}, "hold_bytes = 18446744073709551616"),
        ({"holds": 1}, "unknown key 'holds'"),
    ],
)
def test_what_cannot_be_used_is_refused(flags, says):
    with pytest.raises(InvalidSetting, match=says):
        load(RouterSettings, flags=flags)


def test_each_service_is_on_a_port_of_its_own_by_default():
    settings = RouterSettings()
    assert settings.listen != settings.admin
    assert settings.admin.startswith("127.0.0.1:"), "who reaches the admin port can drain a backend"
