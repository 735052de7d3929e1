import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.settings import ForecasterSettings
from model_server.settings import ModelServerSettings
from router.settings import RouterSettings
from scaler.settings import ScalerSettings
from tidegate.cli.up import children_of, default_config
from tidegate.shared.errors import InvalidSetting
from tidegate.shared.settings import load
from tidegate.shared.toml import to_toml

scalars = st.one_of(
    st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
keys = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1)
values = st.recursive(scalars, lambda inner: st.one_of(st.lists(inner), st.dictionaries(keys, inner)), max_leaves=8)


@given(st.dictionaries(keys, st.dictionaries(keys, values)))
def test_what_is_written_is_what_is_read(tables: dict[str, dict[str, object]]) -> None:
    assert tomllib.loads(to_toml(tables)) == tables


def test_a_missing_value_is_left_out() -> None:
    assert tomllib.loads(to_toml({"a": {"b": None, "c": Path("x")}})) == {"a": {"c": "x"}}


def repository(folder: Path) -> Path:
    for name in ("one", "two"):
        (folder / name / "1").mkdir(parents=True)
    return folder


def test_every_service_takes_the_default_settings(tmp_path: Path) -> None:
    config = tmp_path / "tidegate.toml"
    config.write_text(default_config(repository(tmp_path / "models"), tmp_path / "state"))
    router, forecaster = load(RouterSettings, config), load(ForecasterSettings, config)
    scaler, replica = load(ScalerSettings, config), load(ModelServerSettings, config)
    (pool,) = scaler.pools
    assert (pool.models, pool.min_replicas, pool.max_replicas, pool.mode) == (("one", "two"), 1, 4, "auto")
    assert forecaster.routers == scaler.routers == (router.admin,)
    assert scaler.forecaster == forecaster.listen
    assert replica.models.is_absolute()


def test_the_scaler_starts_last_so_that_it_stops_first(tmp_path: Path) -> None:
    config = tmp_path / "tidegate.toml"
    config.write_text(default_config(repository(tmp_path / "models"), tmp_path))
    assert [child.name for child in children_of(config)] == ["router", "forecaster", "scaler"]


def test_a_setting_that_is_wrong_is_told_before_anything_starts(tmp_path: Path) -> None:
    config = tmp_path / "tidegate.toml"
    config.write_text("[router]\nlisten = 'nowhere'\n")
    with pytest.raises(InvalidSetting, match="listen = 'nowhere'"):
        children_of(config)


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="no folder of a model"):
        default_config(tmp_path, tmp_path)
