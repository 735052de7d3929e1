"""The lifecycle of models, with servables that are as light as their names."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from model_server.models import Models, State
from model_server.repository import ModelFiles, Repository
from model_server.statistics import Statistics
from tests.support.waiting import until
from tidegate.shared.errors import ModelLoadFailed, ModelNotFound, ModelNotReady


class FakeServable:
    def __init__(self, name: str, version: int) -> None:
        self.name, self.version = name, version
        self.closed = ""
        self.may_close = asyncio.Event()
        self.may_close.set()
        self.capacity = SimpleNamespace(rows_per_s=lambda: None)
        self.batcher = SimpleNamespace(running=0)
        self.device, self.max_batch_rows, self.unbatched_reason, self.load_s, self.warm_s = "cpu", 1, "", 0.0, 0.0

    async def close(self, reason: str) -> None:
        await self.may_close.wait()
        self.closed = reason


class FakeLoader:
    def __init__(self) -> None:
        self.made: list[FakeServable] = []
        self.broken: set[str] = set()
        self.may_load = asyncio.Event()
        self.may_load.set()

    async def load(self, files: ModelFiles, version: int, statistics: Statistics) -> Any:
        await self.may_load.wait()
        if f"{files.name}/{version}" in self.broken:
            raise ModelLoadFailed(f"{files.name}/{version} is broken")
        self.made.append(FakeServable(files.name, version))
        return self.made[-1]


def put(root: Path, *versions: str, config: str = "") -> None:
    for each in versions:
        (root / each).mkdir(parents=True, exist_ok=True)
        (root / each / "model.onnx").touch()
        (root / each).parent.joinpath("config.toml").write_text(config)


async def served(root: Path, *broken: str) -> tuple[Models, FakeLoader]:
    loader = FakeLoader()
    loader.broken = set(broken)
    models = Models(Repository(root), loader)  # type: ignore[arg-type]
    await models.load_all()
    return models, loader


def states(models: Models) -> dict[str, str]:
    return {f"{name}/{version}": str(entry.state) for name, version, entry in models.index()}


async def test_the_highest_ready_version_answers_unversioned_requests(tmp_path: Path) -> None:
    put(tmp_path, "m/1", "m/2", "m/10", config='versions = "all"')
    models, _ = await served(tmp_path)
    assert models.find("m").version == 10
    assert models.find("m", "2").version == 2
    assert models.versions("m") == [1, 2, 10]
    for name, version in (("m", "3"), ("m", "x"), ("m", "-1"), ("m", "9" * 5000), ("n", "")):
        with pytest.raises(ModelNotFound):
            models.find(name, version)


async def test_it_is_ready_when_all_have_loaded_and_stays_so(tmp_path: Path) -> None:
    put(tmp_path, "good/1", "bad/1")
    models, loader = await served(tmp_path, "bad/1")
    assert not models.ready
    assert states(models) == {"good/1": "READY", "bad/1": "UNAVAILABLE"}
    with pytest.raises(ModelNotReady, match="bad/1 is broken"):
        models.find("bad")
    loader.broken.clear()
    await models.load("bad")
    assert models.ready
    loader.broken.add("bad/1")
    with pytest.raises(ModelLoadFailed):
        await models.load("bad")
    await models.unload("good")
    assert models.ready
    models.retire()
    assert not models.ready


async def test_it_is_not_ready_before_anything_was_tried(tmp_path: Path) -> None:
    assert not Models(Repository(tmp_path), FakeLoader()).ready  # type: ignore[arg-type]


async def test_a_reload_swaps_only_when_the_new_is_there(tmp_path: Path) -> None:
    put(tmp_path, "m/1")
    models, loader = await served(tmp_path)
    (old,) = loader.made
    put(tmp_path, "m/2")
    loader.may_load.clear()
    loading = asyncio.create_task(models.load("m"))
    await until(lambda: states(models) == {"m/1": "READY", "m/2": "LOADING"})
    assert models.find("m") is old
    loader.may_load.set()
    await loading
    assert models.find("m").version == 2
    assert "newer load" in old.closed
    assert states(models) == {"m/2": "READY"}


@pytest.mark.parametrize("config", ["", "no_such_key = 1"])
async def test_a_load_that_fails_leaves_the_old_version_serving(tmp_path: Path, config: str) -> None:
    put(tmp_path, "m/1")
    models, loader = await served(tmp_path)
    put(tmp_path, "m/2", config=config)
    loader.broken.add("m/2")
    with pytest.raises(ModelLoadFailed):
        await models.load("m")
    assert models.find("m").version == 1
    assert not loader.made[0].closed


async def test_of_several_versions_all_load_or_none(tmp_path: Path) -> None:
    put(tmp_path, "m/1", "m/2", config='versions = "all"')
    models, loader = await served(tmp_path, "m/2")
    assert states(models) == {"m/1": "UNAVAILABLE", "m/2": "UNAVAILABLE"}
    assert loader.made[0].closed


async def test_an_unloading_model_refuses_until_it_is_loaded_again(tmp_path: Path) -> None:
    put(tmp_path, "m/1")
    models, loader = await served(tmp_path)
    loader.made[0].may_close.clear()
    unloading = asyncio.create_task(models.unload("m"))
    await until(lambda: states(models) == {"m/1": "UNLOADING"})
    with pytest.raises(ModelNotReady, match="UNLOADING"):
        models.find("m")
    loading = asyncio.create_task(models.load("m"))  # waits for its turn
    loader.made[0].may_close.set()
    await unloading
    await loading
    assert models.find("m") is loader.made[1]
    with pytest.raises(ModelNotFound):
        await models.unload("nobody")


async def test_a_load_goes_on_when_its_caller_gives_up(tmp_path: Path) -> None:
    put(tmp_path, "m/1")
    models, loader = await served(tmp_path)
    loader.may_load.clear()
    caller = asyncio.create_task(models.load("m"))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert models.at_work
    loader.may_load.set()
    await until(lambda: not models.at_work)
    assert models.find("m") is loader.made[1]
    await models.close()
    assert loader.made[1].closed


async def test_the_index_knows_what_lies_on_disk_unloaded(tmp_path: Path) -> None:
    put(tmp_path, "m/1")
    models, _ = await served(tmp_path)
    put(tmp_path, "new/1")
    entries = {name: (entry.state, entry.reason) for name, _, entry in await models.index_with_disk()}
    assert entries == {"m": (State.READY, ""), "new": (State.UNAVAILABLE, "not loaded")}


async def test_figures_outlive_a_reload(tmp_path: Path) -> None:
    put(tmp_path, "m/1")
    models, _ = await served(tmp_path)
    models.statistics()["m", 1].rows = 7
    await models.load("m")
    assert models.statistics()["m", 1].rows == 7
