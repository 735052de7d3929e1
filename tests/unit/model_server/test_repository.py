from pathlib import Path

import pytest

from model_server.repository import ModelConfig, Repository, read_config
from tidegate.shared.errors import InvalidSetting, ModelLoadFailed, ModelNotFound


def put(root: Path, *files: str) -> Repository:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"")
    return Repository(root)


def test_models_are_folders_and_versions_are_whole_numbers(tmp_path: Path) -> None:
    repository = put(
        tmp_path, "b/1/model.onnx", "b/12/model.pt2", "b/03/model.onnx", "b/x/y", "a/1/model.pt", ".git/c", "f"
    )
    assert repository.names() == ["a", "b"]
    assert repository.read("b").versions == {12: tmp_path / "b/12/model.pt2"}
    assert repository.read("a").config == ModelConfig()


@pytest.mark.parametrize(
    ("versions", "served"), [('"all"', [1, 2, 10]), ('"latest"', [10]), ("[1, 2]", [1, 2]), ("[2, 2]", [2])]
)
def test_the_config_says_which_versions_are_served(tmp_path: Path, versions: str, served: list[int]) -> None:
    repository = put(tmp_path, "m/1/model.onnx", "m/2/model.onnx", "m/10/model.onnx")
    (tmp_path / "m/config.toml").write_text(f"versions = {versions}")
    assert list(repository.read("m").versions) == served


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("max_batch_row = 3", "max_batch_row"),
        ("max_batch_rows = 0", "max_batch_rows = 0"),
        ("device = 'gpu'", "device = 'gpu'"),
        ("warm_up = { row = [1] }", "warm_up.row"),
        ("inputs = [{ name = 'x', datatype = 'FLOAT', dims = [1] }]", "FLOAT"),
        ("inputs = [{ name = 'x', datatype = 'FP32', dims = [-2] }]", "inputs.0.dims.0 = -2"),
        ("versions = 'newest'", "newest"),
        ("max_batch_rows = ", "config.toml"),
    ],
)
def test_a_config_that_makes_no_sense_is_named(tmp_path: Path, config: str, words: str) -> None:
    (tmp_path / "config.toml").write_text(config)
    with pytest.raises(ModelLoadFailed, match=r"config\.toml") as caught:
        read_config(tmp_path / "config.toml")
    assert words in str(caught.value)


@pytest.mark.parametrize("name", ["nobody", "", "..", "m/1", "/etc", ".hidden"])
def test_only_names_of_the_repository_are_read(tmp_path: Path, name: str) -> None:
    repository = put(tmp_path / "models", "m/1/model.onnx", ".hidden/1/model.onnx")
    put(tmp_path, "1/model.onnx")
    with pytest.raises(ModelNotFound):
        repository.read(name)


def test_what_is_missing_on_disk_is_named(tmp_path: Path) -> None:
    repository = put(
        tmp_path, "two/1/model.onnx", "two/1/model.pt", "none/1/readme", "empty/readme", "gone/1/model.onnx"
    )
    (tmp_path / "gone/config.toml").write_text("versions = [7]")
    for name, words in (("two", "more than one"), ("none", "none of them"), ("empty", "no version"), ("gone", "7")):
        with pytest.raises(ModelLoadFailed, match=words):
            repository.read(name)
    with pytest.raises(InvalidSetting, match="no such directory"):
        Repository(tmp_path / "nowhere").check()
