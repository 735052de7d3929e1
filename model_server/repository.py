"""The model repository on disk: `DIR/<model>/<version>/model.onnx | model.pt2 | model.pt`, with an optional
`DIR/<model>/config.toml` per model.

The layout is Triton's (https://github.com/triton-inference-server/server/blob/main/docs/user_guide/model_repository.md),
so that a directory of ONNX models serves as it is; names and shapes come from the model itself.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from model_server.devices import DeviceName
from model_server.signature import TensorSpec
from tidegate.shared.errors import InvalidSetting, ModelLoadFailed, ModelNotFound
from tidegate.shared.settings import Table, problems_of
from tidegate.shared.tensors import DATATYPES

MODEL_FILES = ("model.onnx", "model.pt2", "model.pt")
CONFIG_FILE = "config.toml"


class TensorConfig(Table):
    """Name, datatype and dims of a tensor, where the model's file does not say them (TorchScript)."""

    name: str
    """The tensor's name in requests; for PyTorch, tensors are taken in the order given here."""
    datatype: str
    """BOOL, UINT8 … FP64, BF16 or BYTES."""
    dims: tuple[Annotated[int, Field(ge=-1)], ...]
    """Sizes, the batch dimension included; -1 takes any."""

    @model_validator(mode="after")
    def _known_datatype(self) -> "TensorConfig":
        if self.datatype not in DATATYPES:
            raise ValueError(f"datatype {self.datatype!r} is not one of {', '.join(DATATYPES)}")
        return self

    def spec(self) -> TensorSpec:
        """The value that the server works with."""
        return TensorSpec(self.name, self.datatype, self.dims)


class WarmUp(Table):
    """Batches of zeros that run before the model is ready, so that no caller pays for first-run work."""

    rows: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Batch sizes to run; one row and max_batch_rows unless given, which also measures the capacity. [] runs none."""
    count: int = Field(default=3, ge=1)
    """Runs of each size, at least: quick ones are repeated to be measured well. The first is not measured when there
    are more."""
    shapes: dict[str, tuple[Annotated[int, Field(ge=1)], ...]] = Field(default_factory=dict)
    """By input: its sizes without the batch dimension, where the model leaves them open (1 unless given)."""


class ModelConfig(Table):
    """`config.toml` of one model. Every key has a default."""

    batching: bool = True
    """Whether rows of several requests may run together. Off: each request runs alone, whatever its shapes."""
    max_batch_rows: int | None = Field(default=None, ge=1)
    """Most rows in a batch, and so in a request; 32 unless given, or what the model itself allows when that is less."""
    max_queue_delay_s: float = Field(default=0.0, ge=0.0, le=10.0)
    """How long a request may wait for others to share its batch. At 0 a free instance starts at once, and batches
    form by themselves whenever all instances are busy."""
    max_queue_rows: int = Field(default=1024, ge=1)
    """Most rows that wait; more are refused with RESOURCE_EXHAUSTED and a time to try again."""
    instances: int = Field(default=1, ge=1, le=64)
    """Copies of the model that run batches at the same time."""
    device: DeviceName | None = None
    """auto, cpu, cuda or cuda:N; the server's own setting unless given."""
    versions: Literal["latest", "all"] | tuple[Annotated[int, Field(ge=1)], ...] = "latest"
    """The versions to serve: the highest, all, or a list of numbers. Requests without a version get the highest."""
    warm_up: WarmUp = WarmUp()
    """Batches that run before the model is ready."""
    inputs: tuple[TensorConfig, ...] = ()
    """Input tensors, where the model's file does not say them."""
    outputs: tuple[TensorConfig, ...] = ()
    """Output tensors, where the model's file does not say them, or names for them."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """One model on disk: its configuration and, by version number, the file of each version to serve."""

    name: str
    config: ModelConfig
    versions: dict[int, Path]


class Repository:
    """Reads a repository's directory. Every call looks at the disk anew."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def check(self) -> None:
        """Raise InvalidSetting unless the repository's directory is there."""
        if not self._root.is_dir():
            raise InvalidSetting(f"models = {str(self._root)!r}: no such directory; it holds one folder per model")

    def names(self) -> list[str]:
        """Names of the models, sorted: folders that are not hidden."""
        return sorted(path.name for path in self._root.iterdir() if path.is_dir() and not path.name.startswith("."))

    def read(self, name: str) -> ModelFiles:
        """One model's configuration and files.

        Raises ModelNotFound when there is no such folder, ModelLoadFailed when the configuration can't be read or a
        version that it asks for is missing.
        """
        folder = self._root / name
        if name not in self.names():
            raise ModelNotFound(f"model '{name}' is not in the repository")
        config = read_config(folder / CONFIG_FILE)
        found = {int(path.name): path for path in folder.iterdir() if path.is_dir() and _is_version(path.name)}
        if not found:
            raise ModelLoadFailed(f"model '{name}': no version; put the model's file into {folder}/1/")
        return ModelFiles(name, config, {number: _model_file(name, path) for number, path in _wanted(config, found)})


def read_config(path: Path) -> ModelConfig:
    """A model's `config.toml`; the defaults when there is none. Raises ModelLoadFailed naming the file and key."""
    if not path.exists():
        return ModelConfig()
    try:
        return ModelConfig.model_validate(tomllib.loads(path.read_text()))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelLoadFailed(f"{path}: {error}") from None
    except ValidationError as error:
        raise ModelLoadFailed(f"{path}: {problems_of(error)}") from None


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and int(name) > 0 and name == str(int(name))


def _wanted(config: ModelConfig, found: dict[int, Path]) -> list[tuple[int, Path]]:
    if config.versions == "all":
        numbers = sorted(found)
    elif config.versions == "latest":
        numbers = [max(found)]
    else:
        numbers = sorted(set(config.versions))
    for number in numbers:
        if number not in found:
            raise ModelLoadFailed(f"version {number} is not on disk; there are {', '.join(map(str, sorted(found)))}")
    return [(number, found[number]) for number in numbers]


def _model_file(name: str, folder: Path) -> Path:
    files = [folder / file for file in MODEL_FILES if (folder / file).is_file()]
    if len(files) != 1:
        what = "none of them" if not files else "more than one of them"
        raise ModelLoadFailed(f"model '{name}': {folder} must hold one of {', '.join(MODEL_FILES)}; it holds {what}")
    return files[0]
