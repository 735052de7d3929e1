"""Flag over environment over file; whatever is unknown or wrong is refused by name and value."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from tidegate.shared.errors import InvalidSetting
from tidegate.shared.settings import Address, Settings, load


class TideSettings(Settings):
    section: ClassVar[str] = "router"

    listen: Address = "127.0.0.1:8001"
    """Where."""
    hold_s: float = Field(default=5.0, gt=0)
    """How long."""
    backends: tuple[str, ...] = ()
    """Which."""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tidegate.toml"
    path.write_text(text)
    return path


def test_flag_over_environment_over_file_over_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _file(tmp_path, '[router]\nlisten = "0.0.0.0:1"\nhold_s = 1\nbackends = ["a:1"]\n')
    assert load(TideSettings, file).hold_s == 1
    monkeypatch.setenv("TIDEGATE_ROUTER_HOLD_S", "2")
    assert load(TideSettings, file).hold_s == 2
    settings = load(TideSettings, file, {"hold_s": 3.0, "listen": None, "backends": ()})
    assert (settings.hold_s, settings.listen, settings.backends) == (3, "0.0.0.0:1", ("a:1",))


def test_lists_come_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_ROUTER_BACKENDS", '["a:1", "b:2"]')
    assert load(TideSettings).backends == ("a:1", "b:2")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[router]\nhold = 3\n", "unknown key 'hold'"),
        ("[router]\nhold_s = -3\n", "hold_s = -3"),
        ("[router]\nhold_s = inf\n", "hold_s = inf"),
        ('[router]\nlisten = "a:\u0663"\n', "is not host:port"),
        ('[router]\nlisten = "8001"\n', "listen = '8001': '8001' is not host:port"),
        ('[router]\nlisten = "a:99999"\n', "'a:99999' is not host:port"),
        ("[rooter]\nhold_s = 3\n", "unknown table 'rooter'"),
        ("hold_s = 3\n", "unknown table 'hold_s'"),
        ("[router\n", "config file"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidSetting, match="config file") as refused:
        load(TideSettings, _file(tmp_path, text))
    assert says in str(refused.value)


def test_an_unknown_environment_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_ROUTER_HOLDS", "2")
    with pytest.raises(InvalidSetting, match="TIDEGATE_ROUTER_HOLDS"):
        load(TideSettings)


def test_a_broken_environment_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_ROUTER_BACKENDS", "a:1")
    with pytest.raises(InvalidSetting, match="backends"):
        load(TideSettings)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InvalidSetting, match=r"/no/such\.toml"):
        load(TideSettings, Path("/no/such.toml"))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "tidegate.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSetting, match="config file"):
        load(TideSettings, tmp_path / "tidegate.toml")
