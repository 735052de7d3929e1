"""Models on a real GPU answer as they do on the CPU; skipped, with the reason, where there is none."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_server.devices import CPU, Device, count_gpus
from model_server.repository import ModelConfig
from model_server.runners import load
from tests.support import models as tiny

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(count_gpus() == 0, reason="no NVIDIA driver offers this process a CUDA device"),
]

GPU = Device("cuda", 0, required=True)
ROWS = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)


def _onnx(repository: Path) -> Path:
    return tiny.write_model(repository, "onnx", tiny.add(dims=("batch", 4)))


def _export(repository: Path) -> Path:
    return tiny.write_export(repository, "export")


def _script(repository: Path) -> Path:
    return tiny.write_script(repository, "script", config="")


@pytest.mark.parametrize("write", [_onnx, _export, _script])
def test_the_gpu_answers_as_the_cpu_does(write: Callable[[Path], Path], tmp_path: Path) -> None:
    file = write(tmp_path)
    config = ModelConfig.model_validate(tomllib.loads(tiny.SCRIPT_CONFIG if file.suffix == ".pt" else ""))
    on_gpu, on_cpu = load(file, config, GPU, 1), load(file, config, CPU, 1)
    assert on_gpu.device == GPU
    inputs = {spec.name: ROWS for spec in on_gpu.signature.inputs}
    expected = on_cpu.run(inputs)
    for name, answer in on_gpu.run(inputs).items():
        np.testing.assert_allclose(answer, expected[name], rtol=1e-5, atol=1e-6)
