"""Runtimes that run models. Each is imported only when a model needs it."""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Protocol

from model_server.devices import Device
from model_server.repository import ModelConfig
from model_server.signature import Signature
from tidegate.shared.errors import ModelLoadFailed
from tidegate.shared.tensors import Tensors

_MODULES = {".onnx": ("onnx", "onnxruntime"), ".pt2": ("torch", "torch"), ".pt": ("torch", "torch")}


class Runner(Protocol):
    """One instance of a model. Its calls come from one thread at a time."""

    platform: str
    device: Device
    signature: Signature

    def run(self, inputs: Tensors) -> Tensors:
        """Every output by name. Raises ModelFailed, or InvalidTensor when the model refuses a tensor's content."""


def load(file: Path, config: ModelConfig, device: Device, threads: int) -> Runner:
    """Load a model's file. Raises ModelLoadFailed with the reason."""
    module = import_runtime(file)
    runner: Runner = module.load(file, config, device, threads)
    return runner


def import_runtime(file: Path) -> ModuleType:
    """Import what runs this file (seconds, for PyTorch). Raises ModelLoadFailed when it is not installed."""
    name, package = _MODULES[file.suffix]
    try:
        return importlib.import_module(f"model_server.runners.{name}")
    except ImportError as error:
        raise ModelLoadFailed(
            f"{file.name} needs {package}, which can't be imported ({error}): pip install 'tidegate[model-server]'"
        ) from None
