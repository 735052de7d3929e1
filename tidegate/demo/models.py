"""A small digits classifier: trained in PyTorch on scikit-learn's bundled digits, and exported in two formats."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.demo.pace import MAX_BATCH_ROWS

SCALED = "digits-onnx"
"""The model that the traffic is for; its pool is scaled."""
CONSTANT = "digits-torch"
"""The same weights as a torch.export program, on one replica that stays: importing PyTorch and loading a program take
some 5 CPU seconds, which five replicas that start at once could not get from two cores within their 8 s."""
MODELS = (SCALED, CONSTANT)
INPUT = "image"
PIXELS = 64
_HIDDEN = 96
_EPOCHS = 60
_HELD_OUT = 540


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """Held-out images (n, 64) float32 in [0, 1], their true digits (n,), and what the trained model says (n,)."""

    images: NDArray[np.float32]
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """Share of the held-out images that the model reads rightly."""
        return float(np.mean(self.truth == self.predicted))


def repository_of(folder: Path, model: str) -> Path:
    """The repository that a model is in: each has its own, as each is served by other replicas."""
    return folder / ("scaled" if model == SCALED else "constant")


def build_repository(folder: Path, seed: int = 0) -> Digits:
    """Train, export into the repositories of `repository_of`, and return the held-out images.

    Takes seconds on a CPU. The split, the initial weights and the order of training follow `seed`.
    """
    from sklearn.datasets import load_digits

    images, truth = load_digits(return_X_y=True)
    images = (images / 16.0).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(images))
    held_out, train = order[:_HELD_OUT], order[_HELD_OUT:]
    model = _train(images[train], truth[train], seed)
    _export(model, folder)
    return Digits(images[held_out], truth[held_out].astype(np.int64), _predict(model, images[held_out]))


def _train(images: NDArray[np.float32], truth: NDArray[np.int64], seed: int) -> Any:
    import torch
    from torch import nn

    torch.set_num_threads(1)  # so small a model only waits for its other threads
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(PIXELS, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.004, weight_decay=0.01)
    x, y = torch.from_numpy(images), torch.from_numpy(truth.astype(np.int64))
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
    return model.eval()


def _predict(model: Any, images: NDArray[np.float32]) -> NDArray[np.int64]:
    import torch

    with torch.no_grad():
        digits: NDArray[np.int64] = model(torch.from_numpy(images)).argmax(dim=1).numpy()
    return digits


def _export(model: Any, folder: Path) -> None:
    import torch

    class Classifier(torch.nn.Module):
        """Names the input."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = model

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            """Scores (rows, 10) of images (rows, 64)."""
            return self.layers(image)

    example = torch.zeros(2, PIXELS)
    dynamic = {INPUT: {0: torch.export.Dim("rows", min=1, max=4096)}}
    program = torch.export.export(Classifier().eval(), (example,), dynamic_shapes=dynamic)
    for name in MODELS:
        (repository_of(folder, name) / name / "1").mkdir(parents=True, exist_ok=True)
        (repository_of(folder, name) / name / "config.toml").write_text(_model_config())
    onnx = repository_of(folder, SCALED) / SCALED / "1" / "model.onnx"
    with _quiet():
        torch.onnx.export(program, (), onnx, output_names=["scores"], dynamo=True, external_data=False, verbose=False)
    torch.export.save(program, repository_of(folder, CONSTANT) / CONSTANT / "1" / "model.pt2")


def _model_config() -> str:
    # The queue is as long as a whole missed spike: in this demo late is told as late, nothing is refused.
    return f"max_batch_rows = {MAX_BATCH_ROWS}\nmax_queue_delay_s = 0.0\nmax_queue_rows = 100000\n"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter's notes on its own insides say nothing to who watches a demo."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
